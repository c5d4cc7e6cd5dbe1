"""Numbers, times and exchanges in words."""

from __future__ import annotations

from io import BytesIO
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzer
from analyzer.relate.sa import IkeSa
from analyzer.report.ladder.notation import parse
from analyzer.rules.shared import wording
from sample_pcaps.lab.maker import make

HOSTS = "C = 10.0.0.2 (mtu 1460)   S = 203.0.113.7   R = 198.51.100.1\n"
INIT = "+0.000 C:500 > S:500 IKE_SA_INIT request\n+0.030 C:500 < S:500 IKE_SA_INIT response\n"


def first_sa(steps: str, hosts: str = HOSTS) -> IkeSa:
    capture = analyzer.read("ladder", stream=BytesIO(make(parse(hosts + steps))))
    return capture.analysis.sas[0]


def last_exchange(steps: str, hosts: str = HOSTS) -> Any:
    return first_sa(steps, hosts).exchanges[-1]


@pytest.mark.parametrize(("count", "text"), [(1, "once"), (2, "twice"), (3, "3 times"), (12, "12 times")])
def test_times(count: int, text: str) -> None:
    assert wording.times(count) == text


@pytest.mark.parametrize(("count", "text"), [(80, "80-byte"), (3468, "3,468-byte")])
def test_octets(count: int, text: str) -> None:
    assert wording.octets(count) == text


def test_offsets_count_from_the_first_sending() -> None:
    exchange = last_exchange("+5.000 C:500 > S:500 IKE_SA_INIT request x4 at +1.000 +3.040 +7.000\n")
    assert wording.offsets(exchange) == "+1.0 +3.0 +7.0 s"


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("C:4500 > S:4500 IKE_AUTH request 600 SK", "one IP packet of 632 bytes"),
        ("C:500 > S:500 IKE_AUTH request 1400 SK", "one IP packet of 1,428 bytes"),
        ("C:4500 > S:4500 IKE_AUTH request 3468 SK", "3 IP fragments"),
        ("C:4500 > S:4500 IKE_AUTH request 3468 SK lost 2", "IP fragments"),
        ("C:4500 > S:4500 IKE_AUTH request SKF 1-3/3", "3 SKF fragments"),
        (
            "C:4500 > S:4500 IKE_AUTH request SKF 1-2/2 (1440 300)",
            "2 SKF fragments, themselves cut into up to 2 IP fragments",
        ),
    ],
)
def test_pieces(step: str, text: str) -> None:
    assert wording.pieces(last_exchange(f"{INIT}+0.075 {step}\n").request) == text


def test_pieces_over_tcp() -> None:
    steps = "+0.000 C:50100 > S:4500 TCP SYN\n+0.010 C:50100 > S:4500 IKE_SA_INIT request tcp\n"
    assert wording.pieces(last_exchange(steps).request) == "a TCP stream"


def test_mtu_phrase_gives_a_range_for_each_sender() -> None:
    """1460 bytes in the first fragment: MTU 1460 to 1467; the server's fragments are another MTU.

    Source: docs/domain/ip-fragments.md.
    """
    sa = first_sa(
        INIT
        + "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK ip-fragments 3\n"
        + "+0.130 C:4500 < S:4500 IKE_AUTH response 3000 SK ip-fragments 3\n"
    )
    assert wording.mtu_phrase(sa, "initiator") == " (first 1,460 bytes, so the sender's MTU is 1,460..1,467)"
    assert wording.mtu_phrase(sa, "responder") == " (first 1,500 bytes, so the sender's MTU is 1,500..1,507)"


def test_mtu_phrase_is_empty_without_fragments() -> None:
    assert wording.mtu_phrase(first_sa(INIT), "initiator") == ""


@pytest.mark.parametrize(("client", "server"), list(product((True, False, None), repeat=2)))
def test_announcements_say_each_of_the_nine(client: bool | None, server: bool | None) -> None:
    """Announced, not announced, and not in the trace; nobody is said to have or not to have what is unknown."""
    notify = "N(IKEV2_FRAGMENTATION_SUPPORTED)"
    request = f"+0.000 C:500 > S:500 IKE_SA_INIT request {notify if client else ''}\n"
    response = f"+0.030 C:500 < S:500 IKE_SA_INIT response {notify if server else ''}\n"
    steps = (request if client is not None else "") + (response if server is not None else "")
    text = wording.announcements(first_sa(steps or "+1.000 C:4500 > S:4500 IKE_AUTH request 600 SK\n"))
    expected = {
        (True, True): "both sides offered",
        (False, False): "neither side offered",
        (True, False): "the client offered IKE fragmentation (notify 16430), the server did not accept it",
        (False, True): "the client did not offer",
        (False, None): "the client did not offer",
        (True, None): "the server's answer to that is not in the trace",
        (None, False): "the server did not offer",
        (None, True): "the client's part is not in the trace",
        (None, None): "whether the sides offered",
    }
    assert expected[client, server] in text
    assert "IKE fragmentation" in text


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(1, 500), max_size=40), max_size=4))
def test_frames_are_sorted_unique_and_bounded(groups: list[list[int]]) -> None:
    frames = wording.frames(*groups)
    everything = sorted({frame for group in groups for frame in group})
    assert list(frames) == everything[:60]


def test_init_frames_are_those_of_the_exchange_that_counts() -> None:
    sa = first_sa(
        "+0.000 C:500 > S:500 IKE_SA_INIT request\n"
        "+0.030 C:500 < S:500 IKE_SA_INIT response N(COOKIE)\n"
        "+0.031 C:500 > S:500 IKE_SA_INIT request N(COOKIE)\n"
        "+0.060 C:500 < S:500 IKE_SA_INIT response\n"
    )
    assert wording.init_frames(sa) == (3, 4)


def test_init_frames_are_none_without_ike_sa_init() -> None:
    assert wording.init_frames(first_sa("+1.000 C:4500 > S:4500 IKE_AUTH request 600 SK\n")) == ()


def test_icmp_phrase_names_each_meaning_and_router_once() -> None:
    sa = first_sa(
        "+0.000 C:500 > S:500 IKE_SA_INIT request x3 at +1.000 +3.000\n"
        "+0.020 C < R ICMP admin-prohibited quoting +0.000\n"
        "+1.020 C < R ICMP admin-prohibited quoting +1.000\n"
        "+3.020 C < S ICMP port-unreachable quoting +3.000\n"
    )
    assert wording.icmp_phrase(sa, sa.icmp) == (
        "ICMP reports admin prohibited from 198.51.100.1, port unreachable from 203.0.113.7 (frame 2)."
    )
    assert wording.icmp_phrase(sa, ()) == ""
