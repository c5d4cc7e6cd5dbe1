"""Offsets of IP headers, from the layouts of the link types (https://www.tcpdump.org/linktypes.html)."""

from __future__ import annotations

import numpy as np
import pytest

from analyzer.columns import Gather
from analyzer.links.columns import cooked_directions, locate_ip
from analyzer.links.types import KNOWN
from tests.properties.frames import LINK_TYPES, chunk_of

V4 = bytes.fromhex("4500001c000100004011000 00a000002cb007107".replace(" ", "")) + bytes(8)
V6 = bytes.fromhex("6000000000081140") + bytes(32) + bytes(8)
MACS = bytes(12)
PPPOE = "8864 1100 0001 001e"

FRAMES = {
    "Ethernet, IPv4": (1, MACS + b"\x08\x00" + V4, 14),
    "Ethernet, IPv6": (1, MACS + b"\x86\xdd" + V6, 14),
    "one tag": (1, MACS + bytes.fromhex("8100 0064 0800") + V4, 18),
    "QinQ": (1, MACS + bytes.fromhex("88a8 0064 8100 0065 86dd") + V6, 22),
    "old QinQ": (1, MACS + bytes.fromhex("9100 0064 9200 0065 0800") + V4, 22),
    "four tags": (1, MACS + bytes.fromhex("8100 0001" * 4 + "0800") + V4, 30),
    "PPPoE, IPv4": (1, MACS + bytes.fromhex(PPPOE + "0021") + V4, 22),
    "PPPoE, IPv6, tagged": (1, MACS + bytes.fromhex("8100 0007" + PPPOE + "0057") + V6, 26),
    "raw": (101, V4, 0),
    "raw, BSD": (12, V6, 0),
    "raw, OpenBSD": (14, V4, 0),
    "IPv4 only": (228, V4, 0),
    "IPv6 only": (229, V6, 0),
    "NULL, little-endian": (0, bytes.fromhex("02000000") + V4, 4),
    "NULL, big-endian": (0, bytes.fromhex("00000002") + V4, 4),
    "NULL, IPv6 of NetBSD": (0, bytes.fromhex("18000000") + V6, 4),
    "NULL, IPv6 of FreeBSD": (0, bytes.fromhex("1c000000") + V6, 4),
    "LOOP, IPv6 of macOS": (108, bytes.fromhex("0000001e") + V6, 4),
    "cooked": (113, bytes(14) + b"\x08\x00" + V4, 16),
    "cooked, second version": (276, b"\x86\xdd" + bytes(18) + V6, 20),
}

LEFT_TO_THE_DECODER = {
    "five tags": (1, MACS + bytes.fromhex("8100 0001" * 5 + "0800") + V4),
    "MPLS": (1, MACS + bytes.fromhex("8847 00010140") + V4),
    "LLC and SNAP": (1, MACS + bytes.fromhex("0024 aaaa03 000000 0800") + V4),
    "LLC for IP": (1, MACS + bytes.fromhex("001f 060603") + V4),
    "PPPoE, one-byte protocol": (1, MACS + bytes.fromhex(PPPOE + "21") + V4),
    "PPPoE, MPLS": (1, MACS + bytes.fromhex(PPPOE + "0281 00010140") + V4),
    "PPP": (9, bytes.fromhex("ff030021") + V4),
    "PPP in HDLC framing": (50, bytes.fromhex("ff030021") + V4),
    "PPPoE as link type": (51, bytes.fromhex("1100 0001 001e 0021") + V4),
    "tag inside cooked mode": (113, bytes(14) + bytes.fromhex("8100 0064 0800") + V4),
    "SNAP inside cooked mode": (113, bytes(14) + bytes.fromhex("0004 aaaa03 000000 0800") + V4),
    "NULL with an unknown family": (0, bytes.fromhex("07000000") + V4),
}

