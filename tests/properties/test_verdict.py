"""A capture that shows less, or the same twice, never makes the analyzer say more.

How strong a verdict is: nothing, unless it claims a failure (blocking or degrading); then its confidence, from
``possible`` to ``proved``. Of the same packets in a capture that

- holds some of them twice (seen at two capture points), or the fragments of a datagram in another order: the verdict
  and its confidence stay as they are;
- is cut anywhere, as a file or after some packet, or holds each packet only to some length: the verdict is no stronger
  than that of the whole; where the whole shows no failure, a failure is ``possible`` at most.

One limit is honest: a success that came after three unanswered attempts looks, before its answer, exactly like a
failure. ``test_the_honest_limit`` shows it; the other tests use captures in which every attempt is answered.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.report.ladder.notation import parse
from analyzer.rules.model import Confidence, Severity, Verdict
from sample_pcaps.lab.maker import make
from tests.properties.altered import (
    Record,
    duplicated,
    fragment_runs,
    pcapng,
    permuted,
    read,
    records_of,
    snapped,
)
from tests.properties.scenes import LADDERS, REAL, real, scene

POSSIBLE = 1


def strength(verdict: Verdict) -> int:
    """0: claims no failure; else 0 for ``cannot-tell`` up to 4 for ``proved``."""
    if verdict.severity is Severity.INFORMATION:
        return 0
    return len(Confidence) - 1 - verdict.confidence.rank


def told(verdict: Verdict) -> tuple[str, str]:
    return verdict.id, verdict.confidence.value


class Whole:
    """A capture as it was, in records, and its verdict."""

    def __init__(self, capture: bytes) -> None:
        self.capture = capture
        self.records, self.links = records_of(capture)
        self.verdict = read(capture).verdict

    def verdict_of(self, records: list[Record]) -> Verdict:
        return read(pcapng(records, self.links)).verdict

    @property
    def allowed(self) -> int:
        """The strongest that a capture with less in it may say."""
        return max(strength(self.verdict), POSSIBLE)


@cache
def made(name: str) -> Whole:
    return Whole(scene(name))


@cache
def found(captures: Path, name: str) -> Whole:
    return Whole(real(captures, name))


@pytest.fixture(scope="module", params=[*LADDERS, *(f"dev/{name}" for name in REAL)])
def whole(request: pytest.FixtureRequest) -> Whole:
    name = str(request.param)
    if name.startswith("dev/"):
        return found(request.getfixturevalue("shared_captures"), name.removeprefix("dev/"))
    return made(name)


def some(whole: Whole) -> range:
    return range(len(whole.records))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lost", ("ike-auth-ip-fragments-lost-upstream", "blocking")),
        ("lost6", ("ike-auth-ip-fragments-lost-upstream", "blocking")),
        ("lost-once", ("ike-auth-ip-fragments-lost-upstream", "blocking")),
        ("blocked-once", ("udp-4500-blocked", "blocking")),
        ("silent-once", ("no-response-ike-sa-init", "blocking")),
        ("blocked-twice", ("udp-4500-blocked", "blocking")),
        ("response-lost", ("ike-auth-response-fragments-lost", "blocking")),
        ("blocked", ("udp-4500-blocked", "blocking")),
        ("silent", ("no-response-ike-sa-init", "blocking")),
        ("unreachable", ("icmp-port-unreachable", "blocking")),
        ("unreachable-at-first", ("connected-ok", "information")),
        ("one-of-two", ("auth-failed", "blocking")),
        ("only-4500", ("udp-500-blocked-4500-open", "blocking")),
        ("split", ("load-balancer-splits-500-4500", "blocking")),
        ("silent-server", ("ike-auth-silent-drop", "blocking")),
        ("refused", ("no-proposal-chosen-ike", "blocking")),
        ("denied", ("auth-failed", "blocking")),
        ("healthy", ("connected-ok", "information")),
        ("healthy-fragments", ("connected-ok", "information")),
        ("healthy6", ("connected-ok", "information")),
        ("healthy-skf", ("connected-ok", "information")),
    ],
)
def test_the_whole_says_what_its_ladder_shows(name, expected):
    verdict = made(name).verdict
    assert (verdict.id, verdict.severity.value) == expected


def test_records_put_together_again_say_the_same(whole):
    assert told(whole.verdict_of(whole.records)) == told(whole.verdict)


def test_every_packet_twice_changes_nothing(whole):
    for delay in (0, 1_000_000):
        assert told(whole.verdict_of(duplicated(whole.records, some(whole), delay))) == told(whole.verdict)


@settings(max_examples=8)
@given(data=st.data())
def test_some_packets_twice_change_nothing(whole, data):
    which = data.draw(st.sets(st.sampled_from(some(whole))))
    assert told(whole.verdict_of(duplicated(whole.records, which))) == told(whole.verdict)


@settings(max_examples=8)
@given(data=st.data())
def test_order_of_fragments_changes_nothing(whole, data):
    runs = fragment_runs(whole.records, whole.links)
    records = whole.records
    for run in runs:
        records = permuted(records, run, data.draw(st.permutations(run)))
    assert told(whole.verdict_of(records)) == told(whole.verdict)


def test_every_prefix_says_no_more(whole):
    for count in range(len(whole.records)):
        verdict = whole.verdict_of(whole.records[:count])
        assert strength(verdict) <= whole.allowed, (count, verdict)


@settings(max_examples=12)
@given(data=st.data())
def test_a_file_cut_at_any_byte_says_no_more(whole, data):
    keep = data.draw(st.integers(28, len(whole.capture)))
    verdict = read(whole.capture[:keep]).verdict
    assert strength(verdict) <= whole.allowed, verdict


@settings(max_examples=12)
@given(data=st.data())
def test_snapped_packets_say_no_more(whole, data):
    size = data.draw(st.one_of(st.sampled_from([14, 42, 54, 64, 68, 96, 128, 256]), st.integers(0, 400)))
    verdict = whole.verdict_of(snapped(whole.records, size))
    assert strength(verdict) <= whole.allowed, verdict


@settings(max_examples=12)
@given(data=st.data())
def test_packets_snapped_each_in_its_own_place_say_no_more(whole, data):
    records = list(whole.records)
    for i in data.draw(st.sets(st.sampled_from(some(whole)), max_size=5)):
        records[i] = snapped([records[i]], data.draw(st.integers(0, len(records[i].data))))[0]
    verdict = whole.verdict_of(records)
    assert strength(verdict) <= whole.allowed, verdict


ANSWERED_LATE = LADDERS["lost"].replace(
    "+20 C > S ICMP", "+9 C:4500 < S:4500 IKE_AUTH response 300 SK{IDr}\n+20 C > S ICMP"
)


def test_the_honest_limit():
    """Three attempts without an answer are the picture of a failure, whatever came after."""
    late = Whole(make(parse(ANSWERED_LATE)))
    assert strength(late.verdict) == 0
    assert told(late.verdict_of(late.records[:-2])) == told(made("lost").verdict)


@pytest.mark.parametrize("size", range(0, 140, 3))
def test_a_late_answer_that_was_cut_is_no_silence(size):
    late = Whole(make(parse(ANSWERED_LATE)))
    assert strength(late.verdict_of(snapped(late.records, size))) <= POSSIBLE
    answer = len(late.records) - 2
    only = [*late.records[:answer], *snapped([late.records[answer]], size), *late.records[answer + 1 :]]
    assert strength(late.verdict_of(only)) <= POSSIBLE
