"""Reader of pcap: microseconds and nanoseconds, either byte order, and the "modified" variant of old Linux tcpdumps.

Layout (draft-ietf-opsawg-pcap): a 24-byte file header, then per packet a 16-byte header (seconds, fraction, captured
length, wire length) and the captured bytes. The modified variant adds 8 bytes to each header: interface index,
protocol, packet type (Linux ``PACKET_*``) and a pad byte. Before version 2.3, and in the 543.0 of Digital Unix, the
wire length stands before the captured one; files of 2.3 have either order (libpcap reads them so).
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.errors import InputError
from analyzer.formats.file_reader import CHAIN, LONGEST, MAX_RECORD, NEAR, walk
from analyzer.formats.record_chain import ChainReader, Run
from analyzer.formats.record_walk import MIN_STRETCHES, STRETCH, Stride
from analyzer.formats.records import SLACK, Chunk, Interface, Note
from analyzer.formats.window import Window
from analyzer.links.types import DIRECTION_UNKNOWN, PACKET_TYPE_DIRECTIONS

#: The first four bytes: byte order, nanoseconds per unit of the fraction, length of a packet header.
MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),
}

FILE_HEADER = 24
#: Bytes of a packet's header that all variants have.
STANDARD = 16

#: How far behind a packet one must see, after damage, to believe it.
REACH = CHAIN * (LONGEST + 24)

#: Bytes searched at the start of a stretch: more than one full-size Ethernet packet.
GUESS = 2048


class PcapReader(ChainReader):
    """Reads a pcap file from a window that stands at its first byte.

    Raises
    ------
    InputError
        The file header is not whole.

    Examples
    --------
    >>> import io
    >>> header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    >>> packet = struct.pack("<IIII", 1700000000, 5, 4, 60) + b"abcd"
    >>> with PcapReader(Window(io.BytesIO(header + packet), "example", 1 << 16)) as reader:
    ...     for chunk in reader.chunks():
    ...         print(chunk.first_frame, chunk.captured, chunk.wire, chunk.time)
    1 [4] [60] [1700000000000005000]
    """

    _begin, _reach = FILE_HEADER, REACH

    def __init__(self, window: Window) -> None:
        if window.end < FILE_HEADER:
            raise InputError(
                f"{window.name}: is too short for a pcap file: {window.end} bytes, its header alone has {FILE_HEADER}"
            )
        self._order, self._unit, self._header = MAGICS[window.buffer[:4].tobytes()]
        self._shortest = self._header
        fields = struct.unpack_from(self._order + "4xHHiIII", window.buffer.data)
        major, minor, snaplen, link = fields[0], fields[1], fields[4], fields[5]
        super().__init__(window, "pcap-ns" if self._unit == 1 else "pcap", snaplen)
        # The upper bits tell the length of a frame check sequence.
        self.interfaces.append(Interface(0, link & 0xFFFF, snaplen))
        if major not in (2, 543):
            self._damage(4, f"version {major}.{minor} in the file header instead of 2.4")
        self._longest = min(max(snaplen, LONGEST), MAX_RECORD)
        names = ["seconds", "fraction", "captured", "wire"]
        if self._is_swapped(major, minor):
            names[2:] = reversed(names[2:])
        self._stride = Stride(self._order, field=4 * names.index("captured"), extra=self._header)
        self._layout = np.dtype([(name, self._order + "u4") for name in names])
        self._seconds: int | None = None  # of the last good packet
        self._late = 0  # packets whose fraction is a second or more
        self._first_late = 0

    def _is_swapped(self, major: int, minor: int) -> bool:
        """Whether the wire length of a packet stands before the captured one, which is never longer."""
        if (major, minor) != (2, 3):
            return major == 543 or (major == 2 and minor < 3)
        if self._window.end < FILE_HEADER + STANDARD:
            return False
        first, second = struct.unpack_from(self._order + "II", self._window.buffer.data, FILE_HEADER + 8)
        return bool(first > second)

    def _run(self, first: int, stop: int) -> Run:
        window = self._window
        offsets = walk(window.buffer, first, stop, self._stride, self._guesses(first, stop))
        captured = self._headers()["captured"][offsets].astype(np.int64)
        sane = captured <= self._longest
        # A packet can be empty, but not also be sent in no time with no length: that is a hole, or the end of a file
        # that was made longer than what was written into it.
        empty = np.flatnonzero(captured == 0)
        headers = np.ndarray((window.end + 1, STANDARD), np.uint8, window.buffer, 0, (1, 1))
        sane[empty] = headers[offsets[empty]].any(axis=1)
        return self._run_of(offsets, offsets + captured + self._header, sane, first, STANDARD)

    def _chunk(self, records: NDArray[np.int64], rows: NDArray[np.int64]) -> Chunk:
        window, offsets, count = self._window, records[rows], len(rows)
        headers = self._headers()[offsets]
        seconds = headers["seconds"].astype(np.int64)
        self._seconds = int(seconds[-1])
        fraction = headers["fraction"].astype(np.int64) * self._unit
        late = np.flatnonzero(fraction >= 1_000_000_000)
        if len(late):
            self._first_late = self._first_late or self._frame + int(late[0])
            self._late += len(late)
            fraction[late] = 0
        return Chunk(
            buffer=window.buffer[: window.end + SLACK],
            first_frame=self._frame,
            start=offsets + self._header,
            captured=headers["captured"].astype(np.int64),
            wire=headers["wire"].astype(np.int64),
            time=seconds * 1_000_000_000 + fraction,
            interface=np.zeros(count, np.int32),
            direction=self._directions(offsets),
            host_dropped=np.zeros(count, np.bool_),
            packet_id=np.full(count, -1, np.int64),
        )

    def _account(self) -> None:
        if self._late:
            more = f" (the first of {self._late} such packets)" if self._late > 1 else ""
            what = f"packet {self._first_late}{more} has a fraction of a second or more: its time is that of its second"
            self.notes.append(Note("capture-damaged", what, self._first_late, hides=False))

    def _headers(self) -> NDArray[Any]:
        """The standard packet header at every offset of the window."""
        return np.ndarray((self._window.end + 1,), self._layout, self._window.buffer, 0, (1,))

    def _directions(self, offsets: NDArray[np.int64]) -> NDArray[np.int8]:
        if self._header == 16:
            return np.zeros(len(offsets), np.int8)
        # Where even the protocol is 0, the file was converted, and what wrote it did not know.
        buffer = self._window.buffer
        known = (buffer[offsets + 20] | buffer[offsets + 21]) > 0
        return np.where(known, PACKET_TYPE_DIRECTIONS[buffer[offsets + 22]], DIRECTION_UNKNOWN).astype(np.int8)

    def _guesses(self, first: int, stop: int) -> NDArray[np.int64] | None:
        """A likely packet header near the start of each stretch: half of its seconds is the first packet's."""
        count = (stop - first) // STRETCH - 1
        if count < MIN_STRETCHES - 1:
            return None
        buffer = self._window.buffer
        high = (0, 1) if self._order == ">" else (3, 2)
        grids = (np.ndarray((count, GUESS), np.uint8, buffer, first + STRETCH + byte, (STRETCH, 1)) for byte in high)
        alike = [grid == buffer[first + byte] for grid, byte in zip(grids, high, strict=True)]
        stretch, offset = np.divmod(np.flatnonzero(alike[0] & alike[1]), GUESS)
        found = first + (stretch + 1) * STRETCH + offset
        seconds = int(self._headers()["seconds"][first])
        good = self._plausible(found, seconds)
        stretch, found = stretch[good], found[good]
        return found[np.diff(stretch, prepend=-1) > 0]

    def _plausible(self, offsets: NDArray[np.int64], seconds: int | None) -> NDArray[np.bool_]:
        """At which offsets some plausible packets follow one another, all of about the same time."""
        every, longest, parts = self._headers(), min(self._longest, LONGEST), 1_000_000_000 // self._unit

        def look(here: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
            header = every[here]
            captured, wire = header["captured"], header["wire"]
            sane = (captured > 0) & (captured <= wire) & (wire <= longest) & (header["fraction"] < parts)
            if seconds is not None:
                sane &= np.abs(header["seconds"].astype(np.int64) - seconds) <= NEAR
            return sane, here + captured + self._header

        return self._chained(offsets, self._header, look)

    def _good(self, at: int, stop: int) -> NDArray[np.int64]:
        captured = self._headers()["captured"][at:stop]
        offsets = at + np.flatnonzero(captured - 1 < min(self._longest, LONGEST))
        return offsets[self._plausible(offsets, self._seconds)]
