"""Reader of snoop, the format of Solaris (RFC 1761).

A 16-byte file header (magic, version, link type), then per packet a 24-byte header (wire length, captured length,
length of the record, packets lost so far, seconds, microseconds), the captured bytes and padding. All is big-endian.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from analyzer.errors import InputError
from analyzer.formats.file_reader import CHAIN, LONGEST, MAX_RECORD, NEAR, walk
from analyzer.formats.record_chain import ChainReader, Run
from analyzer.formats.record_walk import Stride
from analyzer.formats.records import SLACK, Chunk, Interface, Note
from analyzer.formats.window import Window

FILE_HEADER, RECORD_HEADER = 16, 24

#: Bytes with which a record may be filled up, where it is found after damage; and how far behind it one must then see.
FILLED = 64
REACH = CHAIN * (LONGEST + RECORD_HEADER + FILLED)

#: Snoop's link types (RFC 1761 section 4; 26 and 27 of Solaris' ``<sys/dlpi.h>``) to LINKTYPE numbers.
LINK_TYPES = {0: 1, 4: 1, 8: 10, 2: 6, 26: 228, 27: 229}


class SnoopReader(ChainReader):
    """Reads a snoop file from a window that stands at its first byte.

    Raises
    ------
    InputError
        The file header is not whole.

    Examples
    --------
    >>> import io
    >>> header = b"snoop\\0\\0\\0" + struct.pack(">II", 2, 4)
    >>> packet = struct.pack(">6I", 60, 4, 28, 0, 1700000000, 5) + b"abcd"
    >>> with SnoopReader(Window(io.BytesIO(header + packet), "example", 1 << 16)) as reader:
    ...     for chunk in reader.chunks():
    ...         print(chunk.first_frame, chunk.captured, chunk.wire, chunk.time)
    1 [4] [60] [1700000000000005000]
    """

    _begin, _header, _shortest, _reach = FILE_HEADER, RECORD_HEADER, RECORD_HEADER, REACH

    def __init__(self, window: Window) -> None:
        if window.end < FILE_HEADER:
            raise InputError(
                f"{window.name}: is too short for a snoop file: {window.end} bytes, its header alone has {FILE_HEADER}"
            )
        version, link = struct.unpack_from(">8xII", window.buffer.data)
        super().__init__(window, "snoop", 0)
        self.interfaces.append(Interface(0, LINK_TYPES.get(link, -1)))
        if version != 2:
            self._damage(8, f"version {version} in the file header instead of 2")
        self._lost = 0
        self._seconds: int | None = None  # of the last good packet

    def _account(self) -> None:
        if self._lost:
            self.notes.append(Note("capture-lost-packets", f"the capturing host lost {self._lost} packets"))

    def _run(self, first: int, stop: int) -> Run:
        offsets = walk(self._window.buffer, first, stop, Stride(">", field=8, least=RECORD_HEADER))
        captured, length = self._headers()[offsets, 1:3].astype(np.int64).T
        sane = (length >= RECORD_HEADER + captured) & (length <= MAX_RECORD)
        return self._run_of(offsets, offsets + length, sane, first, RECORD_HEADER)

    def _headers(self) -> NDArray[np.uint32]:
        """The packet header at every offset of the window: a row of six words each."""
        return np.ndarray((self._window.end + 1, 6), ">u4", self._window.buffer, 0, (1, 4))

    def _chunk(self, records: NDArray[np.int64], rows: NDArray[np.int64]) -> Chunk:
        window, offsets, count = self._window, records[rows], len(rows)
        fields = self._headers()[offsets].astype(np.int64)
        self._lost, self._seconds = int(fields[-1, 3]), int(fields[-1, 4])
        return Chunk(
            buffer=window.buffer[: window.end + SLACK],
            first_frame=self._frame,
            start=offsets + RECORD_HEADER,
            captured=fields[:, 1],
            wire=fields[:, 0],
            time=(fields[:, 4] * 1_000_000 + fields[:, 5]) * 1000,
            interface=np.zeros(count, np.int32),
            direction=np.zeros(count, np.int8),
            host_dropped=np.zeros(count, np.bool_),
            packet_id=np.full(count, -1, np.int64),
        )

    def _good(self, at: int, stop: int) -> NDArray[np.int64]:
        every, seconds = self._headers(), self._seconds

        def look(here: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
            wire, captured, length, _, second, micros = every[here].astype(np.int64).T
            filled = length - captured - RECORD_HEADER
            sane = (captured > 0) & (captured <= wire) & (wire <= LONGEST) & (filled >= 0) & (filled < FILLED)
            sane &= micros < 1_000_000
            if seconds is not None:
                sane &= np.abs(second - seconds) <= NEAR
            return sane, here + length

        captured, length = every[at:stop, 1], every[at:stop, 2]
        offsets = at + np.flatnonzero(length - captured - RECORD_HEADER < FILLED)
        return offsets[self._chained(offsets, RECORD_HEADER, look)]
