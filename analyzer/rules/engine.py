"""Runs the rules and draws the verdict. Rules are discovered: a module of this package with a ``RULE`` is one."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache, cached_property
from typing import overload

import analyzer.rules
from analyzer.ike.registry import numbers
from analyzer.relate.build import KEPT, Related
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Finding, NotAssessed, Observation, Rule, Severity, Verdict
from analyzer.rules.overview.counting import overview_of
from analyzer.rules.overview.headline import headline
from analyzer.rules.shared.evidence import EVIDENCE

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


#: Severity, confidence and place in the catalogue: the smallest is the gravest.
Rank = tuple[int, int, int]


class Verdicts(Sequence[Verdict]):
    """The verdict of each IKE SA, by its index; worked out when it is first asked for."""

    def __init__(self, related: Related, rules: Sequence[tuple[Rank, Rule]]) -> None:
        self._related = related
        self._rules = rules
        #: Those of the rules that can say something of an IKE SA with such features.
        self._by_features: dict[int, Sequence[tuple[Rank, Rule]]] = {}
        self._known: dict[int, Verdict] = {}

    def __len__(self) -> int:
        return len(self._related.sas)

    @overload
    def __getitem__(self, index: int) -> Verdict: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Verdict]: ...

    def __getitem__(self, index: int | slice) -> Verdict | Sequence[Verdict]:
        if isinstance(index, slice):
            return tuple(self.of(sa) for sa in self._related.sas[index])
        return self._known[index] if index in self._known else self.of(self._related.sas[index])

    def of(self, sa: IkeSa) -> Verdict:
        """The verdict of a view that is at hand."""
        verdict = self._known.get(sa.index)
        if verdict is None:
            verdict = _verdict_of_sa(sa, self._worth_asking(sa.features))
            if len(self) <= KEPT:
                self._known[sa.index] = verdict
        return verdict

    def _worth_asking(self, features: int) -> Sequence[tuple[Rank, Rule]]:
        found = self._by_features.get(features)
        if found is None:
            found = [(best, rule) for best, rule in self._rules if rule.features is None or rule.features & features]
            self._by_features[features] = found
        return found


class Judgement:
    """What the rules say of a capture. Verdicts are worked out at once, findings when they are asked for.

    Attributes
    ----------
    of_sa : Verdicts
        One for each IKE SA, by its index.
    of_capture : tuple of Finding
        Findings about the capture as a whole.
    overview : Overview
        The IKE SAs counted by their verdicts, and which of them decides.
    verdict : Verdict
        Of several IKE SAs that of the cause which most failing clients share; its text counts all causes first.
    """

    def __init__(self, related: Related, among: Sequence[int] | None = None) -> None:
        self._related = related
        self._among = range(len(related.sas)) if among is None else among
        about_sa = [r for r in all_rules() if r.scope == "sa"]
        self._rules = about_sa
        deciding = sorted(((r.best_rank, r) for r in about_sa if r.is_verdict), key=lambda pair: pair[0])
        self.of_sa = Verdicts(related, deciding)
        self.of_capture = tuple(
            _finding(rule, None, seen)
            for rule in all_rules()
            if rule.scope == "capture"
            for seen in rule.check(related)
        )
        self.overview = overview_of(related, self.of_sa.of, among)
        self.verdict = self._verdict()

    def _verdict(self) -> Verdict:
        decides = self.overview.decides
        if decides is None:
            candidates = [f for f in self.of_capture if f.is_verdict]
            return _as_verdict(min(candidates, key=lambda f: f.rank))
        example = self.of_sa[decides]
        return replace(example, text=" ".join([*self.headline, example.text])) if self.headline else example

    @cached_property
    def headline(self) -> tuple[str, ...]:
        """What is said first of several IKE SAs, sentence by sentence; nothing of a single one."""
        return headline(self._related, self.overview)

    def of(self, sas: Iterable[IkeSa]) -> tuple[tuple[Finding, ...], tuple[NotAssessed, ...]]:
        """Findings on some IKE SAs and on the capture, the gravest first, and what could not be assessed."""
        findings = list(self.of_capture)
        lacking: list[NotAssessed] = []
        for sa in sas:
            found, missing = self.assess(sa)
            findings += found
            lacking += missing
        return gravest_first(findings), tuple(lacking)

    def assess(self, sa: IkeSa) -> tuple[list[Finding], list[NotAssessed]]:
        """Findings on one IKE SA in the order of the catalogue, and what could not be assessed."""
        return _assess(sa, self._rules)

    def verdict_among(self, sa: IkeSa, findings: Iterable[Finding]) -> Verdict:
        """The verdict of an IKE SA whose findings are all at hand: that of ``of_sa``, without running rules again."""
        candidates = [f for f in findings if f.is_verdict]
        return _as_verdict(min(candidates, key=lambda f: f.rank)) if candidates else _undecided(sa)

    @cached_property
    def _all(self) -> tuple[tuple[Finding, ...], tuple[NotAssessed, ...]]:
        return self.of(self._related.sas[index] for index in self._among)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, the gravest first."""
        return self._all[0]

    @property
    def not_assessed(self) -> tuple[NotAssessed, ...]:
        """Rules that could not be applied to an SA, and why."""
        return self._all[1]


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By severity, confidence, place in the catalogue, IKE SA; findings on the capture before those on its SAs."""
    return tuple(sorted(findings, key=lambda f: (f.rank, -1 if f.sa is None else f.sa)))


def judge(related: Related, among: Sequence[int] | None = None) -> Judgement:
    """Apply the rules to every IKE SA (or only to some, by index) and to the capture."""
    return Judgement(related, among)


def _assess(sa: IkeSa, rules: Iterable[Rule]) -> tuple[list[Finding], list[NotAssessed]]:
    found: list[Finding] = []
    lacking: list[NotAssessed] = []
    for rule in rules:
        if sa.version not in rule.versions:
            continue
        missing = _lacking(sa, rule)
        if missing:
            lacking.append(NotAssessed(rule.code, sa.number, missing))
        else:
            found.extend([_finding(rule, sa.number, seen) for seen in rule.check(sa)])
    return found, lacking


def _finding(rule: Rule, sa: int | None, seen: Observation) -> Finding:
    return Finding(
        rule=rule.code,
        id=rule.id,
        sa=sa,
        severity=seen.severity or rule.severity,
        confidence=seen.confidence,
        title=seen.title,
        detail=seen.detail if seen.more is None else f"{seen.detail} {seen.more()}".strip(),
        frames=seen.frames,
        # Both sides may be given the same advice: once is enough.
        remedy_ids=tuple(dict.fromkeys((*rule.remedies, *seen.remedies))),
        order=rule.order,
        is_verdict=rule.is_verdict and not seen.is_remark,
        is_open=seen.is_open,
    )


def _as_verdict(finding: Finding) -> Verdict:
    return Verdict(
        finding.id,
        finding.severity,
        finding.confidence,
        finding.title,
        finding.sa,
        finding.rule,
        finding.frames,
        finding.is_open,
    )


def _verdict_of_sa(sa: IkeSa, rules: Iterable[tuple[Rank, Rule]]) -> Verdict:
    """The gravest finding; ``rules`` come with the best that each can find, and in the order of that."""
    gravest: tuple[Rule, Observation] | None = None
    rank: Rank = _LEAST
    for best, rule in rules:
        if rank <= best:
            break
        if sa.version not in rule.versions or _lacking(sa, rule):
            continue
        for seen in rule.check(sa):
            if not seen.is_remark and (found := _rank(rule, seen)) < rank:
                gravest, rank = (rule, seen), found
    if gravest is None:
        return _undecided(sa)
    rule, seen = gravest
    severity = seen.severity or rule.severity
    return Verdict(rule.id, severity, seen.confidence, seen.title, sa.number, rule.code, seen.frames, seen.is_open)


#: Behind every finding.
_LEAST: Rank = (len(Severity), 0, 0)


def _rank(rule: Rule, seen: Observation) -> Rank:
    """That of the finding which it becomes."""
    return (seen.severity or rule.severity).rank, seen.confidence.rank, rule.order


def _lacking(sa: IkeSa, rule: Rule) -> str:
    """What evidence is missing for a rule; empty when it is all there."""
    for need in rule.needs:
        if reason := EVIDENCE[need](sa):
            return reason
    return ""


def _open_question(sa: IkeSa) -> tuple[str, str]:
    """What is left open (:mod:`analyzer.rules.reasons`), and the sentence for it."""
    if sa.reached == "init-answered":
        went_on = any(e.outcome == "answered" for e in sa.of(numbers.IKE_INTERMEDIATE))
        done = "IKE_SA_INIT and IKE_INTERMEDIATE" if went_on else "IKE_SA_INIT"
        were = "were" if went_on else "was"
        if sa.side in ("responder", "middle"):
            return "nothing-after-ike-sa-init", (
                f"{done} between {sa.initiator} and {sa.responder} {were} answered and nothing of IKE follows here: "
                "IKE_AUTH was lost before this point (UDP 4500 blocked, IP fragments dropped), the answer did not "
                "reach the client, or the client stopped. A trace at the client tells which."
            )
        return "nothing-after-ike-sa-init", (
            f"{done} between {sa.initiator} and {sa.responder} {were} answered and nothing of IKE follows: the "
            "client never sent IKE_AUTH, or that is not in the trace (a filter on the ports hides IP fragments)."
        )
    return "end-not-shown", (
        f"This trace does not show how the IKE SA {sa.initiator} > {sa.responder} ended: nothing in it failed, and "
        "nothing shows that it was established."
    )


def _undecided(sa: IkeSa) -> Verdict:
    question, said = _open_question(sa)
    return Verdict("cannot-tell", Severity.INFORMATION, Confidence.CANNOT_TELL, said, sa.number, question=question)
