"""The rules' cases: what each rule must say of a conversation, written down as data beside this file.

``<CODE>.yml`` is a list of cases of one rule. Keys of a case:

- ``name``, ``why``: what it shows, and the reasoning from which its expectation follows.
- ``ladder``: the conversation (:mod:`analyzer.report.ladder`). ``file``: what a ladder cannot say about the file:
  ``lost-packets: N`` (the host's own drop counter), ``cut: N`` (bytes missing at the end), ``link-type: N``.
- ``expect``: ``fires SEVERITY CONFIDENCE``, ``silent``, or ``not assessed: PIECE OF THE REASON``. ``count``: findings
  of the rule, 1 unless said.
- ``title``, ``detail``, ``remedies``: pieces of text that a finding of the rule holds; with ``not-`` before it: that
  none holds. ``frames``: its frame numbers.
- ``verdict``: ``ID CONFIDENCE`` of the capture; ``exit``: its exit status.
- ``also``: other rules that may say "blocking" here and be surer than "possible".
- ``lacks``: what the capture lacks, in a case that takes evidence away: the rule must then say less than elsewhere.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml

import analyzer
from analyzer.report.ladder import parse
from analyzer.report.ladder_model import Ladder
from analyzer.rules.engine import all_rules
from analyzer.rules.model import Confidence, Finding, Severity
from sample_pcaps.lab.maker import make

HERE = Path(__file__).parent
CODES = [rule.code for rule in all_rules()]

#: Rules that say that something is not there: an answer, a fragment, a notify, a request.
RESTS_ON_ABSENCE = {
    *("FRG001", "FRG002", "FRG003", "FRG004", "FRG007", "NET001", "NET002", "RTX001", "RTX002", "CAP006"),
}

_ORDER = {rule.code: rule.order for rule in all_rules()}

#: pcapng interface statistics (draft-ietf-opsawg-pcapng section 4.6); option 5 is isb_ifdrop.
_STATISTICS, _IFDROP = 5, 5


@dataclass(frozen=True)
class Case:
    """One case as written; see the module's docstring."""

    rule: str
    name: str
    why: str
    ladder: str
    expect: str
    file: dict[str, int] | None = None
    count: int = 1
    title: tuple[str, ...] = ()
    not_title: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()
    not_detail: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    not_remedies: tuple[str, ...] = ()
    frames: tuple[int, ...] = ()
    verdict: str = ""
    exit: int | None = None
    also: tuple[str, ...] = ()
    lacks: str = ""

    @property
    def kind(self) -> str:
        return self.expect.split(":")[0].split()[0]

    @property
    def confidence(self) -> Confidence:
        """The confidence with which the rule fires."""
        return Confidence(self.expect.split()[2])


def _read(rule: str) -> list[Case]:
    known = {field.name for field in fields(Case)}
    cases = []
    for entry in yaml.safe_load((HERE / f"{rule}.yml").read_text(encoding="utf-8")):
        values: dict[str, Any] = {key.replace("-", "_"): value for key, value in entry.items()}
        assert set(values) < known, f"{rule}: {entry.get('name')}: unknown {set(values) - known}"
        lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
        cases.append(Case(rule=rule, **(values | lists)))
    return cases


CASES = [case for code in CODES if (HERE / f"{code}.yml").exists() for case in _read(code)]
each_case = pytest.mark.parametrize("case", CASES, ids=[f"{c.rule}-{c.name.replace(' ', '-')}" for c in CASES])


def _capture(case: Case, ladder: Ladder) -> analyzer.Capture:
    data = make(ladder)
    extra = case.file or {}
    if "lost-packets" in extra:
        body = struct.pack("<III", 0, 0, 0) + struct.pack("<HHQ", _IFDROP, 8, extra["lost-packets"]) + bytes(4)
        length = struct.pack("<I", 12 + len(body))
        data += struct.pack("<I", _STATISTICS) + length + body + length
    if "link-type" in extra:
        # The interface description follows the section header; its link type is behind the block's type and length.
        at = int.from_bytes(data[4:8], "little") + 8
        data = data[:at] + struct.pack("<H", extra["link-type"]) + data[at + 2 :]
    if "cut" in extra:
        data = data[: -extra["cut"]]
    return analyzer.read(case.name, stream=BytesIO(data))


def _said(capture: analyzer.Capture) -> str:
    lines = [f"{capture.verdict.id} {capture.verdict.confidence.value}: {capture.verdict.text}"]
    lines += [f"{f.rule} {f.severity.value} {f.confidence.value} {f.frames}: {f.title}" for f in capture.found]
    lines += [f"{n.rule} not assessed: {n.because}" for n in capture.judgement.not_assessed]
    return "\n".join(lines)


def _hold(findings: list[Finding], attribute: str, piece: str) -> bool:
    values = [getattr(finding, attribute) for finding in findings]
    return any(piece in (value if isinstance(value, str) else "\n".join(value)) for value in values)


