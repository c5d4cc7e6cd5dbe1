"""The document between findings and outputs: what a report for people says, as plain values, in the order of reading.

It decides which IKE SAs are shown (one for each cause), what is folded (the others, the same finding again, long
ladders), and that each remedy is told once. An output prints it and chooses nothing. What a report for machines lists
is :mod:`analyzer.report.listing`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from analyzer.analysis import Analysis
from analyzer.formats.records import Note
from analyzer.relate.build import client_of
from analyzer.relate.sa import IkeSa
from analyzer.report import deciding, measuring, pointers
from analyzer.report.advice import Advice, advice_of
from analyzer.report.ladder.model import Ladder
from analyzer.report.ladder.of_sa import ladder_of, steps_left_out
from analyzer.report.sa_facts import facts, weak_algorithms
from analyzer.rules.catalogue import causes, counted
from analyzer.rules.model import FAILED, Confidence, Finding, NotAssessed, Severity, Verdict
from analyzer.rules.overview.counting import Counted

#: IKE SAs shown with ladder and findings, one for each cause: of twenty times the same nothing is read.
MAX_SAS = 5

#: How much is told of a finding: nothing, since the verdict explains it; that it is the verdict once more; one line; or
#: all that is known.
Depth = Literal["explained", "as the verdict", "brief", "whole"]

#: Retransmission without an answer: where a verdict rests on the same packets, it is what the verdict explains.
_EXPLAINED = "RTX001"

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


@dataclass(frozen=True, slots=True)
class Header:
    """The capture: its name and file, what is in it, and from when to when it goes (ns; below 0 without any time).

    ``told``: how many of its IKE SAs are told of.
    """

    name: str
    path: str
    format: str
    sha256: str | None
    packets: int
    ike_messages: int
    sas: int
    told: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ShownSa:
    """One IKE SA: who talks, how far it came, what is known of it, and its ladder.

    ``says_verdict``: the verdict is not the one above, and is to be told, with its own ``advice``. ``weak``: chosen
    algorithms that are on their way out, as a clause. ``left_out``: further steps of the ladder. ``others``: which IKE
    SAs have the same verdict.
    """

    number: int
    spi_i: int
    spi_r: int | None
    version: int
    start: int
    initiator: str
    responder: str
    reached: str
    verdict: Verdict
    says_verdict: bool
    advice: tuple[Advice, ...]
    facts: tuple[str, ...]
    weak: str
    ladder: Ladder
    left_out: int
    others: Others


@dataclass(frozen=True, slots=True)
class Others:
    """IKE SAs that are not shown, all with one verdict.

    Attributes
    ----------
    said : str
        Their verdict as it is counted: ``10 connected``.
    count, clients : int
        IKE SAs, and clients other than the one of the IKE SA that is shown for them.
    named : tuple of str
        Some of those clients.
    """

    said: str
    count: int
    clients: int
    named: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlsoFound:
    """A finding besides the verdict, said once for all IKE SAs that have it.

    Attributes
    ----------
    finding : Finding
        The first of them.
    sas : tuple of int
        Numbers of the IKE SAs that have it; empty where only one IKE SA is shown, or the capture as a whole is meant.
    frames : tuple of int
        Where to look, of all of them.
    depth : Depth
        How much of it is told.
    advice : tuple of Advice
        What to do about it, as far as it was not told before.
    pointer : str
        How to find its packets.
    """

    finding: Finding
    sas: tuple[int, ...]
    frames: tuple[int, ...]
    depth: Depth
    advice: tuple[Advice, ...]
    pointer: str


@dataclass(frozen=True, slots=True)
class Unassessed:
    """Rules that could not be applied for one reason."""

    rules: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report of one capture.

    Attributes
    ----------
    header : Header
        The capture itself.
    verdict : Verdict
        The answer. ``sa``: the IKE SA that it is about, where there are several.
    headline : tuple of str
        What is said first of several IKE SAs.
    said : str
        The sentence of the verdict; of several IKE SAs that of the example.
    decisive : Finding or None
        What the verdict rests on; None where no rule made it.
    why : tuple of str
        Paragraphs: what was seen, what was measured.
    pointer : str
        How to find the packets that show it; empty where none do.
    advice : tuple of Advice
        What to do about it; empty where the connection stands.
    next_time : tuple of str
        What to measure, or which log or capture to get, where that would tell more.
    limits : tuple of str
        What in the capture limits how far the verdict can be trusted, as clauses.
    sas : tuple of ShownSa
        In the order of appearance: the one that decides, and one for each other cause of trouble.
    not_shown : tuple of Others
        Those of which none is shown, verdict by verdict.
    also_found : tuple of AlsoFound
        The gravest first.
    unassessed : tuple of Unassessed
        What could not be assessed of the IKE SAs shown, and why.
    notes : tuple of Note
        What is odd about the file.
    counting : str
        What a frame number means, where it is not what Wireshark shows.
    """

    header: Header
    verdict: Verdict
    headline: tuple[str, ...]
    said: str
    sa: int | None
    decisive: Finding | None
    why: tuple[str, ...]
    pointer: str
    advice: tuple[Advice, ...]
    next_time: tuple[str, ...]
    limits: tuple[str, ...]
    sas: tuple[ShownSa, ...]
    not_shown: tuple[Others, ...]
    also_found: tuple[AlsoFound, ...]
    unassessed: tuple[Unassessed, ...]
    notes: tuple[Note, ...]
    counting: str

    @property
    def is_healthy(self) -> bool:
        """The connection stands: nobody asks why, or what to do."""
        return self.verdict.exit_status == 0

    @property
    def cannot_tell(self) -> bool:
        """Another trace is needed."""
        return self.verdict.exit_status == 3


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
    shown = _worth_showing(analysis, max_sas)
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
        sas=tuple([_shown(sa, analysis, one, decisive) for sa, one in zip(shown, told, strict=True)]),
        not_shown=tuple(_not_shown(analysis, shown)),
        also_found=tuple(_also_found(analysis, others, decisive, many=many, advise=not healthy)),
        unassessed=_unassessed(not_assessed),
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


