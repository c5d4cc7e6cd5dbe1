"""Chunks in, tables out: interfaces of many link types, limits, the census, notes."""

from __future__ import annotations

import numpy as np
import pytest

from analyzer.formats.records import NO_TIME, Interface
from analyzer.ike import collect
from analyzer.ike.collect import Collector
from analyzer.packets.sieve import Ports
from analyzer.packets.slow_path import SlowPath
from tests.ike.ike_messages import message
from tests.packets.test_slow_path import cut4, ipv4, ipv6, udp
from tests.properties.frames import chunk_of

IKE = message((41, bytes([0, 0, 0x40, 0x2E])))
PLAIN = ipv4(udp(IKE, 500, 500))
MARKED = ipv6(udp(bytes(4) + IKE))
ESP = ipv4(udp(b"\xc0\x00\x00\x01" + bytes(60)))

LINKED = [
    (1, bytes(12) + b"\x08\x00" + PLAIN),
    (1, bytes(12) + bytes.fromhex("8100 0064 86dd") + MARKED),
    (101, PLAIN),
    (0, bytes.fromhex("1e000000") + MARKED),
    (113, bytes(14) + b"\x08\x00" + PLAIN),
    (276, b"\x86\xdd" + bytes(18) + MARKED),
    (9, bytes.fromhex("ff030021") + PLAIN),
    (1, bytes(12) + bytes.fromhex("8847 00010140") + PLAIN),
    (147, PLAIN),
]


def collected(frames, links=(101,), interfaces=None, collector=None):
    chunk = chunk_of([(frame, len(frame)) for frame in frames])
    if interfaces is not None:
        chunk.interface[:] = interfaces
    collector = collector or Collector(Ports())
    collector.feed(chunk, [Interface(i, link) for i, link in enumerate(links)])
    return collector


def test_interfaces_of_many_link_types():
    links = [link for link, _ in LINKED]
    collector = collected([frame for _, frame in LINKED], links, range(len(links)))
    wire = collector.finish()
    # All but the last, whose link type nobody knows, hold the same message.
    assert wire.messages.frame.tolist() == list(range(1, 9))
    assert len(set(wire.messages.digest.tolist())) == 1
    assert wire.messages.nat_t.tolist() == [0, 1, 0, 1, 0, 1, 0, 0]
    assert wire.packets.interface.tolist() == list(range(8))
    assert wire.packets.frame.tolist() == list(range(1, 9))
    assert wire.census.unknown_link == 1
    assert [(n.id, "147" in n.detail) for n in collector.notes()] == [("link-type-unknown", True)]


def test_an_interface_that_the_file_does_not_describe():
    wire = collected([PLAIN, PLAIN], (101,), [0, 5]).finish()
    assert wire.messages.frame.tolist() == [1]


def test_columns_of_a_packet():
    wire = collected([PLAIN]).finish()
    p, m = wire.packets, wire.messages
    assert [wire.addresses.text(int(n[0])) for n in (p.src, p.dst)] == ["10.0.0.1", "10.0.0.2"]
    values = [int(c[0]) for c in (p.ip_version, p.ip_id, p.df, p.mf, p.ttl, p.ip_length, p.sport, p.dport, p.protocol)]
    assert values == [4, 7, 0, 0, 64, 28 + len(IKE), 500, 500, 17]
    assert (int(m.wire[0]), int(m.captured[0]), int(m.complete[0])) == (len(IKE), len(IKE), 1)
    assert wire.notify_type.tolist() == [16430]


def test_messages_come_in_the_order_of_the_frame_that_completes_them():
    first, last = cut4(udp(bytes(4) + message((46, bytes([35]) + bytes(2000)), exchange=35)), 800)
    wire = collected([first, PLAIN, last, PLAIN]).finish()
    assert wire.messages.frame.tolist() == [2, 3, 4]
    assert wire.messages.exchange.tolist() == [34, 35, 34]
    assert wire.message_frames == {1: (1, 3)}
    datagram = int(wire.messages.datagram[1])
    assert wire.datagram_frames[datagram] == (1, 3)
    assert wire.packets.frame.tolist() == [1, 2, 3, 4]
    assert int(wire.datagrams.first_fragment_length[datagram]) == 820


def test_fragments_over_two_chunks():
    first, last = cut4(udp(bytes(4) + message((46, bytes([35]) + bytes(2000)), exchange=35)), 800)
    collector = collected([first, PLAIN])
    chunk = chunk_of([(last, len(last))])
    chunk.first_frame, chunk.time[:] = 3, 10**18 + 2 * 10**9
    collector.feed(chunk, [Interface(0, 101)])
    assert collector.finish().messages.frame.tolist() == [2, 3]


