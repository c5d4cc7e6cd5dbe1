"""The choice of what a document tells: verdict, why, what to do, and what limits the trust in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analyzer.analysis import Analysis
from analyzer.relate.sa import IkeSa
from analyzer.report import deciding, measuring, pointers
from analyzer.report.advice import advice_of
from analyzer.report.document.findings import also_found, unassessed
from analyzer.report.document.ike_sas import not_shown, shown_sa, worth_showing
from analyzer.report.document.values import Document, Header
from analyzer.rules.catalogue import causes
from analyzer.rules.model import Finding, Verdict

#: IKE SAs shown with ladder and findings, one for each cause: of twenty times the same nothing is read.
MAX_SAS = 5

#: Rules and notes on the capture that limit how far a verdict can be trusted.
_LIMITING_RULES = ("CAP001", "CAP002", "CAP004", "CAP005", "CAP008", "CAP009")
_LIMITING_NOTES = (
    "analysis-limit",
    "capture-cut",
    "capture-damaged",
    "capture-lost-packets",
    "capture-overwritten",
    "ike-in-tcp-damaged",
    "link-type-unknown",
    "wifi-encrypted",
)
#: Rules on the capture: their sentence says why, and what is behind it is how to take a better one.
_ON_CAPTURE = "CAP"
_IN_TIME = ("CAP002", "CAP006")
#: Note on a Windows trace that was taken without packet capture: that is why there is no IKE in it.
_NO_PACKETS = "no-packets-in-trace"


def document_of(analysis: Analysis, *, max_sas: int = MAX_SAS) -> Document:
    """Choose what is told of a capture.

    Parameters
    ----------
    analysis : Analysis
        Of the capture.
    max_sas : int
        IKE SAs shown.

    Returns
    -------
    Document
        Text from the capture in it is escaped.

    Examples
    --------
    >>> from analyzer.analysis import analyse
    >>> document = document_of(analyse("sample_pcaps/809-fragments-lost.pcapng"))
    >>> document.verdict.id, [sa.number for sa in document.sas], document.not_shown
    ('ike-auth-ip-fragments-lost-upstream', [1], ())
    """
    verdict = analysis.verdict
    shown = worth_showing(analysis, max_sas)
    findings, not_assessed = analysis.judgement.of(shown)
    example = verdict if verdict.sa is None else analysis.judgement.of_sa[verdict.sa - 1]
    decisive = _decisive(findings, example)
    many = len(analysis.told) > 1
    # What decides of an IKE SA that is shown is told with it.
    told = [_decisive(findings, analysis.judgement.of_sa[sa.index]) for sa in shown]
    others = [f for f in findings if f is not decisive and not any(f is one for one in told)]
    healthy = verdict.exit_status == 0
    about = analysis.sa(verdict.sa) if verdict.sa is not None else None
    return Document(
        header=header_of(analysis),
        verdict=verdict,
        headline=analysis.judgement.headline,
        said=example.text,
        sa=verdict.sa if many else None,
        decisive=decisive,
        why=tuple(_why(analysis, decisive, about)),
        pointer=pointers.pointer(analysis, decisive) if decisive is not None else "",
        advice=advice_of(decisive, about) if decisive is not None and not healthy else (),
        next_time=() if healthy else tuple(_next_time(analysis, decisive, about)),
        limits=tuple(_limits(analysis, findings, decisive)),
        sas=tuple([shown_sa(sa, analysis, one, decisive) for sa, one in zip(shown, told, strict=True)]),
        not_shown=tuple(not_shown(analysis, shown)),
        also_found=tuple(also_found(analysis, others, decisive, many=many, advise=not healthy)),
        unassessed=unassessed(not_assessed),
        notes=analysis.notes,
        counting=pointers.counting(analysis) if shown else "",
    )


def _decisive(findings: Iterable[Finding], verdict: Verdict) -> Finding | None:
    """The finding that an IKE SA's verdict, or the capture's, was made of."""
    wanted = verdict.rule, verdict.sa, verdict.text
    return next((f for f in findings if (f.rule, f.sa, f.title) == wanted), None)


def _why(analysis: Analysis, decisive: Finding | None, sa: IkeSa | None) -> Iterator[str]:
    if decisive is None:
        return
    without = next((note for note in analysis.notes if note.id == _NO_PACKETS), None) if sa is None else None
    if without is not None:
        # How it is taken with packets is what to do.
        reason = without.detail.partition("; capture with")[0]
        yield f"{reason[0].upper()}{reason[1:]}."
    elif decisive.detail.strip() and not decisive.rule.startswith(_ON_CAPTURE):
        yield decisive.detail
    if sa is not None:
        yield from measuring.measured(sa, decisive.rule, decisive.detail)


def _next_time(analysis: Analysis, decisive: Finding | None, sa: IkeSa | None) -> Iterator[str]:
    says_why = any(note.id == _NO_PACKETS for note in analysis.notes)
    if decisive is not None and decisive.rule.startswith(_ON_CAPTURE) and not says_why:
        # That a trace is to begin before dialing and to end after the error, each remedy says.
        yield from [decisive.detail] if decisive.detail.strip() and decisive.rule not in _IN_TIME else ()
    if sa is not None:
        yield from deciding.decides(sa, analysis.verdict)
        yield from measuring.to_measure(sa, analysis.verdict.rule)


def _limits(analysis: Analysis, findings: Sequence[Finding], decisive: Finding | None) -> Iterator[str]:
    """Once each: what a rule says in the words of the catalogue, since the finding itself is told further below."""
    # A note that bears the name of a rule says more exactly what the rule says.
    told = {note.id for note in analysis.notes} | ({decisive.id} if decisive is not None else set())
    for finding in findings:
        if finding.rule in _LIMITING_RULES and finding.id not in told:
            told.add(finding.id)
            yield f"{_as_clause(causes()[finding.rule].title)} ({finding.rule})"
    for note in analysis.notes:
        if note.id in _LIMITING_NOTES:
            yield f"{note.detail} ({note.id})"


def header_of(analysis: Analysis) -> Header:
    """What is told of the capture itself, in every output."""
    known = analysis.related.capture
    return Header(
        name=analysis.name,
        path=analysis.path,
        format=analysis.format,
        sha256=analysis.sha256,
        packets=known.packets,
        ike_messages=known.ike_messages,
        sas=len(analysis.sas),
        told=len(analysis.told),
        first=known.first,
        last=known.last,
    )


def _as_clause(sentence: str) -> str:
    """
    >>> _as_clause("Packets were cut short."), _as_clause("IP fragments cannot be seen.")
    ('packets were cut short', 'IP fragments cannot be seen')
    """
    text = sentence.rstrip(".")
    return text if text[1].isupper() else f"{text[0].lower()}{text[1:]}"
