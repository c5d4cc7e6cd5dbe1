"""Reader of snoop, the format of Solaris (RFC 1761).

A 16-byte file header (magic, version, link type), then per packet a 24-byte header (wire length, captured length,
length of the record, packets lost so far, seconds, microseconds), the captured bytes and padding. All is big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from analyzer.capture.lanes import Stride
from analyzer.capture.reading import MAX_RECORD, FileReader, portions, walk
from analyzer.capture.records import SLACK, Chunk, Interface, Note
from analyzer.capture.window import Window
from analyzer.errors import InputError

FILE_HEADER, RECORD_HEADER = 16, 24

#: Snoop's link types (RFC 1761 section 4; 26 and 27 of Solaris' ``<sys/dlpi.h>``) to LINKTYPE numbers.
LINK_TYPES = {0: 1, 4: 1, 8: 10, 2: 6, 26: 228, 27: 229}


class SnoopReader(FileReader):
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

    def chunks(self) -> Iterator[Chunk]:
        """The packets, a window at a time. Never raises on what the file holds."""
        window = self._window
        at = FILE_HEADER
        while True:
            offsets, at, sound = self._records(at, window.end - RECORD_HEADER + 1)
            for some in portions(offsets):
                chunk = self._chunk(some)
                self._frame += len(chunk)
                yield chunk
            if not sound:
                what = f"a header that no packet can have, where packet {self._frame} should start"
                self._damage(at, f"{what}; the rest is left out")
                break
            if window.at_end:
                if at < window.end:
                    self._cut(at, f"packet {self._frame}")
                break
            window.advance(at)
            at = 0
        if self._lost:
            self.notes.append(Note("capture-lost-packets", f"the capturing host lost {self._lost} packets"))
        self._finish()

    def _records(self, first: int, stop: int) -> tuple[NDArray[np.int64], int, bool]:
        """Where whole packets start in ``[first, stop)``, where the next one does, and if its header is sound."""
        window = self._window
        offsets = walk(window.buffer, first, stop, Stride(">", field=8, least=RECORD_HEADER))
        captured, length = self._headers()[offsets, 1:3].astype(np.int64).T
        sane = (length >= RECORD_HEADER + captured) & (length <= MAX_RECORD)
        whole = sane & (offsets + length <= window.end)
        count = len(offsets) if whole.all() else int(whole.argmin())
        sound = count == len(offsets) or bool(sane[count])
        after = int(offsets[count]) if count < len(offsets) else int(offsets[-1] + length[-1]) if count else first
        return offsets[:count], after, sound

    def _headers(self) -> NDArray[np.uint32]:
        """The packet header at every offset of the window: a row of six words each."""
        return np.ndarray((self._window.end + 1, 6), ">u4", self._window.buffer, 0, (1, 4))

    def _chunk(self, offsets: NDArray[np.int64]) -> Chunk:
        """The packets at these offsets."""
        window, count = self._window, len(offsets)
        fields = self._headers()[offsets].astype(np.int64)
        self._lost = int(fields[-1, 3])
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
