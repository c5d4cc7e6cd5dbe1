"""Looking into tunnels, vectorised: where the IP header inside starts.

GRE (RFC 2784, 2890) with ERSPAN, IP in IP (RFC 2003, 2473, 4213), VXLAN (RFC 7348), Geneve (RFC 8926) and GTP-U
(3GPP TS 29.281). Only rows that are tunnels come here, so a capture without any pays nothing. What is rare inside (tags
beyond measure, LLC, MPLS) is called odd and left to the general decoder (:mod:`analyzer.packets.tunnel_headers`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import Bools, Gather, Ints
from analyzer.links.columns import Located, ethernet
from analyzer.links.types import ETHERTYPE_IPV4, ETHERTYPE_IPV6

_UDP = 17
GRE, IPV4_IN_IP, IPV6_IN_IP = 47, 4, 41
#: Protocols of IP that are tunnels.
PROTOCOLS = (IPV4_IN_IP, IPV6_IN_IP, GRE)
#: Bits of a GRE header: optional words of four bytes; and what is not looked into: routing, other versions.
HAS_CHECKSUM, HAS_KEY, HAS_SEQUENCE, NOT_PLAIN = 0x8000, 0x2000, 0x1000, 0x4007
#: Ethernet types of GRE for whole Ethernet frames: bridging (RFC 1701), ERSPAN types I and II, ERSPAN type III.
BRIDGED, ERSPAN_2, ERSPAN_3 = 0x6558, 0x88BE, 0x22EB
#: Lengths (draft-foschiano-erspan), the last one where the lowest bit of the header is set.
ERSPAN_2_HEADER, ERSPAN_3_HEADER, ERSPAN_3_SUBHEADER = 8, 12, 8

#: Ports of UDP that are tunnels: VXLAN's own, and that of Linux before there was one; Geneve, GTP-U.
VXLAN_PORTS, GENEVE_PORT, GTP_PORT = (4789, 8472), 6081, 2152
UDP_PORTS = (*VXLAN_PORTS, GENEVE_PORT, GTP_PORT)
#: What comes from a port of IKE goes to a client behind a NAT, which may have got any port.
NEVER_FROM = (500, 4500)
#: Length of the UDP header with that of VXLAN, or the fixed one of Geneve or GTP-U.
UDP_AND_TUNNEL = 16
#: VXLAN: the flag that its network identifier is valid.
VXLAN_VALID = 0x08
#: Geneve, in the first 16 bits of its header: version; length of the options in words of four bytes, where it is, and a
#: control packet. What it carries is named as in GRE.
GENEVE_VERSION, GENEVE_OPTIONS, GENEVE_CONTROL = 0xC000, 0x3F, 0x80
GENEVE_CARRIES = (ETHERTYPE_IPV4, ETHERTYPE_IPV6, BRIDGED)
#: GTP-U: version 1 and the spare bit (mask, value), a user's packet; the flags for four optional bytes, one of which is
#: for further headers. They are followed so far: 5G puts one.
GTP_MASK, GTP_VERSION, GTP_USER = 0xF8, 0x30, 255
GTP_OPTIONAL, GTP_HAS_HEADERS, MAX_GTP_HEADERS = 0x07, 0x04, 4


def _table(size: int, yes: tuple[int, ...]) -> NDArray[np.bool_]:
    table = np.zeros(size, dtype=np.bool_)
    table[list(yes)] = True
    return table


#: By protocol: it is a tunnel; its fragments are put together again.
IS_TUNNEL, IS_REASSEMBLED = _table(256, PROTOCOLS), _table(256, (_UDP, *PROTOCOLS))
_TO, _NEVER_FROM = _table(1 << 16, UDP_PORTS), _table(1 << 16, NEVER_FROM)


def is_tunnel(fields: Gather, protocol: Ints, l4: Ints, room: Ints) -> Bools:
    """Whether packets may be tunnels: by the protocol, or UDP to the port of one.

    Parameters
    ----------
    fields : Gather
        Over the chunk's buffer.
    protocol, l4, room : int64 arrays
        Protocol of each packet, offset of what is behind its IP header, and how many bytes that has.
    """
    udp = (protocol == _UDP) & (room >= 4)
    ports = fields.u32(np.where(udp, l4, 0))
    found: Bools = IS_TUNNEL[protocol] | (udp & _TO[ports & 0xFFFF] & ~_NEVER_FROM[ports >> 16])
    return found


def enter(fields: Gather, located: Located, rows: Ints, protocol: Ints, at: Ints, end: Ints) -> Bools:
    """Move the IP headers of tunnelled packets to those inside.

    Parameters
    ----------
    fields : Gather
        Over the chunk's buffer.
    located : Located
        Is changed for the rows that are entered: the header inside, or none and odd.
    rows, protocol, at, end : int64 arrays
        Rows of the chunk that may be tunnels (:func:`is_tunnel`), their protocol, where what is behind the IP header
        of each starts, and where its bytes end.

    Returns
    -------
    bool array
        Which of the rows were entered.
    """
    start, kind = _carried(fields, protocol, at, end)
    framed = (kind == BRIDGED) & (end - start > 14)
    version = np.where(kind == ETHERTYPE_IPV4, 4, np.where(kind == ETHERTYPE_IPV6, 6, 0))
    safe = np.where(framed, start, 0)
    offset, _, odd = ethernet(fields, safe, np.where(framed, end - safe, 0))
    offset = np.where(framed, offset, np.where(version > 0, start, -1))
    first = fields.u8(np.clip(offset, 0, len(fields.buffer) - 1))
    room, promised = end - offset, framed | (first >> 4 == version)
    four, six = first >> 4 == 4, first >> 4 == 6
    good = (offset >= 0) & promised & ((four & (room >= 20) & (first & 0x0F >= 5)) | (six & (room >= 40)))
    odd &= framed & ~good
    entered: Bools = good | odd
    moved = rows[entered]
    located.offset[moved] = np.where(good, offset, -1)[entered]
    located.first[moved] = np.where(good, first, 0)[entered]
    located.odd[moved] = odd[entered]
    return entered


def _carried(fields: Gather, protocol: Ints, at: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Where what each tunnel carries starts, and its Ethernet type: IP, :data:`BRIDGED` frames, or 0."""
    start = at.copy()
    kind = np.where(protocol == IPV4_IN_IP, ETHERTYPE_IPV4, np.where(protocol == IPV6_IN_IP, ETHERTYPE_IPV6, 0))
    port = np.where(protocol == _UDP, fields.u16(at + 2), 0)
    headers = (
        (protocol == GRE, _gre),
        (np.isin(port, VXLAN_PORTS), _vxlan),
        (port == GENEVE_PORT, _geneve),
        (port == GTP_PORT, _gtp),
    )
    for which, header in headers:
        if which.any():
            start[which], kind[which] = header(fields, at[which], end[which])
    return start, kind


