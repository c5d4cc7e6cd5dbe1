"""IKE_SA_INIT was never answered.

What it means
    The gateway did not answer at all; nothing can be said about certificates or fragmentation.
Seen as
    IKE_SA_INIT requests with no responder SPI and no packet back.
Not to be confused with
    A trace that sees one direction only, or stops right after the request; ICMP errors, which name the reason.
Certain when
    Never from silence alone: the request or the answer may have been lost.
References
    domain.md section 9 no. 1; RFC 7296 section 2.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.exchange import Exchange
from analyzer.relate.path_mtu import TOO_BIG
from analyzer.relate.sa import IkeSa
from analyzer.rules import certainty
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.wording import exchange_name, frames, icmp_phrase, offsets, times
from analyzer.wire.registry import numbers

_NO_CURE = " The request itself was cut by IP, which IKE fragmentation cannot avoid."
_FIRST = (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)


#: What an ICMP error says that explains the silence.
_REASONS = {
    "port-unreachable",
    "admin-prohibited",
    "unreachable-routing",
    "ttl-exceeded",
    "reassembly-timeout",
    *TOO_BIG,
}


def check(sa: IkeSa) -> Iterator[Observation]:
    """The last IKE_SA_INIT (or IKE_SESSION_RESUME) request."""
    for exchange in sa.unanswered:
        # After a COOKIE or INVALID_KE_PAYLOAD the gateway has answered once already.
        if exchange.exchange not in _FIRST or exchange.responses or exchange.sender != "initiator" or exchange.retry:
            continue
        about = sa.reported("initiator", exchange.times[0])
        meanings = {i.error.meaning for i in about}
        again = f", again at {offsets(exchange)}" if exchange.attempts > 1 else ""
        cut = exchange.requests[0].is_ip_fragmented
        detail = f"Sent {times(exchange.attempts)}{again}.{_NO_CURE if cut else ''} {icmp_phrase(sa, about)}"
        yield Observation(
            title=_title(exchange, too_big=not meanings.isdisjoint(TOO_BIG)),
            detail=detail.strip(),
            frames=frames(exchange.frames, (i.frame for i in about)),
            confidence=Confidence.STRONG if meanings & _REASONS else certainty.of_silence(sa, exchange),
        )


def _title(exchange: Exchange, *, too_big: bool) -> str:
    request = exchange.requests[0]
    first = request.messages[0]
    silent = f"The gateway {first.dst} never answered {exchange_name(exchange)}"
    if request.is_ip_fragmented:
        return (
            f"{silent}, a message of {first.length:,} bytes that left in {request.ip_fragments} IP fragments, "
            f"sent {times(exchange.attempts)}."
        )
    if too_big:
        size = f"{request.largest_ip_packet:,}"
        return f"{silent}, and a router reports that its packet of {size} bytes is too big for the path."
    return (
        f"{silent} (UDP port {first.dport}), sent {times(exchange.attempts)}: it is not reached, does not run IKE "
        "there, "
        "or its answer is lost; fragmentation plays no part yet."
    )


RULE = Rule(
    code="NET001",
    id="no-response-ike-sa-init",
    severity=Severity.BLOCKING,
    order=1,
    check=check,
    ceiling=Confidence.STRONG,
    remedies=("reach-gateway",),
)
