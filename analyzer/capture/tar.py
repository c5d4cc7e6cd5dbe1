"""The members of a tar archive, front to back (POSIX.1-2001 "pax", GNU and older variants).

A header of 512 bytes names a member and its size; its bytes follow, padded to 512. Long names stand in members of
their own before it. Nothing is ever written to disk, and only plain files are given: links, devices, folders and
sparse files are passed over.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from analyzer.capture.sniff import is_tar

BLOCK = 512

#: Longest description of a member (its long name, say) that is read; more is passed over.
MAX_EXTRA = 1 << 16

#: Types of plain files, and of the members that describe the next one: GNU's long name, and pax's records.
_FILES, _LONG_NAME, _PAX = (b"\0", b"0", b"7"), b"L", b"x"

_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class TarMember:
    """A plain file: its name as recorded, and its bytes, to be read before the next member is asked for.

    ``stream`` is None where the archive is damaged or cut off: no member follows.
    """

    name: str
    stream: BinaryIO | None


def tar_members(stream: BinaryIO) -> Iterator[TarMember]:
    """The plain files of a tar archive.

    Examples
    --------
    >>> import tarfile
    >>> file = io.BytesIO()
    >>> with tarfile.open(fileobj=file, mode="w") as tar:
    ...     member = tarfile.TarInfo("logs/a.txt")
    ...     member.size = 5
    ...     tar.addfile(member, io.BytesIO(b"hello"))
    >>> [(member.name, member.stream.read()) for member in tar_members(io.BytesIO(file.getvalue()))]
    [('logs/a.txt', b'hello')]
    """
    long_name, long_size = "", None
    while is_tar(header := _exactly(stream, BLOCK)):
        kind = header[156:157]
        size = _number(header[124:136])
        if size is None:
            break
        if kind in (_LONG_NAME, _PAX):
            extra = _exactly(stream, min(size, MAX_EXTRA))
            _pass_over(stream, size - len(extra) + -size % BLOCK)
            if kind == _LONG_NAME:
                long_name = extra.rstrip(b"\0").decode("utf-8", "replace")
            else:
                long_name, long_size = _pax(extra, long_name, long_size)
            continue
        if long_size is not None:
            size = long_size
        body = Slice(stream, size)
        if kind in _FILES:
            yield TarMember(long_name or _name(header), io.BufferedReader(body))
        _pass_over(stream, body.left + -size % BLOCK)
        long_name, long_size = "", None
    if header.strip(b"\0"):
        yield TarMember("", None)


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


def _pass_over(stream: BinaryIO, size: int) -> None:
    while size and (piece := stream.read(min(size, _PIECE))):
        size -= len(piece)


def _number(field: bytes) -> int | None:
    """Octal digits, or a binary number behind a first byte of 0x80 (GNU)."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    return int(digits or b"0", 8) if all(digit in b"01234567" for digit in digits) else None


def _name(header: bytes) -> str:
    name, prefix = (field.split(b"\0", 1)[0] for field in (header[:100], header[345:500]))
    ustar = header[257:263] == b"ustar\0"
    return (prefix + b"/" + name if ustar and prefix else name).decode("utf-8", "replace")


def _pax(records: bytes, name: str, size: int | None) -> tuple[str, int | None]:
    """Name and size out of pax records: ``length key=value`` and a line end, where they have them."""
    at = 0
    while at < len(records):
        length, _, _ = records[at : at + 20].partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(records) - at:
            break
        key, _, value = records[at + len(length) + 1 : at + int(length) - 1].partition(b"=")
        if key == b"path":
            name = value.decode("utf-8", "replace")
        elif key == b"size" and value.isdigit() and len(value) < 20:
            size = int(value)
        at += int(length)
    return name, size
