"""IKE_SA_INIT was never answered, or its answers do not reach the client.

What it means
    The gateway is not reached, does not run IKE there, does not want to answer, or its answer is lost on the way back:
    one trace cannot say which direction fails. Nothing can be said about certificates or fragmentation.
Seen as
    IKE_SA_INIT requests with no responder SPI and no packet back. At the responder's side the mirror of it: answers
    leave, and the same request keeps coming.
Not to be confused with
    ICMP errors (NET003 to NET005) and drops that the host recorded (NET014), which name the reason; UDP 4500 of the
    same gateway works (NET006); other attempts from the same address are answered meanwhile (NET009); a request that IP
    had to cut (FRG011); a client that has the answer and asks again all the same (AUT006: seen at its own side).
Certain when
    Never from silence alone. At the responder's side it is seen that the request arrives and no answer leaves.
References
    docs/domain/root-causes.md no. 1; RFC 7296 sections 2.1, 2.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.inferred.progress import is_repeated_after_answer
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import certainty, silence
from analyzer.rules.shared.wording import exchange_name, frames, icmp_phrase, offsets, silence_after, times

#: Notify types below are errors (RFC 7296 section 3.10.1): who asks again after one has heard "no", or ignores it.
_FIRST_STATUS = 16384


def check(sa: IkeSa) -> Iterator[Observation]:
    """The last IKE_SA_INIT (or IKE_SESSION_RESUME) exchange."""
    for exchange in silence.unanswered(sa, silence.FIRST_EXCHANGES):
        # After a COOKIE or INVALID_KE_PAYLOAD the gateway has answered once already.
        if exchange.retry or _may_be_too_large(sa, exchange) or silence.is_explained(sa, exchange):
            continue
        if silence.only_500_is_silent(sa, exchange) or silence.is_one_of_many(sa, exchange):
            continue
        yield _silent_at_responder(sa, exchange) if sa.side == "responder" else _silent(sa, exchange)
    yield from _answered_in_vain(sa)


def _may_be_too_large(sa: IkeSa, exchange: Exchange) -> bool:
    """IP cut the request, and it was not seen to arrive whole all the same: FRG011 speaks of that."""
    arrived = sa.side == "responder" and any(a.complete for a in exchange.requests)
    return exchange.requests[0].is_ip_fragmented and not arrived


def _silent(sa: IkeSa, exchange: Exchange) -> Observation:
    first = exchange.requests[0].messages[0]
    too_big = silence.is_too_big(sa, exchange)
    said = f"The gateway {first.dst} never answered {exchange_name(exchange)}"
    if too_big:
        size = f"{exchange.requests[0].largest_ip_packet:,}"
        title = f"{said}, and a router reports that its packet of {size} bytes is too big for the path."
    else:
        title = (
            f"{said} ({'TCP' if first.over_tcp else 'UDP'} port {first.dport}), sent {times(exchange.attempts)}: the "
            "request or its answer is lost on the way, or no IKE service answers there; this is not about "
            "fragmentation."
        )
    about = silence.reports(sa, exchange)
    return Observation(
        title=title,
        detail=f"{_sent(exchange)}; {silence_after(sa, exchange)}.",
        more=lambda: f"{_others(sa)}{icmp_phrase(sa, about)}",
        frames=frames(exchange.frames, (i.frame for i in about)),
        confidence=Confidence.POSSIBLE if too_big else certainty.of_silence(sa, exchange),
        remedies=("reach-gateway", "open-udp-500"),
    )


def _silent_at_responder(sa: IkeSa, exchange: Exchange) -> Observation:
    sure = certainty.of_silence(sa, exchange) is Confidence.PROBABLE
    return Observation(
        title=(
            f"{exchange_name(exchange)} of {sa.initiator} reaches the gateway {sa.responder}, "
            f"{times(exchange.attempts)}, and the gateway sends no answer: no IKE service takes it, or the service "
            "ignores this client."
        ),
        detail=f"{_sent(exchange)}; {silence_after(sa, exchange)}. The trace was taken at the gateway.",
        more=lambda: _others(sa),
        frames=frames(exchange.frames),
        confidence=Confidence.STRONG if sure else Confidence.POSSIBLE,
        remedies=("gateway-service", "read-server-log"),
    )


def _answered_in_vain(sa: IkeSa) -> Iterator[Observation]:
    """Answers leave the responder's side, and the client, who lacks them, asks again."""
    exchange = sa.init
    if exchange is None or exchange.sender != "initiator" or exchange.outcome != "answered":
        return
    if (
        sa.side not in ("responder", "middle")
        or not is_repeated_after_answer(exchange)
        or not silence.is_last(sa, exchange)
    ):
        return
    if _is_refused(exchange) or silence.dropped_frames(sa, exchange.responses):
        return
    if any(r.error.meaning in silence.REFUSALS for r in silence.reports(sa, exchange, about_response=True)):
        return
    response = exchange.responses[0]
    again = sum(t > response.time for t in exchange.times)
    weak = sa.side == "middle" or response.is_ip_fragmented or sa.capture.lost_packets or sa.capture.damaged
    yield Observation(
        title=(
            f"The gateway {sa.responder} answers {exchange_name(exchange)}, but the same request of {sa.initiator} "
            f"keeps coming, {times(again)} after the first answer: the answers do not reach the client."
        ),
        detail=(
            "A client repeats a request only as long as it has no answer that it can use. A firewall on the client's "
            "own host that drops the answer looks the same from here; a trace at the client tells."
        ),
        frames=frames(exchange.frames),
        confidence=Confidence.POSSIBLE if weak else Confidence.PROBABLE,
        remedies=("open-udp-500", "reach-gateway"),
    )


def _is_refused(exchange: Exchange) -> bool:
    """An answer holds an error notify: it has its own rule."""
    said = {n for a in exchange.responses for m in a.messages if numbers.SA not in m.payloads for n in m.notifies}
    return any(n < _FIRST_STATUS for n in said)


def _sent(exchange: Exchange) -> str:
    again = f", again at {offsets(exchange)}" if exchange.attempts > 1 else ""
    return f"Sent {times(exchange.attempts)}{again}"


def _others(sa: IkeSa) -> str:
    """What other attempts at the same gateway tell."""
    gateway = sa.responder
    others = [n for n in sa.neighbours if n.responder == gateway]
    fine = [n for n in others if n.answered]
    if fine:
        clients = {n.initiator for n in fine} - {sa.initiator}
        whom = f"{len(clients)} other clients" if len(clients) > 1 else "another client" if clients else "this client"
        return f"At other times in this trace it answered {whom} (frame {fine[0].first_frame}): the gateway is there. "
    return f"{len(others)} further attempts to reach it are in this trace, none answered. " if len(others) > 1 else ""


RULE = Rule(
    code="NET001",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.STRONG,
    topics=("reach-gateway", "open-udp-500", "gateway-service", "read-server-log"),
)