def _gre(fields: Gather, at: Ints, end: Ints) -> tuple[Ints, Ints]:
    seen = end - at >= 4
    head = np.where(seen, at, 0)
    flags, kind = fields.u16(head), fields.u16(head + 2)
    plain = seen & (flags & NOT_PLAIN == 0)
    words = (flags & HAS_CHECKSUM > 0).astype(np.int64) + (flags & HAS_KEY > 0) + (flags & HAS_SEQUENCE > 0)
    start = at + 4 + 4 * words
    third = plain & (kind == ERSPAN_3) & (end - start >= ERSPAN_3_HEADER)
    last = fields.u8(np.where(third, start + ERSPAN_3_HEADER - 1, 0))
    header = np.where((kind == ERSPAN_2) & (flags & HAS_SEQUENCE > 0), ERSPAN_2_HEADER, 0)
    header = np.where(third, ERSPAN_3_HEADER + np.where(last & 1, ERSPAN_3_SUBHEADER, 0), header)
    direct = (kind == ETHERTYPE_IPV4) | (kind == ETHERTYPE_IPV6)
    bridged = (plain & ((kind == BRIDGED) | (kind == ERSPAN_2))) | third
    return start + header, np.where(bridged, BRIDGED, np.where(plain & direct, kind, 0))


def _vxlan(fields: Gather, at: Ints, end: Ints) -> tuple[Ints, Ints]:
    seen = end - at >= UDP_AND_TUNNEL
    head = np.where(seen, at, 0)
    valid = seen & (fields.u8(head + 8) & VXLAN_VALID != 0) & (fields.u8(head + 15) == 0)
    return at + UDP_AND_TUNNEL, np.where(valid, BRIDGED, 0)


def _geneve(fields: Gather, at: Ints, end: Ints) -> tuple[Ints, Ints]:
    seen = end - at >= UDP_AND_TUNNEL
    head = np.where(seen, at, 0)
    flags, kind = fields.u16(head + 8), fields.u16(head + 10)
    valid = seen & (flags & (GENEVE_VERSION | GENEVE_CONTROL) == 0) & (fields.u8(head + 15) == 0)
    valid &= np.isin(kind, GENEVE_CARRIES)
    return at + UDP_AND_TUNNEL + 4 * (flags >> 8 & GENEVE_OPTIONS), np.where(valid, kind, 0)


def _gtp(fields: Gather, at: Ints, end: Ints) -> tuple[Ints, Ints]:
    """It does not say what it carries: the version of IP does."""
    seen = end - at >= UDP_AND_TUNNEL
    head = np.where(seen, at, 0)
    flags = fields.u8(head + 8)
    valid = seen & (flags & GTP_MASK == GTP_VERSION) & (fields.u8(head + 9) == GTP_USER)
    start = at + UDP_AND_TUNNEL + np.where(flags & GTP_OPTIONAL, 4, 0)
    valid &= start < end
    further = np.where(valid & (flags & GTP_HAS_HEADERS > 0), fields.u8(np.where(valid, start - 1, 0)), 0)
    for _ in range(MAX_GTP_HEADERS):
        if not further.any():
            break
        size = 4 * fields.u8(np.where(further, start, 0)).astype(np.int64)
        start = np.where(further, start + size, start)
        valid &= (further == 0) | ((size > 0) & (start < end))
        further = np.where(valid & (further > 0), fields.u8(np.where(valid, start - 1, 0)), 0)
    valid &= further == 0
    version = fields.u8(np.where(valid, start, 0)) >> 4
    known = np.where(version == 4, ETHERTYPE_IPV4, np.where(version == 6, ETHERTYPE_IPV6, 0))
    return start, np.where(valid, known, 0)
