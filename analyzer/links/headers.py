"""From a frame to its IP header, by link type: Ethernet and its tags, PPP, loopback, Linux cooked mode, raw IP, Wi-Fi,
and what a capturing program puts before them.

The general way, for whatever :mod:`analyzer.links.columns` calls odd. Only what stands in front of the IP header
is read here, and its version; the header itself is read in :mod:`analyzer.packets.ip_headers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import dpkt

from analyzer.links.fixed_header import read_header
from analyzer.links.types import (
    ETHERNET,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_PPPOE,
    ETHERTYPES_MPLS,
    ETHERTYPES_VLAN,
    LARGEST_802_3_LENGTH,
    LOOP,
    NULL,
    PPP,
    RAW,
    WIFI_TYPES,
)
from analyzer.links.wifi import ethertypes

#: How a frame of each link type starts is in ``_LINKS`` below.
_SNAP, _LLC_IP = b"\xaa\xaa\x03", 0x06
_PPP_IPV4, _PPP_IPV6, _PPP_MPLS = 0x0021, 0x0057, 0x0281
_AF_IPV4, _AF_IPV6 = frozenset({2}), frozenset({24, 28, 30})

#: ERF, of the type field: a bit for further headers, of which each has it in its first byte; and what a record is, by
#: kind of link: Ethernet, HDLC, IP (Endace Extensible Record Format).
_ERF_MORE = 0x80
_ERF_ETHERNET, _ERF_HDLC, _ERF_IP = (2, 11, 16, 20), (1, 10, 15, 19), (22, 23)
#: NFLOG: the attribute that is the packet (linux/netfilter/nfnetlink_log.h).
_NFLOG_PACKET = 9

#: Tags and labels nest without limit on paper; no network stacks this many.
_MAX_TAGS = 16
#: Attributes of NFLOG before the packet; there are some twenty.
_MAX_ATTRIBUTES = 32

#: Where an IP header starts, and the version that the layer below promised (0: it promised none).
_Start = tuple[int, int]


def find_ip_header(link_type: int, frame: bytes) -> tuple[int, int] | None:
    """Find the (outermost) IP header of a frame.

    Parameters
    ----------
    link_type : int
        LINKTYPE of the interface. Known: Ethernet 1 (VLAN tags, MPLS, PPPoE, LLC/SNAP), NULL 0, LOOP 108, raw IP 12,
        14, 101, 228, 229, PPP 9 and 50, PPPoE 51, Linux cooked 113 and 276, Cisco HDLC 104, MPLS 219, Wi-Fi 105, 119,
        127, 163 and 192, ERF 197, NFLOG 239, PKTAP 258.
    frame : bytes
        The captured bytes; may be cut short.

    Returns
    -------
    tuple of int or None
        Offset of the header in the frame and its version, 4 or 6; at least its first byte was captured. None when the
        frame is not IP, is cut before the header, is of another link type, or promises another version than it holds.

    Examples
    --------
    >>> find_ip_header(1, bytes(12) + bytes.fromhex("8100" "0064" "0800") + b"\\x45")
    (18, 4)
    >>> find_ip_header(1, b"not a frame") is None
    True
    """
    return next(find_ip_headers(link_type, frame), None)


def find_ip_headers(link_type: int, frame: bytes) -> Iterator[tuple[int, int]]:
    """As :func:`find_ip_header`, for each IP packet of a frame: a Wi-Fi frame can carry several."""
    if link_type in WIFI_TYPES:
        starts = [_ethertype(frame, offset, ethertype) for ethertype, offset in ethertypes(link_type, frame)]
    else:
        link = _LINKS.get(link_type)
        starts = [link(frame) if link else None]
    for start in starts:
        found = _with_version(frame, start)
        if found is not None:
            yield found


def find_ip_header_at(frame: bytes, offset: int) -> tuple[int, int] | None:
    """As :func:`find_ip_header`, of the Ethernet frame that starts at ``offset``, inside a tunnel say."""
    return _with_version(frame, _ethernet(frame, offset))


def _with_version(frame: bytes, start: _Start | None) -> tuple[int, int] | None:
    """What was promised to be IP, if it is."""
    if start is None or start[0] >= len(frame):
        return None
    offset, promised = start
    version = frame[offset] >> 4
    return (offset, version) if version in (4, 6) and promised in (0, version) else None


def _ethernet(frame: bytes, offset: int = 0) -> _Start | None:
    ethernet = read_header(dpkt.ethernet.Ethernet, frame, offset)
    return _ethertype(frame, offset + ethernet.__hdr_len__, ethernet.type) if ethernet else None


def _cisco_hdlc(frame: bytes, at: int = 0) -> _Start | None:
    """Address, control, and an Ethernet type."""
    ethertype = int.from_bytes(frame[at + 2 : at + 4], "big")
    return _ethertype(frame, at + 4, ethertype) if len(frame) >= at + 4 else None


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
        if ethertype in ETHERTYPES_MPLS:
            return _mpls(frame, offset)
        if ethertype in ETHERTYPES_VLAN:
            tag = read_header(dpkt.ethernet.VLANtag8021Q, frame, offset)
            if tag is None:
                return None
            offset, ethertype = offset + tag.__hdr_len__, tag.type
        elif ethertype <= LARGEST_802_3_LENGTH:
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


def _mpls(frame: bytes, offset: int = 0) -> _Start | None:
    """A label stack does not say what it carries; the first nibble does: IP, or a control word before an Ethernet frame
    (RFC 4928 section 2, RFC 4448 section 4.6)."""
    for _ in range(_MAX_TAGS):
        label = read_header(dpkt.ethernet.MPLSlabel, frame, offset)
        if label is None:
            return None
        offset += label.__hdr_len__
        if label.s:
            wire = frame[offset : offset + 1] and frame[offset] < 0x10
            return _ethernet_in_mpls(frame, offset + 4) if wire else (offset, 0)
    return None


def _ethernet_in_mpls(frame: bytes, offset: int) -> _Start | None:
    """A customer's frame; labels in it are not followed once more."""
    ethernet = read_header(dpkt.ethernet.Ethernet, frame, offset)
    if ethernet is None or ethernet.type in ETHERTYPES_MPLS:
        return None
    return _ethertype(frame, offset + ethernet.__hdr_len__, ethernet.type)