@each_case
def test_rule_says_what_the_case_expects(case: Case) -> None:
    capture = _capture(case, parse(case.ladder))
    said = _said(capture)
    own = [f for f in capture.found if f.rule == case.rule]
    if case.kind == "fires":
        _, severity, confidence = case.expect.split()
        assert len(own) == case.count, said
        assert (own[0].severity, own[0].confidence) == (Severity(severity), Confidence(confidence)), said
    else:
        assert own == [], said
    reasons = [n.because for n in capture.judgement.not_assessed if n.rule == case.rule]
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
    if case.verdict:
        assert f"{capture.verdict.id} {capture.verdict.confidence.value}" == case.verdict, said
    if case.exit is not None:
        assert capture.verdict.exit_status == case.exit, said


@each_case
def test_nothing_else_is_blamed(case: Case) -> None:
    """No case makes another rule say "blocking" with more than "possible", unless the case declares it."""
    capture = _capture(case, parse(case.ladder))
    declared = {case.rule, *case.also} if case.kind == "fires" else set(case.also)
    blamed = {
        f.rule
        for f in capture.found
        if f.severity is Severity.BLOCKING and f.confidence.rank < Confidence.POSSIBLE.rank and f.rule not in declared
    }
    assert not blamed, _said(capture)
    assert set(case.also) <= {f.rule for f in capture.found}, f"declared, but not said\n{_said(capture)}"


@each_case
def test_packets_that_the_capture_holds_twice_change_nothing(case: Case) -> None:
    ladder = parse(case.ladder)
    doubled = replace(ladder, steps=tuple(replace(step, duplicated=True) for step in ladder.steps))
    once, twice = _capture(case, ladder), _capture(case, doubled)
    assert _judgements(twice) == _judgements(once), f"{_said(once)}\n-- twice:\n{_said(twice)}"


def _judgements(capture: analyzer.Capture) -> tuple[list[tuple[Any, ...]], list[Any], str]:
    findings = [(f.rule, f.sa, f.severity, f.confidence) for f in capture.found]
    return findings, list(capture.judgement.not_assessed), capture.verdict.id


@each_case
def test_verdict_is_the_gravest_finding(case: Case) -> None:
    """Design.md section 4: severity, then confidence, then the order of the catalogue; shortcuts change nothing."""
    capture = _capture(case, parse(case.ladder))
    for sa in capture.sas_seen:
        verdict = capture.judgement.of_sa[sa.number]
        deciding = [f for f in capture.found if f.sa == sa.number and f.is_verdict]
        if not deciding:
            assert (verdict.id, verdict.exit_status) == ("cannot-tell", 3)
            continue
        gravest = sorted(
            deciding,
            key=lambda f: (list(Severity).index(f.severity), list(Confidence).index(f.confidence), _ORDER[f.rule]),
        )[0]
        assert (verdict.rule, verdict.text, verdict.frames) == (gravest.rule, gravest.title, gravest.frames)


@each_case
def test_no_rule_is_surer_than_it_says_it_can_be(case: Case) -> None:
    """The engine does not run rules that cannot outdo what it has found: their ceiling must be true."""
    best = {rule.code: rule.best_rank for rule in all_rules()}
    for finding in _capture(case, parse(case.ladder)).found:
        assert finding.rank >= best[finding.rule], finding


@each_case
def test_frames_are_frames_of_the_capture(case: Case) -> None:
    capture = _capture(case, parse(case.ladder))
    for finding in capture.found:
        assert list(finding.frames) == sorted(set(finding.frames))
        assert set(finding.frames) <= set(range(1, capture.related.capture.packets + 1))


@pytest.mark.parametrize("code", CODES)
def test_every_rule_has_the_cases_that_it_needs(code: str) -> None:
    cases = [case for case in CASES if case.rule == code]
    assert cases, f"{code}.yml is missing"
    assert len({case.name for case in cases}) == len(cases)
    assert all(case.why.strip() for case in cases)
    assert any(case.kind == "fires" for case in cases)
    assert any(case.kind == "silent" for case in cases)
    assert code not in RESTS_ON_ABSENCE or any(case.lacks for case in cases)


@pytest.mark.parametrize("case", [c for c in CASES if c.lacks], ids=lambda c: f"{c.rule}-{c.name.replace(' ', '-')}")
def test_less_evidence_makes_a_rule_say_less(case: Case) -> None:
    """Not assessed, silent, "cannot tell", or less sure than the rule is elsewhere."""
    if case.kind == "fires" and not case.verdict.endswith("cannot-tell"):
        surest = min(c.confidence.rank for c in CASES if c.rule == case.rule and c.kind == "fires")
        assert case.confidence.rank > surest


def test_no_cases_without_a_rule() -> None:
    assert sorted(path.stem for path in HERE.glob("*.yml")) == sorted(CODES)
