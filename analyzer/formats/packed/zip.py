"""The members of a ZIP archive: as its list at the end names them, or front to back where that is lost (APPNOTE 6.3).

Before each member stands a header of its own, with its name and mostly its size; where the archive was written into a
pipe, the sizes follow the member. So an archive that was cut off at its end can be read up to the cut.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from analyzer.formats.packed.budget import Budget
from analyzer.formats.packed.member import CUT, Member
from analyzer.formats.records import Note

#: Longest list of the members that is read, bytes.
MAX_DIRECTORY = 4 << 20

#: Bytes of a member that are read at once: so many are lost at most where it is damaged.
PIECE = 1 << 14

#: What zipfile raises on bytes that are no archive, or a damaged one.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError, OverflowError,
    IndexError, KeyError,
)  # fmt: skip
_ENCRYPTED, _SIZES_FOLLOW, _UTF8 = 0x1, 0x8, 0x800
_STORED, _DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED

_MEMBER, _SIZES = b"PK\3\4", b"PK\7\x08"
#: What the list consists of: an entry for each member, the end; and before that, those of zip64.
_LIST = (b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7")
#: Signature, what is of no use here, and the lengths of name, extra fields and comment.
_ENTRY = struct.Struct("<4s24xHHH12x")
#: Version, flags, method, time and date, CRC-32, packed and unpacked size, lengths of name and extra fields.
_HEADER = struct.Struct("<4sHHHIIIIHH")
_ZIP64, _IN_ZIP64 = 1, 0xFFFFFFFF
#: Lengths of a descriptor with sizes of four and of eight bytes; bytes looked through for one at once.
_SHORT, _LONG, _SCAN = 16, 24, 1 << 18
#: No file is so long: where a size leads beyond it, nothing is there.
_FARTHEST = 1 << 40

_IS_ENCRYPTED = "is encrypted; unpack it with its password first"
_IS_RARE = "is packed in a way that cannot be unpacked here; unpack it first"
_IS_DAMAGED = "is damaged in the archive"


def zip_members(file: BinaryIO, budget: Budget) -> Iterator[Member]:
    """The plain files of a ZIP archive.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> with zipfile.ZipFile(file, "w") as archive:
    ...     archive.writestr("a.txt", "hello")
    >>> [(member.name, member.body.read()) for member in zip_members(file, Budget())]
    [('a.txt', b'hello')]
    >>> cut = io.BytesIO(file.getvalue()[:50])
    >>> [(member.name, member.body.read()) for member in zip_members(cut, Budget()) if member.name]
    [('a.txt', b'hello')]
    """
    try:
        archive = zipfile.ZipFile(cast(BinaryIO, _Bounded(file)))
    except _DAMAGED:
        return _front_to_back(file, budget)
    # Where the first members are not in the list, it is that of another archive: one behind this one, or inside it.
    if min((entry.header_offset for entry in archive.infolist()), default=1) > 0:
        return _front_to_back(file, budget)
    return _as_listed(archive, budget)


def _as_listed(archive: zipfile.ZipFile, budget: Budget) -> Iterator[Member]:
    for entry in archive.infolist():
        mode = entry.external_attr >> 16
        if entry.filename.endswith("/") or (stat.S_IFMT(mode) not in (0, stat.S_IFREG)):
            continue
        refused = _refused(entry.flag_bits, entry.compress_type)
        if refused:
            yield Member(entry.filename, refused)
            continue
        try:
            body = archive.open(entry)
        except _DAMAGED:
            yield Member(entry.filename, _IS_DAMAGED)
        else:
            yield Member(entry.filename, cast(BinaryIO, _Listed(cast(BinaryIO, body), budget)))


def _refused(flags: int, method: int) -> str:
    """Why a member is not read; empty where it is. Of rare ways to pack, zipfile unpacks without bounds."""
    if flags & _ENCRYPTED:
        return _IS_ENCRYPTED
    return "" if method in (_STORED, _DEFLATED) else _IS_RARE


class _Bounded:
    """A file of which no more than a bounded piece is read at once: a ZIP archive's list of members is one piece."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size if 0 <= size <= MAX_DIRECTORY else MAX_DIRECTORY + 1)
        if len(piece) > MAX_DIRECTORY:
            raise zipfile.BadZipFile("a list of members beyond all measure")
        return piece


class _Body(io.RawIOBase):
    """The bytes of a member, within the archive's budget; a note tells where they end before their time."""

    def __init__(self, budget: Budget) -> None:
        self.notes: list[Note] = []
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        if self.notes:
            return 0
        exceeded = self._budget.exceeded()
        if exceeded:
            return self._end("analysis-limit", f"of the archive, {exceeded}")
        try:
            piece = self._next(min(len(target), PIECE))
        except EOFError:
            return self._end("capture-cut", "the archive ends in the middle of it")
        except _DAMAGED:
            return self._end("capture-damaged", "it is damaged in the archive")
        target[: len(piece)] = piece
        self._budget.unpacked += len(piece)
        return len(piece)

    def _next(self, size: int) -> bytes:
        """At most so many bytes; none at the end."""
        raise NotImplementedError

    def _end(self, id: str, what: str) -> int:
        self.notes.append(Note(id, f"{what}: the rest was not read"))
        return 0


class _Listed(_Body):
    """A member that zipfile unpacks."""

    def __init__(self, body: BinaryIO, budget: Budget) -> None:
        super().__init__(budget)
        self._body = body

    def _next(self, size: int) -> bytes:
        return self._body.read(size)

    def close(self) -> None:
        self._body.close()
        super().close()


