"""How far an IKE SA came (docs/domain/encrypted-messages.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from analyzer.ike.registry import numbers
from analyzer.relate.inferred.authentication import Authentication
from analyzer.relate.seen.exchange import Exchange
from analyzer.relate.seen.message import Message

Reached = Literal["init-sent", "init-answered", "auth-sent", "auth-answered", "established", "closed", "unknown"]

#: Notify types from here on are status, below are errors (RFC 7296 section 3.10.1).
_FIRST_STATUS = 16384

#: Seconds after which any known client that has no answer has asked again (strongSwan waits longest:
#: docs/domain/retransmission.md).
REPEATS_WITHIN = 4.0

#: Status notifies with which a responder negotiates nothing: asks for a cookie, sends elsewhere, refuses a ticket.
_TURNS_AWAY = (numbers.COOKIE, numbers.REDIRECT, numbers.TICKET_NACK)


def is_error_only(response: Message) -> bool:
    """A clear response that holds no SA payload but a notify with which nothing is negotiated."""
    return numbers.SA not in response.payloads and any(n < _FIRST_STATUS or n in _TURNS_AWAY for n in response.notifies)


def is_repeated_after_answer(exchange: Exchange) -> bool:
    """The request came twice more after its answer was seen: whoever asks has no answer (RFC 7296 section 2.1)."""
    if not exchange.responses:
        return False
    answered = exchange.responses[0].time
    return sum(a.time > answered for a in exchange.requests) >= 2


def reached(
    exchanges: Sequence[Exchange],
    authentication: Authentication,
    *,
    esp_from_responder: bool,
    rekeyed: bool = False,
    rejected: bool = False,
) -> Reached:
    """The furthest stage that the trace shows.

    ``established`` needs more than an answered IKE_AUTH: an answer of the shape of success that ends the
    authentication, or traffic that only an established IKE SA can have. A Delete after that is ``closed``. An IKE SA
    that another one made by rekeying is established from its beginning (RFC 7296 section 2.18). What the client
    ``rejected`` is not.
    """
    alive = esp_from_responder or authentication.is_alive
    stands: Reached = "closed" if authentication.deletion is not None else "established"
    last = authentication.last
    if last is not None:
        if not last.responses and last.outcome != "answered":
            return "auth-sent"
        outcome = authentication.outcome
        if outcome == "refusal":
            return "auth-answered"
        answered = last.outcome == "answered"
        granted = (
            answered
            and outcome in ("grant", "without-child")
            and (authentication.later or not is_repeated_after_answer(last))
        )
        if alive or (granted and not rejected):
            return stands
        return "auth-answered" if answered else "auth-sent"
    # A port filter hides an IPv6 IKE_AUTH in fragments altogether; ESP tells of it (docs/domain/filtered-captures.md).
    if alive or rekeyed:
        return stands
    init = [e for e in exchanges if e.exchange in (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)]
    if init:
        negotiated = any(
            not is_error_only(m) for e in init if e.outcome == "answered" for a in e.responses for m in a.messages
        )
        return "init-answered" if negotiated else "init-sent"
    return "unknown"
