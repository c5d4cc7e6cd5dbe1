"""Twice the capture is twice the work: no function is called more than 2.3 times as often for twice as much.

Calls are counted, not seconds: the same number each time, and each function by itself, so that one that looks at all
exchanges for each exchange shows at a hundred of them.
"""

from __future__ import annotations

import cProfile
import io
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import analyzer
from analyzer.frames.contracts import CONTRACTS
from analyzer.relate.seen import misdelivered_answers, neighbours
from analyzer.report import comparison_text, validation_text
from tests.fuzz.conversations import CONVERSATIONS
from tests.fuzz.crowds import CROWDS

TALKS = CONVERSATIONS | CROWDS
OURS = Path(analyzer.__file__).parent

#: How much of a conversation is looked at, and twice as much.
FEW = 40
#: So many times as often a function may be called for twice as much; and calls that are none of its growth.
MOST, ASIDE = 2.3, 400


def read(raw: bytes) -> analyzer.Capture:
    return analyzer.read("talk.pcap", stream=io.BytesIO(raw))


def texts(raw: bytes) -> None:
    capture = read(raw)
    capture.text()
    capture.report()
    validation_text.as_text(capture.analysis, analyzer.validate(capture))
    comparison_text.as_text(analyzer.compare(capture, read(raw)))


def frames(raw: bytes) -> None:
    capture = read(raw)
    for name in CONTRACTS:
        assert getattr(capture, name) is not None


def plot(raw: bytes) -> None:
    capture = read(raw)
    if len(capture.analysis.sas):
        plt.close(capture.plot())


def calls(work: Callable[[], None]) -> Counter[str]:
    """How often each function of this project is called, and each that is not written in Python."""
    profile = cProfile.Profile()
    profile.runcall(work)
    found: Counter[str] = Counter()
    for entry in profile.getstats():
        code = entry.code
        if isinstance(code, str):
            found[code] += entry.callcount
        elif Path(code.co_filename).is_relative_to(OURS):
            found[f"{Path(code.co_filename).name}:{code.co_firstlineno} {code.co_name}"] += entry.callcount
    return found


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch):
    """What is bounded by a number grows until it is there."""
    monkeypatch.setattr(neighbours, "MAX_NEIGHBOURS", 8)
    monkeypatch.setattr(misdelivered_answers, "MAX_MISDELIVERED", 8)


#: A second for each of the plots: one of each kind of what is drawn.
PLOTS = (
    "checks_and_an_icmp_error", "fragmented_checks", "exchanges_and_orphans", "repeated_large_logins", "skf_logins",
    "twice_each",
)  # fmt: skip


#: Texts ask for nearly all that frames and plots do.
WORK = [
    *product(TALKS, (texts,)),
    *(pytest.param(name, frames, marks=pytest.mark.large) for name in TALKS),
    *(pytest.param(name, plot, marks=pytest.mark.large) for name in PLOTS),
]


@pytest.mark.parametrize("name, work", WORK)
def test_no_function_is_called_much_more_than_twice_as_often_for_twice_as_much(name, work):
    make = TALKS[name]
    work(make(3))  # what is done once only, as reading the registries
    little, much = (calls(partial(work, make(count))) for count in (FEW, 2 * FEW))
    grown = {what: (little[what], count) for what, count in much.items() if count > MOST * little[what] + ASIDE}
    assert not grown


#: What the conversations are that once took the square of their length, as an analyst would say it.
VERDICTS = {
    # Each of them healthy, whatever one ICMP error says of an early packet that was answered.
    "checks_and_an_icmp_error": "connected-ok",
    "checks_and_icmp_errors": "connected-ok",
    "fragmented_checks": "connected-ok",
    # A router says in as many words that packets are too large.
    "interleaved_and_icmp_errors": "icmp-ptb-received",
    # All ask for the last time in the last milliseconds.
    "interleaved_and_orphans": "capture-ends-early",
}


@pytest.mark.parametrize("name", VERDICTS)
@pytest.mark.parametrize("count", [20, 500])
def test_its_length_changes_nothing_of_a_verdict(name, count):
    assert read(TALKS[name](count)).verdict.id == VERDICTS[name]