def test_a_flood_is_drained_before_its_chunk_ends(monkeypatch):
    """What is given up goes at once; what is complete waits for its repeats as ever."""
    datagram = udp(bytes(4) + message((46, bytes([35]) + bytes(2000)), exchange=35))
    lonely = [ipv4(datagram[:800], fragment=0x2000, identification=number) for number in range(4)]
    first, last = cut4(datagram, 800)
    # Milliseconds. A minute ends for the first two lonely ones when another fragment follows, for the third at the end.
    schedule = [(0, lonely[0]), (61_000, lonely[1]), (61_010, lonely[2]), (121_005, first), (121_006, last)]
    schedule += [(121_020, lonely[3]), (121_030, last)]

    def tables():
        chunk = chunk_of([(packet, len(packet)) for _, packet in schedule])
        chunk.time[:] = [10**18 + moment * 10**6 for moment, _ in schedule]
        collector = Collector(Ports())
        collector.feed(chunk, [Interface(0, 101)])
        wire = collector.finish()
        m, p = wire.messages, wire.packets
        carriers = [p.frame[p.datagram == number].tolist() for number in m.datagram.tolist()]
        told = [(wire.datagram_frames.get(number), wire.datagram_missing.get(number)) for number in m.datagram.tolist()]
        return m.frame.tolist(), m.complete.tolist(), carriers, told, wire.message_frames, p.frame.tolist()

    usual = tables()
    drained = []
    drain = SlowPath.drain

    def noted(self, **how):
        drained.append(how)
        return drain(self, **how)

    monkeypatch.setattr("analyzer.packets.slow_path._MANY_GIVEN_UP", 1)
    monkeypatch.setattr(SlowPath, "drain", noted)
    assert tables() == usual
    assert drained.count({"given_up_only": True}) == 2
    assert usual[:3] == ([1, 2, 3, 5, 6], [0, 0, 0, 1, 0], [[1], [2], [3], [4, 5, 7], [6]])
    hole = ((800, -1),)
    assert usual[3] == [(None, hole), (None, hole), (None, hole), ((4, 5), None), (None, hole)]


def test_orphans_are_kept_between_addresses_that_speak_ike():
    _, last = cut4(udp(bytes(4) + bytes(2000)), 800)
    assert collected([last]).finish().packets.frame.tolist() == []
    wire = collected([last, PLAIN]).finish()
    assert wire.packets.frame.tolist() == [1, 2]
    assert wire.datagram_missing == {int(wire.packets.datagram[0]): ((0, 800),)}


def test_fragments_of_esp_are_no_orphans():
    wire = collected([*cut4(udp(b"\xc0\x00\x00\x01" + bytes(2000)), 800), PLAIN]).finish()
    assert wire.packets.frame.tolist() == [3]
    assert [(f.spi, f.packets) for f in wire.flows] == [(0xC0000001, 1)]


def test_census():
    keepalive = ipv4(udp(b"\xff"))
    other = ipv4(bytes(40), 6)
    wire = collected([PLAIN, ESP, ESP, keepalive, other, ipv4(bytes(20), 50), ipv4(udp(bytes(50)))]).finish()
    census = wire.census
    assert (census.packets, census.ip_packets, census.esp, census.keepalives) == (7, 7, 3, 1)
    assert (census.rejected, census.unreadable_udp, census.snapped, census.headless) == (1, 1, 0, 0)
    assert census.link_types == {101}
    assert (census.first_time, census.last_time) == (10**18, 10**18 + 6 * 10**9)


def test_times_that_are_missing_do_not_count():
    chunk = chunk_of([(PLAIN, len(PLAIN))] * 2)
    chunk.time[:] = NO_TIME
    collector = Collector(Ports())
    collector.feed(chunk, [Interface(0, 101)])
    assert collector.census.first_time == -1


def snapped(packet: bytes, size: int):
    collector = Collector(Ports())
    collector.feed(chunk_of([(packet[:size], len(packet))]), [Interface(0, 101)])
    return collector


@pytest.mark.parametrize(
    ("packet", "header"),
    [
        (ipv4(udp(IKE, 500, 500)), 20 + 8 + 28),
        (ipv6(udp(bytes(4) + IKE)), 40 + 8 + 4 + 28),
        (cut4(udp(bytes(4) + IKE + bytes(100)), 80)[0], 20 + 8 + 4 + 28),
    ],
)
def test_packets_cut_before_their_ike_header_are_as_good_as_lost(packet, header):
    for size in range(0, header):
        collector = snapped(packet, size)
        collector.finish()
        if size in (header - 1, header - 20, 10, 0):
            assert [n.id for n in collector.notes()] == ["capture-lost-packets"], size
    assert snapped(packet, header).notes() == []


@pytest.mark.parametrize(
    "packet", [ESP, ipv4(bytes(60), 6), ipv4(udp(bytes(60), 53, 53)), cut4(udp(bytes(900)), 80)[1]]
)
def test_other_packets_may_be_cut_behind_their_ports(packet):
    assert snapped(packet, 40).notes() == []


def test_no_more_messages_than_the_limit(monkeypatch):
    monkeypatch.setattr(collect, "MAX_MESSAGES", 2)
    collector = collected([PLAIN, PLAIN])
    collected([PLAIN], collector=collector)
    assert len(collector.finish().messages.frame) == 2
    assert [n.id for n in collector.notes()] == ["analysis-limit"]


def test_nothing_at_all():
    wire = Collector(Ports()).finish()
    assert (len(wire.messages.frame), len(wire.packets.frame), wire.flows, wire.icmp) == (0, 0, [], [])
    collector = collected([])
    assert collector.census.packets == 0
    assert np.concatenate([wire.messages.frame, wire.packets.frame]).tolist() == []
