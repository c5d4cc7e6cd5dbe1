"""From an IP packet to the one that it carries in the clear: GRE (RFC 2784, 2890), ERSPAN and VXLAN (RFC 7348).

A mirror port far away, or a cloud's network, wraps every packet so; the one inside is the client's or the gateway's.
The same as columns is in :mod:`analyzer.capture.tunnels`; a property test holds both equal.
"""

from __future__ import annotations

from analyzer.capture.select import UDP
from analyzer.capture.tunnels import (
    BRIDGED,
    ERSPAN_2,
    ERSPAN_2_HEADER,
    ERSPAN_3,
    ERSPAN_3_HEADER,
    ERSPAN_3_SUBHEADER,
    GRE,
    HAS_CHECKSUM,
    HAS_KEY,
    HAS_SEQUENCE,
    NOT_PLAIN,
    VXLAN_AND_UDP,
    VXLAN_PORT,
    VXLAN_VALID,
)
from analyzer.wire.ip_packet import IpPacket
from analyzer.wire.link_headers import ETHERTYPE_IPV4, ETHERTYPE_IPV6, find_ip_header_at

#: Tunnels in tunnels are followed so far.
MAX_TUNNELS = 4


def find_inner_header(frame: bytes, packet: IpPacket) -> tuple[int, int] | None:
    """Offset and version of the IP header inside a packet that is a tunnel's; None when it is none.

    A fragment is not looked into: what it carries begins or ends in another.
    """
    if packet.mf or packet.fragment_offset:
        return None
    at = packet.payload_offset
    if packet.protocol == GRE:
        return _gre(frame, at)
    if packet.protocol == UDP and len(frame) >= at + VXLAN_AND_UDP:
        port = int.from_bytes(frame[at + 2 : at + 4], "big")
        if port == VXLAN_PORT and frame[at + 8] & VXLAN_VALID and not frame[at + 15]:
            return find_ip_header_at(frame, at + VXLAN_AND_UDP)
    return None


def _gre(frame: bytes, at: int) -> tuple[int, int] | None:
    flags, kind = int.from_bytes(frame[at : at + 2], "big"), int.from_bytes(frame[at + 2 : at + 4], "big")
    if len(frame) < at + 4 or flags & NOT_PLAIN:
        return None
    at += 4 + 4 * sum(bool(flags & bit) for bit in (HAS_CHECKSUM, HAS_KEY, HAS_SEQUENCE))
    if at >= len(frame):
        return None
    if kind in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
        version = frame[at] >> 4
        return (at, version) if version == (4 if kind == ETHERTYPE_IPV4 else 6) else None
    if kind == ERSPAN_2:
        # Without a sequence number it is the first kind, which has no header of its own.
        return find_ip_header_at(frame, at + (ERSPAN_2_HEADER if flags & HAS_SEQUENCE else 0))
    if kind == ERSPAN_3 and at + ERSPAN_3_HEADER <= len(frame):
        more = ERSPAN_3_SUBHEADER if frame[at + ERSPAN_3_HEADER - 1] & 1 else 0
        return find_ip_header_at(frame, at + ERSPAN_3_HEADER + more)
    return find_ip_header_at(frame, at) if kind == BRIDGED else None
