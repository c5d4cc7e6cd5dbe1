"""A pcapng file of one section and one interface, with nanosecond times (draft-ietf-opsawg-pcapng section 4)."""

from __future__ import annotations

import struct
from collections.abc import Iterable

IF_NAME, IF_TSRESOL, IF_FILTER, EPB_FLAGS, EPB_VERDICT, SHB_USERAPPL = 2, 9, 11, 2, 7, 4
INBOUND, OUTBOUND = 1, 2
#: Verdict type 2 (Linux eBPF XDP), value 1 (XDP_DROP): what etl2pcapng writes for a packet that pktmon saw dropped.
DROPPED = struct.pack("<BQ", 2, 1)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


def _options(options: Iterable[tuple[int, bytes]]) -> bytes:
    written = b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options)
    return written + bytes(4) if written else b""


def section(link_type: int, snaplen: int, name: str, capture_filter: str | None) -> bytes:
    """Return the section header and the interface description."""
    head = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _options([(SHB_USERAPPL, b"ike-analyzer sample maker")])
    options = [(IF_NAME, name.encode()), (IF_TSRESOL, b"\x09")]
    if capture_filter:
        options.append((IF_FILTER, b"\0" + capture_filter.encode()))
    return _block(0x0A0D0D0A, head) + _block(1, struct.pack("<HHI", link_type, 0, snaplen) + _options(options))


def packet(time: int, data: bytes, wire_length: int, direction: int = 0, *, dropped: bool = False) -> bytes:
    """Return an enhanced packet block; ``direction`` is 0 (not recorded), INBOUND or OUTBOUND.

    ``dropped``: with the record that the host dropped the packet.
    """
    head = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(data), wire_length)
    options = [(EPB_FLAGS, struct.pack("<I", direction))] if direction else []
    if dropped:
        options.append((EPB_VERDICT, DROPPED))
    return _block(6, head + _padded(data) + _options(options))
