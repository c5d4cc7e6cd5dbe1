"""The responder wants another key exchange group than the one whose key the client sent.

What it means
    The client guesses the group for its first key. A responder that prefers another one of those offered asks for it,
    and the client begins again with that group: one round trip lost, no failure.
Seen as
    An IKE_SA_INIT response with N(INVALID_KE_PAYLOAD) that names a group (38 bytes), then a request with a key of that
    group, the same initiator SPI and message ID 0. Some clients take a new SPI for it.
Not to be confused with
    A retransmission, whose bytes are the same; NO_PROPOSAL_CHOSEN, after which nothing helps but a changed setting; a
    client that repeats the very same request, which has not received this answer.
Certain when
    It loops three times, or the group was accepted. A client that stops may have begun anew out of this trace's sight,
    and silence after the changed request has more than one reason: possible.
References
    docs/domain/root-causes.md no. 20, docs/domain/retransmission.md; RFC 7296 sections 1.3, 2.7.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.ike.registry import name, numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.relate.seen.features import Feature
from analyzer.relate.seen.message import Message
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.rounds import (
    LOOP,
    Round,
    after_demand,
    demanding,
    goes_no_further,
    is_negotiated,
    silence_after_demand,
    unheeded,
)
from analyzer.rules.shared.wording import frames, init_frames, silence_after, times

_REMEDY = "align-key-exchange-group"
#: What the demand tells, where the request after it stays without an answer.
_ANSWERED = "The gateway answered the first request, so it is there and the way was open."


def check(sa: IkeSa) -> Iterator[Observation]:
    """Rounds of IKE_SA_INIT that were answered with a demand for another group."""
    rounds = demanding(sa, numbers.INVALID_KE_PAYLOAD)
    if not rounds:
        return
    last, demand = rounds[-1]
    said = f"{_sent_group(last)} was sent, {_wanted_group(demand)} is wanted"
    where = frames(*(e.frames for e, _ in rounds), init_frames(sa))
    if is_negotiated(sa):
        yield Observation(
            title=(
                f"{sa.responder} asked {times(len(rounds))} for another key exchange group ({said}) and got it: a lost "
                "round trip, no failure."
            ),
            detail="",
            frames=where,
            confidence=Confidence.STRONG,
            severity=Severity.INFORMATION,
            is_remark=True,
        )
    elif len(rounds) >= LOOP:
        yield Observation(
            title=(
                f"{sa.responder} asks for another key exchange group again and again ({times(len(rounds))}; last: "
                f"{said}): both sides cannot settle on one."
            ),
            detail=f"{_groups(rounds)} Proposal and key exchange group of one side contradict each other.",
            frames=where,
            confidence=Confidence.STRONG,
            remedies=(_REMEDY,),
        )
    else:
        yield from _unfinished(sa, last, said, where)


def _unfinished(sa: IkeSa, last: Exchange, said: str, where: tuple[int, ...]) -> Iterator[Observation]:
    wants = f"{sa.responder} wants another key exchange group ({said}), and"
    unanswered = after_demand(sa, "invalid_ke")
    if unanswered is not None:
        title = (
            f"{wants} the client's request with it, sent {times(unanswered.attempts)}, got no answer: it or the answer "
            "is lost on the way, or the gateway drops it."
        )
        detail = f"{_ANSWERED} {silence_after(sa, unanswered).capitalize()} sending."
        yield _failed(title, detail, frames(where, unanswered.frames), "gateway-trace")
        return
    if again := unheeded(sa, last):
        title = (
            f"{wants} the client sends the very same request {times(again)} more: the answer does not reach it, or its "
            "own host's firewall drops it."
        )
        yield _failed(title, "A client that has the answer changes its request or gives up.", where, "gateway-trace")
        return
    if goes_no_further(sa, last):
        title = f"{wants} the client does not come back with it: most likely its settings do not allow that group."
        yield _failed(
            title, f"Nothing of this attempt follows in {silence_after_demand(sa, last):.1f} s.", where, _REMEDY
        )
        return
    yield Observation(
        title=f"{sa.responder} asked for another key exchange group ({said}).",
        detail="By itself that is no failure: the client may go on with that group.",
        frames=where,
        confidence=Confidence.STRONG,
        severity=Severity.INFORMATION,
        is_remark=True,
    )


def _failed(title: str, detail: str, where: tuple[int, ...], remedy: str) -> Observation:
    return Observation(title, detail, where, Confidence.POSSIBLE, remedies=(remedy,))


def _group(number: int | None) -> str:
    return "an unknown group" if number is None else f"{name('ke', number)} (group {number})"


def _wanted_group(demand: Message) -> str:
    data = demand.notify_data(numbers.INVALID_KE_PAYLOAD)
    return _group(int.from_bytes(data[0][:2], "big") if data and len(data[0]) >= 2 else None)


def _sent_group(exchange: Exchange) -> str:
    bodies = [b for a in exchange.requests[:1] for m in a.messages for b in m.payload_bodies(numbers.KE)]
    return _group(int.from_bytes(bodies[0][:2], "big") if bodies and len(bodies[0]) >= 2 else None)


def _groups(rounds: Sequence[Round]) -> str:
    steps = [f"{_sent_group(e)}, answered with {_wanted_group(m)}" for e, m in rounds[:6]]
    return "; ".join(steps) + ("; ..." if len(rounds) > len(steps) else "") + "."


RULE = Rule(
    code="NEG002",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.ERROR,
    ceiling=Confidence.STRONG,
    topics=("align-key-exchange-group", "gateway-trace"),
)
