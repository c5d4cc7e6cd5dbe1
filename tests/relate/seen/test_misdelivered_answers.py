"""Answers to a host that did not ask."""

from __future__ import annotations

from analyzer.relate.seen import misdelivered_answers
from tests.relate.captures import INIT, capture, of_packets, raw_packets

HOSTS = "A = 10.0.0.2  B = 10.0.0.3  S = 203.0.113.7\nsa 1 spi 0000000000000abc\n"


def of(*steps: str):
    return capture(*steps, hosts=HOSTS).analysis.related.capture.misdelivered_answers


def test_answers_to_who_asked_are_none():
    assert capture(INIT).analysis.related.capture.misdelivered_answers == ()


def test_an_answer_to_the_neighbour():
    (stray,) = of(
        "+0.0 A:500 > S:500 IKE_SA_INIT request\n+0.1 B:500 < S:500 IKE_SA_INIT response\n",
    )
    assert (stray.frame, stray.src, stray.dst, stray.spi_i) == (2, "203.0.113.7", "10.0.0.3", 0xABC)
    assert (stray.asked_by, stray.asks_itself) == (("10.0.0.2",), False)


def test_the_neighbour_is_a_client_as_well():
    (stray,) = of(
        "+0.0 A:500 > S:500 IKE_SA_INIT request\n+0.0 B:500 > S:500 IKE_SA_INIT request sa 2\n",
        "+0.1 B:500 < S:500 IKE_SA_INIT response\n",
    )
    assert stray.asks_itself


def test_the_neighbour_is_a_client_of_another_gateway():
    hosts = HOSTS.replace("sa 1", "T = 203.0.113.8\nsa 1", 1)
    steps = (
        "+0.0 A:500 > S:500 IKE_SA_INIT request\n+0.0 B:500 > T:500 IKE_SA_INIT request sa 2\n"
        "+0.1 B:500 < S:500 IKE_SA_INIT response\n"
    )
    (stray,) = capture(steps, hosts=hosts).analysis.related.capture.misdelivered_answers
    assert not stray.asks_itself


def test_nobody_asked():
    (stray,) = of("+0.1 B:500 < S:500 IKE_SA_INIT response\n")
    assert stray.asked_by == ()


def test_the_port_does_not_matter():
    # A host may ask from one port and be answered at another; that is no other host.
    assert of("+0.0 A:500 > S:500 IKE_SA_INIT request\n+0.1 A:1024 < S:500 IKE_SA_INIT response\n") == ()


def test_a_request_under_two_addresses():
    # Before and behind a NAT: the copy is no message of its own, and yet its sender asked.
    (first, second) = raw_packets(INIT)
    behind = bytearray(first[1])
    behind[12:16] = bytes([198, 51, 100, 1])
    answer = bytearray(second[1])
    answer[16:20] = bytes([198, 51, 100, 1])
    cap = of_packets([first, (first[0] + 50_000, bytes(behind)), (second[0], bytes(answer))])
    assert len(cap.analysis.sas[0].messages) == 2
    assert cap.analysis.related.capture.misdelivered_answers == ()


def test_a_flood_is_bounded(monkeypatch):
    monkeypatch.setattr(misdelivered_answers, "MAX_MISDELIVERED", 2)
    steps = [f"+{i}.1 B:500 < S:500 IKE_SA_INIT response sa {i + 1}\n" for i in range(5)]
    assert len(of(*steps)) == 2
