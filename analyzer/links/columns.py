"""Where the IP header starts in each frame of a chunk, vectorised, by link type.

What is rare or deep (Wi-Fi, PPP, 802.3 with LLC, MPLS, VLAN inside SLL) is called *odd* and left to the general
decoder, one frame at a time; both must agree, which a property test holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import Bools, Gather, Ints
from analyzer.links.types import (
    DIRECTION_UNKNOWN,
    ETHERNET,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_PPPOE,
    ETHERTYPES_MPLS,
    ETHERTYPES_VLAN,
    IPV4,
    IPV6,
    KNOWN,
    LARGEST_802_3_LENGTH,
    LOOP,
    NULL,
    PACKET_TYPE_DIRECTIONS,
    RAW_TYPES,
    SLL,
    SLL2,
)

_MAX_TAGS = 4
#: The two LLC addresses that lead to IP (IEEE 802.2).
_LLC_SNAP, _LLC_IP = 0xAA, 0x06
#: Address families of IPv6 in BSD loopback headers: NetBSD/OpenBSD, FreeBSD, Darwin.
_AF_INET, _AF_INET6 = 2, (24, 28, 30)


@dataclass(frozen=True, slots=True)
class Located:
    """Per frame: offset of the IP header in the buffer (-1: none seen), its first byte (0: none), and whether the
    general decoder must look."""

    offset: Ints
    first: Ints
    odd: Bools


def locate_ip(fields: Gather, start: Ints, captured: Ints, link_type: NDArray[np.int32]) -> Located:
    """Find the IP header of every frame.

    Parameters
    ----------
    fields : Gather
        Over the chunk's buffer.
    start, captured : int64 arrays
        Offset and captured length of each frame.
    link_type : int32 array
        LINKTYPE number of each frame; unknown ones (-1 and others) yield neither offset nor odd.

    Returns
    -------
    Located
        Offsets point at a byte whose high nibble is 4 or 6, with the fixed IP header captured (20 or 40 bytes).
    """
    kinds = distinct(link_type)
    if len(kinds) == 1:
        offset, first, odd = _locate(fields, start, captured, kinds[0])
    else:
        offset = np.full(len(start), -1, dtype=np.int64)
        first = np.zeros(len(start), dtype=np.int64)
        odd = np.zeros(len(start), dtype=np.bool_)
        for kind in kinds:
            rows = np.flatnonzero(link_type == kind)
            offset[rows], first[rows], odd[rows] = _locate(fields, start[rows], captured[rows], kind)
    room = start + captured - offset
    version = first >> 4
    good = (offset >= 0) & (((version == 4) & (room >= 20)) | ((version == 6) & (room >= 40)))
    return Located(np.where(good, offset, -1), np.where(good, first, 0), odd)


def distinct(link_type: NDArray[np.int32]) -> list[int]:
    """The different link types; most captures have one."""
    one = link_type[:1]
    kinds: list[int] = (one if (link_type == one).all() else np.unique(link_type)).tolist()
    return kinds


def cooked_directions(
    fields: Gather, start: Ints, captured: Ints, link_type: NDArray[np.int32], recorded: NDArray[np.int8]
) -> NDArray[np.int8]:
    """The direction of each frame, where the file records none but the Linux cooked header does (``tcpdump -i any``).

    Parameters
    ----------
    fields, start, captured, link_type
        As for :func:`locate_ip`.
    recorded : int8 array
        What the file says of each frame (``DIRECTION_UNKNOWN`` where it says nothing).
    """
    cooked = ((link_type == SLL) | (link_type == SLL2)) & (recorded == DIRECTION_UNKNOWN) & (captured >= 20)
    rows = np.flatnonzero(cooked)
    if not len(rows):
        return recorded
    at = start[rows] + np.where(link_type[rows] == SLL, 1, 10)
    known = recorded.copy()
    known[rows] = PACKET_TYPE_DIRECTIONS[fields.u8(at)]
    return known


def _locate(fields: Gather, start: Ints, captured: Ints, kind: int) -> tuple[Ints, Ints, Bools]:
    """For frames of one link type: offset of what should be an IP header, its first byte, is the frame odd."""
    if kind == ETHERNET:
        return ethernet(fields, start, captured)
    none = np.zeros(len(start), dtype=np.bool_)
    if kind in RAW_TYPES or kind in (IPV4, IPV6):
        offset, odd = start, none
    elif kind in (NULL, LOOP):
        offset, odd = _loopback(fields, start, captured)
    elif kind in (SLL, SLL2):
        offset, odd = _cooked(fields, start, captured, kind)
    else:
        offset, odd = np.full(len(start), -1, dtype=np.int64), ~none if kind in KNOWN else none
    return offset, fields.u8(np.maximum(offset, 0)), odd


def ethernet(fields: Gather, start: Ints, captured: Ints) -> tuple[Ints, Ints, Bools]:
    """For Ethernet frames: offset of what should be an IP header, its first byte, is the frame odd.

    IP directly behind the Ethernet header, which is nearly all; tags and tunnels are looked at for the rest only.
    """
    # One read for the type (16 bits) and the first byte of what follows.
    word = fields.u64(start + 12)
    type_and_version = word >> 44
    good: Bools = (type_and_version == ETHERTYPE_IPV4 << 4 | 4) | (type_and_version == ETHERTYPE_IPV6 << 4 | 6)
    offset = start + 14
    first = ((word >> 40) & 0xFF).astype(np.int64)
    odd = np.zeros(len(start), dtype=np.bool_)
    rest = np.flatnonzero(~good)
    if len(rest):
        offset[rest], odd[rest] = _tagged(fields, start[rest], captured[rest])
        first[rest] = fields.u8(np.maximum(offset[rest], 0))
    return offset, first, odd


def _tagged(fields: Gather, start: Ints, captured: Ints) -> tuple[Ints, Bools]:
    at = start + 12
    ethertype = fields.u16(at)
    for _ in range(_MAX_TAGS):
        tagged = np.isin(ethertype, ETHERTYPES_VLAN)
        if not tagged.any():
            break
        at = np.where(tagged, np.minimum(at + 4, start + np.maximum(captured, 14)), at)
        ethertype = np.where(tagged, fields.u16(at), ethertype)
    offset = at + 2
    # LLC and MPLS are rare enough for the general decoder; so are endless tags, and PPPoE with anything but plain IP.
    odd = _carries_llc(fields, ethertype, offset) | np.isin(ethertype, (*ETHERTYPES_MPLS, *ETHERTYPES_VLAN))
    pppoe = ethertype == ETHERTYPE_PPPOE
    if pppoe.any():
        session = pppoe & (fields.u8(np.where(pppoe, offset + 1, at)) == 0)
        protocol = fields.u16(np.where(pppoe, offset + 6, at))
        ethertype = np.where(session & (protocol == 0x0021), ETHERTYPE_IPV4, ethertype)
        ethertype = np.where(session & (protocol == 0x0057), ETHERTYPE_IPV6, ethertype)
        offset = np.where(pppoe, offset + 8, offset)
        odd |= session & (ethertype == ETHERTYPE_PPPOE)
    good = _matches_version(fields, offset, ethertype, start + captured)
    return np.where(good, offset, -1), odd & (captured > 14)


def _cooked(fields: Gather, start: Ints, captured: Ints, kind: int) -> tuple[Ints, Bools]:
    at, offset = (start + 14, start + 16) if kind == SLL else (start, start + 20)
    ethertype = fields.u16(at)
    good = _matches_version(fields, offset, ethertype, start + captured)
    odd = np.isin(ethertype, (*ETHERTYPES_VLAN, *ETHERTYPES_MPLS, ETHERTYPE_PPPOE))
    odd |= _carries_llc(fields, ethertype, offset)
    return np.where(good, offset, -1), odd & (captured >= 20)


def _loopback(fields: Gather, start: Ints, captured: Ints) -> tuple[Ints, Bools]:
    """BSD loopback: four bytes of address family in the byte order of the host that captured (either)."""
    word = fields.u32(start)
    family = np.where(word <= 0xFFFF, word, ((word >> 24) & 0xFF) | ((word >> 8) & 0xFF00))
    offset = start + 4
    version = fields.u8(offset) >> 4
    plain = ((family == _AF_INET) & (version == 4)) | (np.isin(family, _AF_INET6) & (version == 6))
    return np.where(plain & (captured >= 24), offset, -1), ~plain & (captured >= 24)


def _carries_llc(fields: Gather, ethertype: Ints, offset: Ints) -> Bools:
    """The type is a length, and the LLC header behind it names SNAP or IP (IEEE 802.2)."""
    destination = fields.u8(offset)
    found: Bools = (ethertype <= LARGEST_802_3_LENGTH) & ((destination == _LLC_SNAP) | (destination == _LLC_IP))
    return found


def _matches_version(fields: Gather, offset: Ints, ethertype: Ints, end: Ints) -> Bools:
    version = fields.u8(np.minimum(offset, len(fields.buffer) - 1)) >> 4
    right: Bools = ((ethertype == ETHERTYPE_IPV4) & (version == 4)) | ((ethertype == ETHERTYPE_IPV6) & (version == 6))
    return right & (offset < end)
