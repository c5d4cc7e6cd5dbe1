"""Rounds of IKE_SA_INIT: what the responder demanded before it negotiated, and what came of it.

Source: docs/domain/retransmission.md.
"""

from __future__ import annotations

from analyzer.formats.records import NO_TIME
from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.relate.seen.message import Message

#: So many rounds with the same demand are a loop (RFC 7296 section 2.6.1 explains two).
LOOP = 3

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
