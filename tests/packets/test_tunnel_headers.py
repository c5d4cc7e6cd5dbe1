"""Tunnels by hand, from RFC 2003, 2473, 2784, 2890, 4213, 7348, 8926, draft-foschiano-erspan and 3GPP TS 29.281.

Real ones are in ``test_decode``, whole captures in tunnels in ``test_link_layers``.
"""

from __future__ import annotations

import struct

import numpy as np
import pytest

from analyzer.columns import Gather
from analyzer.links.columns import locate_ip
from analyzer.packets.ip_headers import decode
from analyzer.packets.sieve import Ports, select
from tests.properties.frames import chunk_of

MACS = bytes(12)
INNER4 = bytes.fromhex("4500001c00010000401100000a000002cb007107" + "01f401f400080000")
INNER6 = bytes.fromhex(
    "60000000000811403ffe0501000100000000000000000001" + "3ffe0501000100000000000000000002" + "01f401f400080000"
)
FRAME = MACS + b"\x08\x00" + INNER4


def udp(port: int, body: str, inner: bytes, sport: int = 50000) -> bytes:
    return struct.pack("!HHHH", sport, port, 8 + len(body) // 2 + len(inner), 0) + bytes.fromhex(body) + inner


UDP_4789 = struct.pack("!HHHH", 50000, 4789, 16 + len(FRAME), 0)


def outer(protocol: int, body: bytes, fragment: int = 0) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, fragment, 64, protocol, 0)
    return MACS + b"\x08\x00" + head + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + body


TUNNELS = {
    "GRE, IPv4": outer(47, bytes.fromhex("00000800") + INNER4),
    "GRE, IPv6": outer(47, bytes.fromhex("000086dd") + INNER6),
    "GRE with key": outer(47, bytes.fromhex("20000800 00000007") + INNER4),
    "GRE with checksum": outer(47, bytes.fromhex("80000800 12340000") + INNER4),
    "GRE with checksum, key, sequence": outer(47, bytes.fromhex("b0000800") + bytes(12) + INNER4),
    "GRE, bridged": outer(47, bytes.fromhex("20006558 00000007") + FRAME),
    "ERSPAN I": outer(47, bytes.fromhex("000088be") + FRAME),
    "ERSPAN II": outer(47, bytes.fromhex("100088be 00000001 1001000100000000") + FRAME),
    "ERSPAN III": outer(47, bytes.fromhex("100022eb 00000001") + b"\x20" + bytes(11) + FRAME),
    "ERSPAN III with subheader": outer(
        47, bytes.fromhex("100022eb 00000001") + b"\x20" + bytes(10) + b"\1" + bytes(8) + FRAME
    ),
    "VXLAN": outer(17, UDP_4789 + bytes.fromhex("0800000000000700") + FRAME),
    "VXLAN with a group policy": outer(17, UDP_4789 + bytes.fromhex("8800000200000700") + FRAME),
    "VXLAN, tagged inside": outer(
        17, UDP_4789 + bytes.fromhex("0800000000000700") + MACS + bytes.fromhex("810000640800") + INNER4
    ),
    "VXLAN of Linux before it had a port": outer(17, udp(8472, "0800000000000700", FRAME)),
    "IPv4 in IPv4": outer(4, INNER4),
    "IPv6 in IPv4": outer(41, INNER6),
    "Geneve": outer(17, udp(6081, "0000655800000700", FRAME)),
    "Geneve, IPv4": outer(17, udp(6081, "0000080000000700", INNER4)),
    "Geneve, IPv6, with a critical option": outer(
        17, udp(6081, "034086dd00000700" + "0102800200000000" + "00000000", INNER6)
    ),
    "GTP-U": outer(17, udp(2152, "30ff001c00000007", INNER4)),
    "GTP-U, IPv6": outer(17, udp(2152, "30ff003000000007", INNER6)),
    "GTP-U with a sequence number": outer(17, udp(2152, "32ff002000000007" + "00010000", INNER4)),
    "GTP-U of 5G": outer(17, udp(2152, "34ff002400000007" + "00000085" + "01100500", INNER4)),
    "GTP-U with two further headers": outer(
        17, udp(2152, "36ff002c00000007" + "00010085" + "01100585" + "0200000000000000", INNER4)
    ),
}
ODD = {
    "VXLAN, LLC inside": outer(
        17, UDP_4789 + bytes.fromhex("0800000000000700") + MACS + bytes.fromhex("0024aaaa030000000800") + INNER4
    ),
    "GRE, MPLS inside": outer(47, bytes.fromhex("00006558") + MACS + bytes.fromhex("884700010140") + INNER4),
    "GRE in GRE": outer(47, bytes.fromhex("00000800") + outer(47, bytes.fromhex("00000800") + INNER4)[14:]),
}
OUTSIDE = {
    "a fragment": outer(47, bytes.fromhex("00000800") + INNER4, fragment=0x2000),
    "routing in GRE": outer(47, bytes.fromhex("40000800") + bytes(8) + INNER4),
    "PPTP's GRE": outer(47, bytes.fromhex("3001880b00000000") + INNER4),
    "another version than promised": outer(47, bytes.fromhex("000086dd") + INNER4),
    "the inner header is cut": outer(47, bytes.fromhex("00000800") + INNER4[:19]),
    "ARP": outer(17, UDP_4789 + bytes.fromhex("0800000000000700") + MACS + b"\x08\x06" + bytes(28)),
    "no VXLAN: flag": outer(17, UDP_4789 + bytes(8) + FRAME),
    "no VXLAN: reserved byte": outer(17, UDP_4789 + bytes.fromhex("0800000000000701") + FRAME),
    "cut": outer(17, UDP_4789[:6]),
    "IPv4 in IPv4 that is none": outer(4, INNER6),
    "from the port of NAT-T": outer(17, udp(4789, "0800000000000700", FRAME, sport=4500)),
    "Geneve's own control packet": outer(17, udp(6081, "0080655800000700", FRAME)),
    "Geneve, another version": outer(17, udp(6081, "4000655800000700", FRAME)),
    "Geneve, options beyond the end": outer(17, udp(6081, "3f00080000000700", INNER4)),
    "GTP-U echo": outer(17, udp(2152, "3201001c00000007" + "00010000", INNER4)),
    "GTP prime": outer(17, udp(2152, "20ff001c00000007", INNER4)),
    "GTP-U with a header of no length": outer(17, udp(2152, "34ff002400000007" + "00000085" + "00100500", INNER4)),
    "GTP-U with many headers": outer(
        17,
        udp(2152, "34ff014000000007" + "00000085" + "01100585" * 4 + "45" + "00" * 275, INNER4),
    ),
    "GTP-U with no packet in it": outer(17, udp(2152, "30ff000400000007", b"PPP?" + bytes(20))),
}


