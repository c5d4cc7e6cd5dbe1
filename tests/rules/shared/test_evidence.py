"""What is missing, in words, before a rule is applied."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pytest

import analyzer
from analyzer.relate.sa import IkeSa
from analyzer.report.ladder.notation import parse
from analyzer.rules.shared.evidence import (
    EVIDENCE,
    both_directions,
    init_request_payloads,
    init_response_payloads,
    later_fragments,
)
from sample_pcaps.lab.maker import make

HOSTS = "C = 10.0.0.2   S = 203.0.113.7   R = 10.0.0.1\n"
REQUEST = "+0.000 C:500 > S:500 IKE_SA_INIT request\n"
RESPONSE = "+0.030 C:500 < S:500 IKE_SA_INIT response\n"
REFUSED = "+0.030 C:500 < S:500 IKE_SA_INIT response N(NO_PROPOSAL_CHOSEN)\n"
LARGE = "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK"


def first_sa(steps: str, options: str = "") -> IkeSa:
    capture = analyzer.read("ladder", stream=BytesIO(make(parse(f"{HOSTS}{options}\n{steps}"))))
    return capture.analysis.sas[0]


def test_names_are_those_of_the_tests() -> None:
    assert {
        "init-request-payloads": init_request_payloads,
        "init-response-payloads": init_response_payloads,
        "later-fragments": later_fragments,
        "both-directions": both_directions,
    } == EVIDENCE


@pytest.mark.parametrize(
    ("steps", "options", "reason"),
    [
        (REQUEST + RESPONSE, "", ""),
        (REQUEST, "", ""),
        (RESPONSE, "", "no IKE_SA_INIT request is in the capture"),
        (REQUEST + RESPONSE, "snaplen 128", "IKE_SA_INIT request are not all in the capture"),
        (REQUEST + RESPONSE + "+0.075 C:4500 > S:4500 IKE_AUTH request SKF 1-2/2\n", "snaplen 128", ""),
        ("+0.000 C:500 > S:500 IKEv1 Main Mode request\n", "", "this is IKEv1"),
    ],
)
def test_init_request_payloads(steps: str, options: str, reason: str) -> None:
    said = init_request_payloads(first_sa(steps, options))
    assert reason in said
    assert bool(said) == bool(reason)


@pytest.mark.parametrize(
    ("steps", "options", "reason"),
    [
        (REQUEST + RESPONSE, "", ""),
        (RESPONSE, "", ""),
        (REQUEST, "", "no IKE_SA_INIT response is in the capture"),
        (REQUEST + "+0.030 C:500 < S:500 IKE_SA_INIT response N(COOKIE)\n", "", "only an error or asks for another"),
        (REQUEST + REFUSED, "", "only an error or asks for another"),
        (REQUEST + RESPONSE, "snaplen 128", "IKE_SA_INIT response are not all in the capture"),
        ("+0.000 C:500 > S:500 IKEv1 Main Mode request\n", "", "this is IKEv1"),
    ],
)
def test_init_response_payloads(steps: str, options: str, reason: str) -> None:
    said = init_response_payloads(first_sa(steps, options))
    assert reason in said
    assert bool(said) == bool(reason)


FILTER = 'filter "udp port 500 or udp port 4500"'


@pytest.mark.parametrize(
    ("steps", "options", "reason"),
    [
        # Nothing is in fragments, so nothing can be hidden that matters.
        (REQUEST + RESPONSE, FILTER, ""),
        # docs/domain/filtered-captures.md rule 1: a later fragment of any flow shows that fragments reach the capture.
        (REQUEST + RESPONSE + LARGE, "", ""),
        (REQUEST + RESPONSE + LARGE + " lost 2,3\n+1.000 C:9 > R:9 UDP size 3000\n", "", ""),
        # Rules 2 and 5: only what a port filter lets pass, or the file says so.
        (REQUEST + RESPONSE + LARGE, FILTER, "a capture filter on the ports hides them"),
        (REQUEST + RESPONSE + LARGE + " lost 2,3", "", "a capture filter on the ports hides them"),
        # A recorded filter that lets fragments pass hides none (pcap-filter(7): host matches every fragment).
        (REQUEST + RESPONSE + LARGE + " lost 2,3\n+1.000 C:9 > R:9 UDP\n", 'filter "host 10.0.0.2"', "when saved"),
        # Rule 3: other traffic is there, later fragments are not.
        (REQUEST + RESPONSE + LARGE + " lost 2,3\n+1.000 C:9 > R:9 UDP\n", "", "filtered when saved"),
    ],
)
def test_later_fragments(steps: str, options: str, reason: str) -> None:
    said = later_fragments(first_sa(steps, options))
    assert reason in said
    assert bool(said) == bool(reason)


LATER = "+0.075 C:4500 > S:4500 IKE_AUTH request 400 SK\n"


@pytest.mark.parametrize(
    ("steps", "options", "reason"),
    [
        (REQUEST + RESPONSE + LATER, "", ""),
        # Silence alone: a gateway that is not reached looks so in a capture of both directions.
        (REQUEST, "", ""),
        # The responder's SPI can only have come in an answer.
        (REQUEST + LATER, "", "the responder's SPI"),
        # Two answers and no request.
        (RESPONSE + "+0.130 C:4500 < S:4500 IKE_AUTH response 400 SK\n", "", "2 answers"),
        # One answer alone may belong to a request from before the trace.
        (RESPONSE, "", ""),
        # TCP that acknowledges needs two; it shows one, so the capture does.
        (REQUEST + "+1.0 C:40000 > R:443 TCP ACK count 3\n", "", "TCP between 1 pair of hosts"),
        (REQUEST + "+1.0 C:40000 > R:443 TCP ACK\n+1.1 C:40000 < R:443 TCP ACK\n", "", ""),
        (REQUEST + "+1.0 C:40000 > R:443 TCP SYN\n", "", ""),
    ],
)
def test_both_directions(steps: str, options: str, reason: str) -> None:
    said = both_directions(first_sa(steps, options))
    assert reason in said
    assert bool(said) == bool(reason)


@pytest.mark.parametrize(
    ("filter_", "hides"),
    [
        # pcap-filter(7): a port is looked for in first fragments only; host and proto match every fragment.
        ("udp port 500 or udp port 4500", True),
        ("portrange 500-4500", True),
        ("udp[0:2] = 500", True),
        ("a BPF program of 12 instructions", True),
        ("host 203.0.113.7", False),
        ("udp port 500 or (ip[6:2] & 0x1fff != 0) or ip6 proto 44", False),
        ("", False),
    ],
)
def test_filters_that_hide_fragments(filter_: str, hides: bool) -> None:
    facts = replace(first_sa(REQUEST).capture, capture_filter=filter_)
    assert facts.filter_hides_fragments == hides
