"""Looking into GRE, ERSPAN and VXLAN, vectorised: where the IP header inside starts.

Only rows that are tunnels come here, so a capture without any pays nothing. What is rare inside (tags beyond
measure, LLC, MPLS) is called odd and left to the general decoder (:mod:`analyzer.wire.tunnels`).
"""

from __future__ import annotations

import numpy as np

from analyzer.capture.gather import Bools, Gather, Ints
from analyzer.capture.links import ETHERTYPE_IPV4, ETHERTYPE_IPV6, Located, ethernet

GRE = 47
#: Bits of a GRE header: optional words of four bytes; and what is not looked into: routing, other versions.
HAS_CHECKSUM, HAS_KEY, HAS_SEQUENCE, NOT_PLAIN = 0x8000, 0x2000, 0x1000, 0x4007
#: Ethernet types of GRE for whole Ethernet frames: bridging (RFC 1701), ERSPAN types I and II, ERSPAN type III.
BRIDGED, ERSPAN_2, ERSPAN_3 = 0x6558, 0x88BE, 0x22EB
#: Lengths (draft-foschiano-erspan), the last one where the lowest bit of the header is set.
ERSPAN_2_HEADER, ERSPAN_3_HEADER, ERSPAN_3_SUBHEADER = 8, 12, 8

#: VXLAN: port, the flag that its network identifier is valid, length of its header with that of UDP.
VXLAN_PORT, VXLAN_VALID, VXLAN_AND_UDP = 4789, 0x08, 16


def enter(fields: Gather, located: Located, rows: Ints, gre: Bools, at: Ints, end: Ints) -> Bools:
    """Move the IP headers of tunnelled packets to those inside.

    Parameters
    ----------
    fields : Gather
        Over the chunk's buffer.
    located : Located
        Is changed for the rows that are entered: the header inside, or none and odd.
    rows, at, end : int64 arrays
        Rows of the chunk that may be tunnels, where the GRE or UDP header of each starts, and where its bytes end.
    gre : bool array
        It is GRE; else UDP to the port of VXLAN.

    Returns
    -------
    bool array
        Which of the rows were entered.
    """
    start, direct, bridged = _gre(fields, at, end)
    vxlan = ~gre & (end - at >= VXLAN_AND_UDP)
    head = np.where(vxlan, at, 0)
    vxlan &= (fields.u8(head + 8) & VXLAN_VALID != 0) & (fields.u8(head + 15) == 0)
    start = np.where(gre, start, at + VXLAN_AND_UDP)
    framed = np.where(gre, bridged, vxlan) & (end - start > 14)
    safe = np.where(framed, start, 0)
    offset, _, odd = ethernet(fields, safe, np.where(framed, end - safe, 0))
    offset = np.where(framed, offset, np.where(gre & (direct > 0), start, -1))
    first = fields.u8(np.clip(offset, 0, len(fields.buffer) - 1))
    version, room = first >> 4, end - offset
    good = (offset >= 0) & (framed | (version == direct))
    good &= ((version == 4) & (room >= 20) & (first & 0x0F >= 5)) | ((version == 6) & (room >= 40))
    odd &= framed & ~good
    entered: Bools = good | odd
    moved = rows[entered]
    located.offset[moved] = np.where(good, offset, -1)[entered]
    located.first[moved] = np.where(good, first, 0)[entered]
    located.odd[moved] = odd[entered]
    return entered


def _gre(fields: Gather, at: Ints, end: Ints) -> tuple[Ints, Ints, Bools]:
    """Where what GRE carries starts, the version of IP if it is that, and whether it is an Ethernet frame."""
    seen = end - at >= 4
    head = np.where(seen, at, 0)
    flags, kind = fields.u16(head), fields.u16(head + 2)
    plain = seen & (flags & NOT_PLAIN == 0)
    words = (flags & HAS_CHECKSUM > 0).astype(np.int64) + (flags & HAS_KEY > 0) + (flags & HAS_SEQUENCE > 0)
    start = at + 4 + 4 * words
    direct = np.where(plain & (kind == ETHERTYPE_IPV4), 4, np.where(plain & (kind == ETHERTYPE_IPV6), 6, 0))
    third = plain & (kind == ERSPAN_3) & (end - start >= ERSPAN_3_HEADER)
    last = fields.u8(np.where(third, start + ERSPAN_3_HEADER - 1, 0))
    header = np.where((kind == ERSPAN_2) & (flags & HAS_SEQUENCE > 0), ERSPAN_2_HEADER, 0)
    header = np.where(third, ERSPAN_3_HEADER + np.where(last & 1, ERSPAN_3_SUBHEADER, 0), header)
    bridged = plain & ((kind == BRIDGED) | (kind == ERSPAN_2)) | third
    return start + header, direct, bridged