NOTHING = {
    "ARP": (1, MACS + b"\x08\x06" + bytes(28)),
    "spanning tree": (1, MACS + bytes.fromhex("0026 424203") + bytes(35)),
    "PPPoE discovery": (1, MACS + bytes.fromhex("8863 1109 0000 0000") + bytes(40)),
    "EtherType and version differ": (1, MACS + b"\x08\x00" + V6),
    "IPv4 header cut": (1, MACS + b"\x08\x00" + V4[:19]),
    "IPv6 header cut": (1, MACS + b"\x86\xdd" + V6[:39]),
    "raw, cut": (101, V4[:19]),
    "raw, no version of IP": (101, b"\x50" + V4[1:]),
    "link type unknown": (147, V4),
    "no interface": (-1, V4),
    "empty": (1, b""),
}


def located(link: int, *frames: bytes):
    chunk = chunk_of([(frame, len(frame)) for frame in frames])
    links = np.full(len(chunk), link, dtype=np.int32)
    found = locate_ip(Gather(chunk.buffer), chunk.start, chunk.captured, links)
    return (found.offset - np.where(found.offset < 0, 0, chunk.start)).tolist(), found.odd.tolist()


@pytest.mark.parametrize("name", FRAMES)
def test_header_found(name):
    link, frame, offset = FRAMES[name]
    # A frame without IP in front, so that offsets into the buffer are no offsets into the frame.
    assert located(link, b"\xf0" * 30, frame)[0] == [-1, offset]
    assert located(link, frame)[1] == [False]


@pytest.mark.parametrize("name", LEFT_TO_THE_DECODER)
def test_left_to_the_general_decoder(name):
    link, frame = LEFT_TO_THE_DECODER[name]
    assert located(link, frame) == ([-1], [True])


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_to_find(name):
    link, frame = NOTHING[name]
    assert located(link, frame) == ([-1], [False])


def test_several_link_types_in_one_chunk():
    frames = [FRAMES["one tag"], FRAMES["raw"], FRAMES["NULL, big-endian"], FRAMES["cooked"]]
    chunk = chunk_of([(frame, len(frame)) for _, frame, _ in frames])
    links = np.array([link for link, _, _ in frames], dtype=np.int32)
    found = locate_ip(Gather(chunk.buffer), chunk.start, chunk.captured, links)
    assert (found.offset - chunk.start).tolist() == [offset for *_, offset in frames]


def test_bytes_of_the_next_packet_are_not_this_ones():
    # The first frame ends behind its EtherType; the version nibble that follows is another packet's.
    assert located(1, MACS + b"\x08\x00", V4)[0][0] == -1


def test_known_link_types_are_those_that_frames_are_made_of():
    assert set(LINK_TYPES) == KNOWN


#: https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html: 0 to us, 1 broadcast, 2 multicast, 3 to another, 4 by us.
@pytest.mark.parametrize(("packet_type", "direction"), [(0, 1), (1, 1), (2, 1), (3, 0), (4, 2), (7, 0)])
@pytest.mark.parametrize(
    ("link_type", "head"),
    [(113, "00{:02x}" + "00" * 12 + "0800"), (276, "0800" + "00" * 8 + "{:02x}" + "00" * 9)],
)
def test_direction_in_the_cooked_header(link_type, head, packet_type, direction):
    frame = bytes.fromhex(head.format(packet_type)) + V4
    chunk = chunk_of([(frame, len(frame))])
    links = np.array([link_type], dtype=np.int32)
    known = cooked_directions(Gather(chunk.buffer), chunk.start, chunk.captured, links, np.zeros(1, np.int8))
    assert known.tolist() == [direction]


def test_what_the_file_records_of_the_direction_counts_more():
    frame = bytes.fromhex("0004" + "00" * 12 + "0800") + V4
    chunk = chunk_of([(frame, len(frame))])
    links = np.array([113], dtype=np.int32)
    recorded = np.ones(1, np.int8)
    assert cooked_directions(Gather(chunk.buffer), chunk.start, chunk.captured, links, recorded).tolist() == [1]


def test_a_cooked_header_that_was_cut():
    chunk = chunk_of([(bytes.fromhex("000400"), 60)])
    links = np.array([113], dtype=np.int32)
    assert cooked_directions(Gather(chunk.buffer), chunk.start, chunk.captured, links, np.zeros(1, np.int8))[0] == 0
