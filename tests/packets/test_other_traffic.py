"""Pings, TCP handshakes and DNS responses, made from RFC 792, 4443, 9293 and 1035 by hand or from a ladder."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.ike.collect import Collector
from analyzer.ike.tables import Wire
from analyzer.packets import other_traffic
from analyzer.packets.other_traffic import read_response
from analyzer.packets.sieve import Ports
from analyzer.packets.tables import EchoRow, HandshakeRow, NameRow
from analyzer.report.ladder.notation import parse
from sample_pcaps.lab.maker import make_packets
from tests.packets.test_sieve import ipv4, ipv6, udp
from tests.properties.frames import chunk_of, dns_messages, interface_of

HOSTS = "C = 10.0.0.2  S = 203.0.113.7  D = 192.0.2.53\nlink raw\n"
HOSTS6 = "C = 2001:db8:1::2  S = 2001:db8:2::7  D = 2001:db8:3::53\nlink raw\n"
RAW = 101

QUESTION = b"\3vpn\7example\3net\0" + bytes([0, 1, 0, 1])


def read(*packets: bytes) -> Wire:
    collector = Collector(Ports())
    collector.feed(chunk_of([(packet, len(packet)) for packet in packets]), interface_of(RAW))
    return collector.finish()


def of_ladder(steps: str, hosts: str = HOSTS) -> Wire:
    return read(*(data for _, data, _ in make_packets(parse(hosts + steps))))


class TestEchoes:
    def test_a_ping_of_1472_bytes_with_df(self):
        # ``ping -f -l 1472``: 20 of IP and 8 of ICMP header make 1500 (docs/domain/path-mtu.md).
        wire = of_ladder("+0 C > S ICMP echo-request size 1500 df\n+0.02 C < S ICMP echo-reply size 1500\n")
        request, reply = wire.echoes
        assert request == EchoRow(1, request.time, "10.0.0.2", "203.0.113.7", False, request.identifier, 1, 1500, True)
        assert (reply.src, reply.is_reply, reply.ip_length, reply.df) == ("203.0.113.7", True, 1500, False)
        assert (reply.identifier, reply.sequence) == (request.identifier, request.sequence)

    def test_ipv6_knows_no_df(self):
        wire = of_ladder("+0 C > S ICMP echo-request size 1280\n+0.02 C < S ICMP echo-reply size 1280\n", HOSTS6)
        assert [(e.is_reply, e.ip_length, e.df, e.dst) for e in wire.echoes] == [
            (False, 1280, None, "2001:db8:2::7"),
            (True, 1280, None, "2001:db8:1::2"),
        ]

    def test_a_reply_bears_the_number_of_its_request(self):
        steps = "".join(f"+{i} C > S ICMP echo-request\n+{i}.5 C < S ICMP echo-reply\n" for i in range(3))
        assert [e.sequence for e in of_ladder(steps).echoes] == [1, 1, 2, 2, 3, 3]


class TestHandshakes:
    def test_the_segment_sizes_of_both_sides(self):
        steps = "+0 C:40000 > S:443 TCP SYN mss 1460\n+0.02 C:40000 < S:443 TCP SYN-ACK mss 1360\n"
        syn, answer = of_ladder(steps + "+0.03 C:40000 > S:443 TCP ACK\n").handshakes
        assert syn == HandshakeRow(1, syn.time, "10.0.0.2", "203.0.113.7", 40000, 443, False, False, 1460)
        assert (answer.src, answer.sport, answer.is_answer, answer.mss) == ("203.0.113.7", 443, True, 1360)

    def test_a_reset_counts_on_the_ike_ports_only(self):
        steps = "".join(
            f"+{i} C:40000 > S:{port} TCP SYN mss 1460\n+{i}.1 C:40000 < S:{port} TCP RST\n"
            for i, port in enumerate((4500, 443))
        )
        assert [(h.frame, h.is_reset, h.is_answer, h.mss) for h in of_ladder(steps).handshakes] == [
            (1, False, False, 1460),
            (2, True, False, None),
            (3, False, False, 1460),
        ]

    @pytest.mark.parametrize(
        "options, mss",
        [
            (b"", None),
            (b"\2\4\5\xb4", 1460),
            (b"\1\1\2\4\5\xa0", 1440),
            (b"\3\3\7\4\2\2\4\5\xb4", 1460),
            (b"\0\2\4\5\xb4", None),
            (b"\1\1\2\4", None),
            (b"\2\3\5", None),
            (b"\3\0\2\4\5\xb4", None),
            (b"\2", None),
        ],
    )
    def test_where_the_option_stands(self, options, mss):
        padded = options + bytes(-len(options) % 4)
        head = struct.pack("!HHIIBBHHH", 40000, 443, 1, 0, (5 + len(padded) // 4) << 4, 2, 0, 0, 0)
        (row,) = read(ipv4(6, head + padded)).handshakes
        assert row.mss == mss


class TestNames:
    def test_a_response_and_its_address(self):
        steps = "+0 C:50000 > D:53 DNS query vpn.example.net\n"
        (row,) = of_ladder(steps + "+0.02 C:50000 < D:53 DNS response vpn.example.net answer 203.0.113.7\n").names
        assert row == NameRow(2, row.time, "10.0.0.2", "192.0.2.53", "vpn.example.net", 0, ("203.0.113.7",))

    @pytest.mark.parametrize("rcode, number", [("NXDOMAIN", 3), ("SERVFAIL", 2), ("REFUSED", 5)])
    def test_a_refusal(self, rcode, number):
        (row,) = of_ladder(f"+0 C:50000 < D:53 DNS response vpn.example.net rcode {rcode}\n").names
        assert (row.rcode, row.addresses) == (number, ())

    def test_over_ipv6(self):
        steps = "+0 C:50000 < D:53 DNS response vpn.example.net answer 2001:db8:2::7\n"
        (row,) = of_ladder(steps, HOSTS6).names
        assert row.addresses == ("2001:db8:2::7",)

    def test_behind_an_alias_and_a_record_of_unknown_type(self):
        alias = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, 6) + b"\2gw\xc0\x10\0"
        unknown = b"\xc0\x0c" + struct.pack("!HHIH", 65, 1, 60, 3) + b"abc"
        address = b"\2gw\xc0\x10" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 9])
        message = struct.pack("!HHHHHH", 1, 0x8180, 1, 3, 0, 0) + QUESTION + alias + unknown + address
        assert read_response(message) == ("vpn.example.net", 0, ("192.0.2.9",))
        assert read_response(message[:-1]) == ("vpn.example.net", 0, ())

    def test_text_that_could_move_a_cursor_is_escaped(self):
        question = b"\4\x1b[2J\2\xff\n\0" + bytes([0, 1, 0, 1])
        message = struct.pack("!HHHHHH", 1, 0x8180, 1, 0, 0, 0) + question
        assert read_response(message) == ("\\x1b[2J.\\xff\\n", 0, ())

    @pytest.mark.parametrize(
        "message",
        [
            b"",
            struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + QUESTION,
            struct.pack("!HHHHHH", 1, 0x8180, 0, 0, 0, 0),
            struct.pack("!HHHHHH", 1, 0x8180, 1, 0, 0, 0) + QUESTION[:-1],
        ],
        ids=["nothing", "query", "no question", "cut question"],
    )
    def test_what_is_no_response(self, message):
        assert read_response(message) is None

    @given(st.one_of(st.binary(max_size=80), dns_messages))
    def test_arbitrary_bytes_never_raise(self, message):
        answer = read_response(message)
        assert answer is None or answer[0].isprintable()


class TestLimits:
    def test_only_the_first_of_each_kind_are_kept(self, monkeypatch):
        monkeypatch.setattr(other_traffic, "MAX_PACKETS", 3)
        echo = ipv4(1, bytes([8, 0]) + bytes(6))
        name = ipv4(17, udp(53, 40000, struct.pack("!HHHHHH", 1, 0x8180, 1, 0, 0, 0) + QUESTION))
        wire = read(echo, echo, name, echo, echo, name)
        assert [e.frame for e in wire.echoes] == [1, 2, 4]
        assert [n.frame for n in wire.names] == [3, 6]

    def test_over_all_chunks(self, monkeypatch):
        monkeypatch.setattr(other_traffic, "MAX_PACKETS", 3)
        echo = ipv4(1, bytes([8, 0]) + bytes(6))
        collector = Collector(Ports())
        for _ in range(3):
            collector.feed(chunk_of([(echo, len(echo))] * 2), interface_of(RAW))
        assert len(collector.finish().echoes) == 3

    def test_whichever_way_they_come(self, monkeypatch):
        # Behind a hop-by-hop header packets are taken one at a time; the limit is the same one.
        monkeypatch.setattr(other_traffic, "MAX_PACKETS", 3)
        plain = ipv6(58, bytes([128, 0]) + bytes(6))
        extended = ipv6(0, bytes([58, 0]) + bytes(6) + bytes([128, 0]) + bytes(6))
        wire = read(extended, plain, plain, extended)
        assert len(wire.echoes) == 3
        assert [e.frame for e in wire.echoes] == sorted(e.frame for e in wire.echoes)


def test_an_ipv4_echo_over_ipv6_is_none():
    assert read(ipv6(1, bytes([8, 0]) + bytes(6)), ipv6(0, bytes([1, 0]) + bytes(14))).echoes == []
