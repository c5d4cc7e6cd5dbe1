"""What is known of the capture as a whole: who was heard when, TCP beside IKE, whether IP fragments could be seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.relate.captures import INIT, capture, of_packets

SECOND = 10**9


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


@pytest.mark.parametrize(
    ("filter_", "hides"),
    [
        ("", False),
        ("udp port 500 or udp port 4500", True),
        ("udp portrange 500-4500", True),
        ("host 203.0.113.7", False),
        # What makes an exception for fragments (bytes 6 and 7 of the IPv4 header) hides none.
        ("udp port 500 or (ip[6:2] & 0x1fff != 0)", False),
    ],
)
def test_a_filter_on_ports_hides_later_fragments(filter_: str, hides: bool) -> None:
    facts = replace(capture(INIT).analysis.related.capture, capture_filter=filter_)
    assert facts.filter_hides_fragments == hides
    assert (filter_ in facts.why_fragments_are_hidden) == (hides or not filter_)


def test_one_later_fragment_of_any_flow_shows_that_none_is_hidden():
    facts = capture(INIT, "+0.1 C:4500 > S:4500 IKE_AUTH request 3000 SK ip-fragments 3\n").analysis.related.capture
    assert (facts.later_fragments, facts.hides_later_fragments, facts.why_fragments_are_hidden) == (2, False, "")
