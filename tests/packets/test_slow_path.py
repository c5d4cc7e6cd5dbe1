"""Packets taken one at a time: fragments in any order, IPv6 extension headers, ESP in pieces, TCP, ICMP."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest

from analyzer.packets.addresses import Addresses
from analyzer.packets.assembled import EspPacket
from analyzer.packets.sieve import Ports
from analyzer.packets.slow_path import MAX_NESTED, SlowPath
from tests.ike.ike_messages import message
from tests.properties.frames import chunk_of

A4, B4 = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
A6, B6 = bytes.fromhex("20010db8") + bytes(11) + b"\x01", bytes.fromhex("20010db8") + bytes(11) + b"\x02"
IKE = message((46, bytes([35]) + bytes(range(200)) * 10), exchange=35)
ESP = b"\xc0\x00\x00\x01\x00\x00\x00\x07" + bytes(1500)


def udp(payload: bytes, sport: int = 4500, dport: int = 4500) -> bytes:
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def ipv4(payload: bytes, protocol: int = 17, fragment: int = 0, identification: int = 7) -> bytes:
    length = 20 + len(payload)
    return struct.pack("!BBHHHBBH", 0x45, 0, length, identification, fragment, 64, protocol, 0) + A4 + B4 + payload


def ipv6(payload: bytes, protocol: int = 17) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + A6 + B6 + payload


def options(protocol: int) -> bytes:
    return bytes([protocol, 0, 1, 4, 0, 0, 0, 0])


def cut4(datagram: bytes, *at: int, protocol: int = 17) -> list[bytes]:
    """IPv4 fragments of a payload, cut at multiples of 8."""
    edges = [0, *at, len(datagram)]
    return [ipv4(datagram[a:b], protocol, (0x2000 if b < len(datagram) else 0) | a // 8) for a, b in pairwise(edges)]


def cut6(datagram: bytes, *at: int, protocol: int = 17) -> list[bytes]:
    edges = [0, *at, len(datagram)]
    return [
        ipv6(struct.pack("!BBHI", protocol, 0, a | (b < len(datagram)), 9) + datagram[a:b], 44)
        for a, b in pairwise(edges)
    ]


class Taken:
    """What came of some raw IP packets."""

    def __init__(self, *packets: bytes, snap: int = 65535, flush: bool = True) -> None:
        self.counted: list[EspPacket] = []
        self.addresses = Addresses()
        self.slow_path = SlowPath(Ports(), self.addresses, self.counted.append)
        chunk = chunk_of([(p[:snap], len(p)) for p in packets])
        # Fragments of a datagram come a millisecond apart.
        chunk.time[:] = chunk.time[0] + (chunk.time - chunk.time[0]) // 1000 if len(chunk) else chunk.time
        for row in range(len(packets)):
            self.slow_path.add(chunk, row, 101)
        if flush:
            self.slow_path.flush()
        drained = self.slow_path.drain()
        self.datagrams, self.messages = drained.datagrams, drained.messages

    @property
    def spis(self) -> list[int]:
        return [one.spi for one in self.counted if not one.is_keepalive]


MARKED = udp(bytes(4) + IKE)
WHOLE = {
    "IPv6, hop-by-hop options": ipv6(options(17) + MARKED, 0),
    "IPv6, destination options": ipv6(options(17) + MARKED, 60),
    "IPv6, both": ipv6(options(60) + options(17) + MARKED, 0),
    "IPv6, routing": ipv6(options(17) + MARKED, 43),
    "IPv6, authentication header": ipv6(struct.pack("!BBHIII", 17, 2, 0, 1, 1, 0) + MARKED, 51),
    "IPv6, atomic fragment": ipv6(struct.pack("!BBHI", 17, 0, 0, 9) + MARKED, 44),
    "IPv4": ipv4(MARKED),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_packets(name):
    taken = Taken(WHOLE[name])
    (one,) = taken.messages
    assert (one.data, one.wire, one.frames, one.sport) == (IKE, len(IKE), (1,), 4500)
    assert one.nat_t
    assert one.complete
    assert (taken.datagrams[0].fragments, taken.datagrams[0].missing) == (1, ())


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("cut", [cut4, cut6])
def test_fragments_in_any_order(cut, order):
    pieces = cut(MARKED, 800, 1600)
    taken = Taken(*(pieces[i] for i in order))
    (one,) = taken.messages
    assert one.data == IKE
    assert one.complete
    assert one.frames == (1, 2, 3)
    (datagram,) = taken.datagrams
    assert (datagram.fragments, datagram.missing, datagram.overlap) == (3, (), False)
    assert datagram.first_fragment_length == {cut4: 820, cut6: 848}[cut]
    assert [row[10] for row in datagram.rows] == [[0, 800, 1600][i] for i in order]


def test_destination_options_inside_ipv6_fragments():
    (one,) = Taken(*cut6(options(17) + MARKED, 800, protocol=60)).messages
    assert one.data == IKE


def test_a_missing_fragment_leaves_an_incomplete_message():
    first, _, last = cut4(MARKED, 800, 1600)
    (one,) = Taken(first, last).messages
    assert not one.complete
    assert one.wire == len(IKE)
    assert IKE.startswith(one.data)
    assert len(one.data) == 800 - 8 - 4


def test_later_fragments_alone_are_orphans():
    _, middle, last = cut4(MARKED, 800, 1600)
    taken = Taken(middle, last)
    assert taken.messages == []
    (orphan,) = taken.slow_path.orphans
    assert orphan.missing == ((0, 800),)
    assert orphan.frames == (1, 2)


def test_a_repeated_fragment_is_a_duplicate_of_its_datagram():
    first, last = cut4(MARKED, 800)
    (datagram,) = Taken(first, first, last, last).datagrams
    assert datagram.fragments == 2
    assert [row[0] for row in datagram.rows] == [1, 3, 2, 4]


@pytest.mark.parametrize("cut", [cut4, cut6])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_esp_in_udp_fragments_is_counted_once_and_leaves_no_orphan(cut, order):
    pieces = cut(udp(ESP), 800)
    taken = Taken(*(pieces[i] for i in order))
    assert taken.spis == [0xC0000001]
    assert (taken.messages, taken.datagrams, taken.slow_path.orphans) == ([], [], [])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_fragments_of_other_udp_leave_no_orphan(order):
    pieces = cut4(udp(bytes(1500), 53, 40000), 800)
    taken = Taken(*(pieces[i] for i in order))
    assert (taken.counted, taken.messages, taken.slow_path.orphans) == ([], [], [])


def test_native_esp_in_fragments_is_counted_by_the_first():
    assert Taken(*cut4(ESP, 800, protocol=50)).spis == [0xC0000001]
    assert Taken(*cut6(ESP, 800, protocol=50)).spis == [0xC0000001]


def test_native_esp_behind_extension_headers_and_ah():
    assert Taken(ipv6(options(50) + ESP, 60)).spis == [0xC0000001]
    assert Taken(ipv4(struct.pack("!BBHII", 17, 1, 0, 0xAB, 1) + bytes(20), 51)).spis == [0xAB]


def test_udp_length_says_where_the_payload_ends():
    padded = ipv6(options(17) + udp(IKE, 500, 500) + bytes(9), 60)
    (one,) = Taken(padded).messages
    assert (one.data, one.wire, one.nat_t) == (IKE, len(IKE), False)
    empty = struct.pack("!HHHH", 4500, 4500, 8, 0) + ESP
    assert Taken(ipv6(options(17) + empty, 60)).counted == []


def test_keepalive():
    (one,) = Taken(ipv6(options(17) + udp(b"\xff"), 60)).counted
    assert one.is_keepalive is True


def test_a_packet_cut_by_the_capture():
    (one,) = Taken(WHOLE["IPv4"], snap=100).messages
    assert one.wire == len(IKE)
    assert one.data == IKE[: 100 - 20 - 8 - 4]
    assert Taken(WHOLE["IPv4"], snap=20 + 8 + 4 + 27).slow_path.headless == 1
    short = Taken(WHOLE["IPv4"], snap=26)
    assert (short.messages, short.datagrams, short.slow_path.orphans) == ([], [], [])


# TCP encapsulation (RFC 9329)


def tcp(payload: bytes, number: int, flags: int = 0x18) -> bytes:
    return ipv4(struct.pack("!HHIIBBHHH", 40000, 4500, number, 0, 0x50, flags, 0, 0, 0) + payload, 6)


def framed(content: bytes) -> bytes:
    return (2 + len(content)).to_bytes(2, "big") + content


def test_ike_over_tcp():
    stream = b"IKETCP" + framed(bytes(4) + IKE) + framed(ESP) + framed(b"\xff") + framed(bytes(4) + IKE)
    parts = [stream[:1000], stream[1000:2500], stream[2500:]]
    packets, number = [tcp(b"", 99, 0x02)], 100
    for part in parts:
        packets.append(tcp(part, number))
        number += len(part)
    taken = Taken(*packets)
    assert [m.data for m in taken.messages] == [IKE, IKE]
    assert all(m.tcp and m.nat_t and m.datagram == -1 for m in taken.messages)
    assert (taken.messages[0].sport, taken.messages[0].dport) == (40000, 4500)
    assert taken.messages[0].frames[-1] in (3, 4)
    assert taken.spis == [0xC0000001]
    assert [one.is_keepalive for one in taken.counted] == [False, True]


def test_icmp_error_and_what_it_quotes():
    error = ipv4(bytes([3, 4, 0, 0, 0, 0]) + (1400).to_bytes(2, "big") + ipv4(MARKED)[:64], 1)
    (row,) = Taken(error).slow_path.icmp
    assert (row.frame, row.error.meaning, row.error.mtu) == (1, "fragmentation-needed", 1400)


def test_icmp_of_the_other_ip_version_is_none():
    assert Taken(ipv6(bytes([3, 4]) + bytes(30), 1), ipv4(bytes([2, 0]) + bytes(30), 58)).slow_path.icmp == []


def nested(depth: int) -> list[bytes]:
    """Fragments of a tunnel's packet, each level of which holds the last fragment of the next; other ones before."""
    first, inner = [], ipv4(MARKED[800:], fragment=100, identification=100)
    first.append(ipv4(MARKED[:800], fragment=0x2000, identification=100))
    for level in range(depth):
        body = ipv4(inner, 4)[20:]
        first.append(ipv4(body[:16], 4, 0x2000, level))
        inner = ipv4(body[16:], 4, 2, level)
    return [*first, inner]