def _worth_showing(analysis: Analysis, most: int) -> list[IkeSa]:
    """The SAs to show, in the order of appearance: the one that decides, and one for each other cause of trouble.

    Of those that somebody chose all are shown.
    """
    if analysis.chosen is not None and len(analysis.chosen) <= most:
        return [analysis.sas[index] for index in analysis.chosen]
    examples = [example for row, example in _examples(analysis) if row.exit_status != 0 or _decides(analysis, example)]
    examples.sort(key=lambda index: not _decides(analysis, index))
    return [analysis.sas[index] for index in sorted(examples[:most])]


def _decides(analysis: Analysis, index: int) -> bool:
    return index == analysis.judgement.overview.decides


def _examples(analysis: Analysis) -> Iterator[tuple[Counted, int]]:
    """Each verdict, with the IKE SA that is shown for it: where it is the capture's, that which decides."""
    overview = analysis.judgement.overview
    decides = None if overview.decides is None else analysis.judgement.of_sa[overview.decides]
    for row in overview.tally:
        is_decided = decides is not None and (row.id, row.severity) == (decides.id, decides.severity)
        yield row, overview.decides if is_decided and overview.decides is not None else row.example


def gravest(count: int, most: int, gravity: Callable[[int], tuple[int, ...]]) -> list[int]:
    """Which of several are shown: the gravest ones, in the order of appearance.

    Examples
    --------
    >>> gravest(5, 2, lambda index: (3, 1, 2, 0, 4)[index : index + 1])
    [1, 3]
    """
    return sorted(sorted(range(count), key=gravity)[:most])


def _shown(sa: IkeSa, analysis: Analysis, own: Finding | None, decisive: Finding | None) -> ShownSa:
    """One IKE SA; ``own``: the finding that its verdict rests on."""
    verdict = analysis.judgement.of_sa[sa.index]
    says_verdict = sa.number != analysis.verdict.sa
    told = decisive.remedy_ids if decisive is not None else ()
    (row,) = _rows(analysis, verdict)
    # What is past needs no cure.
    advise = says_verdict and own is not None and verdict.exit_status == FAILED and row.past < row.sas
    return ShownSa(
        number=sa.number,
        spi_i=sa.spi_i,
        spi_r=sa.spi_r,
        version=sa.version,
        start=sa.start,
        initiator=sa.initiator,
        responder=sa.responder,
        reached=sa.reached,
        verdict=verdict,
        says_verdict=says_verdict,
        advice=advice_of(own, sa, told) if own is not None and advise else (),
        # A connection that stands needs no plan.
        facts=tuple(facts(sa, plans=verdict.exit_status != 0)),
        weak=weak_algorithms(sa),
        ladder=pointers.counted(analysis, ladder_of(sa)),
        left_out=steps_left_out(sa),
        others=_others(analysis, row, sa),
    )


def _rows(analysis: Analysis, verdict: Verdict) -> Iterator[Counted]:
    tally = analysis.judgement.overview.tally
    return (row for row in tally if (row.id, row.severity) == (verdict.id, verdict.severity))


def _not_shown(analysis: Analysis, shown: Sequence[IkeSa]) -> Iterator[Others]:
    verdicts = [analysis.judgement.of_sa[sa.index] for sa in shown]
    told = {(verdict.id, verdict.severity) for verdict in verdicts}
    for row in analysis.judgement.overview.tally:
        if (row.id, row.severity) not in told:
            yield _others(analysis, row, None)


def _others(analysis: Analysis, row: Counted, shown: IkeSa | None) -> Others:
    """Who else has a verdict than the IKE SA that is shown for it."""
    own = None if shown is None else _client_name(analysis, shown.index)
    names = dict.fromkeys(_client_name(analysis, index) for index in (row.example, *row.others))
    named = tuple([name for name in names if name != own])
    here = 0 if shown is None else 1
    said = counted(row.id, row.sas, possibly=row.confidence is Confidence.POSSIBLE)
    return Others(said, row.sas - here, row.clients - here, named)


def _client_name(analysis: Analysis, index: int) -> str:
    """The address, and the port that a NAT gave the client."""
    sa = analysis.sas[analysis.related.chains.first(index)]
    port = client_of(sa).port
    return f"{sa.initiator} port {port}" if port else sa.initiator


def _also_found(
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


def _unassessed(not_assessed: Sequence[NotAssessed]) -> tuple[Unassessed, ...]:
    """By reason, each rule once."""
    reasons: dict[str, dict[str, None]] = {}
    for lacking in not_assessed:
        reasons.setdefault(lacking.because, {})[lacking.rule] = None
    return tuple([Unassessed(tuple(rules), because) for because, rules in reasons.items()])
