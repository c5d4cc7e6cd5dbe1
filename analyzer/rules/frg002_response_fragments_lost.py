"""The responder answered IKE_AUTH in IP fragments, and they did not all arrive.

What it means
    The request got through; the answer (server certificate and chain) was cut by IP and pieces of it were dropped on
    the way back.
Seen as
    At the client: only some fragments of the answer arrive (first without rest, or rest without first), and the client
    repeats its request. At the server: the fragmented answer leaves, and the same request comes again.
Not to be confused with
    FRG001 (nothing at all comes back); a port filter on the capture, which hides later fragments although the exchange
    succeeds (CAP004); capture loss.
Certain when
    The client reports that reassembly timed out. Strong where part of the answer is in the trace, fragments can reach
    the capture, and the client asks again: then the request got through, and the answer did not.
References
    domain.md section 9 no. 9; RFC 7383 section 1; RFC 7296 section 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.exchange import Exchange
from analyzer.relate.progress import is_in_vain
from analyzer.relate.sa import IkeSa
from analyzer.rules.advice import against_ip_fragments
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.wording import announcements, exchange_name, frames, init_frames, octets, times
from analyzer.wire.registry import numbers


def check(sa: IkeSa) -> Iterator[Observation]:
    """Partial answers at the client, repeated requests after a fragmented answer at the server."""
    if not sa.unanswered and not sa.retransmits:
        return
    for exchange in sa.of(numbers.IKE_AUTH, numbers.IKE_INTERMEDIATE):
        if exchange.sender != "initiator" or not exchange.requests:
            continue
        if exchange.outcome == "unanswered":
            yield from _partial_answer(sa, exchange)
        elif exchange.outcome == "answered":
            yield from _answered_in_vain(sa, exchange)


def _partial_answer(sa: IkeSa, exchange: Exchange) -> Iterator[Observation]:
    begin = exchange.frames[0]
    rest = [f for f, src, _ in sa.orphans if src == sa.responder and f >= begin]
    response = exchange.response
    if response is None and not rest:
        return
    if response is not None and response.skf_missing and not response.is_ip_fragmented:
        return
    size = f" of {response.length:,} bytes" if response is not None else ""
    part = "its first IP fragment without the rest" if response is not None and not rest else "some of its IP fragments"
    if response is None:
        part = "later IP fragments without the first"
    arrived = frames(*(a.frames for a in exchange.responses), rest)
    yield Observation(
        title=(
            f"The server answered {exchange_name(exchange)}, but of the answer{size} only {part} arrived, and the "
            "client "
            f"sent its request {times(exchange.attempts)}; {announcements(sa)}: a device on the way back drops IP "
            "fragments."
        ),
        detail=(
            "Part of the answer is in the trace, so the request got through. What arrived of it: "
            + ("frame " if len(arrived) == 1 else "frames ")
            + ", ".join(map(str, arrived))
            + "."
        ),
        frames=frames(init_frames(sa), exchange.frames, rest),
        confidence=_confidence_of_part(sa, exchange, arrived[0]),
        remedies=against_ip_fragments(sa, "shrink-server-chain"),
    )


def _confidence_of_part(sa: IkeSa, exchange: Exchange, arrived: int) -> Confidence:
    """``arrived`` is the frame of the first piece of the answer."""
    if _gave_up_reassembly(sa, exchange):
        return Confidence.PROVED
    # A client that has its answer does not ask again; one that does not ask again may have it.
    repeated = exchange.requests[-1].frames[0] > arrived
    return Confidence.STRONG if repeated and not sa.capture.lost_packets else Confidence.POSSIBLE


def _gave_up_reassembly(sa: IkeSa, exchange: Exchange) -> bool:
    """The client reports that the rest of the answer never came (ICMP 11/1, ICMPv6 3/1)."""
    about = sa.reported("responder", exchange.times[0])
    return any(i.error.meaning == "reassembly-timeout" for i in about)


def _answered_in_vain(sa: IkeSa, exchange: Exchange) -> Iterator[Observation]:
    response = exchange.response
    if response is None or not response.complete or not response.is_ip_fragmented or sa.side == "initiator":
        return
    if sa.reached != "auth-answered" or exchange is not sa.exchanges[-1] or sa.esp_i_to_r:
        return
    answered = exchange.responses[0].time
    again = [a for a in exchange.requests if a.time > answered]
    if not is_in_vain(exchange) or len(exchange.responses) < 2:
        return
    confidence = Confidence.PROBABLE if sa.side == "responder" else Confidence.POSSIBLE
    if _gave_up_reassembly(sa, exchange):
        confidence = Confidence.PROVED
    yield Observation(
        title=(
            f"The {octets(response.length)} {exchange_name(exchange)} response left in {response.ip_fragments} IP "
            "fragments "
            f"{times(len(exchange.responses))}, and the same request kept coming ({times(len(again))} after the "
            "first answer); "
            f"{announcements(sa)}: most likely a device on the way to the client drops IP fragments."
        ),
        detail="The client repeats a request only as long as it has no answer.",
        frames=frames(init_frames(sa), exchange.frames),
        confidence=confidence,
        remedies=against_ip_fragments(sa, "shrink-server-chain"),
    )


RULE = Rule(
    code="FRG002",
    id="ike-auth-response-fragments-lost",
    severity=Severity.BLOCKING,
    order=9,
    check=check,
    needs=("later-fragments",),
)
