"""How far an IKE SA came, and what its last answers looked like from outside the encryption (domain.md 1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from analyzer.relate.exchange import Exchange
from analyzer.relate.message import Message
from analyzer.wire.registry import numbers

Reached = Literal["init-sent", "init-answered", "auth-sent", "auth-answered", "established", "closed", "unknown"]

#: An encrypted response with one or two short notifies is at most this long in any suite (domain.md 1.4.2).
SHORT_ANSWER = 112

#: Notify types from here on are status, below are errors (RFC 7296 section 3.10.1).
_FIRST_STATUS = 16384

SUCCESS_PAYLOADS = (numbers.IDR, numbers.AUTH)


def is_error_only(response: Message) -> bool:
    """A clear IKE_SA_INIT response that holds no SA payload but a notify of the error range, or COOKIE."""
    return numbers.SA not in response.payloads and any(
        n < _FIRST_STATUS or n == numbers.COOKIE for n in response.notifies
    )


def is_short_refusal(exchange: Exchange) -> bool:
    """An IKE_AUTH answer whose first inner payload is a Notify and that has room for one or two only."""
    response = exchange.response
    return (
        exchange.exchange == numbers.IKE_AUTH
        and response is not None
        and response.complete
        and response.inner_payload == numbers.N
        and response.length <= SHORT_ANSWER
    )


def looks_successful(exchange: Exchange) -> bool:
    """An IKE_AUTH answer that begins with IDr or AUTH and is longer than a refusal."""
    response = exchange.response
    return (
        exchange.exchange == numbers.IKE_AUTH
        and response is not None
        and exchange.outcome == "answered"
        and response.inner_payload in SUCCESS_PAYLOADS
        and response.length > SHORT_ANSWER
    )


def is_in_vain(exchange: Exchange) -> bool:
    """The request came twice more after its answer was seen: whoever asks has no answer (RFC 7296 section 2.1)."""
    if not exchange.responses:
        return False
    answered = exchange.responses[0].time
    return sum(a.time > answered for a in exchange.requests) >= 2


def reached(exchanges: Sequence[Exchange], *, esp_from_responder: bool) -> Reached:
    """The furthest stage that the trace shows.

    ``established`` needs more than an answered IKE_AUTH: an answer of the shape of success that ends the
    authentication, or traffic that only an established IKE SA can have. A Delete after that is ``closed``.
    """
    init = [e for e in exchanges if e.exchange in (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)]
    auth = [e for e in exchanges if e.exchange == numbers.IKE_AUTH]
    later = [e for e in exchanges if e.exchange in (numbers.CREATE_CHILD_SA, numbers.INFORMATIONAL)]
    if auth:
        last = auth[-1]
        if not last.responses and last.outcome != "answered":
            return "auth-sent"
        if is_short_refusal(last):
            return "auth-answered"
        deleted = any(_inner(e) == numbers.D for e in later)
        alive = esp_from_responder or any(shows_life(e) for e in later)
        if alive or (looks_successful(last) and (later or not is_in_vain(last))):
            rejected = not alive and _ends_at_once(last, later)
            return "auth-answered" if rejected else "closed" if deleted else "established"
        return "auth-answered" if last.outcome == "answered" else "auth-sent"
    # A port filter hides an IPv6 IKE_AUTH in fragments altogether; ESP tells of it (domain.md 5.2).
    if esp_from_responder or any(shows_life(e) for e in later):
        return "established"
    if init:
        negotiated = any(
            not is_error_only(m) for e in init if e.outcome == "answered" for a in e.responses for m in a.messages
        )
        return "init-answered" if negotiated else "init-sent"
    return "unknown"


def _inner(exchange: Exchange) -> int | None:
    request = exchange.request
    return request.inner_payload if request is not None else None


def shows_life(exchange: Exchange) -> bool:
    """An answered rekey or liveness check: only established IKE SAs have them."""
    return (
        exchange.outcome == "answered"
        and bool(exchange.responses)
        and _inner(exchange) not in (None, numbers.D, numbers.N)
    )


#: Whoever sends a Delete this soon after the answer never let the connection be (domain.md 1.4.6); an initiator that
#: sends a Notify so soon rejects what the answer said (1.4.7).
_AT_ONCE = 2_000_000_000


def _ends_at_once(auth: Exchange, later: Sequence[Exchange]) -> bool:
    answered = auth.responses[-1].time if auth.responses else 0
    return any(
        0 <= e.requests[0].time - answered <= _AT_ONCE
        and (_inner(e) == numbers.D or (_inner(e) == numbers.N and e.sender == "initiator"))
        for e in later
        if e.requests
    )