def test_tunnels_in_fragments_are_looked_into_so_deep():
    """One packet completes them all, one inside another: bounded, and no deep recursion."""
    (one,) = Taken(*nested(MAX_NESTED)).messages
    assert (one.data, one.complete) == (IKE, True)
    taken = Taken(*nested(MAX_NESTED + 1))
    assert not any(one.complete for one in taken.messages)
    assert not any(one.complete for one in Taken(*nested(900)).messages)


@pytest.mark.parametrize(
    ("inner", "torn"),
    [
        (ipv4(MARKED), 1),
        (ipv4(MARKED[:800], fragment=0x2000), 1),
        (ipv4(ESP, 50), 1),
        (ipv4(udp(bytes(1500), 443, 50000)), 0),
        (ipv4(struct.pack("!HHIIBBHHH", 443, 50000, 1, 1, 0x50, 0x10, 0, 0, 0) + bytes(1400), 6), 0),
        (b"no IP packet" + bytes(900), 0),
    ],
)
def test_torn_packets_of_tunnels_are_counted_if_they_may_have_held_ike(inner, torn):
    gre = b"\0\0\x08\0" + inner
    assert Taken(ipv4(gre[:400], 47, 0x2000)).slow_path.torn == torn
    assert Taken(ipv4(gre[:400], 47, 0x2000), ipv4(gre[400:], 47, 50)).slow_path.torn == 0
    vxlan = udp(b"\x08" + bytes(7) + bytes(12) + b"\x08\0" + inner, 50000, 4789)
    assert Taken(ipv4(vxlan[:400], 17, 0x2000)).slow_path.torn == torn
