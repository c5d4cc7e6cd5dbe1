"""ICMP and ICMPv6 errors: what a router or host said about a packet, and which packet it meant.

The quoted packet is parsed as far as it was quoted and captured: RFC 792 promises its IP header and 8 bytes (the UDP
header), RFC 4443 as much as fits. Everything but the quoted IP header is optional. Meanings: docs/domain/icmp.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import dpkt

from analyzer.links.fixed_header import read_header
from analyzer.links.types import RAW
from analyzer.packets.ip_headers import decode
from analyzer.protocol import IKE_PORT, NAT_T_PORT, NON_ESP_MARKER, TCP, UDP

#: Meanings by (IP version, type, code); those that do not depend on the code are in ``_BY_TYPE``.
_BY_CODE = {
    (4, 3, 0): "unreachable-routing",
    (4, 3, 1): "unreachable-routing",
    (4, 3, 2): "unreachable-routing",
    (4, 3, 3): "port-unreachable",
    (4, 3, 4): "fragmentation-needed",
    # RFC 1122 section 3.2.2.1: network and host unknown, unreachable for the type of service.
    (4, 3, 6): "unreachable-routing",
    (4, 3, 7): "unreachable-routing",
    (4, 3, 11): "unreachable-routing",
    (4, 3, 12): "unreachable-routing",
    (4, 3, 9): "admin-prohibited",
    (4, 3, 10): "admin-prohibited",
    (4, 3, 13): "admin-prohibited",
    (4, 11, 0): "ttl-exceeded",
    (4, 11, 1): "reassembly-timeout",
    (6, 1, 0): "unreachable-routing",
    (6, 1, 3): "unreachable-routing",
    (6, 1, 4): "port-unreachable",
    # RFC 4443 section 3.1: 5 (policy) and 6 (reject route) are more informative subsets of 1.
    (6, 1, 1): "admin-prohibited",
    (6, 1, 5): "admin-prohibited",
    (6, 1, 6): "admin-prohibited",
    (6, 3, 0): "ttl-exceeded",
    (6, 3, 1): "reassembly-timeout",
}
_BY_TYPE = {
    (4, 12): "parameter-problem",
    (6, 2): "packet-too-big",  # RFC 4443 section 3.2: the code is ignored
    (6, 4): "parameter-problem",
}

#: Messages that quote a packet: unreachable, source quench, redirect, time exceeded, parameter problem.
_QUOTING = {4: frozenset({3, 4, 5, 11, 12}), 6: frozenset({1, 2, 3, 4})}
_QUOTE_OFFSET = 8

_SCTP = 132


@dataclass(frozen=True, slots=True)
class QuotedPacket:
    """The packet that an ICMP error is about, as far as it is quoted.

    ``ip_id`` is None for IPv6 without a fragment header; the ports are None where they are not quoted or where the
    packet is a later fragment; ``spi_i`` is the initiator SPI of the quoted IKE message, 8 bytes, or None. The other
    fields are those of :class:`analyzer.packets.ip_headers.IpPacket`.
    """

    ip_version: int
    src: bytes
    dst: bytes
    protocol: int
    ip_id: int | None
    mf: bool
    fragment_offset: int
    ip_length: int
    sport: int | None
    dport: int | None
    spi_i: bytes | None


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP or ICMPv6 error.

    Attributes
    ----------
    ip_version : int
        4 for ICMP, 6 for ICMPv6.
    type, code : int
        As in the message.
    meaning : str
        ``fragmentation-needed``, ``packet-too-big``, ``port-unreachable``, ``admin-prohibited``,
        ``unreachable-routing``, ``ttl-exceeded``, ``reassembly-timeout``, ``parameter-problem`` or ``other``.
    mtu : int or None
        Next-hop MTU in bytes; None when the message has none or the router left it 0 (RFC 1191 section 4).
    quoted : QuotedPacket or None
        None when not even the quoted IP header is there.
    """

    ip_version: int
    type: int
    code: int
    meaning: str
    mtu: int | None
    quoted: QuotedPacket | None


def parse_error(ip_version: int, data: bytes) -> IcmpError | None:
    """Parse an ICMP (protocol 1) or ICMPv6 (protocol 58) message that reports an error.

    Parameters
    ----------
    ip_version : int
        4 or 6: of the packet that carried the message.
    data : bytes
        The message from its type byte on, as captured.

    Returns
    -------
    IcmpError or None
        None when the message is no error (an echo, a neighbour solicitation) or is cut within its first 4 bytes.

    Examples
    --------
    >>> quote = bytes.fromhex("450005dc000140004011 0000 0a000002 cb007107  119411940c000000")
    >>> error = parse_error(4, bytes.fromhex("0304000000000578") + quote)
    >>> error.meaning, error.mtu, error.quoted.ip_length, error.quoted.dport
    ('fragmentation-needed', 1400, 1500, 4500)
    >>> parse_error(4, bytes.fromhex("0800000000010001")) is None
    True
    """
    header = read_header(dpkt.icmp.ICMP if ip_version == 4 else dpkt.icmp6.ICMP6, data)
    if header is None or header.type not in _QUOTING.get(ip_version, ()):
        return None
    meaning = _BY_TYPE.get((ip_version, header.type)) or _BY_CODE.get((ip_version, header.type, header.code), "other")
    return IcmpError(ip_version, header.type, header.code, meaning, _mtu(meaning, data), _quoted(data[_QUOTE_OFFSET:]))


def _mtu(meaning: str, data: bytes) -> int | None:
    if meaning == "fragmentation-needed":
        body = read_header(dpkt.icmp.ICMP.Unreach, data, 4)
    elif meaning == "packet-too-big":
        body = read_header(dpkt.icmp6.ICMP6.TooBig, data, 4)
    else:
        return None
    return body.mtu or None if body is not None else None


def _quoted(quote: bytes) -> QuotedPacket | None:
    ip = decode(RAW, quote)
    if ip is None:
        return None
    # Behind the quoted packet there may be padding and extensions (RFC 4884): they are no part of it.
    payload = quote[ip.payload_offset : ip.payload_offset + ip.payload_length]
    sport = dport = spi_i = None
    if ip.fragment_offset == 0 and ip.protocol in (TCP, UDP, _SCTP) and len(payload) >= 4:
        sport, dport = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big")
        if ip.protocol == UDP:
            spi_i = _initiator_spi({sport, dport}, payload[dpkt.udp.UDP.__hdr_len__ :])
    return QuotedPacket(
        ip.ip_version,
        ip.src,
        ip.dst,
        ip.protocol,
        ip.ip_id,
        ip.mf,
        ip.fragment_offset,
        ip.ip_length,
        sport,
        dport,
        spi_i,
    )


def _initiator_spi(ports: set[int], payload: bytes) -> bytes | None:
    """Initiator SPI of a UDP payload, behind the non-ESP marker or not.

    Sources: RFC 7296 section 2.23, docs/domain/ike-on-the-wire.md.

    No marker on port 500; on 4500 what has no marker is ESP. On other ports the version octet must be IKE's.
    """
    marked = payload.startswith(bytes(NON_ESP_MARKER))
    if marked and ports != {IKE_PORT}:
        payload = payload[NON_ESP_MARKER:]
    elif NAT_T_PORT in ports and IKE_PORT not in ports:
        return None
    if not ports & {IKE_PORT, NAT_T_PORT} and payload[17:18] not in (b"\x10", b"\x20"):
        return None
    spi_i = payload[:8]
    return spi_i if len(spi_i) == 8 and any(spi_i) else None
