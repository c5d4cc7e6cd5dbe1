"""The responder asks for a cookie before it does any work.

What it means
    A gateway with many half-open connections wants proof that the client can receive what is sent to its address. The
    client repeats its request with the cookie: one round trip lost, no failure.
Seen as
    An IKE_SA_INIT response with N(COOKIE) and nothing chosen, then the same request with that cookie in front. Or the
    client does not come back with it, or comes back in vain.
Not to be confused with
    A retransmission, whose bytes are the same. A loop, where each cookie is answered with a new one: the client's
    address or port changes from packet to packet (carrier NAT, load balancer), or the nodes of a cluster do not share
    the secret.
    A gateway that never answers (NET001): this one answered once.
Certain when
    It loops three times, or the cookie was accepted. Silence after the cookie has more than one reason: possible.
References
    docs/domain/root-causes.md no. 21, docs/domain/retransmission.md; RFC 7296 section 2.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.relate.seen.features import Feature
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


def check(sa: IkeSa) -> Iterator[Observation]:
    """Rounds of IKE_SA_INIT that were answered with a cookie."""
    rounds = demanding(sa, numbers.COOKIE)
    if not rounds:
        return
    where = frames(*(e.frames for e, _ in rounds), init_frames(sa))
    if len(rounds) >= LOOP and not is_negotiated(sa):
        yield Observation(
            title=(
                f"{sa.responder} answers each cookie with a new one ({times(len(rounds))}): the client never gets past "
                "the cookie challenge."
            ),
            detail=_cause(rounds),
            frames=where,
            confidence=Confidence.STRONG,
            remedies=("cookie-loop",),
        )
        return
    if not is_negotiated(sa):
        found = list(_unfinished(sa, rounds[-1][0], where))
        yield from found
        if found:
            return
    accepted = " and accepted it" if is_negotiated(sa) else ""
    yield Observation(
        title=(
            f"{sa.responder} asked for a cookie ({times(len(rounds))}){accepted}: it had many half-open connections or "
            "always asks; no failure."
        ),
        detail="",
        frames=where,
        confidence=Confidence.STRONG,
        severity=Severity.INFORMATION,
        is_remark=True,
    )


def _unfinished(sa: IkeSa, last: Exchange, where: tuple[int, ...]) -> Iterator[Observation]:
    """What came after the demand: the cookie and silence, the old request, or nothing."""
    title = detail = ""
    remedies: tuple[str, ...] = ("gateway-trace",)
    if (unanswered := after_demand(sa, "cookie")) is not None:
        lost = "" if sa.side == "responder" else ", or one of the two is lost on the way"
        title = (
            f"{sa.responder} asked for a cookie, and the client's request with it, sent {times(unanswered.attempts)}, "
            f"got no answer: the gateway does not take the cookie or drops the request{lost}."
        )
        detail = (
            "The gateway answered the first request, so it is there and the way was open. A cookie counts only for the "
            f"address that it was made for. {silence_after(sa, unanswered).capitalize()} sending."
        )
        where, remedies = frames(where, unanswered.frames), ("cookie-loop", "gateway-trace")
    elif sa.side not in ("responder", "middle") and (again := unheeded(sa, last)):
        title = (
            f"{sa.responder} asked for a cookie, and the client sends the very same request {times(again)} more: the "
            "demand does not reach it, or its own host's firewall drops it."
        )
        detail = "A client that has the demand comes back with the cookie."
    elif goes_no_further(sa, last):
        title = f"{sa.responder} asked for a cookie, and the client does not come back with it."
        detail = (
            f"Nothing of this attempt follows in {silence_after_demand(sa, last):.1f} s. The demand may be dropped by "
            "the client's own host, or the client stopped."
        )
    if title:
        yield Observation(title, detail, where, Confidence.POSSIBLE, remedies=remedies)


def _cause(rounds: Sequence[Round]) -> str:
    requests = [m for e, _ in rounds for a in e.requests for m in a.messages]
    sources = list(dict.fromkeys(f"{m.src} port {m.sport}" for m in requests))
    if len(sources) > 1:
        return (
            f"The client's requests come from changing sources ({', '.join(sources[:4])}), which makes each cookie "
            "worthless: a NAT or load balancer on the way."
        )
    if not any(numbers.COOKIE in m.notifies for m in requests[1:]):
        return "The client sends no cookie back: it does not receive or does not understand the demand."
    return (
        "The client returns the cookies from one address and port as seen here. Beyond this point they may change, or "
        "the gateway's nodes do not share the secret."
    )


RULE = Rule(
    code="NEG003",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.ERROR,
    ceiling=Confidence.STRONG,
    topics=("cookie-loop", "gateway-trace"),
)
