"""The first event of an ETW log tells about the log itself: its clock, what was lost, how it was kept.

Source: docs/domain/windows-traces.md.

A ``SYSTEM_TRACE_HEADER`` of 32 bytes, then the ``TRACE_LOGFILE_HEADER``, whose layout depends on the pointer size of
the machine that wrote it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from analyzer.formats.etl.clock import EtlClock

#: Bytes of the event before the log file header; of that header with 32-bit and with 64-bit pointers.
EVENT, NARROW, WIDE = 32, 272, 280

#: Bits of the log file mode: the oldest buffers are overwritten; buffers are compressed.
CIRCULAR, COMPRESSED = 0x2, 0x04000000

#: Types of the event, by which a log is recognised: written on 32 and on 64 bits.
SYSTEM_EVENTS = (1, 2)


@dataclass(frozen=True, slots=True)
class TraceHeader:
    """What a log says about itself.

    Attributes
    ----------
    buffers : int
        Buffers that the session wrote, those included that a circular file overwrote.
    events_lost, buffers_lost : int
        By the count of the session when it ended; 0 while it still ran.
    mode : int
        Bits of the log file mode.
    clock : EtlClock
        Turns the times of events into nanoseconds since the epoch.
    """

    buffers: int
    events_lost: int
    buffers_lost: int
    mode: int
    clock: EtlClock

    @property
    def is_circular(self) -> bool:
        return bool(self.mode & CIRCULAR)


def read_header(events: bytes) -> TraceHeader | None:
    """Read the header from the first bytes of the first buffer's events; None if that event is not one.

    Examples
    --------
    >>> clock = struct.pack("<qqII", 10_000_000, 132_672_017_954_540_046, 1, 3)
    >>> body = struct.pack("<36xI4xIII", 5, 8, 7, 2400) + bytes(200) + clock
    >>> header = read_header(struct.pack("<HBBH2x8xq8x", 2, 2, 0xC0, 32 + len(body), 500) + body)
    >>> header.buffers, header.events_lost, header.buffers_lost, header.clock.frequency
    (5, 7, 3, 10000000)
    """
    if len(events) < EVENT + NARROW:
        return None
    kind, mark, size, first = struct.unpack_from("<2xBBH2x8xq", events)
    pointer, lost, megahertz = struct.unpack_from("<III", events, EVENT + 44)
    length = WIDE if pointer == 8 else NARROW
    if kind not in SYSTEM_EVENTS or mark != 0xC0 or not EVENT + length <= min(size, len(events)):
        return None
    mode, buffers = struct.unpack_from("<II", events, EVENT + 32)
    frequency, start, clock, buffers_lost = struct.unpack_from("<qqII", events, EVENT + length - 24)
    return TraceHeader(buffers, lost, buffers_lost, mode, EtlClock.of(clock, frequency, megahertz, start, first))
