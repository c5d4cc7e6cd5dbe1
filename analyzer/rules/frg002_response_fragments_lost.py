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
    docs/domain/root-causes.md no. 9; RFC 7383 section 1; RFC 7296 section 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Observation, Rule, Severity
from analyzer.rules.shared.advice import against_ip_fragments
from analyzer.rules.shared.ip_fragments_lost import Loss, lost_responses, repeats_after_answer, who_waited
from analyzer.rules.shared.wording import announcements, exchange_name, frames, init_frames, octets, times


def check(sa: IkeSa) -> Iterator[Observation]:
    """Partial answers at the client, repeated requests after a fragmented answer at the server."""
    for loss in lost_responses(sa):
        if loss.seen_whole and loss.message is not None:
            yield _left_in_vain(sa, loss, loss.message)
        else:
            yield _arrived_in_part(sa, loss)


def _arrived_in_part(sa: IkeSa, loss: Loss) -> Observation:
    exchange, response = loss.exchange, loss.message
    size = f" of {response.length:,} bytes" if response is not None else ""
    if response is None:
        part = "later IP fragments without the first"
    elif loss.rest or max(m.ip_fragments for m in response.messages) > 1:
        part = "some of its IP fragments"
    else:
        part = "its first IP fragment"
    arrived = frames(*(a.frames for a in exchange.responses), loss.rest)
    return Observation(
        title=(
            f"The server answered {exchange_name(exchange)}, but of the answer{size} only {part} arrived, and the "
            f"client sent its request {times(exchange.attempts)}; {announcements(sa)}: a device on the way back drops "
            "IP fragments."
        ),
        detail=(
            "Part of the answer is in the trace, so the request got through. What arrived of it: "
            + ("frame " if len(arrived) == 1 else "frames ")
            + ", ".join(map(str, arrived))
            + "."
        ),
        frames=frames(init_frames(sa), exchange.frames, loss.rest),
        confidence=loss.confidence,
        remedies=against_ip_fragments(sa, "shrink-server-chain"),
    )


def _left_in_vain(sa: IkeSa, loss: Loss, response: Attempt) -> Observation:
    exchange = loss.exchange
    drops = "most likely a device on the way to the client drops IP fragments."
    if loss.waited:
        who = who_waited(sa, loss.waited)
        drops = f"{who} reports that pieces of it never came, so a device on the way drops IP fragments."
    return Observation(
        title=(
            f"The {octets(response.length)} {exchange_name(exchange)} response {_how(response)} "
            f"{times(len(exchange.responses))}, and the same request kept coming "
            f"({times(repeats_after_answer(exchange))} after the first answer); {announcements(sa)}: {drops}"
        ),
        detail="The client repeats a request only as long as it has no answer.",
        frames=frames(init_frames(sa), exchange.frames),
        confidence=loss.confidence,
        remedies=against_ip_fragments(sa, "shrink-server-chain"),
    )


def _how(response: Attempt) -> str:
    if response.skf_total:
        return f"left as {response.skf_total} SKF fragments which IP fragmented again"
    return f"left in {response.ip_fragments} IP fragments"


RULE = Rule(
    code="FRG002",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.IP_FRAGMENTS,
    needs=("later-fragments",),
    topics=("enable-ike-fragmentation", "permit-ip-fragments", "shrink-server-chain", "not-interface-mtu"),
)
