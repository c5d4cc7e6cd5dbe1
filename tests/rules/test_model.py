"""Ranks, exit statuses and display filters."""

from __future__ import annotations

import itertools

import pytest

from analyzer.rules.model import Confidence, Finding, Rule, Severity, Verdict


def finding(severity: str, confidence: str, order: int, frames: tuple[int, ...] = ()) -> Finding:
    return Finding(
        "XXX001", "some-id", 0, Severity(severity), Confidence(confidence), "title", "", frames, (), order, True
    )


def test_severities_and_confidences_are_those_of_the_design() -> None:
    assert [s.value for s in Severity] == ["blocking", "degrading", "information"]
    assert [c.value for c in Confidence] == ["proved", "strong", "probable", "possible", "cannot-tell"]


def test_rank_is_by_severity_then_confidence_then_order() -> None:
    by_hand = [
        finding("blocking", "proved", 9),
        finding("blocking", "strong", 1),
        finding("blocking", "strong", 2),
        finding("blocking", "cannot-tell", 1),
        finding("degrading", "proved", 1),
        finding("degrading", "possible", 7),
        finding("information", "proved", 3),
        finding("information", "probable", 1),
        finding("information", "cannot-tell", 1),
    ]
    for one, other in itertools.pairwise(by_hand):
        assert one.rank < other.rank


@pytest.mark.parametrize(
    ("severity", "confidence", "status"),
    [
        *(("blocking", c.value, 1) for c in Confidence),
        *(("degrading", c.value, 1) for c in Confidence),
        *(("information", c.value, 0) for c in Confidence if c is not Confidence.CANNOT_TELL),
        ("information", "cannot-tell", 3),
    ],
)
def test_exit_status(severity: str, confidence: str, status: int) -> None:
    """docs/json-report.md: 0 healthy, 1 a blocking or degrading finding, 3 this capture cannot tell."""
    assert Verdict("id", Severity(severity), Confidence(confidence), "text").exit_status == status


def test_what_leaves_open_whether_it_served_is_no_success() -> None:
    """docs/verdicts.md: "possible" at most is said of it, and the exit status is that of "cannot tell"."""
    closed = Verdict("id", Severity.INFORMATION, Confidence.POSSIBLE, "text", is_open=True)
    assert closed.exit_status == 3


def test_filter_is_a_wireshark_filter() -> None:
    assert finding("blocking", "strong", 1, (4, 7, 10)).filter == "frame.number in {4, 7, 10}"
    assert finding("blocking", "strong", 1).filter == ""


def test_best_rank_is_the_rank_of_the_surest_finding() -> None:
    rule = Rule("NET002", Severity.BLOCKING, lambda sa: (), ceiling=Confidence.PROBABLE)
    assert rule.best_rank == finding("blocking", "probable", 7).rank
