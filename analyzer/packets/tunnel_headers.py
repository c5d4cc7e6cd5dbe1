"""From an IP packet to the one that it carries in the clear: GRE, ERSPAN, IP in IP, VXLAN, Geneve and GTP-U.

A mirror port far away, a cloud's network or a mobile one wraps every packet so; the one inside is the client's or the
gateway's. The same as columns is in :mod:`analyzer.packets.tunnel_columns`, with sources; a property test holds both
equal.
"""

from __future__ import annotations

from analyzer.links.headers import find_ip_header_at
from analyzer.links.types import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from analyzer.packets.ip_packet import IpPacket
from analyzer.packets.tunnel_columns import (
    BRIDGED,
    ERSPAN_2,
    ERSPAN_2_HEADER,
    ERSPAN_3,
    ERSPAN_3_HEADER,
    ERSPAN_3_SUBHEADER,
    GENEVE_CARRIES,
    GENEVE_CONTROL,
    GENEVE_OPTIONS,
    GENEVE_PORT,
    GENEVE_VERSION,
    GRE,
    GTP_HAS_HEADERS,
    GTP_MASK,
    GTP_OPTIONAL,
    GTP_PORT,
    GTP_USER,
    GTP_VERSION,
    HAS_CHECKSUM,
    HAS_KEY,
    HAS_SEQUENCE,
    IPV4_IN_IP,
    IPV6_IN_IP,
    MAX_GTP_HEADERS,
    NEVER_FROM,
    NOT_PLAIN,
    PROTOCOLS,
    UDP_AND_TUNNEL,
    UDP_PORTS,
    VXLAN_VALID,
)
from analyzer.protocol import UDP

#: Tunnels in tunnels are followed so far.
MAX_TUNNELS = 4

#: Where what is carried starts, and its Ethernet type: of IP, or :data:`BRIDGED` for Ethernet frames.
_Carried = tuple[int, int]


def is_tunnel(protocol: int, payload: bytes) -> bool:
    """Whether a packet may be a tunnel's: by the protocol, or UDP to the port of one.

    Examples
    --------
    >>> is_tunnel(47, b""), is_tunnel(17, bytes.fromhex("c350 12b5")), is_tunnel(17, bytes.fromhex("1194 12b5"))
    (True, True, False)
    """
    if protocol != UDP:
        return protocol in PROTOCOLS
    sport, dport = int.from_bytes(payload[0:2], "big"), int.from_bytes(payload[2:4], "big")
    return len(payload) >= 4 and dport in UDP_PORTS and sport not in NEVER_FROM


def find_inner_header(frame: bytes, packet: IpPacket) -> tuple[int, int] | None:
    """Offset and version of the IP header inside a packet that is a tunnel's; None when it is none.

    A fragment is not looked into: what it carries begins or ends in another.
    """
    if packet.mf or packet.fragment_offset:
        return None
    return find_inner_header_at(frame, packet.protocol, packet.payload_offset)


def find_inner_header_at(frame: bytes, protocol: int, at: int) -> tuple[int, int] | None:
    """As :func:`find_inner_header`, of what an IP packet of this protocol carries from ``at`` on."""
    if not is_tunnel(protocol, frame[at : at + 4]):
        return None
    carried = _carried(frame, protocol, at)
    if carried is None or carried[0] >= len(frame):
        return None
    start, kind = carried
    if kind == BRIDGED:
        return find_ip_header_at(frame, start)
    version = frame[start] >> 4
    return (start, version) if version == (4 if kind == ETHERTYPE_IPV4 else 6) else None


def _carried(frame: bytes, protocol: int, at: int) -> _Carried | None:
    if protocol == IPV4_IN_IP:
        return at, ETHERTYPE_IPV4
    if protocol == IPV6_IN_IP:
        return at, ETHERTYPE_IPV6
    if protocol == GRE:
        return _gre(frame, at)
    if len(frame) < at + UDP_AND_TUNNEL:
        return None
    port = int.from_bytes(frame[at + 2 : at + 4], "big")
    header = {GENEVE_PORT: _geneve, GTP_PORT: _gtp}.get(port, _vxlan)
    return header(frame, at)


def _gre(frame: bytes, at: int) -> _Carried | None:
    flags, kind = int.from_bytes(frame[at : at + 2], "big"), int.from_bytes(frame[at + 2 : at + 4], "big")
    if len(frame) < at + 4 or flags & NOT_PLAIN:
        return None
    at += 4 + 4 * sum(bool(flags & bit) for bit in (HAS_CHECKSUM, HAS_KEY, HAS_SEQUENCE))
    if kind in (ETHERTYPE_IPV4, ETHERTYPE_IPV6, BRIDGED):
        return at, kind
    if kind == ERSPAN_2:
        # Without a sequence number it is the first kind, which has no header of its own.
        return at + (ERSPAN_2_HEADER if flags & HAS_SEQUENCE else 0), BRIDGED
    if kind == ERSPAN_3 and at + ERSPAN_3_HEADER <= len(frame):
        more = ERSPAN_3_SUBHEADER if frame[at + ERSPAN_3_HEADER - 1] & 1 else 0
        return at + ERSPAN_3_HEADER + more, BRIDGED
    return None


def _vxlan(frame: bytes, at: int) -> _Carried | None:
    valid = frame[at + 8] & VXLAN_VALID and not frame[at + 15]
    return (at + UDP_AND_TUNNEL, BRIDGED) if valid else None


def _geneve(frame: bytes, at: int) -> _Carried | None:
    flags, kind = int.from_bytes(frame[at + 8 : at + 10], "big"), int.from_bytes(frame[at + 10 : at + 12], "big")
    if flags & (GENEVE_VERSION | GENEVE_CONTROL) or frame[at + 15] or kind not in GENEVE_CARRIES:
        return None
    return at + UDP_AND_TUNNEL + 4 * (flags >> 8 & GENEVE_OPTIONS), kind


def _gtp(frame: bytes, at: int) -> _Carried | None:
    """It does not say what it carries: the version of IP does."""
    flags = frame[at + 8]
    if flags & GTP_MASK != GTP_VERSION or frame[at + 9] != GTP_USER:
        return None
    start = at + UDP_AND_TUNNEL + (4 if flags & GTP_OPTIONAL else 0)
    further = flags & GTP_HAS_HEADERS
    for _ in range(MAX_GTP_HEADERS + 1):
        if start >= len(frame):
            return None
        if not further or not frame[start - 1]:
            kind = {4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6}.get(frame[start] >> 4)
            return None if kind is None else (start, kind)
        if not frame[start]:
            return None
        start += 4 * frame[start]
    return None
