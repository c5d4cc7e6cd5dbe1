"""Files with holes in a tar archive: what is stored of them, and zeros where nothing is.

GNU tar has written them in four ways: in headers of its own (type ``S``), and with records of pax in the versions 0.0,
0.1 and 1.0 (GNU tar's manual, "Storing Sparse Files"). All come to a map: where the stored pieces belong, and how long
the file is.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from analyzer.formats.packed.budget import Budget
from analyzer.formats.records import Note

#: Stored pieces of one file.
MAX_SEGMENTS = 100_000

#: Where a stored piece belongs, and its length, bytes.
Segment = tuple[int, int]

_BLOCK = 512
#: Bytes given at once.
_PIECE = 1 << 16


class Holes:
    """The map of a file with holes.

    Examples
    --------
    >>> Holes([(0, 512), (4096, 512)], 10_000).is_sound(1024)
    True
    >>> Holes([(0, 512), (100, 512)], 10_000).is_sound(1024)
    False
    """

    __slots__ = ("segments", "size")

    def __init__(self, segments: Sequence[Segment], size: int) -> None:
        self.segments = segments
        self.size = size

    def is_sound(self, stored: int) -> bool:
        """Whether the pieces follow one another inside the file, and take all the bytes that are stored."""
        end = 0
        for offset, length in self.segments:
            if offset < end:
                return False
            end = offset + length
        return end <= self.size and sum(length for _, length in self.segments) == stored


class SparseFile(io.RawIOBase):
    """A file with holes, as a stream: its zeros count as unpacked bytes.

    Attributes
    ----------
    notes : list of Note
        Why it ends before its time.

    Examples
    --------
    >>> SparseFile(io.BytesIO(b"abc"), Holes([(2, 2), (6, 1)], 9), Budget()).read()
    b'\\x00\\x00ab\\x00\\x00c\\x00\\x00'
    """

    def __init__(self, stored: BinaryIO, holes: Holes, budget: Budget) -> None:
        self.notes: list[Note] = []
        self._stored = stored
        self._budget = budget
        self._size = holes.size
        # Behind the last piece there may be a hole, too.
        self._segments = iter([*holes.segments, (holes.size, 0)])
        self._offset, self._length = next(self._segments)
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        view = memoryview(target)[:_PIECE]
        done = 0
        while done < len(view) and self._at < self._size and not self.notes:
            done += self._step(view[done:])
        return done

    def _step(self, room: memoryview) -> int:
        """A piece of a hole, or of what is stored; nothing between two of them."""
        hole = min(self._offset - self._at, len(room))
        if hole > 0:
            room[:hole] = bytes(hole)
            self._budget.unpacked += hole
            exceeded = self._budget.exceeded()
            if exceeded:
                self.notes.append(Note("analysis-limit", f"of the archive, {exceeded}: the rest was not read"))
            count = hole
        elif self._length:
            piece = self._stored.read(min(self._length, len(room))) or b""
            if not piece:
                self.notes.append(Note("capture-cut", "the archive ends in the middle of it: it was cut off"))
            count = len(piece)
            room[:count] = piece
            self._offset += count
            self._length -= count
        else:
            self._offset, self._length = next(self._segments, (self._size, 0))
            count = 0
        self._at += count
        return count


def of_header(header: bytes, stream: BinaryIO) -> Holes | None:
    """The map in a header of type ``S`` and in the blocks behind it; None where it makes no sense."""
    segments: list[Segment] = []
    entries, more = header[386:482], header[482]
    size = number(header[483:495])
    while True:
        for at in range(0, len(entries), 24):
            if not entries[at + 12]:
                break
            offset, length = number(entries[at : at + 12]), number(entries[at + 12 : at + 24])
            if offset is None or length is None:
                return None
            segments.append((offset, length))
        if not more or len(segments) > MAX_SEGMENTS:
            break
        block = stream.read(_BLOCK) or b""
        if len(block) < _BLOCK:
            return None
        entries, more = block[:504], block[504]
    return _of(segments, size)


def of_records(records: Mapping[str, str], pieces: Sequence[str]) -> Holes | None:
    """The map of the versions 0.0 (offsets and lengths as records of their own) and 0.1 (in one)."""
    numbers = records["GNU.sparse.map"].split(",") if "GNU.sparse.map" in records else pieces
    return _of(_pairs(numbers), _decimal(records.get("GNU.sparse.size", "")))


def of_body(records: Mapping[str, str], body: BinaryIO) -> Holes | None:
    """The map of version 1.0: decimal lines at the beginning of what is stored, padded to a block."""
    lines: list[str] = []
    begun, wanted = "", 1
    while len(lines) < wanted:
        block = body.read(_BLOCK) or b""
        if len(block) < _BLOCK:
            return None
        *whole, begun = (begun + block.decode("latin-1")).split("\n")
        lines += whole
        count = _decimal(lines[0]) if lines else 0
        if count is None or count > MAX_SEGMENTS or len(begun) > _BLOCK:
            return None
        wanted = 1 + 2 * count
    return _of(_pairs(lines[1:wanted]), _decimal(records.get("GNU.sparse.realsize", "")))


def number(field: bytes) -> int | None:
    """Octal digits, or a binary number behind a first byte of 0x80 (GNU).

    Examples
    --------
    >>> number(b"00000000017\\0"), number(b"\\x80" + bytes(9) + b"\\1\\0"), number(b"x")
    (15, 256, None)
    """
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    return int(digits or b"0", 8) if all(digit in b"01234567" for digit in digits) else None


def _pairs(numbers: Sequence[str]) -> list[Segment] | None:
    values = [_decimal(text) for text in numbers if text]
    if len(values) % 2 or len(values) > 2 * MAX_SEGMENTS or None in values:
        return None
    return list(zip(values[::2], values[1::2], strict=True))  # type: ignore[arg-type] # None is not among them


def _decimal(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _of(segments: list[Segment] | None, size: int | None) -> Holes | None:
    if segments is None or size is None or len(segments) > MAX_SEGMENTS:
        return None
    return Holes(segments, size)
