"""What else was found beside the verdict, folded: the same of several IKE SAs once, what explains itself in a line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from analyzer.analysis import Analysis
from analyzer.report import pointers
from analyzer.report.advice import advice_of
from analyzer.report.document.values import AlsoFound, Depth, Unassessed
from analyzer.rules.model import Confidence, Finding, NotAssessed, Severity

#: Retransmission without an answer: where a verdict rests on the same packets, it is what the verdict explains.
_EXPLAINED = "RTX001"


def also_found(
    analysis: Analysis, findings: Sequence[Finding], decisive: Finding | None, *, many: bool, advise: bool
) -> Iterator[AlsoFound]:
    """What else was found; what was given already, a remedy or the evidence of a failure, is not repeated."""
    told = list(decisive.remedy_ids if decisive is not None else ())
    for brief, same in _folded(findings, decisive):
        first = same[0]
        about = analysis.sa(first.sa) if first.sa is not None else None
        advice = () if brief or not advise else advice_of(first, about, told)
        told += () if brief or not advise else first.remedy_ids
        depth: Depth = "brief" if brief or len(same) > 1 else "whole"
        if decisive is not None and first.title == decisive.title:
            depth = "as the verdict"
        elif brief and first.rule == _EXPLAINED and not _is_remark(first):
            depth = "explained"
        yield AlsoFound(
            finding=first,
            sas=tuple(sorted({finding.sa for finding in same if finding.sa is not None})) if many else (),
            frames=tuple(sorted({frame for finding in same for frame in finding.frames})),
            depth=depth,
            advice=advice,
            pointer=pointers.pointer(analysis, first),
        )


def _folded(findings: Sequence[Finding], decisive: Finding | None) -> Iterator[tuple[bool, list[Finding]]]:
    """Findings that say the same of several IKE SAs together, and whether a line is enough for them."""
    shown: dict[int | None, set[int]] = defaultdict(set)
    if decisive is not None:
        shown[decisive.sa].update(decisive.frames)
    folded: dict[tuple[bool, tuple[object, ...]], list[Finding]] = {}
    for finding in findings:
        # The same packets once more, seen by a more general rule: one sentence is enough.
        again = bool(finding.frames) and shown[finding.sa].issuperset(finding.frames)
        brief = again or _is_remark(finding)
        if not brief:
            shown[finding.sa].update(finding.frames)
        what = (finding.rule, finding.severity, finding.confidence, finding.title)
        folded.setdefault((brief, what), []).append(finding)
    for (brief, _), same in folded.items():
        yield brief, same


def _is_remark(finding: Finding) -> bool:
    """Neither a failure nor a reason why the trace cannot tell of one."""
    informs = finding.severity is Severity.INFORMATION
    return informs and not (finding.is_verdict and finding.confidence is Confidence.CANNOT_TELL)


def unassessed(not_assessed: Sequence[NotAssessed]) -> tuple[Unassessed, ...]:
    """By reason, each rule once."""
    reasons: dict[str, dict[str, None]] = {}
    for lacking in not_assessed:
        reasons.setdefault(lacking.because, {})[lacking.rule] = None
    return tuple([Unassessed(tuple(rules), because) for because, rules in reasons.items()])
