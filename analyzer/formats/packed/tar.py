"""The members of a tar archive, front to back (POSIX.1-2001 "pax", GNU and older variants).

A header of 512 bytes names a member and its size; its bytes follow, padded to 512. Long names stand in members of
their own before it. Nothing is ever written to disk, and only plain files are given: links, devices and folders are
passed over.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from analyzer.formats.packed import sparse
from analyzer.formats.packed.budget import Budget
from analyzer.formats.packed.member import CUT, Member
from analyzer.formats.sniff import is_tar

BLOCK = 512

#: Longest description of a member (its long name, say) that is read; more is passed over.
MAX_EXTRA = 1 << 20

#: Types of plain files, of one with holes, of one that began in another archive, and of the members that describe the
#: next one: GNU's long name, and pax's records.
_FILES, _SPARSE, _CONTINUED, _LONG_NAME, _PAX = (b"\0", b"0", b"7", b"S", b"M"), b"S", b"M", b"L", b"x"

#: Records of pax on holes.
_HOLES = (b"GNU.sparse.major", b"GNU.sparse.map", b"GNU.sparse.realsize", b"GNU.sparse.size")
_PIECES = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")

_PIECE = 1 << 16

_NO_MAP = "is a file with holes, and the archive does not tell rightly where they are: it was not read"
_TOO_LONG = f"its description in the archive is longer than {MAX_EXTRA >> 20} MiB: it was not read"
_OTHER_PART = "is the rest of a file that began in another archive: it was not read"


@dataclass(slots=True)
class _Described:
    """What stands before a member about it, where anything does."""

    name: str = ""
    size: int | None = None
    is_cut: bool = False
    #: Records on holes; and of their oldest version, those that repeat: offset and length, again and again.
    holes: dict[str, str] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)


def tar_members(stream: BinaryIO, budget: Budget) -> Iterator[Member]:
    """The plain files of a tar archive.

    Examples
    --------
    >>> import tarfile
    >>> file = io.BytesIO()
    >>> with tarfile.open(fileobj=file, mode="w") as tar:
    ...     member = tarfile.TarInfo("logs/a.txt")
    ...     member.size = 5
    ...     tar.addfile(member, io.BytesIO(b"hello"))
    >>> [(member.name, member.body.read()) for member in tar_members(io.BytesIO(file.getvalue()), Budget())]
    [('logs/a.txt', b'hello')]
    """
    about, is_announced = _Described(), False
    while is_tar(header := _exactly(stream, BLOCK)):
        kind = header[156:157]
        size = sparse.number(header[124:136])
        if size is None:
            break
        if kind in (_LONG_NAME, _PAX):
            extra = _exactly(stream, min(size, MAX_EXTRA))
            _pass_over(stream, size - len(extra) + -size % BLOCK)
            if kind == _LONG_NAME:
                about.name = extra.rstrip(b"\0").decode("utf-8", "replace")
            else:
                _read_pax(extra, about)
                about.is_cut |= size > MAX_EXTRA
            is_announced = True
            continue
        holes = sparse.of_header(header, stream) if kind == _SPARSE else None
        size = size if about.size is None else about.size
        body = Slice(stream, size)
        if kind in _FILES:
            yield Member(about.name or _name(header), _content(kind, about, body, holes, budget))
        if _pass_over(stream, body.left):
            break
        _pass_over(stream, -size % BLOCK)
        about, is_announced = _Described(), False
    if header.strip(b"\0") or is_announced:
        yield Member("", CUT)


def _content(kind: bytes, about: _Described, body: Slice, holes: sparse.Holes | None, budget: Budget) -> BinaryIO | str:
    """The bytes of a plain file, with zeros in its holes."""
    if about.is_cut:
        return _TOO_LONG
    if kind == _CONTINUED:
        return _OTHER_PART
    if about.holes.get("GNU.sparse.major") == "1":
        holes = sparse.of_body(about.holes, cast(BinaryIO, body))
    elif about.holes:
        holes = sparse.of_records(about.holes, about.pieces)
    elif kind != _SPARSE:
        return io.BufferedReader(body)
    if holes is None or not holes.is_sound(body.left):
        return _NO_MAP
    return cast(BinaryIO, sparse.SparseFile(cast(BinaryIO, body), holes, budget))


class Slice(io.RawIOBase):
    """The next bytes of a stream, as a stream.

    Attributes
    ----------
    left : int
        Bytes not read yet.
    """

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.left = size
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        piece = self._stream.read(min(len(target), self.left)) or b""
        target[: len(piece)] = piece
        self.left -= len(piece)
        return len(piece)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """So many bytes, or fewer at the end."""
    parts, left = [], size
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _pass_over(stream: BinaryIO, size: int) -> int:
    """Leave out so many bytes; how many were not there."""
    while size and (piece := stream.read(min(size, _PIECE))):
        size -= len(piece)
    return size


def _name(header: bytes) -> str:
    name, prefix = (field.split(b"\0", 1)[0] for field in (header[:100], header[345:500]))
    ustar = header[257:263] == b"ustar\0"
    return (prefix + b"/" + name if ustar and prefix else name).decode("utf-8", "replace")


def _read_pax(records: bytes, about: _Described) -> None:
    """Take what is of use out of pax records: ``length key=value`` and a line end."""
    at = 0
    while at < len(records):
        length, _, _ = records[at : at + 20].partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(records) - at:
            break
        key, _, value = records[at + len(length) + 1 : at + int(length) - 1].partition(b"=")
        text = value.decode("utf-8", "replace")
        if key in (b"path", b"GNU.sparse.name"):
            about.name = text
        elif key == b"size" and value.isdigit() and len(value) < 20:
            about.size = int(value)
        elif key in _HOLES:
            about.holes[key.decode()] = text
        elif key in _PIECES and len(about.pieces) <= 2 * sparse.MAX_SEGMENTS:
            about.pieces.append(text)
        at += int(length)
