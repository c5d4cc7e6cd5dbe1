"""Reader of Microsoft Network Monitor captures, 1.x and 2.x (docs/domain/capture-formats.md).

All is little-endian. A 128-byte header names the time of the start and the place of the frame table: the offset of each
frame, which need not follow one another. A frame is a header (time since the start, wire length, captured length), the
bytes, and from version 2.1 on a trailer with the media type; from 2.3 on also the time in UTC. Before 2.3 the time is
that of the capturing computer's clock without its zone: it is taken for UTC, and a note says so.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.errors import InputError
from analyzer.formats.file_reader import MAX_RECORD, FileReader, no_header
from analyzer.formats.records import NO_TIME, SLACK, Chunk, Interface, Note
from analyzer.formats.temporary import spooled
from analyzer.formats.window import Window
from analyzer.links.types import KNOWN

FILE_HEADER = 128

#: Bytes of the frame table, and of frames, that are read at a time.
TABLE_PIECE = 1 << 18
BLOCK = 16 << 20
#: The first bytes read at a place to which the frame table jumps.
CAREFUL = 1 << 16
#: Jumps make bytes be read again: so often the size of the file, and so many bytes besides.
READ_AGAIN, READ_AGAIN_ALWAYS = 4, 64 << 20

#: Media types: Ethernet, token ring, FDDI, Wi-Fi with NetMon's own header, raw IP of tunnels, WWAN and others.
MEDIA = {0: 1, 1: 1, 2: 6, 3: 10, 6: 105, 7: 101, 8: 101, 9: 101, 0xE080: 105}
WIFI = 6
#: Length of the trailer with the time in UTC.
WITH_UTC = 15
#: From here on a media type is a LINKTYPE number more than this, but for those of Microsoft's Message Analyzer.
LINKTYPES, MESSAGE_ANALYZER = 0xE000, range(0xE080, 0xE08B)
#: From here on a frame is no packet: an event of Windows, or a record about the capture. Those without a frame number
#: in Wireshark (4.0.17): header of a reassembled payload, adapters, DNS cache.
METADATA, UNNUMBERED = 0xF000, (0xFFFC, 0xFFFD, 0xFFFE)

#: 100 ns between the years 1601 and 1970; times beyond this many of them from 1970 do not fit.
_EPOCH_1601 = 116_444_736_000_000_000
_LATEST = np.iinfo(np.int64).max // 100


class NetmonReader(FileReader):
    """Reads a NetMon file from a window that stands at its first byte.

    Raises
    ------
    InputError
        The file header is not whole, or the input can neither be read twice nor copied.

    Examples
    --------
    >>> import io
    >>> start = struct.pack("<8H", 2023, 11, 2, 14, 22, 13, 20, 0)
    >>> header = b"GMBU" + struct.pack("<BBH16sII", 0, 2, 1, start, 148, 4)
    >>> frame = struct.pack("<QII", 5, 60, 4) + b"abcd"
    >>> file = header.ljust(128, b"\\0") + frame + struct.pack("<I", 128)
    >>> with NetmonReader(Window(io.BytesIO(file), "example", 1 << 16)) as reader:
    ...     for chunk in reader.chunks():
    ...         print(chunk.first_frame, chunk.captured, chunk.wire, chunk.time)
    1 [4] [60] [1700000000000005000]
    """

    def __init__(self, window: Window) -> None:
        if window.end < FILE_HEADER:
            raise InputError(
                f"{window.name}: is too short for a NetMon file: {window.end} bytes, its header alone has {FILE_HEADER}"
            )
        head = window.buffer[:FILE_HEADER].tobytes()
        minor, major, network = struct.unpack_from("<4xBBH", head)
        self._old = major == 1
        super().__init__(window, "netmon1" if self._old else "netmon2", 0)
        if major not in (1, 2):
            self._damage(5, f"version {major}.{minor} in the file header instead of 1 or 2")
        self._start = _time_of(head[8:24])
        if self._start == NO_TIME and (self._old or minor < 3):
            self._damage(8, "a time of the start that no calendar has")
        self._table, self._table_bytes = struct.unpack_from("<II", head, 24)
        names = ("delta", "wire", "captured")
        widths = ("<u4", "<u2", "<u2") if self._old else ("<u8", "<u4", "<u4")
        self._layout = np.dtype(list(zip(names, widths, strict=True)))
        self._trailer = 0 if self._old else (0, 2, 6, WITH_UTC)[min(minor, 3)]
        self._network = network
        self._link_of = _link_types()
        self._interface_of: dict[int, int] = {}
        self._metadata = 0
        self._untimely = 0
        self._file = spooled(window)
        self._size = int(self._file.seek(0, 2))
        self._allowance = READ_AGAIN * self._size + READ_AGAIN_ALWAYS

    def close(self) -> None:
        if self._file is not self._window.file:
            self._file.close()
        super().close()

    def chunks(self) -> Iterator[Chunk]:
        """The packets, a block of the file at a time. Never raises on what the file holds."""
        for offsets in self._offsets():
            for chunk in self._chunks(offsets):
                if len(chunk):
                    self._frame += len(chunk)
                    yield chunk
            if self._allowance < 0:
                self._limit("the frame table jumps to and fro: the rest of the file was not read")
                break
        if self._metadata:
            what = f"{self._metadata} records about the capture or of Windows' event log are no packets: skipped"
            self.notes.append(Note("records-skipped", what))
        if self._trailer < WITH_UTC and self._frame > 1 and self._start != NO_TIME:
            what = "times are of the capturing computer's clock, whose time zone the file does not name: told as UTC"
            self.notes.append(Note("time-zone-unknown", what))
        if self._untimely:
            what = f"{self._untimely} packets have a time beyond what can be told: they count as without time"
            self.notes.append(Note("capture-damaged", what))
        self._finish()

    # -- where the frames are ----------------------------------------------------------------------------------------

    def _offsets(self) -> Iterator[NDArray[np.int64]]:
        """The frame table, a piece at a time; of a file that ends before its table, the frames one after another."""
        end = self._table + self._table_bytes - self._table_bytes % 4
        if self._table < FILE_HEADER or end > self._size:
            if self._size > FILE_HEADER:
                self._note_cut("its frames or of the table of frames")
            yield from self._walk(self._size if self._table < FILE_HEADER else min(self._table, self._size))
            return
        for at in range(self._table, end, TABLE_PIECE):
            piece = self._read(at, min(TABLE_PIECE, end - at))
            yield np.frombuffer(piece, "<u4", len(piece) // 4).astype(np.int64)

    def _walk(self, end: int) -> Iterator[NDArray[np.int64]]:
        """Offsets of frames that follow one another from the header on, as far as they are whole."""
        at, header = FILE_HEADER, self._layout.itemsize
        found: list[int] = []
        while at + header <= end:
            block = self._read(at, CAREFUL)
            inside = 0
            if len(block) < header:  # the file became shorter
                break
            while inside + header <= len(block) and at + inside + header <= end:
                if not any(block[inside : inside + header + self._trailer]):
                    self._damage_of_frames(at + inside, no_header(True, self._frame + len(found)))
                    yield np.array(found, np.int64)
                    return
                captured = int(np.frombuffer(block, self._layout, 1, inside)["captured"][0])
                size = header + captured + self._trailer
                if size > MAX_RECORD or at + inside + size > end:
                    yield np.array(found, np.int64)
                    return
                found.append(at + inside)
                inside += size
            at += inside
            if len(found) >= TABLE_PIECE // 4:
                yield np.array(found, np.int64)
                found = []
        yield np.array(found, np.int64)

    def _note_cut(self, inside: str) -> None:
        what = f"the file ends in the middle of {inside}: it was cut off while being written or copied"
        if not any(note.id == "capture-cut" for note in self.notes):
            self.notes.append(Note("capture-cut", what, self._frame))

    def _read(self, at: int, size: int) -> bytes:
        self._allowance -= size
        try:
            self._file.seek(at)
            parts, left = [], size
            while left and (part := self._file.read(left)):
                parts.append(part)
                left -= len(part)
        except OSError as error:
            name = self._window.name
            raise InputError(f"{name}: cannot be read: {error.strerror or type(error).__name__}") from error
        return b"".join(parts)

    # -- the frames --------------------------------------------------------------------------------------------------

    def _chunks(self, offsets: NDArray[np.int64]) -> Iterator[Chunk]:
        """The frames at these offsets, in this order: as many at once as lie in one block of the file."""
        done, block = 0, CAREFUL
        while done < len(offsets) and self._allowance >= 0:
            base = int(offsets[done])
            raw = np.frombuffer(self._read(base, block) + bytes(SLACK), np.uint8)
            size = len(raw) - SLACK
            # A block has no room for more: a table that jumps would else be looked through again for each frame.
            inside = offsets[done : done + block // self._layout.itemsize + 1] - base
            fits = (inside >= 0) & (inside + self._layout.itemsize <= size)
            heads = np.ndarray((max(size, 0) + 1,), self._layout, raw, 0, (1,))[np.where(fits, inside, 0)]
            captured = heads["captured"].astype(np.int64)
            ends = inside + self._layout.itemsize + captured + self._trailer
            fits &= ends <= size
            count = len(fits) if fits.all() else int(fits.argmin())
            if count:
                some = np.flatnonzero(self._written(raw, inside[:count], base))
                yield self._chunk(raw, heads[some], inside[some] + self._layout.itemsize, captured[some])
                done += count
                block = min(2 * block, BLOCK) if count > 1 else CAREFUL
                continue
            # The first frame does not fit: the block is too small, or the frame is not in the file.
            need = int(ends[0]) if size >= self._layout.itemsize else block + 1
            if block < need <= MAX_RECORD and size == block:
                block = need
                continue
            if base + size >= self._size and base < self._size and need <= MAX_RECORD:
                self._note_cut(f"packet {self._frame}")
            else:
                self._damage_of_frames(base, "a frame that is not in the file, or impossibly long")
            done += 1
            block = CAREFUL

    def _written(self, raw: NDArray[np.uint8], inside: NDArray[np.int64], base: int) -> NDArray[np.bool_]:
        """Which of the frames are more than zero bytes, as a hole in the file leaves them."""
        width = self._layout.itemsize + self._trailer
        frames = np.ndarray((len(raw) - width + 1, width), np.uint8, raw, 0, (1, 1))
        written = raw[inside] > 0
        doubtful = np.flatnonzero(~written)
        written[doubtful] = frames[inside[doubtful]].any(axis=1)
        holes = np.flatnonzero(~written)
        if len(holes):
            at = int(inside[holes[0]])
            self._damage_of_frames(base + at, no_header(True, self._frame + int(holes[0])), len(holes))
        return written

    def _damage_of_frames(self, at: int, what: str, count: int = 1) -> None:
        """Remember that so many frames, the first of them at this byte of the file, are damaged."""
        if not self._places:
            self._first, self._first_frame = f"at byte {at}: {what}", self._frame
        self._places += count

    def _chunk(
        self, raw: NDArray[np.uint8], heads: NDArray[Any], start: NDArray[np.int64], captured: NDArray[np.int64]
    ) -> Chunk:
        media = np.full(len(start), self._network, np.int64)
        trailer = start + captured
        if self._trailer:
            media = _unaligned(raw, "<u2")[trailer].astype(np.int64)
        packet = media < METADATA
        self._metadata += int(np.count_nonzero(~packet))
        time = self._times(raw, heads["delta"], trailer)
        self._untimely += int(np.count_nonzero((time == NO_TIME) & packet)) if self._start != NO_TIME else 0
        wire = heads["wire"].astype(np.int64)
        # NetMon's header before a Wi-Fi frame tells its own length behind its version.
        wifi = (media == WIFI) & (captured >= 3)
        extra = np.where(wifi, np.minimum(_unaligned(raw, "<u2")[np.where(wifi, start + 1, 0)], captured), 0)
        numbered = np.flatnonzero(~np.isin(media, UNNUMBERED))
        return Chunk(
            buffer=raw,
            first_frame=self._frame,
            start=(start + extra)[numbered],
            captured=np.where(packet, captured - extra, 0)[numbered],
            wire=np.where(packet, np.maximum(wire - extra, 0), 0)[numbered],
            time=np.where(packet, time, NO_TIME)[numbered],
            interface=self._interfaces(self._link_of[media])[numbered],
            direction=np.zeros(len(numbered), np.int8),
            host_dropped=np.zeros(len(numbered), np.bool_),
            packet_id=np.full(len(numbered), -1, np.int64),
        )

    def _times(self, raw: NDArray[np.uint8], delta: NDArray[Any], trailer: NDArray[np.int64]) -> NDArray[np.int64]:
        """Nanoseconds since the epoch; ``NO_TIME`` where they do not fit."""
        if self._trailer == 15:
            units = _unaligned(raw, "<u8")[trailer + 6].astype(np.uint64).view(np.int64) - np.int64(_EPOCH_1601)
        elif self._start == NO_TIME:
            return np.full(len(delta), NO_TIME, np.int64)
        elif self._old:
            units = delta.astype(np.int64) * 10_000
        else:
            # Microseconds; ten times as much, it is a signed number of 100 ns: a frame can be before the start.
            units = (delta.astype(np.uint64) * np.uint64(10)).view(np.int64)
        start = 0 if self._trailer == 15 else self._start // 100
        fits = (units < _LATEST - start) & (units > -_LATEST + start)
        return np.where(fits, (np.where(fits, units, 0) + start) * 100, NO_TIME)

    def _interfaces(self, links: NDArray[np.int32]) -> NDArray[np.int32]:
        """The interface of each link type, of which there are few; a new one is described when it is first met."""
        table = np.zeros(1 << 16, np.int32)
        for link in np.unique(links).tolist():
            if link not in self._interface_of:
                self._interface_of[link] = len(self.interfaces)
                self.interfaces.append(Interface(len(self.interfaces), link))
            table[link] = self._interface_of[link]
        return table[links]


def _unaligned(raw: NDArray[np.uint8], kind: str) -> NDArray[Any]:
    """A field at every offset of a buffer."""
    width = np.dtype(kind).itemsize
    return np.ndarray((len(raw) - width + 1,), kind, raw, 0, (1,))


def _link_types() -> NDArray[np.int32]:
    """LINKTYPE number by media type; -1 for what is no packet, or none that is understood."""
    table = np.full(1 << 16, -1, np.int32)
    for known in KNOWN:
        table[LINKTYPES + known] = known
    table[list(MESSAGE_ANALYZER)] = -1
    for media, link in MEDIA.items():
        table[media] = link
    return table


def _time_of(raw: bytes) -> int:
    """Nanoseconds since the epoch of a SYSTEMTIME (year, month, day of the week, day, hour, minute, second, ms)."""
    year, month, _, day, hour, minute, second, millisecond = struct.unpack("<8H", raw)
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return NO_TIME
    return int(moment.timestamp()) * 1_000_000_000 + int(millisecond) * 1_000_000
