"""One frame to one IP packet, by dpkt's header classes: the general decode, for whatever the fast path calls odd.

IPv4 and IPv6 headers, the latter with their extension headers. Where they start is found in
:mod:`analyzer.links.headers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dpkt

from analyzer.links.fixed_header import read_header
from analyzer.links.headers import find_ip_headers
from analyzer.packets.ip_packet import IpPacket
from analyzer.packets.tunnel_headers import MAX_TUNNELS, find_inner_header, find_inner_header_at

#: RFC 8200 section 4.1 allows seven extension headers in a packet.
_MAX_EXTENSION_HEADERS = 16

_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60
_EXTENSION_HEADERS = frozenset({_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION})


def decode(link_type: int, frame: bytes) -> IpPacket | None:
    """Decode a frame as far as the payload of its IP packet; of a tunnel's (GRE, VXLAN, ...), the packet inside.

    Parameters
    ----------
    link_type : int
        LINKTYPE of the interface; those known are listed at :func:`analyzer.links.headers.find_ip_header`.
    frame : bytes
        The captured bytes; may be cut short. All of an IP header without options must be there.

    Returns
    -------
    IpPacket or None
        None when the frame is not IP, is cut before the end of the fixed IP header, or is of another link type.

    Examples
    --------
    >>> packet = decode(101, bytes.fromhex("45000038beef200040110000" "0a000002" "cb007107"))
    >>> packet.mf, packet.ip_id, packet.ip_length, packet.protocol, packet.payload_offset, packet.payload_length
    (True, 48879, 56, 17, 20, 36)
    >>> decode(1, b"not a frame") is None
    True
    """
    return next(decode_each(link_type, frame), None)


def decode_each(link_type: int, frame: bytes) -> Iterator[IpPacket]:
    """As :func:`decode`, for each packet of a frame: a Wi-Fi frame can carry several."""
    for start in find_ip_headers(link_type, frame):
        packet = _packet_at(frame, start)
        if packet is not None:
            yield _innermost(frame, packet)


def decode_inside(protocol: int, payload: bytes) -> IpPacket | None:
    """Decode what a tunnel's packet carries, put together from fragments: offsets are those in ``payload``.

    Examples
    --------
    >>> inner = bytes.fromhex("4500001c00010000401100000a000002cb007107" "01f401f400080000")
    >>> packet = decode_inside(47, bytes.fromhex("00000800") + inner)
    >>> packet.l3_offset, packet.payload_offset, packet.protocol
    (4, 24, 17)
    """
    start = find_inner_header_at(payload, protocol, 0)
    packet = None if start is None else _packet_at(payload, start)
    return None if packet is None else _innermost(payload, packet)


def _innermost(frame: bytes, packet: IpPacket) -> IpPacket:
    """The packet inside a tunnel, if that is what it is."""
    for _ in range(MAX_TUNNELS):
        start = find_inner_header(frame, packet)
        inner = None if start is None else _packet_at(frame, start)
        if inner is None:
            break
        packet = inner
    return packet


def _packet_at(frame: bytes, start: tuple[int, int]) -> IpPacket | None:
    offset, version = start
    return _ipv4(frame, offset) if version == 4 else _ipv6(frame, offset)


def skip_extension_headers(protocol: int, data: bytes) -> tuple[int, int]:
    """Skip the IPv6 extension headers at the start of a reassembled payload (RFC 8200 section 4).

    Returns
    -------
    tuple of int
        Protocol behind them and its offset in `data`. An extension header that is cut off or that starts another
        fragment stays where it is: its own number and offset.

    Examples
    --------
    >>> skip_extension_headers(60, bytes([17, 0, 1, 4, 0, 0, 0, 0]) + b"UDP header")
    (17, 8)
    >>> skip_extension_headers(17, b"UDP header")
    (17, 0)
    """
    walk = _walk_extension_headers(protocol, data, 0, len(data))
    return walk.protocol, walk.offset


def _ipv4(frame: bytes, offset: int) -> IpPacket | None:
    ip = read_header(dpkt.ip.IP, frame, offset)
    if ip is None or ip.hl < 5:
        return None
    length = ip.len or len(frame) - offset
    header_length = 4 * ip.hl
    return IpPacket(
        l3_offset=offset,
        ip_version=4,
        src=ip.src,
        dst=ip.dst,
        ip_id=ip.id,
        df=bool(ip.df),
        mf=bool(ip.mf),
        fragment_offset=8 * ip.offset,
        ttl=ip.ttl,
        ip_length=length,
        protocol=ip.p,
        payload_offset=offset + header_length,
        payload_length=max(0, length - header_length),
    )


def _ipv6(frame: bytes, offset: int) -> IpPacket | None:
    ip = read_header(dpkt.ip6.IP6, frame, offset)
    if ip is None:
        return None
    payload, end = offset + ip.__hdr_len__, offset + ip.__hdr_len__ + ip.plen
    walk = _walk_extension_headers(ip.nxt, frame, payload, min(end, len(frame)))
    fragment = walk.fragment
    return IpPacket(
        l3_offset=offset,
        ip_version=6,
        src=ip.src,
        dst=ip.dst,
        ip_id=fragment.id if fragment else None,
        df=None,
        mf=bool(fragment.m_flag) if fragment else False,
        fragment_offset=8 * fragment.frag_off if fragment else 0,
        ttl=ip.hlim,
        ip_length=end - offset,
        protocol=walk.protocol,
        payload_offset=walk.offset,
        payload_length=max(0, end - walk.offset),
    )


@dataclass(frozen=True, slots=True)
class _Walk:
    protocol: int
    offset: int
    fragment: Any | None


def _walk_extension_headers(protocol: int, data: bytes, offset: int, end: int) -> _Walk:
    """Walk up to the upper layer, or to the data of a fragment: what follows there is a piece of the datagram."""
    fragment = None
    for _ in range(_MAX_EXTENSION_HEADERS):
        if protocol not in _EXTENSION_HEADERS:
            break
        kind = dpkt.ip6.IP6FragmentHeader if protocol == _FRAGMENT else dpkt.ip6.IP6OptsHeader
        header = read_header(kind, data[:end], offset)
        if header is None:
            break
        if protocol == _FRAGMENT:
            fragment, offset = header, offset + 8
        elif protocol == _AUTHENTICATION:
            offset += 4 * (header.len + 2)
        else:
            offset += 8 * (header.len + 1)
        protocol = header.nxt
        if fragment is not None and (fragment.frag_off or fragment.m_flag):
            break
    return _Walk(protocol, offset, fragment)
