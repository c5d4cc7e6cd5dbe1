"""Which IKE SAs a document shows, one for each cause, and who else has the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from analyzer.analysis import Analysis
from analyzer.relate.build import client_of
from analyzer.relate.sa import IkeSa
from analyzer.report import pointers
from analyzer.report.advice import advice_of
from analyzer.report.document.values import Others, ShownSa
from analyzer.report.ladder.of_sa import ladder_of, steps_left_out
from analyzer.report.sa_facts import facts, weak_algorithms
from analyzer.rules.catalogue import counted
from analyzer.rules.model import FAILED, Confidence, Finding, Verdict
from analyzer.rules.overview.values import Counted


def worth_showing(analysis: Analysis, most: int) -> list[IkeSa]:
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


def shown_sa(sa: IkeSa, analysis: Analysis, own: Finding | None, decisive: Finding | None) -> ShownSa:
    """One IKE SA; ``own``: the finding that its verdict rests on."""
    verdict = analysis.judgement.of_sa[sa.index]
    says_verdict = sa.number != analysis.verdict.sa
    told = decisive.remedy_ids if decisive is not None else ()
    row = _row(analysis, verdict)
    # What is past needs no cure.
    is_past = row is not None and row.past == row.sas
    advise = says_verdict and own is not None and verdict.exit_status == FAILED and not is_past
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
        others=_others(analysis, row, sa) if row is not None else Others("", 0, 0, ()),
    )


def _row(analysis: Analysis, verdict: Verdict) -> Counted | None:
    """The row of the tally that counts a verdict; None where it was counted as something else."""
    tally = analysis.judgement.overview.tally
    return next((row for row in tally if (row.id, row.severity) == (verdict.id, verdict.severity)), None)


def not_shown(analysis: Analysis, shown: Sequence[IkeSa]) -> Iterator[Others]:
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
