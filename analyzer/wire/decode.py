"""One frame to one IP packet, by dpkt's header classes: the general decode, for whatever the fast path calls odd.

dpkt's own ``unpack`` descends into every layer that it knows, and a hostile byte there raises far more than
``UnpackError`` (``struct.error``, ``IndexError``, ``TypeError`` ...). So :func:`read_header` fills in only the fixed
header that a class declares in ``__hdr__`` and leaves the descent to this module. That can fail in one way, too few
bytes, which is tested for beforehand: nothing is raised and nothing has to be caught.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dpkt

#: Link types (https://www.tcpdump.org/linktypes.html) and how a frame of that type starts are in ``_LINKS`` below.
LINKTYPE_NULL, LINKTYPE_ETHERNET, LINKTYPE_PPP, LINKTYPE_LOOP = 0, 1, 9, 108
LINKTYPE_RAW = 101

ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_PPPOE = 0x0800, 0x86DD, 0x8864
_VLAN_TAGS = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})
_MPLS = frozenset({0x8847, 0x8848})
#: Up to 0x05dc the Ethernet type field is a length (IEEE 802.3 3.2.6), and an LLC header follows. Linux cooked mode
#: writes 4 for the same thing.
_LARGEST_802_3_LENGTH = 1500
_SNAP, _LLC_IP = b"\xaa\xaa\x03", 0x06
_PPP_IPV4, _PPP_IPV6, _PPP_MPLS = 0x0021, 0x0057, 0x0281
_AF_IPV4, _AF_IPV6 = frozenset({2}), frozenset({24, 28, 30})

#: Tags and labels nest without limit on paper; no network stacks this many.
_MAX_TAGS = 16
#: RFC 8200 section 4.1 allows seven extension headers in a packet.
_MAX_EXTENSION_HEADERS = 16

_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60
_EXTENSION_HEADERS = frozenset({_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION})

#: Where an IP header starts, and the version that the layer below promised (0: it promised none).
_Start = tuple[int, int]


@dataclass(frozen=True, slots=True)
class IpPacket:
    """One IP packet of a frame, or one IP fragment. Lengths are the header's own, whatever was captured.

    Attributes
    ----------
    l3_offset : int
        Offset of the IP header in the frame.
    ip_version : int
        4 or 6.
    src, dst : bytes
        Addresses, 4 or 16 bytes.
    ip_id : int or None
        Identification; IPv6: that of the fragment header, None without one.
    df : bool or None
        Don't-fragment bit; None with IPv6.
    mf : bool
        More-fragments bit.
    fragment_offset : int
        Offset of this fragment's data in the datagram's payload, in bytes; 0 when whole.
    ttl : int
        TTL or hop limit.
    ip_length : int
        Length of the whole IP packet in bytes (IPv6: 40 + payload length). An IPv4 total length of 0 is left behind
        by segmentation offload and stands for all that was captured.
    protocol : int
        Upper-layer protocol, after the IPv6 extension headers. Of a fragment: what its fragment header says, so
        that all fragments of a datagram agree (see :func:`skip_extension_headers`).
    payload_offset : int
        Offset in the frame of the upper-layer header, or of the fragment's data. Beyond the end of the frame when
        the capture was cut before it.
    payload_length : int
        Bytes of payload by the IP header; never negative.
    """

    l3_offset: int
    ip_version: int
    src: bytes
    dst: bytes
    ip_id: int | None
    df: bool | None
    mf: bool
    fragment_offset: int
    ttl: int
    ip_length: int
    protocol: int
    payload_offset: int
    payload_length: int


def read_header(kind: Any, data: bytes, offset: int = 0) -> Any | None:
    """Read the fixed header of a dpkt class and nothing behind it.

    Parameters
    ----------
    kind : subclass of dpkt.Packet
        Its ``__hdr__`` says what to read; its ``unpack`` is not called.
    data : bytes
        Where to read.
    offset : int
        Where the header starts.

    Returns
    -------
    dpkt.Packet or None
        With the header's fields and bit fields set, ``data`` empty; None when not all of it was captured.

    Examples
    --------
    >>> read_header(dpkt.udp.UDP, bytes.fromhex("01f411940074abcd")).dport
    4500
    >>> read_header(dpkt.udp.UDP, b"too few") is None
    True
    """
    end = offset + kind.__hdr_len__
    if len(data) < end:
        return None
    header = kind.__new__(kind)
    dpkt.Packet.unpack(header, data[offset:end])
    return header


def decode(link_type: int, frame: bytes) -> IpPacket | None:
    """Decode a frame as far as the payload of its (outermost) IP packet.

    Parameters
    ----------
    link_type : int
        LINKTYPE of the interface. Known: Ethernet 1 (VLAN tags, MPLS, PPPoE, LLC/SNAP), NULL 0, LOOP 108, raw IP 12,
        14, 101, 228, 229, PPP 9 and 50, PPPoE 51, Linux cooked 113 and 276.
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
    link = _LINKS.get(link_type)
    start = link(frame) if link else None
    if start is None or start[0] >= len(frame):
        return None
    offset, promised = start
    version = frame[offset] >> 4
    if promised and version != promised:
        return None
    if version == 4:
        return _ipv4(frame, offset)
    return _ipv6(frame, offset) if version == 6 else None


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


