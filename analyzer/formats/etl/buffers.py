"""Buffers of an ETW log: a header of 72 bytes, then events up to a saved offset (docs/domain/windows-traces.md).

Each processor fills buffers of its own, so events of one moment lie far apart in the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyzer.formats.etl.xpress import expand

#: Bytes of a buffer's header; of the shortest buffer (they are whole kilobytes, unless compressed) and of the longest
#: that Windows makes (16 MB; here with its header).
HEADER, SHORTEST, LONGEST = 72, 1 << 10, (16 << 20) + 72

#: Bits of the flags: events or buffers before this one were lost; the processor has 16 bits; compressed.
EVENTS_LOST, BUFFERS_LOST, WIDE_PROCESSOR, COMPRESSED = 0x2, 0x4, 0x20, 0x40

#: Type of the first buffer.
HEADER_BUFFER = 4

_HEADER = struct.Struct("<II32xH6xIHH")


@dataclass(frozen=True, slots=True)
class BufferHeader:
    """Header of a buffer.

    Attributes
    ----------
    size : int
        Bytes to the next buffer.
    used : int
        Bytes up to the end of the last event, once expanded; header included.
    processor : int
        Whose events these are.
    flags, kind : int
        As recorded.
    """

    size: int
    used: int
    processor: int
    flags: int
    kind: int

    @property
    def is_compressed(self) -> bool:
        return bool(self.flags & COMPRESSED)

    @property
    def is_sound(self) -> bool:
        """It can be the header of a buffer."""
        least = HEADER + 1 if self.is_compressed else max(SHORTEST, self.used)
        return least <= self.size <= LONGEST and HEADER <= self.used <= LONGEST


def read_buffer_header(buffer: NDArray[np.uint8], at: int) -> BufferHeader:
    """Read the header at offset ``at``; the buffer holds its 72 bytes.

    Examples
    --------
    >>> raw = np.frombuffer(struct.pack("<II32xH6xIHH16x", 4096, 200, 3, 200, 0x20, 4), np.uint8)
    >>> read_buffer_header(raw, 0)
    BufferHeader(size=4096, used=200, processor=3, flags=32, kind=4)
    """
    size, saved, processor, offset, flags, kind = _HEADER.unpack_from(buffer.data, at)
    wide = flags & WIDE_PROCESSOR
    return BufferHeader(size, saved or offset, processor if wide else processor & 0xFF, flags, kind)


def events_of(buffer: NDArray[np.uint8], at: int, header: BufferHeader, end: int) -> tuple[NDArray[np.uint8], bool]:
    """The bytes of a buffer's events, and whether all of them are there.

    Parameters
    ----------
    buffer : uint8 array
        Holds the log buffer from ``at`` on, up to ``end`` at most.
    header : BufferHeader
        Its header, sound.
    """
    stop = min(at + header.size, end)
    if not header.is_compressed:
        used = buffer[at + HEADER : min(at + header.used, stop)]
        return used, len(used) == header.used - HEADER
    expanded = expand(buffer[at + HEADER : stop].tobytes(), header.used - HEADER)
    return np.frombuffer(expanded, np.uint8), len(expanded) == header.used - HEADER
