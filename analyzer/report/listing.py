"""What a report for machines lists: every IKE SA, every finding, what could not be assessed.

A gateway's trace holds hundreds of thousands of IKE SAs: of more than :data:`MAX_SAS` the first ones are listed, and
that of the verdict. Each is looked at once, and what is kept of it is up to the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from analyzer.analysis import Analysis
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt
from analyzer.report.document.choose import header_of
from analyzer.report.document.values import Header
from analyzer.rules.engine import gravest_first
from analyzer.rules.model import Finding, NotAssessed, Verdict
from analyzer.rules.overview.values import Counted

#: IKE SAs that are listed: each takes some 5 KB of the report.
MAX_SAS = 10_000
#: IKE SAs looked at to say from which side the capture was taken.
_ENOUGH_FOR_SIDE = 50

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of an exchange: the fullest sending of it, and how often it was sent. Lengths are in bytes."""

    length: int
    ip_fragments: int
    largest_ip_packet: int
    skf_total: int
    attempts: int
    complete: bool


@dataclass(frozen=True, slots=True)
class ListedSa:
    """One IKE SA with its verdict, and the request and response of the IKE_AUTH exchange that decides.

    ``chain``: the number of the first IKE SA of its connection. ``attempt_of``: that of the first attempt whose trouble
    it repeats; None where it repeats none.
    """

    sa: IkeSa
    verdict: Verdict
    chain: int
    attempt_of: int | None
    auth_request: Sent | None
    auth_response: Sent | None


@dataclass(frozen=True, slots=True)
class Listing(Generic[Kept]):
    """A whole capture.

    Attributes
    ----------
    header : Header
        The capture itself; ``side``: where it was taken, as far as its IKE SAs agree; ``quality``: ids of what limits
        it, each once.
    verdict : Verdict
        The answer.
    sas_total : int
        IKE SAs, those that are not listed included.
    tally : tuple of (Counted, int)
        How many IKE SAs have each verdict, and the initiator SPI of an example; the gravest first.
    sas : tuple
        What was kept of each IKE SA listed, in the order of appearance.
    spi_i : dict of int to int
        Initiator SPIs of those, by number.
    findings : tuple of Finding
        On those and on the capture, the gravest first.
    not_assessed : tuple of NotAssessed
        In the order of appearance.
    """

    header: Header
    side: str
    quality: tuple[str, ...]
    verdict: Verdict
    sas_total: int
    tally: tuple[tuple[Counted, int], ...]
    sas: tuple[Kept, ...]
    spi_i: dict[int, int]
    findings: tuple[Finding, ...]
    not_assessed: tuple[NotAssessed, ...]


def listing_of(analysis: Analysis, keep: Callable[[ListedSa], Kept]) -> Listing[Kept]:
    """List a capture; ``keep`` makes of each IKE SA what is kept of it.

    Examples
    --------
    >>> from analyzer.analysis import analyse
    >>> listing_of(analyse("sample_pcaps/connected-ok.pcapng"), lambda one: one.verdict.id).sas
    ('connected-ok',)
    """
    judgement, chains = analysis.judgement, analysis.related.chains
    overview = judgement.overview
    findings, not_assessed = list(judgement.of_capture), list[NotAssessed]()
    sas, spi_i = list[Kept](), dict[int, int]()
    for sa in _listed(analysis):
        found, lacking = judgement.assess(sa)
        verdict = judgement.verdict_among(sa, found)
        repeats = overview.attempt_of.get(sa.index)
        attempt_of = None if repeats is None else repeats + 1
        sas.append(keep(ListedSa(sa, verdict, chains.first(sa.index) + 1, attempt_of, _request(sa), _response(sa))))
        spi_i[sa.number] = sa.spi_i
        findings += found
        not_assessed += lacking
    return Listing(
        header=header_of(analysis),
        side=_side(analysis),
        quality=_quality(analysis, findings),
        verdict=analysis.verdict,
        sas_total=overview.sas,
        tally=tuple([(one, analysis.sas[one.example].spi_i) for one in overview.tally]),
        sas=tuple(sas),
        spi_i=spi_i,
        findings=gravest_first(findings),
        not_assessed=tuple(not_assessed),
    )


def _listed(analysis: Analysis) -> Iterator[IkeSa]:
    told = analysis.told
    yield from (analysis.sas[index] for index in told[:MAX_SAS])
    number = analysis.verdict.sa
    if number is not None and number - 1 in told[MAX_SAS:]:
        yield analysis.sa(number)


def _request(sa: IkeSa) -> Sent | None:
    return None if sa.auth is None else _sent(sa.auth.request, len(sa.auth.requests))


def _response(sa: IkeSa) -> Sent | None:
    return None if sa.auth is None else _sent(sa.auth.response, len(sa.auth.responses))


def _sent(attempt: Attempt | None, attempts: int) -> Sent | None:
    """Its header is read by dpkt's classes; how it was cut and how often it was sent, the tables count."""
    if attempt is None:
        return None
    ike = attempt.messages[0].ike
    return Sent(
        length=ike.length if len(attempt.messages) == 1 else attempt.length,
        ip_fragments=attempt.ip_fragments,
        largest_ip_packet=attempt.largest_ip_packet,
        skf_total=0 if ike.fragment is None else ike.fragment.total,
        attempts=attempts,
        complete=attempt.complete,
    )


def _side(analysis: Analysis) -> str:
    sides = {analysis.sas[index].side for index in analysis.told[:_ENOUGH_FOR_SIDE]} - {"unknown"}
    return sides.pop() if len(sides) == 1 else "unknown"


def _quality(analysis: Analysis, findings: Iterable[Finding]) -> tuple[str, ...]:
    known = analysis.related.capture
    ids = [note.id for note in analysis.notes]
    ids += ["analysis-limit"] if len(analysis.told) > MAX_SAS else []
    ids += [f.id for f in findings if f.rule.startswith("CAP") and f.id != "no-ike-in-capture"]
    ids += ["capture-truncated"] if known.snapped else []
    ids += ["duplicate-capture-artifact"] if known.duplicates else []
    return tuple(dict.fromkeys(ids))