def _ethernet(frame: bytes) -> _Start | None:
    ethernet = read_header(dpkt.ethernet.Ethernet, frame)
    return _ethertype(frame, ethernet.__hdr_len__, ethernet.type) if ethernet else None


def _sll(frame: bytes) -> _Start | None:
    cooked = read_header(dpkt.sll.SLL, frame)
    return _ethertype(frame, cooked.__hdr_len__, cooked.ethtype) if cooked else None


def _sll2(frame: bytes) -> _Start | None:
    cooked = read_header(dpkt.sll2.SLL2, frame)
    return _ethertype(frame, cooked.__hdr_len__, cooked.ethtype) if cooked else None


def _ethertype(frame: bytes, offset: int, ethertype: int) -> _Start | None:
    """Follow an EtherType (or 802.3 length) through VLAN tags and LLC to whatever carries IP."""
    for _ in range(_MAX_TAGS):
        if ethertype == ETHERTYPE_IPV4:
            return offset, 4
        if ethertype == ETHERTYPE_IPV6:
            return offset, 6
        if ethertype == ETHERTYPE_PPPOE:
            return _pppoe(frame, offset)
        if ethertype in _MPLS:
            return _mpls(frame, offset)
        if ethertype in _VLAN_TAGS:
            tag = read_header(dpkt.ethernet.VLANtag8021Q, frame, offset)
            if tag is None:
                return None
            offset, ethertype = offset + tag.__hdr_len__, tag.type
        elif ethertype <= _LARGEST_802_3_LENGTH:
            llc = read_header(dpkt.llc.LLC, frame, offset)
            if llc is None:
                return None
            if llc.dsap == _LLC_IP:
                return offset + llc.__hdr_len__, 4
            if frame[offset : offset + 3] != _SNAP or len(frame) < offset + 8:
                return None
            offset, ethertype = offset + 8, int.from_bytes(frame[offset + 6 : offset + 8], "big")
        else:
            return None
    return None


def _mpls(frame: bytes, offset: int) -> _Start | None:
    """A label stack does not say what it carries; the version nibble does (RFC 4928 section 2)."""
    for _ in range(_MAX_TAGS):
        label = read_header(dpkt.ethernet.MPLSlabel, frame, offset)
        if label is None:
            return None
        offset += label.__hdr_len__
        if label.s:
            return offset, 0
    return None


def _pppoe(frame: bytes, offset: int = 0) -> _Start | None:
    session = read_header(dpkt.pppoe.PPPoE, frame, offset)
    if session is None or session.code != dpkt.pppoe.PPPoE_SESSION:
        return None
    return _ppp_protocol(frame, offset + session.__hdr_len__)


def _ppp(frame: bytes) -> _Start | None:
    """RFC 1662 section 3.1; address and control may be compressed away (RFC 1661 section 6.6)."""
    return _ppp_protocol(frame, 2 if frame.startswith(b"\xff\x03") else 0)


def _ppp_protocol(frame: bytes, offset: int) -> _Start | None:
    """The protocol field is one byte when that byte is odd, else two (RFC 1661 section 6.5)."""
    size = 1 if frame[offset : offset + 1] and frame[offset] & 1 else 2
    protocol = int.from_bytes(frame[offset : offset + size], "big")
    if protocol == _PPP_IPV4:
        return offset + size, 4
    if protocol == _PPP_IPV6:
        return offset + size, 6
    return _mpls(frame, offset + size) if protocol == _PPP_MPLS else None


def _loopback(frame: bytes) -> _Start | None:
    """The address family is in the byte order of the capturing host, which the file does not tell reliably."""
    if len(frame) < 4:
        return None
    families = {int.from_bytes(frame[:4], "little"), int.from_bytes(frame[:4], "big")}
    if families & _AF_IPV4:
        return 4, 4
    return 4, 6 if families & _AF_IPV6 else 0


def _raw(frame: bytes) -> _Start:
    return 0, 0


_LINKS: dict[int, Callable[[bytes], _Start | None]] = {
    LINKTYPE_NULL: _loopback,
    LINKTYPE_LOOP: _loopback,
    LINKTYPE_ETHERNET: _ethernet,
    LINKTYPE_PPP: _ppp,
    50: _ppp,
    51: _pppoe,
    12: _raw,
    14: _raw,
    LINKTYPE_RAW: _raw,
    228: _raw,
    229: _raw,
    113: _sll,
    276: _sll2,
}
