"""How sure silence makes: probable at best, and possible where the capture has gaps (docs/verdicts.md)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.rules.model import Confidence
from analyzer.rules.shared.certainty import of_silence
from tests.relate.captures import HOSTS, INIT, only_sa

HOSTS_W = HOSTS + "W = 192.0.2.80\n"


def silent(repeats: str, until: float):
    """An SA whose IKE_AUTH stays unanswered, seen until so many seconds after IKE_SA_INIT began."""
    return only_sa(
        INIT,
        f"+0.1 C:4500 > S:4500 IKE_AUTH request 400 SK{{IDi}} {repeats}\n",
        f"+{until} C:40000 > S:9 UDP\n",
    )


@pytest.mark.parametrize(
    ("repeats", "until", "expected"),
    [
        ("x3 at +1.0 +3.0", 20, Confidence.PROBABLE),
        ("x3 at +1.0 +3.0", 3.2, Confidence.PROBABLE),  # three sendings are enough, however soon the trace ends
        ("x2 at +1.0", 20, Confidence.PROBABLE),  # two, and a long silence
        ("x2 at +1.0", 10.1, Confidence.PROBABLE),  # just ten seconds after the first one
        ("x2 at +1.0", 10.099, Confidence.POSSIBLE),
        ("x2 at +1.0", 5, Confidence.POSSIBLE),
        ("", 30, Confidence.POSSIBLE),  # a single sending may have been lost
    ],
)
def test_repeats_and_waiting_make_sure(repeats, until, expected):
    sa = silent(repeats, until)
    assert of_silence(sa, sa.exchanges[-1]) is expected


@pytest.mark.parametrize("gap", [{"lost_packets": "some"}, {"cut": True}, {"damaged": True}])
def test_a_capture_with_gaps_makes_nothing_probable(gap):
    sa = silent("x3 at +1.0 +3.0", 20)
    sa.capture = replace(sa.capture, **gap)
    assert of_silence(sa, sa.exchanges[-1]) is Confidence.POSSIBLE


def test_a_capture_of_one_direction_makes_no_silence_probable():
    sa = only_sa("+0 C:500 > S:500 IKE_SA_INIT request x4 at +1 +3 +7\n", "+1 C:40000 > W:443 TCP ACK\n", hosts=HOSTS_W)
    assert sa.one_way
    assert of_silence(sa, sa.exchanges[0]) is Confidence.POSSIBLE