def selected(frame: bytes) -> tuple[int, set[str]]:
    """Offset of the IP header after the selection, and the kinds that the frame was selected as."""
    chunk = chunk_of([(b"\xf0" * 40, 40), (frame, len(frame))])
    fields = Gather(chunk.buffer)
    located = locate_ip(fields, chunk.start, chunk.captured, np.ones(2, np.int32))
    selection = select(fields, located, chunk.start + chunk.captured, Ports())
    kinds = {kind for kind in ("udp", "esp", "odd", "other_traffic") if 1 in getattr(selection, kind).tolist()}
    return int(located.offset[1]) - 40, kinds


@pytest.mark.parametrize("name", TUNNELS)
def test_the_packet_inside_is_the_one(name: str) -> None:
    frame = TUNNELS[name]
    at = len(frame) - len(INNER6 if "IPv6" in name else INNER4)
    packet = decode(1, frame)
    assert packet is not None
    assert (packet.l3_offset, packet.protocol) == (at, 17)
    assert selected(frame) == (at, {"udp"})


@pytest.mark.parametrize("name", ODD)
def test_rare_ones_are_left_to_the_general_decoder(name: str) -> None:
    packet = decode(1, ODD[name])
    assert packet is not None
    assert packet.l3_offset == len(ODD[name]) - len(INNER4)
    assert selected(ODD[name]) == (-41, {"odd"})


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_is_no_tunnel_stays_what_it_is(name: str) -> None:
    packet = decode(1, OUTSIDE[name])
    assert packet is not None
    assert packet.l3_offset == 14
    at, kinds = selected(OUTSIDE[name])
    assert at == 14
    assert ("udp" in kinds) == (name == "from the port of NAT-T")


def test_tunnels_in_tunnels_end() -> None:
    packet = INNER4
    for _ in range(60):
        packet = outer(47, bytes.fromhex("00000800") + packet)[14:]
    assert decode(101, packet) is not None
