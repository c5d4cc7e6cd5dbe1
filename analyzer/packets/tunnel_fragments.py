"""Tunnels whose packets came in IP fragments: what they carried, and whether that may be IKE.

What needs dpkt is imported when the first packet needs it: most fragments are no tunnel's.
"""

from __future__ import annotations

from analyzer.packets.datagram import Datagram
from analyzer.packets.ip_packet import IpPacket, ports_of
from analyzer.packets.sieve import IPV6_EXTENSIONS, Ports
from analyzer.packets.tunnel_columns import UDP_PORTS
from analyzer.protocol import TCP, UDP

#: Bytes of a tunnel's packet that are enough to tell what it carries: all headers down to UDP with some tags.
_TELLING = 128


def is_tunnel_packet(protocol: int, payload: bytes) -> bool:
    """Most fragments are no tunnel's, and what follows them needs dpkt."""
    if protocol == UDP and int.from_bytes(payload[2:4], "big") not in UDP_PORTS:
        return False
    from analyzer.packets.tunnel_headers import is_tunnel

    return is_tunnel(protocol, payload)


def inside(datagram: Datagram) -> tuple[IpPacket, bytes] | None:
    """The packet that a tunnel's carried, and what is behind its headers; None where the datagram is no tunnel's."""
    protocol, first = datagram.fragments[0].ref.protocol, datagram.first_fragment
    if protocol == UDP and first is not None and len(first.data) >= 4 and ports_of(first.data)[1] not in UDP_PORTS:
        return None  # as nearly always, and for that no other fragment need be looked at
    payload = datagram.data
    if protocol in IPV6_EXTENSIONS:
        from analyzer.packets.ip_headers import skip_extension_headers

        protocol, at = skip_extension_headers(protocol, payload)
        payload = payload[at:]
    if not is_tunnel_packet(protocol, payload):
        return None
    from analyzer.packets.ip_headers import decode_inside

    packet = decode_inside(protocol, payload)
    if packet is None:
        return None
    at = packet.payload_offset
    return packet, payload[at : at + packet.payload_length]


def may_hold_ike(protocol: int, first: bytes, ports: Ports) -> bool:
    """Whether the packet inside a tunnel's, by the bytes of its first fragment, is more than traffic on other ports."""
    from analyzer.packets.ip_headers import decode_inside

    inner = decode_inside(protocol, first)
    if inner is None:
        return len(first) < _TELLING
    if inner.mf or inner.fragment_offset or inner.protocol not in (TCP, UDP):
        return True
    return any(port in ports for port in ports_of(first[inner.payload_offset :][:4]))
