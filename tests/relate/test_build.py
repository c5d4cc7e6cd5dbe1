"""What the capture as a whole gives each IKE SA: ICMP errors, recorded drops, who was heard when, TCP beside it."""

from __future__ import annotations

import io

import analyzer
from sample_pcaps.lab import pcapng_writer
from tests.relate.seen import LINK_RAW, capture, of_packets, raw_packets

SECOND = 10**9
HOSTS = "C = 10.0.0.2  S = 203.0.113.7\n"


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


def _pcapng(records: list[tuple[int, bytes, bool]]) -> bytes:
    parts = [pcapng_writer.section(LINK_RAW, 0, "eth0", None)]
    parts += [pcapng_writer.packet(time, data, len(data), dropped=dropped) for time, data, dropped in records]
    return b"".join(parts)


def test_a_drop_recorded_of_the_copy_counts_for_the_message():
    """pktmon sees the packet at an upper component, and its end at a lower one (domain.md 8.5)."""
    (time, request), (later, again) = raw_packets("+0 C:500 > S:500 IKE_SA_INIT request x2 at +1\n")
    records = [(time, request, False), (time + 3000, request, True), (later, again, False)]
    (sa,) = analyzer.read("made.pcapng", stream=io.BytesIO(_pcapng(records))).analysis.sas
    first, second = sa.messages
    assert (sa.dropped, first.row in sa.dropped, second.row in sa.dropped) == ({first.row: (2,)}, True, False)


def test_a_dropped_ip_fragment_counts_for_its_message():
    packets = raw_packets("+0 C:4500 > S:4500 IKE_AUTH request 3000 SK{IDi} ip-fragments 3\n")
    records = [(time, data, i == 1) for i, (time, data) in enumerate(packets)]
    (sa,) = analyzer.read("made.pcapng", stream=io.BytesIO(_pcapng(records))).analysis.sas
    assert list(sa.dropped.values()) == [(2,)]


def test_a_success_beside_a_drop_is_looked_at():
    """Plain successes are not looked at one by one: one with a recorded drop must be."""
    steps = (
        "+0.000 C:500  > S:500  IKE_SA_INIT request  SA KE No\n",
        "+0.030 C:500  < S:500  IKE_SA_INIT response SA KE No\n",
        "+0.1   C:4500 > S:4500 IKE_AUTH request  400 SK{IDi}\n",
        "+0.2   C:4500 < S:4500 IKE_AUTH response 300 SK{IDr}",
    )
    assert list(capture(*steps).analysis.related.plain_successes) == [0]
    assert list(capture(*steps, " dropped\n").analysis.related.plain_successes) == []


def test_when_each_port_was_last_heard():
    seen = capture(
        "+0  C:500  > S:500   IKE_SA_INIT  request\n",
        "+1  C:500  < S:500   IKE_SA_INIT  response\n",
        "+2  C:4500 > S:4500  keepalive\n",
        "+12 C:4500 > S:4500  keepalive\n",
        "+3  C:4500 < S:4500  ESP spi 0x11223344 count 3 every +1\n",
        "+9  C:4500 > S:4500  IKE_AUTH request 400 SK{IDi}\n",
        "+10 C:500  > S:500   IKE_SA_INIT  request sa 2\n",
    )
    facts = seen.analysis.related.capture
    zero = facts.first
    assert {key: (when - zero) // SECOND for key, when in facts.last_heard.items()} == {
        ("10.0.0.2", 500): 10,
        ("203.0.113.7", 500): 1,
        ("10.0.0.2", 4500): 12,
        ("203.0.113.7", 4500): 5,
    }
    assert facts.heard_on_4500 == {"10.0.0.2", "203.0.113.7"}


def test_tcp_is_no_udp():
    seen = capture(
        "+0    C:50100 > S:4500  TCP SYN\n",
        "+0.01 C:50100 < S:4500  TCP SYN-ACK\n",
        "+0.1  C:50100 > S:4500  IKE_SA_INIT  request   tcp\n",
        "+0.2  C:50100 < S:4500  IKE_SA_INIT  response  tcp\n",
    )
    assert seen.analysis.related.capture.heard_on_4500 == frozenset()
    assert seen.analysis.related.capture.last_heard == {}


def test_tcp_handshakes_with_the_ports_of_ike_in_tcp():
    """By client and server, whoever sent the packet; other ports are the web's affair."""
    seen = capture(
        "+0    C:50100 > S:4500  TCP SYN\n",
        "+0.01 C:50100 < S:4500  TCP RST\n",
        "+1    C:50101 > S:443   TCP SYN\n",
        "+1.01 C:50101 < S:443   TCP SYN-ACK\n",
        "+2    C:50102 > S:80    TCP SYN\n",
    )
    tries = seen.analysis.related.capture.tcp_tries
    assert list(tries) == [("10.0.0.2", "203.0.113.7")]
    assert [(r.frame, r.is_answer, r.is_reset) for r in tries["10.0.0.2", "203.0.113.7"]] == [
        (1, False, False),
        (2, False, True),
        (3, False, False),
        (4, True, False),
    ]


def test_an_empty_capture_has_none_of_it():
    facts = of_packets([]).analysis.related.capture
    assert (facts.last_heard, facts.tcp_tries, facts.heard_on_4500) == ({}, {}, frozenset())