# -- without the list -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Header:
    """What stands before a member; its size is None where that follows the member, and was not found there."""

    name: str
    flags: int
    method: int
    crc: int | None
    start: int
    packed: int | None
    following: int


def _front_to_back(file: BinaryIO, budget: Budget) -> Iterator[Member]:
    at: int | None = 0
    while at is not None:
        header = _header_at(file, at)
        if header is None:
            if not _at(file, at, 4).startswith(_LIST):
                break
            # Where the list begins, all members have been there; behind it there may be another archive.
            at = _behind_list(file, at)
            if not _at(file, at, 4).startswith(_MEMBER):
                return
            continue
        if not header.name.endswith("/"):
            refused = _refused(header.flags, header.method)
            yield Member(header.name, refused or cast(BinaryIO, _Unlisted(file, header, budget)))
        at = None if header.packed is None else header.start + header.packed + header.following
    yield Member("", CUT)


def _behind_list(file: BinaryIO, at: int) -> int:
    """Where the list of members ends that begins here, or what is left of it."""
    while True:
        part = _at(file, at, _ENTRY.size)
        kind = part[:4]
        part = part.ljust(_ENTRY.size, b"\0")
        if kind == _LIST[0]:
            at += _ENTRY.size + sum(_ENTRY.unpack(part)[1:])
        elif kind == _LIST[1]:
            return at + 22 + int.from_bytes(part[20:22], "little")
        elif kind == _LIST[2]:
            at += 12 + int.from_bytes(part[4:12], "little")
        elif kind == _LIST[3]:
            at += 20
        else:
            return at


def _header_at(file: BinaryIO, at: int) -> _Header | None:
    """The header of a member; None where there is none."""
    head = _at(file, at, _HEADER.size)
    if len(head) < _HEADER.size or not head.startswith(_MEMBER):
        return None
    _, _, flags, method, _, crc, packed, size, name_length, extra_length = _HEADER.unpack(head)
    name = file.read(name_length).decode("utf-8" if flags & _UTF8 else "cp437", "replace")
    packed = _zip64(file.read(extra_length), packed, size)
    start = at + _HEADER.size + name_length + extra_length
    if not flags & _SIZES_FOLLOW:
        return _Header(name, flags, method, crc, start, packed, 0)
    return _Header(name, flags, method, *_sizes_behind(file, start))


def _zip64(extra: bytes, packed: int, size: int) -> int:
    """The packed size, which is in an extra field where it does not fit the header (APPNOTE 4.5.3)."""
    at = 0
    while packed == _IN_ZIP64 and at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        place = at + 4 + 8 * (size == _IN_ZIP64)
        if kind == _ZIP64 and place + 8 <= min(at + 4 + length, len(extra)):
            (packed,) = struct.unpack_from("<Q", extra, place)
        at += 4 + length
    return packed


def _sizes_behind(file: BinaryIO, start: int) -> tuple[int | None, int, int | None, int]:
    """CRC-32, start, packed size, and length of the descriptor behind a member, which tells them (APPNOTE 4.3.9)."""
    at, held = start, b""
    while block := _at(file, at + len(held), _SCAN):
        held += block
        place = held.find(_SIZES)
        while 0 <= place <= len(held) - _SHORT:
            crc, short = struct.unpack_from("<II", held, place + 4)
            (long,) = struct.unpack_from("<Q", held, place + 8)
            packed = at + place - start
            # The signature may stand in the member itself: only the right size makes it one.
            if packed in (short, long):
                is_short = packed == short and (packed != long or _at(file, at + place + _SHORT, 2) == b"PK")
                return crc, start, packed, _SHORT if is_short else _LONG
            place = held.find(_SIZES, place + 1)
        kept = held[1 - _SHORT :]
        at, held = at + len(held) - len(kept), kept
    return None, start, None, 0


class _Unlisted(_Body):
    """A member between its own header and what follows it."""

    def __init__(self, file: BinaryIO, header: _Header, budget: Budget) -> None:
        super().__init__(budget)
        self._file = file
        self._at = header.start
        self._left = _FARTHEST if header.packed is None else header.packed
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS) if header.method == _DEFLATED else None
        self._crc, self._right_crc = 0, header.crc

    def _next(self, size: int) -> bytes:
        piece = self._packed(size) if self._inflater is None else self._inflated(self._inflater, size)
        self._crc = zlib.crc32(piece, self._crc)
        if piece:
            return piece
        if self._left if self._inflater is None else not self._inflater.eof:
            raise EOFError
        if self._right_crc not in (None, self._crc):
            raise zipfile.BadZipFile
        return b""

    def _packed(self, size: int) -> bytes:
        piece = _at(self._file, self._at, min(size, self._left))
        self._at += len(piece)
        self._left -= len(piece)
        return piece

    def _inflated(self, inflater: zlib._Decompress, size: int) -> bytes:
        while not inflater.eof:
            packed = inflater.unconsumed_tail or self._packed(PIECE)
            piece = inflater.decompress(packed, size)
            if piece or not packed:
                return piece
        return b""


def _at(file: BinaryIO, at: int, size: int) -> bytes:
    """So many bytes at a place, or fewer at the end of the file."""
    if at > _FARTHEST:
        return b""
    file.seek(at)
    return file.read(size)
