"""Two captures side by side: IKE SAs by SPI, messages by content, clocks, and what was lost on the way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from analyzer.analysis import Analysis
from analyzer.comparison.cause import Cause, Leg, cause
from analyzer.comparison.clock import ClockOffset, estimate
from analyzer.comparison.fate import Journey, journeys
from analyzer.comparison.matching import Passage, match
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Role
from analyzer.rules.model import Confidence, Severity, Verdict


@dataclass(frozen=True, slots=True)
class ComparedSa:
    """One IKE SA, seen at both sides."""

    client: IkeSa
    server: IkeSa
    legs: tuple[Leg, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two captures say together.

    Attributes
    ----------
    client, server : Analysis
        In the order in which they belong; ``swapped`` when they were given the other way round.
    clock : ClockOffset or None
        None when no message was seen on both sides.
    sas : tuple of ComparedSa
        Those that both captures hold.
    only_client, only_server : tuple of IkeSa
        Those that one of them lacks.
    verdict : Verdict
        The gravest.
    is_same : bool
        Both are one capture, which says no more than it says alone.
    """

    client: Analysis
    server: Analysis
    swapped: bool
    clock: ClockOffset | None
    sas: tuple[ComparedSa, ...]
    only_client: tuple[IkeSa, ...]
    only_server: tuple[IkeSa, ...]
    verdict: Verdict
    is_same: bool = False


def compare(client: Analysis, server: Analysis) -> Comparison:
    """Lay two captures of the same attempt side by side: that of the client and that of the server."""
    swapped = _looks_swapped(client, server)
    if swapped:
        client, server = server, client
    both = _same(client.sas, server.sas)
    matched_there = {sa.number for _, sa in both}
    matched_here = {sa.number for sa, _ in both}
    clock = _clock(both)
    is_same = _is_same(client, server)
    compared = tuple(_compare_sa(client, server, a, b, clock) for a, b in both)
    if is_same:
        # What arrived where it was sent did not arrive at the other end.
        compared = tuple(replace(one, verdict=client.judgement.of_sa.of(one.client)) for one in compared)
    only_client = tuple(sa for sa in client.sas if sa.number not in matched_here)
    only_server = tuple(sa for sa in server.sas if sa.number not in matched_there)
    verdict = _verdict(client, server, compared, only_client, clock)
    return Comparison(client, server, swapped, clock, compared, only_client, only_server, verdict, is_same)


def _is_same(client: Analysis, server: Analysis) -> bool:
    """As many packets in the same time, and the same IKE messages to the nanosecond."""
    seen = (client.related.capture, server.related.capture)
    if len({(facts.packets, facts.first, facts.last) for facts in seen}) > 1 or len(client.sas) != len(server.sas):
        return False
    return all(
        [(m.time, m.digest) for m in here.messages] == [(m.time, m.digest) for m in there.messages]
        for here, there in zip(client.sas, server.sas, strict=True)
    )


def _same(ours: Sequence[IkeSa], theirs: Sequence[IkeSa]) -> list[tuple[IkeSa, IkeSa]]:
    """IKE SAs that both captures hold; where two hosts chose one SPI, the responder's SPI tells which is which."""
    there: dict[tuple[int, int], list[IkeSa]] = defaultdict(list)
    for sa in theirs:
        there[sa.spi_i, sa.version].append(sa)
    both = []
    for sa in ours:
        candidates = there.get((sa.spi_i, sa.version))
        if candidates:
            found = max(candidates, key=lambda other: (other.spi_r == sa.spi_r, other.initiator == sa.initiator))
            candidates.remove(found)
            both.append((sa, found))
    return both


def _looks_swapped(client: Analysis, server: Analysis) -> bool:
    """The traces themselves say that they were taken the other way round."""
    first = {sa.side for sa in client.sas[:50]} - {"unknown", "middle"}
    second = {sa.side for sa in server.sas[:50]} - {"unknown", "middle"}
    return first == {"responder"} and second == {"initiator"}


def _clock(both: Sequence[tuple[IkeSa, IkeSa]]) -> ClockOffset | None:
    """From all matched messages of all IKE SAs; those sent once on either side need no clock to be matched."""
    forth: list[Passage] = []
    back: list[Passage] = []
    for a, b in both:
        forth += _certain(match(a.sent_by("initiator"), b.sent_by("initiator"), None), a, b, "initiator")
        back += _certain(match(b.sent_by("responder"), a.sent_by("responder"), None), b, a, "responder")
    return estimate(forth, back)


