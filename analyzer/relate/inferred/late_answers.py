"""Answers that came when their sender had given up: they answer nothing.

A request is repeated until it is answered (RFC 7296 section 2.1). A sender that would have repeated it again by its own
gaps and did not, or whose client begins a new IKE SA meanwhile, waits no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.formats.records import NO_TIME
from analyzer.ike.registry import numbers
from analyzer.relate.seen.exchange import Exchange

#: What is asked of an established IKE SA. A login may wait long for a person, so that only a new one ends it.
_KINDS = (numbers.INFORMATIONAL, numbers.CREATE_CHILD_SA)
#: A sender waits as long as its next gap would be; so much longer, and so many ns, are allowed for.
_MARGIN, _SLACK = 1.5, 1_000_000_000


def came_too_late(exchange: Exchange, last_asked: int, begun: Iterable[int]) -> bool:
    """The answer came after its sender had given up.

    Parameters
    ----------
    exchange : Exchange
    last_asked : int
        When its sender began the last exchange of this IKE SA, ns: who asks for something else had not given up.
    begun : iterable of int
        When the same client began other IKE SAs with the same server, ns.
    """
    is_login = exchange.exchange == numbers.IKE_AUTH
    if not (is_login or exchange.exchange in _KINDS) or exchange.outcome != "answered" or exchange.attempts < 2:
        return False
    answers = [a.time for a in exchange.responses if a.complete]
    times = exchange.times
    if not answers or NO_TIME in (*times, answers[0]) or answers[0] <= times[-1]:
        return False
    answered = answers[0]
    anew = exchange.sender == "initiator" and any(times[-1] < start < answered for start in begun)
    if not anew and (is_login or answered - times[-1] <= _next_gap(times) * _MARGIN + _SLACK):
        return False
    return last_asked <= answered


def _next_gap(times: Sequence[int]) -> float:
    """How long after the last sending the next would be due, ns; endless where two sendings do not tell.

    >>> _next_gap([0, 1, 3]), _next_gap([0, 5, 10]), _next_gap([0, 4])
    (4.0, 5.0, inf)
    """
    if len(times) < 3:
        return float("inf")
    before, last = times[-2] - times[-3], times[-1] - times[-2]
    return last * max(last / before, 1.0) if before > 0 else float("inf")
