"""What is kept of a trace, one kind of packet at a time; ``tests/properties/test_selection.py`` holds it for all."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from analyzer.columns import Gather
from analyzer.links.columns import locate_ip
from analyzer.packets.sieve import Ports, select
from tests.properties.frames import chunk_of


def ipv4(protocol: int, payload: bytes, fragment: int = 0, words: int = 5) -> bytes:
    length = 4 * words + len(payload)
    head = struct.pack("!BBHHHBBH", 0x40 | words, 0, length, 1, fragment, 64, protocol, 0)
    return head + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + bytes(4 * max(words - 5, 0)) + payload


def ipv6(protocol: int, payload: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + bytes(32) + payload


def udp(sport: int, dport: int, payload: bytes = bytes(30)) -> bytes:
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


TCP = struct.pack("!HHIIBBHHH", 40000, 4500, 1, 0, 0x50, 2, 0, 0, 0)

KINDS = {
    "UDP 500": (ipv4(17, udp(500, 500)), "udp"),
    "UDP 4500 from elsewhere": (ipv4(17, udp(61000, 4500)), "udp"),
    "UDP 4500 over IPv6": (ipv6(17, udp(4500, 4500)), "udp"),
    "IPv4 options": (ipv4(17, udp(500, 500), words=8), "udp"),
    "don't fragment": (ipv4(17, udp(500, 500), 0x4000), "udp"),
    "other UDP": (ipv4(17, udp(123, 53)), ""),
    "DNS response": (ipv4(17, udp(53, 40000)), "other_traffic"),
    "DNS response over IPv6": (ipv6(17, udp(53, 40000)), "other_traffic"),
    "DNS response to an IKE port": (ipv4(17, udp(53, 500)), "udp"),
    "DNS response in fragments": (ipv4(17, udp(53, 40000), 0x2000), "odd"),
    "DNS header cut": (ipv4(17, udp(53, 40000, bytes(11))), ""),
    "UDP header cut": (ipv4(17, udp(500, 500)[:7]), ""),
    "first fragment": (ipv4(17, udp(500, 500), 0x2000), "odd"),
    "later fragment": (ipv4(17, bytes(40), 0x0001), "odd later"),
    "fragment of other UDP": (ipv4(17, udp(53, 53), 0x2000), "odd"),
    "fragment of TCP": (ipv4(6, TCP, 0x2000), ""),
    "later fragment of TCP": (ipv4(6, TCP, 0x0001), "later"),
    "IPv6 fragment": (ipv6(44, bytes([17, 0, 0, 1, 0, 0, 0, 9]) + udp(500, 500)), "odd"),
    "later IPv6 fragment": (ipv6(44, bytes([17, 0, 0, 9, 0, 0, 0, 9]) + bytes(20)), "odd later"),
    "IPv6 hop-by-hop": (ipv6(0, bytes([17, 0] + [0] * 6) + udp(500, 500)), "odd"),
    "ESP": (ipv4(50, bytes(20)), "esp"),
    "first fragment of ESP": (ipv4(50, bytes(20), 0x2000), "esp"),
    "later fragment of ESP": (ipv4(50, bytes(20), 0x0003), "later"),
    "ESP over IPv6": (ipv6(50, bytes(20)), "esp"),
    "AH": (ipv4(51, bytes(24)), "esp"),
    "TCP 4500": (ipv4(6, TCP), "odd"),
    "TCP 443": (ipv4(6, struct.pack("!HH", 40000, 443) + TCP[4:13] + b"\x10" + TCP[14:]), ""),
    "SYN": (ipv4(6, struct.pack("!HH", 40000, 443) + TCP[4:]), "other_traffic"),
    "SYN-ACK over IPv6": (ipv6(6, struct.pack("!HH", 443, 40000) + TCP[4:13] + b"\x12" + TCP[14:]), "other_traffic"),
    "SYN cut": (ipv4(6, struct.pack("!HH", 40000, 443) + TCP[4:19]), ""),
    "RST": (ipv4(6, struct.pack("!HH", 40000, 443) + TCP[4:13] + b"\x04" + TCP[14:]), ""),
    "SYN in fragments": (ipv4(6, struct.pack("!HH", 40000, 443) + TCP[4:], 0x2000), ""),
    "unreachable": (ipv4(1, bytes([3, 4]) + bytes(6) + ipv4(17, udp(500, 500))), "odd"),
    "time exceeded": (ipv4(1, bytes([11, 1]) + bytes(6)), "odd"),
    "echo": (ipv4(1, bytes([8, 0]) + bytes(6)), "other_traffic"),
    # The checksum stands where UDP has its destination port.
    "echo whose checksum is 500": (ipv4(1, bytes([0, 0, 1, 0xF4]) + bytes(4)), "other_traffic"),
    "echo in fragments": (ipv4(1, bytes([8, 0]) + bytes(6), 0x2000), ""),
    "echo over IPv6": (ipv6(58, bytes([129, 0]) + bytes(6)), "other_traffic"),
    "ICMPv6 echo over IPv4": (ipv4(58, bytes([128, 0]) + bytes(6)), ""),
    "timestamp": (ipv4(1, bytes([13, 0]) + bytes(14)), ""),
    "packet too big": (ipv6(58, bytes([2, 0]) + bytes(6)), "odd"),
    "neighbour solicitation": (ipv6(58, bytes([135, 0]) + bytes(6)), ""),
    "ICMPv6 over IPv4": (ipv4(58, bytes([2, 0]) + bytes(6)), ""),
    "IPv4 header of four words": (ipv4(17, udp(500, 500), words=4), "odd"),
    "GRE": (ipv4(47, bytes(40)), ""),
}


def selected(*packets: bytes, ports: Ports | None = None):
    chunk = chunk_of([(packet, len(packet)) for packet in packets])
    fields = Gather(chunk.buffer)
    located = locate_ip(fields, chunk.start, chunk.captured, np.full(len(chunk), 101, dtype=np.int32))
    return select(fields, located, chunk.start + chunk.captured, ports or Ports())


@pytest.mark.parametrize("name", KINDS)
def test_kind(name):
    packet, expected = KINDS[name]
    selection = selected(packet)
    names = ("udp", "esp", "odd", "other_traffic")
    found = [n for n in names if len(getattr(selection, n))]
    found += ["later"] * len(selection.later_fragments)
    assert " ".join(found) == expected


def test_rows_are_those_of_the_chunk():
    names = ["other UDP", "UDP 500", "ESP", "later fragment", "UDP 4500 over IPv6", "packet too big", "echo"]
    selection = selected(*(KINDS[n][0] for n in names))
    assert sorted(selection.udp.tolist()) == [1, 4]
    assert selection.esp.tolist() == [2]
    assert selection.odd.tolist() == [3, 5]
    assert selection.other_traffic.tolist() == [6]
    assert selection.later_fragments.tolist() == [3]


def test_rejected_is_what_no_filter_on_the_ike_ports_would_let_through():
    names = ["other UDP", "echo", "GRE", "TCP 443", "unreachable", "SYN", "DNS response"]
    assert selected(*(KINDS[n][0] for n in names)).rejected == 7
    assert selected(*(KINDS[n][0] for n in ("UDP 500", "ESP", "AH", "later fragment", "first fragment"))).rejected == 0
    assert selected(b"\x00" * 30, KINDS["UDP 500"][0]).rejected == 1


def test_ports_can_be_added():
    ports = Ports([10500, 500])
    assert ports.numbers == (500, 4500, 10500)
    assert 10500 in ports
    assert 10501 not in ports
    assert selected(ipv4(17, udp(10500, 1))).udp.tolist() == []
    assert selected(ipv4(17, udp(10500, 1)), ports=ports).udp.tolist() == [0]


def test_an_empty_chunk():
    selection = selected()
    parts = (selection.udp, selection.esp, selection.odd, selection.other_traffic)
    assert [len(part) for part in parts] == [0, 0, 0, 0]
    assert selection.rejected == 0