def _pppoe(frame: bytes, offset: int = 0) -> _Start | None:
    session = read_header(dpkt.pppoe.PPPoE, frame, offset)
    if session is None or session.code != dpkt.pppoe.PPPoE_SESSION:
        return None
    return _ppp_protocol(frame, offset + session.__hdr_len__)


def _ppp(frame: bytes, at: int = 0) -> _Start | None:
    """RFC 1662 section 3.1; address and control may be compressed away (RFC 1661 section 6.6)."""
    return _ppp_protocol(frame, at + 2 if frame.startswith(b"\xff\x03", at) else at)


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


def _erf(frame: bytes) -> _Start | None:
    """16 bytes, further headers of eight, and before Ethernet two of padding."""
    if len(frame) < 16:
        return None
    at, kind = 16, frame[8] & ~_ERF_MORE
    more = bool(frame[8] & _ERF_MORE)
    for _ in range(_MAX_TAGS):
        if not more or at >= len(frame):
            break
        at, more = at + 8, bool(frame[at] & _ERF_MORE)
    if kind in _ERF_ETHERNET:
        return _ethernet(frame, at + 2)
    if kind in _ERF_HDLC:
        return _ppp(frame, at) if frame[at : at + 2] == b"\xff\x03" else _cisco_hdlc(frame, at)
    return (at, 0) if kind in _ERF_IP else None


def _pktap(frame: bytes) -> _Start | None:
    """Apple's header tells its own length, and the link type inside (xnu bsd/net/pktap.h)."""
    at, link = int.from_bytes(frame[0:4], "little"), int.from_bytes(frame[8:12], "little")
    inner = _LINKS.get(link)
    if len(frame) < 12 or at < 12 or inner is None or inner is _pktap:
        return None
    found = inner(frame[at:])
    return None if found is None else (at + found[0], found[1])


def _nflog(frame: bytes) -> _Start | None:
    """Attributes in the byte order of the capturing host: length, type, value, padded to four bytes."""
    at = 4
    # The first one is short: one of the two bytes of its length is 0.
    order: Literal["little", "big"] = "big" if frame[at : at + 1] == b"\0" else "little"
    for _ in range(_MAX_ATTRIBUTES):
        size = int.from_bytes(frame[at : at + 2], order)
        if size < 4 or at + 4 >= len(frame):
            return None
        if int.from_bytes(frame[at + 2 : at + 4], order) & 0x7FFF == _NFLOG_PACKET:
            return at + 4, 0
        at += size + -size % 4
    return None


def _raw(frame: bytes) -> _Start:
    return 0, 0


_LINKS: dict[int, Callable[[bytes], _Start | None]] = {
    NULL: _loopback,
    LOOP: _loopback,
    ETHERNET: _ethernet,
    PPP: _ppp,
    50: _ppp,
    51: _pppoe,
    104: _cisco_hdlc,
    219: _mpls,
    12: _raw,
    14: _raw,
    RAW: _raw,
    228: _raw,
    229: _raw,
    113: _sll,
    276: _sll2,
    197: _erf,
    239: _nflog,
    258: _pktap,
}
