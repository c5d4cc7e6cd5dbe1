"""A small IKE_AUTH goes where IKE is known to pass, and no answer comes.

What it means
    The responder drops the request without a word: no policy for this initiator, a message that it cannot decrypt, an
    IKE SA that it has lost (failover), a limit. Which of these, only its log tells.
Seen as
    IKE_SA_INIT answered; IKE_AUTH fits in one packet (or in small SKF packets), and either stays on the port that just
    worked, or port 4500 of the responder is heard. At the responder: the request arrives whole, and no answer leaves.
Not to be confused with
    An answer that is lost in IP fragments, of which none arrives (FRG002 where one does): from the client's side that
    looks the same. UDP 4500 blocked (NET002: nothing is heard from it); lost IP or SKF fragments (FRG001, FRG009), too
    many of them (FRG010); a later round of EAP (AUT003); IKE_INTERMEDIATE (NEG006); ICMP errors and recorded drops.
Certain when
    Strong at the responder's side, where its silence is seen. From the client's side it is only possible: the path may
    have lost this very packet each time, or the answer, which is larger where it carries a certificate.
References
    docs/domain/root-causes.md no. 19; RFC 7296 sections 2.4, 2.21.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.protocol import NAT_T_PORT
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import certainty, silence
from analyzer.rules.shared.wording import exchange_name, frames, init_frames, octets, pieces, silence_after, times

#: SKF fragments up to about 600 bytes are small for every path (docs/domain/root-causes.md no. 7; Windows was seen at
#: 626).
_SMALL_SKF = 640
#: Responders count fragments: libreswan took 16, and 32 later (docs/domain/root-causes.md no. 14).
_MANY = 16


def check(sa: IkeSa) -> Iterator[Observation]:
    """The unanswered IKE_AUTH."""
    if sa.init is None or sa.init.outcome != "answered" or not sa.init.requests:
        return
    for exchange in silence.unanswered(sa, (numbers.IKE_AUTH,)):
        if silence.is_explained(sa, exchange) or silence.is_too_big(sa, exchange) or silence.is_eap_round(sa, exchange):
            continue
        if sa.side == "responder":
            yield from _at_responder(sa, exchange)
        else:
            yield from _elsewhere(sa, exchange)


def _at_responder(sa: IkeSa, exchange: Exchange) -> Iterator[Observation]:
    request = exchange.request
    if request is None or not request.complete or request.skf_total > _MANY:
        return
    sure = certainty.of_silence(sa, exchange) is Confidence.PROBABLE
    yield Observation(
        title=(
            f"The {octets(request.length)} {exchange_name(exchange)} request of {sa.initiator} reaches the gateway "
            f"whole ({pieces(request)}), {times(exchange.attempts)}, and the gateway sends no answer: it drops the "
            "request without a word."
        ),
        detail=(
            "The trace was taken at the gateway, so the way is not to blame. Why it is silent (no policy for this "
            f"client, a damaged message, a lost IKE SA, a limit), its log tells; {silence_after(sa, exchange)}."
        ),
        frames=frames(init_frames(sa), exchange.frames),
        confidence=Confidence.STRONG if sure else Confidence.POSSIBLE,
        remedies=("read-server-log",),
    )


def _elsewhere(sa: IkeSa, exchange: Exchange) -> Iterator[Observation]:
    request = exchange.request
    if request is None or sa.orphans or not request.complete or request.is_ip_fragmented:
        return
    good = _known_good(sa, exchange)
    if not good or (request.skf_total and request.largest_ip_packet > _SMALL_SKF):
        return
    yield Observation(
        title=(
            f"The {octets(request.length)} {exchange_name(exchange)} request ({pieces(request)}) was sent "
            f"{times(exchange.attempts)} and got no answer, although {good}: the server drops it without a word, or "
            "its answer is lost on the way back."
        ),
        detail=(
            "From here it cannot be told which, nor why (no policy for this client, a damaged message, an IKE SA that "
            f"the server has lost, a limit), nor whether this packet arrived each time. {_answer(sa)}; "
            f"{silence_after(sa, exchange)}."
        ),
        frames=frames(init_frames(sa), exchange.frames),
        confidence=Confidence.POSSIBLE,
        remedies=("read-server-log", "gateway-trace"),
    )


def _answer(sa: IkeSa) -> str:
    """Why the answer may be lost where the request was not."""
    if sa.fragmentation_i == sa.fragmentation_r == "yes":
        return "An answer with a certificate takes several SKF fragments, of which each has to arrive"
    return "An answer with a certificate takes several IP fragments, which many firewalls drop"


def _known_good(sa: IkeSa, exchange: Exchange) -> str:
    """Why the way is known to be open, as a clause; empty when it is not."""
    first = exchange.requests[0].messages[0]
    if first.dst != sa.responder:
        return ""
    begun = sa.init.requests[0].messages[0] if sa.init is not None and sa.init.requests else first
    if first.over_tcp:
        return "the TCP connection carried IKE_SA_INIT both ways" if begun.over_tcp else ""
    if begun.dport == first.dport and not begun.over_tcp:
        return f"IKE_SA_INIT was answered on the same UDP port {first.dport}"
    if first.dport == NAT_T_PORT and sa.responder in sa.capture.heard_on_4500:
        return "packets from the server's UDP port 4500 are in this trace"
    return ""


RULE = Rule(
    code="NET008",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.STRONG,
    topics=("read-server-log", "gateway-trace"),
)
