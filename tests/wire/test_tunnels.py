"""Tunnels by hand, from RFC 2784, RFC 2890, RFC 7348 and draft-foschiano-erspan; real ones in ``test_decode``."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from analyzer.capture.gather import Gather
from analyzer.capture.links import locate_ip
from analyzer.capture.select import Ports, select
from analyzer.wire.decode import decode
from tests.properties.frames import chunk_of

MACS = bytes(12)
INNER4 = bytes.fromhex("4500001c00010000401100000a000002cb007107" + "01f401f400080000")
INNER6 = bytes.fromhex(
    "60000000000811403ffe0501000100000000000000000001" + "3ffe0501000100000000000000000002" + "01f401f400080000"
)
FRAME = MACS + b"\x08\x00" + INNER4
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
}


def selected(frame: bytes) -> tuple[int, set[str]]:
    """Offset of the IP header after the selection, and the kinds that the frame was selected as."""
    chunk = chunk_of([(b"\xf0" * 40, 40), (frame, len(frame))])
    fields = Gather(chunk.buffer)
    located = locate_ip(fields, chunk.start, chunk.captured, np.ones(2, np.int32))
    selection = select(fields, located, chunk.start + chunk.captured, Ports())
    kinds = {kind for kind in ("udp", "esp", "odd", "bystanders") if 1 in getattr(selection, kind).tolist()}
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
    assert "udp" not in selected(OUTSIDE[name])[1]


def test_tunnels_in_tunnels_end() -> None:
    packet = INNER4
    for _ in range(60):
        packet = outer(47, bytes.fromhex("00000800") + packet)[14:]
    assert decode(101, packet) is not None
