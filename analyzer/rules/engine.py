"""Runs the rules and draws the verdict. Rules are discovered: a module of this package with a ``RULE`` is one."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import analyzer.rules
from analyzer.relate.build import Related
from analyzer.relate.sa import IkeSa
from analyzer.remedies import remedy
from analyzer.rules.evidence import EVIDENCE
from analyzer.rules.model import Confidence, Finding, NotAssessed, Observation, Rule, Severity, Verdict

#: Rule modules are named by their code: ``frg001_request_fragments_lost``.
_RULE_MODULE = re.compile(r"[a-z]+\d{3}_")


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, in the order of the catalogue."""
    found = []
    for module in pkgutil.iter_modules(analyzer.rules.__path__):
        if _RULE_MODULE.match(module.name):
            found.append(importlib.import_module(f"analyzer.rules.{module.name}").RULE)
    return tuple(sorted(found, key=lambda r: (r.order, r.code)))


@dataclass(frozen=True, slots=True)
class Judgement:
    """Findings, what could not be assessed, and the verdict of each IKE SA (by number) and of the capture."""

    findings: tuple[Finding, ...]
    not_assessed: tuple[NotAssessed, ...]
    of_sa: tuple[Verdict, ...]
    verdict: Verdict


def judge(related: Related) -> Judgement:
    """Apply all rules to every IKE SA and to the capture."""
    findings: list[Finding] = []
    not_assessed: list[NotAssessed] = []
    verdicts = []
    sa_rules = [r for r in all_rules() if r.scope == "sa"]
    for sa in related.sas:
        own = []
        for rule in sa_rules:
            if sa.version not in rule.versions:
                continue
            lacking = next((reason for need in rule.needs if (reason := EVIDENCE[need](sa))), "")
            if lacking:
                not_assessed.append(NotAssessed(rule.code, sa.number, lacking))
            else:
                own += [_finding(rule, sa.number, o) for o in rule.check(sa)]
        findings += own
        verdicts.append(_verdict_of_sa(sa, own))
    for rule in all_rules():
        if rule.scope == "capture":
            findings += [_finding(rule, None, o) for o in rule.check(related)]
    findings.sort(key=lambda f: (f.rank, -1 if f.sa is None else f.sa))
    return Judgement(
        tuple(findings), tuple(not_assessed), tuple(verdicts), _verdict_of_capture(related.sas, verdicts, findings)
    )


def _finding(rule: Rule, sa: int | None, seen: Observation) -> Finding:
    return Finding(
        rule=rule.code,
        id=rule.id,
        sa=sa,
        severity=seen.severity or rule.severity,
        confidence=seen.confidence,
        title=seen.title,
        detail=seen.detail,
        frames=seen.frames,
        remedies=tuple(text for key in (*rule.remedies, *seen.remedies) for text in remedy(key)),
        order=rule.order,
        is_verdict=rule.is_verdict,
    )


def _as_verdict(finding: Finding) -> Verdict:
    return Verdict(
        finding.id, finding.severity, finding.confidence, finding.title, finding.sa, finding.rule, finding.frames
    )


def _verdict_of_sa(sa: IkeSa, findings: Iterable[Finding]) -> Verdict:
    candidates = [f for f in findings if f.is_verdict]
    if candidates:
        return _as_verdict(min(candidates, key=lambda f: f.rank))
    return Verdict(
        "cannot-tell",
        Severity.INFORMATION,
        Confidence.CANNOT_TELL,
        f"This trace does not show how the IKE SA {sa.initiator} > {sa.responder} ended: nothing in it failed, "
        "and nothing shows that it was established.",
        sa.number,
    )


def _verdict_of_capture(sas: Sequence[IkeSa], verdicts: Sequence[Verdict], findings: Iterable[Finding]) -> Verdict:
    """That of the worst IKE SA which no later success between the same two addresses makes past."""
    succeeded: dict[frozenset[str], int] = {}
    for sa, verdict in zip(sas, verdicts, strict=True):
        if verdict.exit_status == 0:
            pair = frozenset((sa.initiator, sa.responder))
            succeeded[pair] = max(succeeded.get(pair, sa.start), sa.start)
    standing = []
    for sa, verdict in zip(sas, verdicts, strict=True):
        past = verdict.exit_status != 0 and sa.start < succeeded.get(frozenset((sa.initiator, sa.responder)), sa.start)
        if not past:
            standing.append(verdict)
    whole = [_as_verdict(f) for f in findings if f.sa is None and f.is_verdict]
    return min(standing or whole, key=_severity_for_capture)


@cache
def _orders() -> dict[str, int]:
    return {r.id: r.order for r in all_rules()}


def _severity_for_capture(verdict: Verdict) -> tuple[int, int, int, int]:
    # A success outranks what cannot be told: the latter is often a session that began before the trace.
    unsure = verdict.confidence is Confidence.CANNOT_TELL
    return verdict.severity.rank, int(unsure), verdict.confidence.rank, _orders().get(verdict.id, 999)
