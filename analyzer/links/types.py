"""Numbers of link layers: link types (https://www.tcpdump.org/linktypes.html), Ethernet types, directions."""

from __future__ import annotations

import numpy as np

ETHERNET, NULL, LOOP, RAW, IPV4, IPV6, SLL, SLL2 = 1, 0, 108, 101, 228, 229, 113, 276
PPP, PPP_HDLC, PPPOE = 9, 50, 51
#: Wi-Fi: plain, and behind a header of the radio (Prism, radiotap, AVS, PPI).
IEEE802_11, WIFI_TYPES = 105, (105, 119, 127, 163, 192)
C_HDLC, MPLS = 104, 219
#: With a header of the program that captured: Endace's cards, macOS (``-i pktap``), Linux' netfilter (``-i nflog``).
ERF, PKTAP, NFLOG = 197, 258, 239
#: Raw IP has three numbers in the wild: LINKTYPE_RAW, and the DLT values of BSD and OpenBSD.
RAW_TYPES = (RAW, 12, 14)
#: Link types that some part of the program can take apart.
KNOWN = frozenset(
    {ETHERNET, NULL, LOOP, IPV4, IPV6, SLL, SLL2, PPP, PPP_HDLC, PPPOE, C_HDLC, MPLS, ERF, PKTAP, NFLOG}
    | {*RAW_TYPES, *WIFI_TYPES}
)

ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_PPPOE = 0x0800, 0x86DD, 0x8864
ETHERTYPES_VLAN = (0x8100, 0x88A8, 0x9100, 0x9200)
ETHERTYPES_MPLS = (0x8847, 0x8848)
#: Up to here an Ethernet type is a length, and an LLC header follows (IEEE 802.3 section 3.2.6).
LARGEST_802_3_LENGTH = 1500

#: As seen from the host that captured.
DIRECTION_UNKNOWN, DIRECTION_IN, DIRECTION_OUT = 0, 1, 2

#: Linux packet type (``PACKET_HOST``, ``BROADCAST``, ``MULTICAST``, ``OTHERHOST``, ``OUTGOING``) to direction.
PACKET_TYPE_DIRECTIONS = np.full(256, DIRECTION_UNKNOWN, np.int8)
PACKET_TYPE_DIRECTIONS[[0, 1, 2]] = DIRECTION_IN
PACKET_TYPE_DIRECTIONS[4] = DIRECTION_OUT
