"""The same packets in every format that is read here: written from the formats' descriptions, without the analyzer.

pcap and pcapng: draft-ietf-opsawg-pcap and -pcapng; snoop: RFC 1761; NetMon and ETL: docs/domain/windows-traces.md,
docs/domain/capture-formats.md.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime

from tests.formats.etl.writer import FILETIME_EPOCH, QPC, SYSTEM_TIME, EtlWriter

#: Time in ns, length on the wire, bytes.
Packet = tuple[int, int, bytes]
SECOND = 10**9


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def pcap(packets: list[Packet], order: str = "<", magic: int = 0xA1B2C3D4, link: int = 1, extra: bytes = b"") -> bytes:
    unit = 1 if magic == 0xA1B23C4D else 1000
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)
    records = (
        struct.pack(order + "IIII", time // SECOND, time % SECOND // unit, len(data), wire) + extra + data
        for time, wire, data in packets
    )
    return head + b"".join(records)


def nanoseconds(packets: list[Packet], order: str = "<", link: int = 1) -> bytes:
    return pcap(packets, order, 0xA1B23C4D, link)


def modified(packets: list[Packet], order: str, kind: int, protocol: int = 0x0800) -> bytes:
    """Of Linux tcpdumps about 1999: interface, protocol, packet type."""
    return pcap(packets, order, 0xA1B2CD34, extra=struct.pack(order + "IHBB", 2, protocol, kind, 0))


def block(order: str, kind: int, body: bytes) -> bytes:
    size = struct.pack(order + "I", 12 + len(padded(body)))
    return struct.pack(order + "I", kind) + size + padded(body) + size


def section(order: str, *interfaces: bytes) -> bytes:
    """A section header and one interface for each list of options."""
    head = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    return head + b"".join(block(order, 1, struct.pack(order + "HHI", 1, 0, 0) + options) for options in interfaces)


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + padded(value)


def enhanced(order: str, interface: int, ticks: int, wire: int, data: bytes) -> bytes:
    high, low = divmod(ticks, 1 << 32)
    return block(order, 6, struct.pack(order + "5I", interface, high, low, len(data), wire) + data)


def pcapng(packets: list[Packet], order: str = "<", resolution: int = 6, offset: int = 0) -> bytes:
    """``resolution`` as in if_tsresol: a power of ten, or of two with the highest bit set; ``offset`` in seconds."""
    units = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    options = option(order, 9, bytes([resolution])) + option(order, 14, struct.pack(order + "q", offset)) + bytes(4)
    # Rounded up, so that what 2^-20 s cannot tell comes out as the same microsecond.
    ticks = [-(-(time - offset * SECOND) * units // SECOND) for time, _, _ in packets]
    found = (enhanced(order, 0, tick, wire, data) for tick, (_, wire, data) in zip(ticks, packets, strict=True))
    return section(order, options) + b"".join(found)


def sections(packets: list[Packet]) -> bytes:
    """Two sections, little- and big-endian, the packets of each on the second of two interfaces."""
    parts, half = [], len(packets) // 2
    for order, some in (("<", packets[:half]), (">", packets[half:])):
        parts.append(section(order, b"", option(order, 9, b"\x09") + bytes(4)))
        parts += [enhanced(order, 1, *packet) for packet in some]
    return b"".join(parts)


def simple(packets: list[Packet]) -> bytes:
    """Simple packet blocks: they have no times."""
    return section("<", b"") + b"".join(block("<", 3, struct.pack("<I", wire) + data) for _, wire, data in packets)


def obsolete(packets: list[Packet]) -> bytes:
    """The first kind of packet block, with the interface and drops in 16 bits each."""
    parts = []
    for time, wire, data in packets:
        high, low = divmod(time // 1000, 1 << 32)
        parts.append(block("<", 2, struct.pack("<HHIIII", 0, 0xFFFF, high, low, len(data), wire) + data))
    return section("<", b"") + b"".join(parts)


def netmon(packets: list[Packet], major: int, minor: int) -> bytes:
    start = packets[0][0] // SECOND * SECOND
    day = datetime.fromtimestamp(start // SECOND, UTC)
    words = (day.year, day.month, day.isoweekday() % 7, day.day, day.hour, day.minute, day.second, 0)
    body, offsets = b"", []
    for time, wire, data in packets:
        offsets.append(128 + len(body))
        if major == 1:
            body += struct.pack("<IHH", (time - start) // 10**6, wire, len(data)) + data
            continue
        utc = time // 100 + FILETIME_EPOCH
        trailer = struct.pack("<HIQB", 1, 0xFFFFFFFF, utc, 0)[: (0, 2, 6, 15)[minor]]
        body += struct.pack("<QII", (time - start) // 1000, wire, len(data)) + data + trailer
    head = (b"RTSS" if major == 1 else b"GMBU") + struct.pack("<BBH8H", minor, major, 1, *words)
    head += struct.pack("<II", 128 + len(body), 4 * len(offsets))
    return head.ljust(128, b"\0") + body + struct.pack(f"<{len(offsets)}I", *offsets)


def snoop(packets: list[Packet]) -> bytes:
    parts = [b"snoop\0\0\0" + struct.pack(">II", 2, 4)]
    for time, wire, data in packets:
        size = 24 + len(padded(data))
        when = time // SECOND, time % SECOND // 1000
        parts.append(struct.pack(">IIIIII", wire, len(data), size, 0, *when) + padded(data))
    return b"".join(parts)


def netsh(packets: list[Packet], clock: int = QPC, compressed: bool = False) -> bytes:
    trace = EtlWriter(clock, start=packets[0][0] - SECOND, buffer_size=16384, compressed=compressed)
    for number, (time, _, data) in enumerate(packets):
        trace.frame(data, time, processor=number % 2)
    return trace.file()


def pktmon(packets: list[Packet]) -> bytes:
    """``tag`` 0 is no direction of pktmon."""
    trace = EtlWriter(start=packets[0][0] - SECOND, buffer_size=16384)
    trace.component(11, "nic", "Ethernet adapter")
    for number, (time, wire, data) in enumerate(packets, 1):
        trace.sighting(data, time, group=number, tag=0, size=wire)
    return trace.file()


#: By name: to how many ns the format rounds time, and what writes it.
FORMATS: dict[str, tuple[int, Callable[[list[Packet]], bytes]]] = {
    "pcap": (1000, pcap),
    "pcap, big-endian": (1000, lambda packets: pcap(packets, ">")),
    "pcap, nanoseconds": (1, nanoseconds),
    "pcap, nanoseconds, big-endian": (1, lambda packets: nanoseconds(packets, ">")),
    "pcap, modified, packets of others": (1000, lambda packets: modified(packets, "<", 3)),
    "pcap, modified, big-endian": (1000, lambda packets: modified(packets, ">", 3)),
    "pcap, modified by a converter": (1000, lambda packets: modified(packets, "<", 0, 0)),
    "pcapng": (1000, pcapng),
    "pcapng, big-endian": (1000, lambda packets: pcapng(packets, ">")),
    "pcapng, ms": (10**6, lambda packets: pcapng(packets, resolution=3)),
    "pcapng, ns": (1, lambda packets: pcapng(packets, ">", 9)),
    "pcapng, 2^-30 s": (1000, lambda packets: pcapng(packets, resolution=0x80 | 30)),
    "pcapng, time offset": (1000, lambda packets: pcapng(packets, offset=1_600_000_000)),
    "pcapng, offset before 1970": (1000, lambda packets: pcapng(packets, ">", offset=-3600)),
    "pcapng, sections": (1, sections),
    "pcapng, obsolete blocks": (1000, obsolete),
    "NetMon 1": (10**6, lambda packets: netmon(packets, 1, 1)),
    "NetMon 2.0": (1000, lambda packets: netmon(packets, 2, 0)),
    "NetMon 2.1": (1000, lambda packets: netmon(packets, 2, 1)),
    "NetMon 2.2": (1000, lambda packets: netmon(packets, 2, 2)),
    "NetMon 2.3": (1000, lambda packets: netmon(packets, 2, 3)),
    "snoop": (1000, snoop),
    "ETL of netsh": (1000, netsh),
    "ETL of netsh, FILETIME": (1000, lambda packets: netsh(packets, SYSTEM_TIME)),
    "ETL of netsh, compressed": (1000, lambda packets: netsh(packets, compressed=True)),
    "ETL of pktmon": (1000, pktmon),
}
