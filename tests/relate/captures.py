"""Captures for tests: made from a ladder, or of packets that a test changed by hand."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from typing import Any

import analyzer
from analyzer.capture import Capture
from analyzer.relate.sa import IkeSa
from analyzer.report.ladder.notation import parse
from sample_pcaps.lab.maker import make, make_packets

HOSTS = "C = 10.0.0.2  S = 203.0.113.7\n"

#: IKE_SA_INIT both ways, IKE fragmentation offered by both, no NAT.
DETECTION = "NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP"
INIT = f"""
+0.000  C:500 > S:500  IKE_SA_INIT request   N({DETECTION} IKEV2_FRAGMENTATION_SUPPORTED)
+0.030  C:500 < S:500  IKE_SA_INIT response  N({DETECTION} IKEV2_FRAGMENTATION_SUPPORTED)
"""

#: Other traffic that goes on until 60 s: silence before it is silence, and no filter was at work.
GOES_ON = "+60  C:40000 > S:9  UDP\n"

LINK_RAW = 101


def capture(*steps: str, hosts: str = HOSTS, **options: Any) -> Capture:
    """The capture of a ladder: hosts, then steps."""
    data = make(parse(hosts + "".join(steps)))
    return analyzer.read("ladder.pcapng", stream=io.BytesIO(data), **options)


def only_sa(*steps: str, hosts: str = HOSTS, **options: Any) -> IkeSa:
    """The one IKE SA of a ladder."""
    (sa,) = capture(*steps, hosts=hosts, **options).analysis.sas
    return sa


def pings(*sizes: tuple[int, bool], start: float = 20, df: bool = True) -> str:
    """Requests three seconds apart, each with the size of its IP packet and whether it is answered."""
    lines = []
    for i, (size, answered) in enumerate(sizes):
        lines.append(f"+{start + 3 * i} C > S ICMP echo-request size {size}{' df' if df else ''}\n")
        if answered:
            lines.append(f"+{start + 3 * i}.02 C < S ICMP echo-reply size {size}\n")
    return "".join(lines)


def exchange(sa: IkeSa, kind: int, message_id: int | None = None, sender: str | None = None) -> Any:
    """The one exchange of a kind (untyped: a test knows whether there is a response)."""
    (found,) = [
        e
        for e in sa.exchanges
        if e.exchange == kind and message_id in (None, e.message_id) and sender in (None, e.sender)
    ]
    return found


def raw_packets(*steps: str, hosts: str = HOSTS) -> list[tuple[int, bytes]]:
    """Times and IP packets of a ladder, to be changed."""
    return [(time, data) for time, data, _ in make_packets(parse(hosts + "link raw\n" + "".join(steps)))]


def of_packets(packets: Iterable[tuple[int, bytes]], **options: Any) -> Capture:
    """A capture of IP packets, as a nanosecond pcap file."""
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, LINK_RAW)]
    for time, data in packets:
        parts.append(struct.pack("<IIII", time // 10**9, time % 10**9, len(data), len(data)) + data)
    return analyzer.read("made.pcap", stream=io.BytesIO(b"".join(parts)), **options)


def with_ip(packet: bytes, *, ident: int | None = None, ttl: int | None = None, flags: int | None = None) -> bytes:
    """An IPv4 packet with other header fields; its header checksum is left wrong, as offloading does."""
    changed = bytearray(packet)
    if ident is not None:
        changed[4:6] = ident.to_bytes(2, "big")
    if flags is not None:
        changed[6:8] = flags.to_bytes(2, "big")
    if ttl is not None:
        changed[8] = ttl
    return bytes(changed)
