"""What must hold of each case (:mod:`tests.rules.cases`): the claims that its text makes, and those made for all.

Each function takes a case and fails with all that the rules said of it. :mod:`tests.rules.test_cases` runs them all for
each case, and tests/mutation runs them against rules that were changed on purpose.
"""

from __future__ import annotations

import re
from typing import Any

import analyzer
from analyzer.rules.engine import all_rules
from analyzer.rules.model import Confidence, Finding, Severity
from analyzer.rules.reasons import REASONS
from tests.rules.cases import Case, capture_of, doubled

_ORDER = {rule.code: rule.order for rule in all_rules()}
_BEST_RANK = {rule.code: rule.best_rank for rule in all_rules()}


def rule_says_what_the_case_expects(case: Case) -> None:
    capture = capture_of(case)
    said = _said(capture)
    own = [f for f in capture.analysis.findings if f.rule == case.rule]
    if case.kind == "fires":
        _, severity, confidence = case.expect.split()
        assert len(own) == case.count, said
        assert (own[0].severity, own[0].confidence) == (Severity(severity), Confidence(confidence)), said
    else:
        assert own == [], said
    reasons = [n.because for n in capture.analysis.judgement.not_assessed if n.rule == case.rule]
    if case.kind == "not":
        piece = case.expect.partition(":")[2].strip()
        assert any(piece in reason for reason in reasons), said
    else:
        assert reasons == [], said
    for attribute in ("title", "detail", "remedies"):
        for piece in getattr(case, attribute):
            assert _hold(own, attribute, piece), f"{piece!r} is in no {attribute}\n{said}"
        for piece in getattr(case, f"not_{attribute}"):
            assert not _hold(own, attribute, piece), f"{piece!r} is in a {attribute}\n{said}"
    if case.frames:
        assert own[0].frames == case.frames, said


def verdict_is_what_the_case_expects(case: Case) -> None:
    """Whatever the rule says that the case is about; the exit status follows, for only a success is healthy."""
    capture = capture_of(case)
    said = _said(capture)
    assert f"{capture.verdict.id} {capture.verdict.confidence.value}" == case.verdict, said
    id, confidence = case.verdict.split()
    # What was closed without ESP is healthy where a later exchange was answered; the case says so.
    healthy = 0 if id == "connected-ok" or confidence == "strong" or case.exit == 0 else 3
    information = id in ("connected-ok", "connected-then-closed")
    exit = 3 if Confidence(confidence) is Confidence.CANNOT_TELL else healthy if information else 1
    assert capture.verdict.exit_status == exit, said
    assert case.exit in (None, exit)


def nothing_else_is_blamed(case: Case) -> None:
    """No case makes another rule say "blocking" with more than "possible", unless the case declares it."""
    capture = capture_of(case)
    declared = {case.rule, *case.also} if case.kind == "fires" else set(case.also)
    blamed = {
        f.rule
        for f in capture.analysis.findings
        if f.severity is Severity.BLOCKING and f.confidence.rank < Confidence.POSSIBLE.rank and f.rule not in declared
    }
    assert not blamed, _said(capture)
    assert set(case.also) <= {f.rule for f in capture.analysis.findings}, f"declared, but not said\n{_said(capture)}"


def packets_that_the_capture_holds_twice_change_nothing(case: Case) -> None:
    once, twice = capture_of(case), doubled(case)
    assert _judgements(twice) == _judgements(once), f"{_said(once)}\n-- twice:\n{_said(twice)}"


def verdict_is_the_gravest_finding(case: Case) -> None:
    """docs/verdicts.md: severity, then confidence, then the order of the catalogue; shortcuts change nothing."""
    capture = capture_of(case)
    for sa in capture.analysis.sas:
        verdict = capture.analysis.judgement.of_sa[sa.index]
        own = [f for f in capture.analysis.findings if f.sa == sa.number]
        assert capture.analysis.judgement.verdict_among(sa, own) == verdict
        deciding = [f for f in own if f.is_verdict]
        if not deciding:
            assert (verdict.id, verdict.exit_status) == ("cannot-tell", 3)
            continue
        gravest = sorted(
            deciding,
            key=lambda f: (list(Severity).index(f.severity), list(Confidence).index(f.confidence), _ORDER[f.rule]),
        )[0]
        assert (verdict.rule, verdict.text, verdict.frames) == (gravest.rule, gravest.title, gravest.frames)


