"""Whose an ICMP error or a lone fragment is: by hand from who sent what when, and by a look at each message in turn."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import analyzer
from analyzer.columns import MISSING
from analyzer.relate.seen.attribution import _last_before
from tests.fuzz.conversations import back, chosen, forth, init, many_addresses, orphan, request, unreachable
from tests.fuzz.crowds import interleaved_and_answered, interleaved_and_icmp_errors, interleaved_and_orphans
from tests.fuzz.hostile import AUTH, CLIENT, SERVER, address, ip, pcap, udp
from tests.relate.captures import capture, of_packets, raw_packets

FRAG_NEEDED = 4


def seen(*packets: bytes) -> list[tuple[list[int], dict[int, list[int]], list[int]]]:
    """Of each IKE SA the frames of its ICMP errors, those by the frame that they quote, and of its lone fragments."""
    capture = analyzer.read("made.pcap", stream=io.BytesIO(pcap(packets)))
    told = []
    for sa in capture.analysis.sas:
        frame = {m.row: m.frame for m in sa.messages}
        about = {frame[row]: [error.frame for error in errors] for row, errors in sa.icmp_by_message.items()}
        told.append(([error.frame for error in sa.icmp], about, [f for f, _, _ in sa.orphans]))
    return told


class TestIcmpErrors:
    def test_by_the_ip_identification_of_the_packet(self):
        """Both asked from the same port; 28 quoted bytes hold no SPI, but the identification of the first one."""
        one, other = forth(init(1), number=11), forth(init(2), number=12)
        assert seen(one, other, unreachable(one), forth(request(1, AUTH, 1), number=13)) == [
            ([3], {1: [3]}, []),
            ([], {}, []),
        ]

    def test_by_the_spi_whatever_the_identification_is(self):
        one, other = forth(init(1), number=0), forth(init(2), number=0)
        assert seen(one, other, unreachable(one, octets=60))[0] == ([3], {1: [3]}, [])

    def test_by_the_spi_even_before_its_first_message(self):
        """Packets out of order: the IKE SA is known, the message not."""
        one, other = forth(init(1)), forth(init(2))
        assert seen(other, unreachable(one, octets=60), one) == [([], {}, []), ([2], {}, [])]

    def test_an_spi_between_hosts_of_which_no_ike_is_here(self):
        """A quote whose addresses were damaged: it names the IKE SA, and is between others."""
        elsewhere = ip(udp(init(1)), address(77), address(78), number=1)
        assert seen(forth(init(1)), unreachable(elsewhere, octets=60)) == [([], {}, [])]

    def test_by_the_ports(self):
        """The first one had gone on to port 4500 when the second began on 500."""
        moved = ip(udp(bytes(4) + request(1, AUTH, 1), 4500, 4500), CLIENT, SERVER, number=0)
        packets = (forth(init(1), number=0), moved, forth(init(2), number=0), unreachable(moved))
        assert seen(*packets) == [([4], {2: [4]}, []), ([], {}, [])]

    def test_the_last_one_where_nothing_else_tells(self):
        one, other = forth(init(1), number=0), forth(init(2), number=0)
        assert seen(one, other, unreachable(one), forth(request(1, AUTH, 1), number=0)) == [
            ([], {}, []),
            ([3], {2: [3]}, []),
        ]

    def test_a_port_that_a_nat_changed(self):
        """The router is behind the NAT: it quotes the port that the NAT chose, the rest is as it was sent."""
        asked = forth(init(1), number=5)
        changed = ip(udp(init(1), 61_000, 500), CLIENT, SERVER, number=6)
        assert seen(asked, unreachable(changed)) == [([2], {1: [2]}, [])]

    def test_about_an_answer(self):
        asked, answered = forth(init(1)), back(chosen(1))
        error = ip(struct.pack("!BBHHH", 3, 3, 0, 0, 0) + answered[:28], CLIENT, SERVER, 1)
        assert seen(asked, answered, error) == [([3], {2: [3]}, [])]

    def test_of_a_later_fragment_it_is_the_message_that_was_cut(self):
        datagram = udp(request(1, AUTH, 1))
        cut = [ip(datagram[:160], number=7, fragment=0x2000), ip(datagram[160:], number=7, fragment=20)]
        whole = forth(request(1, AUTH, 2), number=8)
        packets = (forth(init(1)), back(chosen(1)), *cut, whole, unreachable(cut[1]))
        assert seen(*packets) == [([6], {4: [6]}, [])]

    def test_about_esp_is_of_the_ike_sa_but_of_no_message(self):
        esp = ip(struct.pack("!II", 256, 1) + bytes(32), protocol=50)
        packets = (forth(init(1)), forth(init(2)), esp, unreachable(esp, FRAG_NEEDED), forth(request(1, AUTH, 1)))
        assert seen(*packets) == [([], {}, []), ([4], {}, [])]

    def test_about_an_ike_sa_that_is_not_in_the_trace_is_of_no_message(self):
        assert seen(forth(init(1)), unreachable(forth(init(9)), octets=60)) == [([2], {}, [])]

    def test_about_an_ike_sa_of_other_hosts_is_of_none_here(self):
        there = forth(init(2), client=address(9))
        stray = forth(init(2))
        assert seen(forth(init(1)), there, unreachable(stray, octets=60)) == [([], {}, []), ([], {}, [])]

    def test_before_any_message_it_is_of_none(self):
        """An error from before the trace: a moment later the same port asks again."""
        assert seen(unreachable(forth(init(1))), forth(init(1))) == [([], {}, [])]


class TestLoneFragments:
    def test_are_of_the_ike_sa_on_which_their_hosts_were_heard_last(self):
        packets = (forth(init(1)), orphan(1), forth(init(2)), orphan(2), back(chosen(1)), orphan(3, SERVER, CLIENT))
        assert seen(*packets) == [([], {}, [2, 6]), ([], {}, [4])]

    def test_before_any_message_are_of_none(self):
        assert seen(orphan(1), forth(init(1))) == [([], {}, [])]

    def test_of_other_hosts_are_of_none(self):
        assert seen(forth(init(1)), orphan(1, address(9))) == [([], {}, [])]


@pytest.mark.parametrize(
    "make", [interleaved_and_icmp_errors, interleaved_and_orphans, interleaved_and_answered, many_addresses]
)
def test_nothing_is_told_twice_and_nothing_is_lost(make):
    capture = analyzer.read("made.pcap", stream=io.BytesIO(make(40)))
    errors = [error.frame for sa in capture.analysis.sas for error in sa.icmp]
    assert sorted(errors) == [error.frame for error in capture.analysis.wire.icmp]
    p = capture.analysis.wire.packets
    lone = p.frame[(p.fragment_offset > 0) & ~np.isin(p.datagram, capture.analysis.wire.messages.datagram)].tolist()
    assert sorted(frame for sa in capture.analysis.sas for frame, _, _ in sa.orphans) == lone


moments = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 4)), max_size=12)


@given(moments, moments)
def test_the_last_before_is_that_which_a_look_at_each_finds(messages, others):
    """Columns are two keys and a place; of what shares one (a Wi-Fi frame of several packets) messages come first."""
    first, second = (
        {name: np.array([row[i] for row in rows], dtype=np.int64) for i, name in enumerate(("a", "b", "place"))}
        for rows in (messages, others)
    )
    found = _last_before(first, second, np.arange(len(others)), ("a", "b"))
    for number, (a, b, place) in enumerate(others):
        before = [(row[2], i) for i, row in enumerate(messages) if row[:2] == (a, b) and row[2] <= place]
        assert found[number] == (max(before)[1] if before else MISSING)


def test_icmp_goes_to_the_ike_sa_that_it_quotes():
    """The first attempt is over when the error about it comes; the quoted SPI decides, not the time."""
    seen = capture(
        "+0 C:500 > S:500 IKE_SA_INIT request\n",
        "+5 C:500 > S:500 IKE_SA_INIT request sa 2\n",
        "+6 C < S ICMP port-unreachable quoting +0.000\n",
    )
    assert [[i.frame for i in sa.icmp] for sa in seen.analysis.sas] == [[3], []]


def test_icmp_without_an_spi_goes_by_its_time():
    """56 bytes of IP quote no more than the UDP header (RFC 792)."""
    seen = capture(
        "+0 C:500 > S:500 IKE_SA_INIT request\n",
        "+1 C < S ICMP port-unreachable quoting +0.000 size 56\n",
        "+5 C:500 > S:500 IKE_SA_INIT request sa 2\n",
        "+6 C < S ICMP port-unreachable quoting +5.000 size 56\n",
        "+7 C < S ICMP port-unreachable quoting +5.000\n",
    )
    assert [[i.frame for i in sa.icmp] for sa in seen.analysis.sas] == [[2], [4, 5]]


def test_icmp_about_an_unknown_ike_sa_goes_by_its_time():
    packets = raw_packets(
        "+0 C:500 > S:500 IKE_SA_INIT request\n",
        "+1 C < S ICMP port-unreachable quoting +0.000\n",
    )
    time, error = packets[1]
    at = 20 + 8 + 20 + 8  # IP, ICMP, quoted IP, quoted UDP
    packets[1] = time, error[:at] + b"\x77" * 8 + error[at + 8 :]
    (sa,) = of_packets(packets).analysis.sas
    assert [i.frame for i in sa.icmp] == [2]
