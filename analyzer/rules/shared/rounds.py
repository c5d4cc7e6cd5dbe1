"""Rounds of IKE_SA_INIT: what the responder demanded before it negotiated, and what came of it.

Source: docs/domain/retransmission.md.
"""

from __future__ import annotations

from analyzer.formats.records import NO_TIME
from analyzer.ike.registry import numbers
from analyzer.relate.inferred.progress import is_repeated_after_answer
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.relate.seen.message import Message
from analyzer.rules.shared.silence import is_explained, is_last

#: So many rounds with the same demand are a loop (RFC 7296 section 2.6.1 explains two).
LOOP = 3

#: A client that goes on does so at once; so much silence says that it does not, s.
PATIENCE = 5.0
#: Some clients come back under another SPI within this time, ns.
_SOON = 10_000_000_000

#: One round: a request with its repeats, and the answer that demands something.
Round = tuple[Exchange, Message]


def demanding(sa: IkeSa, notify: int) -> tuple[Round, ...]:
    """Rounds that were answered with a notify and no SA payload, in time."""
    found = []
    for exchange in sa.of(numbers.IKE_SA_INIT):
        answers = [m for a in exchange.responses for m in a.messages]
        demand = next((m for m in answers if notify in m.notifies and numbers.SA not in m.payloads), None)
        if demand is not None:
            found.append((exchange, demand))
    return tuple(found)


def is_negotiated(sa: IkeSa) -> bool:
    """The responder negotiated in the end."""
    return sa.reached not in ("init-sent", "unknown")


def silence_after_demand(sa: IkeSa, last: Exchange) -> float:
    """Seconds of capture in which the client sends nothing more of this IKE SA; 0 when it does, or nobody knows."""
    answered = last.responses[-1].time
    later = [m for m in sa.sent_by("initiator") if m.time > answered]
    if later or NO_TIME in (answered, sa.capture.last):
        return 0.0
    return (sa.capture.last - answered) / 1e9


def goes_no_further(sa: IkeSa, last: Exchange) -> bool:
    """For so long that it is no accident the client neither comes back with what is demanded nor begins anew."""
    asked = last.responses[0].time
    anew = any(
        n.initiator == sa.initiator and n.responder == sa.responder and 0 <= n.start - asked <= _SOON
        for n in sa.neighbours
    )
    return silence_after_demand(sa, last) >= PATIENCE and sa.side != "responder" and not anew


def after_demand(sa: IkeSa, reason: str) -> Exchange | None:
    """The changed request that nobody answered, where a demand was met (``cookie`` or ``invalid_ke``)."""
    last = sa.init
    if last is None or last.outcome != "unanswered" or last.responses or last.retry_reason != reason:
        return None
    return last if last.requests and not is_explained(sa, last) else None


def unheeded(sa: IkeSa, last: Exchange) -> int:
    """How often the very same request came again after the demand and nothing else did; 0 when that is too seldom."""
    facts = sa.capture
    if not is_repeated_after_answer(last) or not is_last(sa, last) or facts.lost_packets or facts.damaged:
        return 0
    answered = last.responses[0].time
    return sum(t > answered for t in last.times)
