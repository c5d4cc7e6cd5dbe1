"""Runs the rules and draws the verdict. Rules are discovered: a module of this package with a ``RULE`` is one."""

from __future__ import annotations

import importlib
import pkgutil
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property
from itertools import chain
from typing import overload

import analyzer.rules
from analyzer.ike.registry import numbers
from analyzer.relate.build import KEPT, Related, client_of
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.host_pair import Client
from analyzer.remedies import remedy
from analyzer.rules.model import Confidence, Finding, NotAssessed, Observation, Rule, Severity, Verdict
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


#: The verdict of every plain success (:mod:`analyzer.relate.inferred.plain_success`; a property test holds that).
PLAIN_SUCCESS = "connected-ok"

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
        #: Severity and confidence of what was worked out once, a byte each: of a flood of SAs no more is kept.
        self._ranks = bytearray(len(related.sas))

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
            self._ranks[sa.index] = 1 + verdict.severity.rank * len(Confidence) + verdict.confidence.rank
            if len(self) <= KEPT:
                self._known[sa.index] = verdict
        return verdict

    def _worth_asking(self, features: int) -> Sequence[tuple[Rank, Rule]]:
        found = self._by_features.get(features)
        if found is None:
            found = [(best, rule) for best, rule in self._rules if rule.features is None or rule.features & features]
            self._by_features[features] = found
        return found

    def id(self, index: int) -> str:
        """For counting: which verdict it is, without working it out for what plainly succeeded."""
        return PLAIN_SUCCESS if index in self._related.plain_successes else self[index].id

    def rank(self, index: int) -> int:
        """For sorting by severity and confidence, the gravest first, without a verdict for what plainly succeeded."""
        if not self._ranks[index]:
            if index in self._related.plain_successes:
                return 1 + Severity.INFORMATION.rank * len(Confidence) + Confidence.STRONG.rank
            self.of(self._related.sas[index])
        return self._ranks[index]


class Judgement:
    """What the rules say of a capture. Verdicts are worked out at once, findings when they are asked for.

    Attributes
    ----------
    of_sa : Verdicts
        One for each IKE SA, by its index.
    of_capture : tuple of Finding
        Findings about the capture as a whole.
    verdict : Verdict
        That of the worst IKE SA which no later success makes past.
    """

    def __init__(self, related: Related) -> None:
        self._related = related
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
        self.verdict = _verdict_of_capture(related, self.of_sa, self.of_capture)

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
        return self.of(self._related.sas)

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


def judge(related: Related) -> Judgement:
    """Apply the rules to every IKE SA and to the capture."""
    return Judgement(related)


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
        remedies=tuple(dict.fromkeys(text for key in (*rule.remedies, *seen.remedies) for text in remedy(key))),
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


def _open_question(sa: IkeSa) -> str:
    if sa.reached == "init-answered":
        went_on = any(e.outcome == "answered" for e in sa.of(numbers.IKE_INTERMEDIATE))
        done = "IKE_SA_INIT and IKE_INTERMEDIATE" if went_on else "IKE_SA_INIT"
        were = "were" if went_on else "was"
        if sa.side in ("responder", "middle"):
            return (
                f"{done} between {sa.initiator} and {sa.responder} {were} answered and nothing of IKE follows here: "
                "IKE_AUTH was lost before this point (UDP 4500 blocked, IP fragments dropped), the answer did not "
                "reach the client, or the client stopped. A trace at the client tells which."
            )
        return (
            f"{done} between {sa.initiator} and {sa.responder} {were} answered and nothing of IKE follows: the "
            "client never sent IKE_AUTH, or that is not in the trace (a filter on the ports hides IP fragments)."
        )
    return (
        f"This trace does not show how the IKE SA {sa.initiator} > {sa.responder} ended: nothing in it failed, and "
        "nothing shows that it was established."
    )


def _undecided(sa: IkeSa) -> Verdict:
    return Verdict(
        "cannot-tell",
        Severity.INFORMATION,
        Confidence.CANNOT_TELL,
        _open_question(sa),
        sa.number,
    )


#: With which an IKE SA begins that is no other one's successor.
_BEGINS = (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)


def _verdict_of_capture(related: Related, verdicts: Verdicts, findings: Iterable[Finding]) -> Verdict:
    """That of the worst IKE SA which no later success of the same client makes past."""
    plain = related.plain_successes
    succeeded: dict[Client, int] = {}
    for client, start in plain.values():
        succeeded[client] = max(succeeded.get(client, start), start)
    # A flood makes hundreds of thousands of IKE SAs: six numbers are kept of each, the kind of its verdict by another.
    kinds: dict[tuple[int, Key], int] = {}
    others = tuple(array("q") for _ in range(6))
    for index in range(len(related.sas)):
        if index not in plain:
            sa = related.sas[index]
            verdict = verdicts.of(sa)
            client = client_of(sa)
            # What began before the trace, however it began, is no later success.
            if verdict.exit_status == 0 and sa.messages[0].exchange in _BEGINS:
                succeeded[client] = max(succeeded.get(client, sa.start), sa.start)
            *key, place = _severity_for_capture(verdict)
            kind = kinds.setdefault((verdict.exit_status, tuple(key)), len(kinds))
            for column, value in zip(others, (*client.hosts, client.port, sa.start, kind, place), strict=True):
                column.append(value)
    told = list(kinds)
    standing: Iterator[Key] = (
        (*told[kind][1], place)
        for near, far, port, start, kind, place in zip(*others, strict=True)
        if told[kind][0] == 0 or start >= succeeded.get(Client((near, far), port), start)
    )
    settled = [_severity_for_capture(verdicts[min(plain)])] if plain else []
    worst = min(chain(standing, settled), default=None)
    if worst is not None:
        return verdicts[worst[-1] - 1]
    return min((_as_verdict(f) for f in findings if f.is_verdict), key=_severity_for_capture)


#: What verdicts are compared by; the last number is that of the IKE SA.
Key = tuple[int, ...]


@cache
def _orders() -> dict[str, int]:
    return {r.id: r.order for r in all_rules()}


def _severity_for_capture(verdict: Verdict) -> Key:
    # A success outranks what cannot be told: the latter is often a session that began before the trace. Of several
    # successes the first is told.
    unsure = verdict.confidence is Confidence.CANNOT_TELL
    fine = verdict.exit_status == 0
    confidence = 0 if fine else verdict.confidence.rank
    number = 0 if verdict.sa is None else verdict.sa
    return verdict.severity.rank, int(unsure), confidence, _orders().get(verdict.id, 999), number
