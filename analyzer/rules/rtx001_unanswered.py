"""A request was sent again and again without an answer.

What it means
    One message, its size, how often, at what times, and what is known of the answer. As a verdict it stands only where
    no rule knows the reason.
Seen as
    The same message ID, bytes and flags from the same sender, and no complete response; or one sending, and the capture
    goes on for seconds without.
Not to be confused with
    COOKIE and INVALID_KE_PAYLOAD retries, whose bytes differ; capture duplicates; repeated responses, which only answer
    repeated requests; a partial answer where a port filter hides fragments and nothing was repeated (CAP004).
Certain when
    That it went unanswered is as sure as the capture is complete; why is not said here.
References
    docs/domain/retransmission.md; RFC 7296 sections 2.1, 2.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import (
    delay,
    exchange_name,
    frames,
    icmp_phrase,
    offsets,
    pieces,
    silence_after,
    times,
)


def check(sa: IkeSa) -> Iterator[Observation]:
    """Every unanswered exchange."""
    for exchange in sa.unanswered:
        request = exchange.request
        if request is None or _is_hidden(sa, exchange):
            continue
        # Where later fragments cannot be seen, what became of a message in fragments cannot be told (CAP004 says why).
        response = exchange.response
        cut = not request.complete or (response is not None and not all(m.complete for m in response.messages))
        hidden = sa.capture.hides_later_fragments and cut
        since = exchange.requests[0].time
        who = "client" if exchange.sender == "initiator" else "server"
        often = f"was sent {times(exchange.attempts)}"
        often += f" ({offsets(exchange)})" if exchange.attempts > 1 else ", not again,"
        yield Observation(
            title=(
                f"The {who}'s {exchange_name(exchange)} request (message ID {exchange.message_id}, "
                f"{request.length:,} bytes, "
                f"{pieces(request)}) {often} and {_answer(exchange)}."
            ),
            detail=(
                f"{silence_after(sa, exchange).capitalize()} sending. "
                f"{icmp_phrase(sa, [i for i in sa.icmp if i.time >= since])}"
            ).strip(),
            frames=frames(exchange.frames),
            confidence=Confidence.CANNOT_TELL if hidden else Confidence.POSSIBLE,
            severity=Severity.INFORMATION if hidden else _severity(exchange),
            is_remark=not hidden and _severity(exchange) is Severity.INFORMATION,
            more=partial(_by_size, sa, exchange, request),
        )


def _by_size(sa: IkeSa, exchange: Exchange, request: Attempt) -> str:
    """That smaller ones went through on the same flow, and none as large as this."""
    size, port = request.largest_ip_packet, request.messages[0].dport
    passed = next((c.lower for c in sa.mtu_clues[exchange.sender] if c.kind == "answered" and c.lower), size)
    heard = any(
        e.outcome == "answered"
        and e.sender == exchange.sender
        and e.requests
        and e.requests[0].messages[0].dport == port
        for e in sa.exchanges
    )
    if exchange.responses or request.is_ip_fragmented or passed >= size or not heard:
        return ""
    return (
        f"Smaller ones were answered on the same way, in IP packets of up to {passed:,} bytes, and none of {size:,} "
        "bytes: its size may be what stops it on the way, or the other side has no answer to this one."
    )


def _is_hidden(sa: IkeSa, exchange: Exchange) -> bool:
    """Part of the answer is there, a filter may hide the rest, and the request was not sent again: no failure."""
    response = exchange.response
    if response is None or response.complete or not sa.capture.hides_later_fragments:
        return False
    return exchange.requests[-1].time <= exchange.responses[0].time


def _severity(exchange: Exchange) -> Severity:
    if exchange.is_setup:
        return Severity.BLOCKING
    # Who deletes the IKE SA often leaves without waiting for the answer: that hurts nobody.
    request = exchange.request
    ends = exchange.exchange == numbers.INFORMATIONAL and request is not None and request.inner_payload == numbers.D
    return Severity.INFORMATION if ends else Severity.DEGRADING


def _answer(exchange: Exchange) -> str:
    response = exchange.response
    if response is None:
        return "got no answer"
    if response.complete:
        after = delay((exchange.responses[0].time - exchange.times[-1]) / 1e9)
        return f"got no answer until its sender had given up ({after} after the last)"
    if response.skf_missing:
        lost = ", ".join(map(str, response.skf_missing[:8]))
        one = len(response.skf_missing) == 1
        what = f"SKF fragment{'' if one else 's'} {lost} of {response.skf_total} {'is' if one else 'are'} missing"
        return f"its answer is incomplete: {what}"
    return "of its answer only some IP fragments are in the trace"


RULE = Rule(
    code="RTX001",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.POSSIBLE,
    remedies=("gateway-trace",),
)
