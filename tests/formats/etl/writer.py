"""Writes ETL files from the layouts of docs/domain/windows-traces.md: what netsh and pktmon leave, with every oddity
asked for.

Nothing here uses the analyzer, so a file made here can judge its reader.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

NDIS = uuid.UUID("2ed6006e-4729-4609-b423-3ee7bcd678ef")
RAS = uuid.UUID("d84521f7-2235-4237-a7c0-14e3a9676286")
PKTMON = uuid.UUID("4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac")
#: Some other provider: Microsoft-Windows-TCPIP.
OTHER = uuid.UUID("2f07e2ee-15db-40f1-90ef-9d7ba282188a")

#: Keywords of the packet capture.
ETHERNET, WWAN, TUNNEL, WIFI = 0x1, 0x200, 0x8000, 0x10000
START, END, SEND, RECEIVE = 0x40000000, 0x80000000, 0x1_0000_0000, 0x2_0000_0000

QPC, SYSTEM_TIME, CPU_CYCLES = 1, 2, 3
IN, OUT, RX, TX, INGRESS, EGRESS = 1, 2, 3, 4, 5, 6

FILETIME_EPOCH = 116_444_736_000_000_000

#: 2024-01-15T08:59:59Z in nanoseconds since 1970: when a trace starts that does not say when.
START_TIME = 1_705_309_199 * 10**9


def wide(text: str) -> bytes:
    """Text as Windows writes it."""
    return text.encode("utf-16-le") + b"\0\0"


def stored(data: bytes) -> bytes:
    """Compress with XPRESS without finding any match: groups of 32 literal bytes (MS-XCA 2.4)."""
    return b"".join(bytes(4) + data[at : at + 32] for at in range(0, len(data), 32))


@dataclass
class EtlWriter:
    """A trace session; :meth:`file` is what it leaves.

    Parameters
    ----------
    clock, frequency
        Number of the clock, and its ticks in a second (QPC and CPU cycles; a CPU's in whole MHz).
    pointer
        Bytes of a pointer on the machine that wrote it.
    buffer_size
        Bytes of a buffer. ``compressed`` buffers are as long as they come out.
    """

    clock: int = QPC
    frequency: int = 10_000_000
    pointer: int = 8
    buffer_size: int = 4096
    processors: int = 4
    start: int = START_TIME
    events_lost: int = 0
    buffers_lost: int = 0
    mode: int = 0x1
    overwritten: int = 0
    flags: int = 0x20
    compressed: bool = False
    _filled: list[tuple[int, bytes]] = field(default_factory=list)
    _open: dict[int, bytes] = field(default_factory=dict)

    def ticks(self, time: int) -> int:
        """A time in nanoseconds since 1970 by the clock of the session."""
        if self.clock == SYSTEM_TIME:
            return time // 100 + FILETIME_EPOCH
        return 5_000_000_000 + (time - self.start) * self.frequency // 10**9

    def raw(self, event: bytes, processor: int = 0) -> None:
        """Write any event."""
        event += bytes(-len(event) % 8)
        room = self.buffer_size - 72
        if len(self._open.get(processor, b"")) + len(event) > room:
            self._filled.append((processor, self._open.pop(processor)))
        self._open[processor] = self._open.get(processor, b"") + event

    def event(
        self,
        provider: uuid.UUID,
        number: int,
        data: bytes,
        time: int,
        keyword: int = 0,
        *,
        processor: int = 0,
        version: int = 0,
        items: Sequence[bytes] = (),
        kind: int = 0x13,
    ) -> None:
        """Write a modern event; ``items`` are its extended items."""
        extended = b""
        for index, item in enumerate(items, 1):
            extended += struct.pack("<HHHH", 0, 1, index < len(items), len(item)) + item
            extended += bytes(-len(extended) % 8)
        head = struct.pack(
            "<HBBHHIIq16sHBBBBHQQ16x",
            80 + len(extended) + len(data), kind, 0xC0, bool(items), 0, 4, 4, self.ticks(time), provider.bytes_le,
            number, version, 16, 4, 0, 0, keyword, 0,
        )  # fmt: skip
        self.raw(head + extended + data, processor)

    def classic(self, size: int, kind: int, processor: int = 0) -> None:
        """Write an event that holds no packet: 0x14 classic, 0x11 performance, 0x90 a WPP message."""
        if kind in (3, 4, 0x10, 0x11):
            head = struct.pack("<HBBHH", 2, kind, 0xC0, size, 0x0F24)
        elif kind == 0x90:
            head = struct.pack("<HBBHH", size, 0, 0x90, 10, 0x2B)
        else:
            head = struct.pack("<HBBHH", size, kind, 0xC0, 0, 0)
        self.raw(head + bytes(size - 8), processor)

    def frame(
        self,
        data: bytes,
        time: int,
        keyword: int = ETHERNET | START | END,
        *,
        miniport: int = 8,
        lower: int = 8,
        newer: bool = False,
        **how: int,
    ) -> None:
        """Write event 1001 of the packet capture; ``newer`` builds add two numbers."""
        body = struct.pack("<III", miniport, lower, len(data)) + data + (bytes(16) if newer else b"")
        self.event(NDIS, 1001, body, time, keyword, **how)  # type: ignore[arg-type]

    def switch_frame(
        self, data: bytes, time: int, keyword: int = 0x1000000 | ETHERNET | START | END, destinations: int = 1
    ) -> None:
        """Write event 1003: a frame at a virtual switch."""
        body = struct.pack("<III", 8, 8, 7) + wide("port-guid") + wide("Ubuntu VM") + wide("VMNIC")
        body += struct.pack("<I", destinations)
        body += (struct.pack("<I", 9) + wide("p") + wide("External") + wide("EXTERNAL")) * destinations
        body += struct.pack("<I", len(data)) + data + struct.pack("<I", 8) + bytes(8)
        self.event(NDIS, 1003, body, time, keyword)

    def ras(self, data: bytes, time: int, sent: bool, user: str = "CORP\\anna") -> None:
        """Write event 5001 or 5002 of a RAS server."""
        body = wide("{00000000-0000-0000-0000-000000000000}") + wide(user) + struct.pack("<I", len(data)) + data
        self.event(RAS, 5001 if sent else 5002, body, time)

    def sighting(
        self,
        data: bytes,
        time: int,
        *,
        group: int = 0,
        number: int = 1,
        appearance: int = 1,
        tag: int = RX,
        kind: int = 1,
        component: int = 11,
        reason: int | None = None,
        size: int | None = None,
        **how: int,
    ) -> None:
        """Write event 160 of the packet monitor; with a ``reason``, event 170: dropped. ``size``: before truncation."""
        original = len(data) if size is None else size
        body = struct.pack(
            "<QHHHHHHHIIHH",
            group, number, appearance, tag, kind, component, 1, 0, reason or 0, 0, original, len(data),
        )  # fmt: skip
        self.event(PKTMON, 160 if reason is None else 170, body + data, time, 0x10, **how)  # type: ignore[arg-type]

    def component(self, number: int, name: str, description: str, time: int = START_TIME) -> None:
        """Write event 20: a component of the packet monitor."""
        self.event(PKTMON, 20, struct.pack("<HH", number, 2) + wide(name) + wide(description), time, 2)

    def packet_filter(self, number: int, ports: tuple[int, int] = (0, 0), time: int = START_TIME) -> None:
        """Write event 100: a filter of the packet monitor (IPv4)."""
        body = struct.pack("<H", number) + wide("<empty>") + struct.pack("<HHIIBHHB", 0x0800, 0, 0, 0, 17, *ports, 0)
        self.event(PKTMON, 100, body, time, 1)

    def file(self) -> bytes:
        """The file: the header's buffer, then those of the processors, the last processor's first."""
        buffers = sorted([*self._filled, *self._open.items()], key=lambda each: -each[0])
        parts = [self._buffer(0, self._header(len(buffers)), 4)]
        parts += [self._buffer(processor, events, 0) for processor, events in buffers]
        return b"".join(parts)

    def _buffer(self, processor: int, events: bytes, kind: int) -> bytes:
        used, flags = 72 + len(events), self.flags
        if self.compressed and kind == 0:
            body, flags = stored(events), flags | 0x40
        else:
            body = events + b"\xff" * (self.buffer_size - used)
        head = struct.pack(
            "<IIIiqqQHHIIHH16x",
            72 + len(body), used, used, 0, 0, 1, 0, processor, 1, 3, used, flags, kind,
        )  # fmt: skip
        return head + body

    def _header(self, buffers: int) -> bytes:
        """The first event: SYSTEM_TRACE_HEADER and TRACE_LOGFILE_HEADER."""
        body = struct.pack(
            "<IIIIqIIIIIIII",
            self.buffer_size, 0x05010A02, 19042, self.processors, 0, 156250, 512, self.mode,
            1 + buffers + self.overwritten, 1, self.pointer, self.events_lost, self.frequency // 1_000_000,
        )  # fmt: skip
        body += bytes(2 * self.pointer) + bytes(172)
        body += bytes(-len(body) % 8)
        frequency = 10_000_000 if self.clock != QPC else self.frequency
        start = self.start // 100 + FILETIME_EPOCH
        body += struct.pack("<qqqII", 0, frequency, start, self.clock, self.buffers_lost)
        body += wide("test session") + wide("C:\\trace.etl")
        head = struct.pack(
            "<HBBHHIIqII", 2, 2 if self.pointer == 8 else 1, 0xC0, 32 + len(body), 0, 4, 4, self.ticks(self.start), 0, 0
        )
        return head + body + bytes(-len(body) % 8)
