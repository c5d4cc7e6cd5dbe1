"""IKE_AUTH travels in IP fragments.

What it means
    A message was larger than its sender's MTU and IP cut it. That works only where every device on the way lets
    fragments through.
Seen as
    More than one IP packet for one IKE_AUTH (or IKE_INTERMEDIATE) message, request or response, IPv4 or IPv6.
Not to be confused with
    SKF messages (RFC 7383): those are cut by IKE, each in a packet of its own.
Certain when
    The fragments are in the trace; their number and sizes are then facts, the MTU a range.
References
    docs/domain/ip-fragments.md, docs/domain/filtered-captures.md; RFC 791; RFC 8200 section 4.5.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Role
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import exchange_name, frames, mtu_phrase


def check(sa: IkeSa) -> Iterator[Observation]:
    """Each direction of each exchange that may be large."""
    for exchange in sa.of(numbers.IKE_AUTH, numbers.IKE_INTERMEDIATE):
        for attempt, word in ((exchange.request, "request"), (exchange.response, "response")):
            if attempt is None or not attempt.is_ip_fragmented:
                continue
            cut_by: Role = "initiator" if attempt.messages[0].is_initiator else "responder"
            title = f"The {attempt.length:,}-byte {exchange_name(exchange)} {word} {_how(attempt)}."
            sizes = [f"{size:,}" for m in attempt.messages for size in m.ip_sizes]
            what = "IP packets" if len(sizes) > 1 else "One IP packet"
            yield Observation(
                title=title,
                detail=f"{what} of {', '.join(sizes)} bytes{mtu_phrase(sa, cut_by)}.",
                frames=frames(attempt.frames),
                confidence=Confidence.STRONG,
            )


def _how(attempt: Attempt) -> str:
    if attempt.complete:
        return f"was cut into {attempt.ip_fragments} IP fragments"
    seen = sum(len(m.frames) for m in attempt.messages)
    return f"was cut by IP into {attempt.ip_fragments} fragments, of which the trace holds {seen}"


RULE = Rule(
    code="FRG005",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.STRONG,
    is_verdict=False,
)