def a_plain_success_is_one_for_the_rules(case: Case) -> None:
    """Those that plainly succeeded are not shown to the rules (:mod:`analyzer.relate.inferred.plain_success`)."""
    analysis = capture_of(case).analysis
    for index in analysis.related.plain_successes:
        assert analysis.judgement.of_sa[index].exit_status == 0, _said(capture_of(case))


def what_cannot_be_told_has_a_documented_reason(case: Case) -> None:
    capture = capture_of(case)
    for verdict in (capture.verdict, *capture.analysis.judgement.of_sa):
        assert (verdict.reason in REASONS) if verdict.exit_status == 3 else verdict.reason is None, verdict


def findings_come_gravest_first(case: Case) -> None:
    """Then those on the capture before those on its IKE SAs, and these in their order."""
    capture = capture_of(case)
    ranks = [
        (
            list(Severity).index(f.severity),
            list(Confidence).index(f.confidence),
            _ORDER[f.rule],
            f.sa is not None,
            f.sa or 0,
        )
        for f in capture.analysis.findings
    ]
    assert ranks == sorted(ranks), _said(capture)


def no_rule_is_surer_than_it_says_it_can_be(case: Case) -> None:
    """The engine does not run rules that cannot outdo what it has found: their ceiling must be true."""
    for finding in capture_of(case).analysis.findings:
        assert finding.rank >= _BEST_RANK[finding.rule], finding


def frames_are_frames_of_the_capture(case: Case) -> None:
    capture = capture_of(case)
    for finding in capture.analysis.findings:
        assert list(finding.frames) == sorted(set(finding.frames))
        assert set(finding.frames) <= set(range(1, capture.analysis.related.capture.packets + 1))


def texts_are_whole_sentences(case: Case) -> None:
    for finding in capture_of(case).analysis.findings:
        for text in (finding.title, finding.detail):
            assert text == "" or text.endswith((".", ")", "?", "!")), f"{finding.rule}: {text!r}"
            assert "  " not in text and text == text.strip() and text.isprintable(), f"{finding.rule}: {text!r}"
            assert not re.search(r"\bNone\b(?! of)", text), f"{finding.rule}: {text!r}"
        assert finding.title, finding.rule


def what_is_wrong_comes_with_a_remedy(case: Case) -> None:
    """RTX001 says only that no rule knows why."""
    for finding in capture_of(case).analysis.findings:
        assert finding.remedies or finding.severity is Severity.INFORMATION or finding.rule == "RTX001", finding


CLAIMS = (
    rule_says_what_the_case_expects,
    verdict_is_what_the_case_expects,
    nothing_else_is_blamed,
    packets_that_the_capture_holds_twice_change_nothing,
    verdict_is_the_gravest_finding,
    a_plain_success_is_one_for_the_rules,
    what_cannot_be_told_has_a_documented_reason,
    findings_come_gravest_first,
    no_rule_is_surer_than_it_says_it_can_be,
    frames_are_frames_of_the_capture,
    texts_are_whole_sentences,
    what_is_wrong_comes_with_a_remedy,
)


def failed_claims(case: Case) -> list[str]:
    """Each claim that does not hold, with what the rules said."""
    failed = []
    for claim in CLAIMS:
        try:
            claim(case)
        except AssertionError as error:
            failed.append(f"{claim.__name__.replace('_', ' ')}: {error}")
    return failed


def _said(capture: analyzer.Capture) -> str:
    lines = [f"{capture.verdict.id} {capture.verdict.confidence.value}: {capture.verdict.text}"]
    lines += [
        f"{f.rule} {f.severity.value} {f.confidence.value} {f.frames}: {f.title}" for f in capture.analysis.findings
    ]
    lines += [f"{n.rule} not assessed: {n.because}" for n in capture.analysis.judgement.not_assessed]
    return "\n".join(lines)


def _hold(findings: list[Finding], attribute: str, piece: str) -> bool:
    values = [getattr(finding, attribute) for finding in findings]
    return any(piece in (value if isinstance(value, str) else "\n".join(value)) for value in values)


def _judgements(capture: analyzer.Capture) -> tuple[list[tuple[Any, ...]], list[Any], str]:
    # That packets are there twice is what CAP007 says.
    findings = [(f.rule, f.sa, f.severity, f.confidence) for f in capture.analysis.findings if f.rule != "CAP007"]
    return findings, list(capture.analysis.judgement.not_assessed), capture.verdict.id