def _certain(passages: list[Passage], sender: IkeSa, receiver: IkeSa, role: Role) -> list[Passage]:
    """Of the matches made without a clock, those that cannot be another repeat of the same message."""
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for m in sender.sent_by(role):
        counts[m.digest][0] += 1
    for m in receiver.sent_by(role):
        counts[m.digest][1] += 1
    return [
        p
        for p in passages
        if p.arrived is not None
        and (counts[p.sent.digest][0] == counts[p.sent.digest][1] or (p.sent.ip_id and p.sent.ip_id == p.arrived.ip_id))
    ]


def _compare_sa(client: Analysis, server: Analysis, a: IkeSa, b: IkeSa, clock: ClockOffset | None) -> ComparedSa:
    offset = clock.offset if clock is not None else 0
    forth = match(a.sent_by("initiator"), b.sent_by("initiator"), clock.offset if clock else None)
    back = match(b.sent_by("responder"), a.sent_by("responder"), -clock.offset if clock else None)
    legs = (
        *_legs("initiator", journeys(forth, a, b, "initiator", offset)),
        *_legs("responder", journeys(back, b, a, "responder", -offset)),
    )
    # In the order of the client's clock.
    legs = tuple(sorted(legs, key=lambda leg: leg.first - (offset if leg.sender == "responder" else 0)))
    found = cause(a, b, legs)
    return ComparedSa(a, b, legs, _of_both(found, a, _surest(client, server, a, b)))


def _of_both(found: Cause | None, sa: IkeSa, alone: Verdict) -> Verdict:
    """What the two prove together; but a reason that one of them names (an ICMP error, say) says more than silence."""
    names_reason = alone.severity is Severity.BLOCKING and alone.confidence is Confidence.PROVED
    if found is None or (names_reason and not found.sent and found.id != "esp-one-way"):
        return alone
    return _as_verdict(found, sa)


def _legs(sender: Role, found: Sequence[Journey]) -> tuple[Leg, ...]:
    grouped: dict[tuple[int, int, bool], list[Journey]] = defaultdict(list)
    for journey in found:
        grouped[journey.sent.exchange, journey.sent.message_id, journey.sent.is_response].append(journey)
    return tuple(Leg(kind, number, sender, answer, tuple(js)) for (kind, number, answer), js in grouped.items())


def _as_verdict(found: Cause, sa: IkeSa) -> Verdict:
    frames = tuple(sorted({frame for journey in found.sent for frame in journey.frames}))[:60]
    return Verdict(found.id, found.severity, found.confidence, found.text, sa.number, "", frames)


def _surest(client: Analysis, server: Analysis, a: IkeSa, b: IkeSa) -> Verdict:
    """Nothing was lost: what the captures say each by itself, the one that says it surest."""
    verdicts = (client.judgement.of_sa.of(a), server.judgement.of_sa.of(b))
    settled = [v for v in verdicts if v.confidence is not Confidence.CANNOT_TELL]
    return min(settled or verdicts, key=lambda v: (v.confidence.rank, v.severity.rank))


def _verdict(
    client: Analysis,
    server: Analysis,
    compared: Sequence[ComparedSa],
    only_client: Sequence[IkeSa],
    clock: ClockOffset | None,
) -> Verdict:
    """The client's verdict says which IKE SA counts; the comparison says more of it."""
    counts = client.verdict.sa
    of_sa = {c.client.number: c.verdict for c in compared}
    if counts is not None and counts in of_sa:
        return of_sa[counts]
    missing = next((sa for sa in only_client if sa.number == counts), None)
    if missing is not None:
        return _never_arrived(client, server, missing, clock)
    if of_sa:
        return min(of_sa.values(), key=lambda v: (v.severity.rank, v.confidence.rank))
    return client.verdict


def _never_arrived(client: Analysis, server: Analysis, sa: IkeSa, clock: ClockOffset | None) -> Verdict:
    """An IKE SA of which the server's capture holds nothing."""
    theirs = server.related.capture
    offset = clock.offset if clock is not None else 0
    covered = theirs.first <= sa.start + offset and sa.end + offset <= theirs.last
    own = client.judgement.of_sa.of(sa)
    # Where the client's trace names the reason itself (an ICMP error, say), the server's silence adds nothing.
    names_reason = own.confidence in (Confidence.PROVED, Confidence.STRONG)
    if own.exit_status == 0 or names_reason or not covered or theirs.lost_packets:
        return own
    confidence = Confidence.PROVED if clock is not None else Confidence.STRONG
    doubt = "" if clock is not None else " (if the clocks of the two computers agree)"
    text = (
        f"The client's IKE_SA_INIT to {sa.responder} never reached the server's capture point{doubt}: UDP "
        f"{sa.messages[0].dport} is blocked between them, or the client dials another address."
    )
    return Verdict("no-response-ike-sa-init", Severity.BLOCKING, confidence, text, sa.number, "", own.frames)
