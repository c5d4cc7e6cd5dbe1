"""IKE_SA_INIT is answered on port 500, and what moves to port 4500 does not get through.

What it means
    UDP 4500 is blocked one way or the other, or the responder discards what comes there.
Seen as
    At the client: IKE_AUTH moved to 4500, fits in one IP packet (or in small SKF packets), repeated, never answered; no
    packet at all from the responder's port 4500 in the whole trace. At the responder: small answers leave from 4500,
    and the same request keeps coming.
Not to be confused with
    FRG001 (a large IKE_AUTH in IP fragments is silent for another reason); any packet from the responder's 4500 refutes
    it (NET008, FRG009, NET012); large SKF packets and those that a router calls too big, which a path may drop for
    their size; ICMP errors and recorded drops, which name the reason (NET003 to NET005, NET014). Where at the responder
    nothing follows the answer to IKE_SA_INIT, a blocked port is one suspect, lost IP fragments and a client that
    stopped are others: AUT006 names them.
Certain when
    Never from silence alone; probable when packets that name port 4500 are small and repeated. Fragments without ports
    are no evidence of a port: possible.
References
    docs/domain/root-causes.md no. 7, docs/domain/nat.md; RFC 7296 section 2.23.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.protocol import NAT_T_PORT
from analyzer.relate.inferred.progress import is_repeated_after_answer
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import certainty, silence
from analyzer.rules.shared.wording import exchange_name, frames, init_frames, octets, pieces, silence_after, times

_NEXT = (numbers.IKE_AUTH, numbers.IKE_INTERMEDIATE)
#: Above this a packet may be lost for its size on some path (IPv6's minimum MTU).
_SMALL = 1280
#: SKF fragments up to about 600 bytes are small for every path (docs/domain/root-causes.md no. 7; Windows was seen at
#: 626).
_SMALL_SKF = 640
#: Libreswan before 3.31 took no more fragments than this (docs/domain/ike-fragmentation.md).
_MANY_FRAGMENTS = 16


_WHERE = " between client and server, in one direction or the other"


def check(sa: IkeSa) -> Iterator[Observation]:
    """The first exchange on port 4500."""
    init = sa.init
    if init is None or init.outcome != "answered" or not init.requests:
        return
    first = init.requests[0].messages[0]
    if first.dport == NAT_T_PORT or first.over_tcp:
        return
    if sa.side != "responder":
        yield from _silent(sa)
    if sa.side in ("responder", "middle"):
        yield from _answered_in_vain(sa)
        yield from _without_ports(sa, init)


def _silent(sa: IkeSa) -> Iterator[Observation]:
    """A small request on 4500 without an answer, seen anywhere but at the responder."""
    if sa.responder in sa.capture.heard_on_4500 or sa.orphans:
        return
    for exchange in silence.unanswered(sa, _NEXT):
        request = _not_ip_fragmented(exchange)
        if request is None:
            continue
        if (request.messages[0].dst, request.messages[0].dport) != (sa.responder, NAT_T_PORT):
            continue
        size = request.largest_ip_packet
        if (request.skf_total and size > _SMALL) or silence.is_explained(sa, exchange):
            continue
        if silence.is_too_big(sa, exchange) or _exceeds_path(sa, size):
            continue
        # A receiver may refuse so many fragments (FRG010): that, too, looks the same.
        large = size > (_SMALL_SKF if request.skf_total else _SMALL) or request.skf_total > _MANY_FRAGMENTS
        doubt = "packets of this size are lost" if large else "one of the SKF fragments is lost each time"
        doubtful = bool(request.skf_total or large)
        conclusion = f"may be blocked{_WHERE}, or {doubt}" if doubtful else f"is most likely blocked{_WHERE}"
        cut_before = any(a.is_ip_fragmented for a in exchange.requests)
        how = f"in the end as {pieces(request)}" if cut_before else pieces(request)
        yield Observation(
            title=(
                f"IKE_SA_INIT was answered on UDP 500, but the {octets(request.length)} {exchange_name(exchange)} "
                f"request on UDP 4500 ({how}) was sent {times(exchange.attempts)} and got no answer: UDP "
                f"4500 {conclusion}{'' if cut_before else '; IP did not cut the request'}."
            ),
            detail=(
                "Nothing in this trace comes from the server's UDP port 4500. A server that drops the request without "
                "a word, or an answer in IP fragments that get lost, looks the same. "
                f"{silence_after(sa, exchange).capitalize()} sending."
            ),
            frames=frames(init_frames(sa), exchange.frames),
            confidence=Confidence.POSSIBLE if large or cut_before else certainty.of_silence(sa, exchange),
            remedies=("open-udp-4500", "not-fragmentation-for-closed-port"),
        )


def _not_ip_fragmented(exchange: Exchange) -> Attempt | None:
    """The fullest sending, or the last one: a message may go in IP fragments first and in SKF fragments after that."""
    sendings = (exchange.request, *exchange.requests[-1:])
    return next((a for a in sendings if a is not None and not a.is_ip_fragmented), None)


def _exceeds_path(sa: IkeSa, size: int) -> bool:
    upper = sa.path_mtu["initiator"].upper
    return upper is not None and size > upper


def _answered_in_vain(sa: IkeSa) -> Iterator[Observation]:
    """Small answers leave from 4500, and the request keeps coming: they are lost on their way to the client."""
    sent = [e for e in sa.of(*_NEXT) if e.sender == "initiator"]
    if not sent or any(n.auth_answered and n.initiator == sa.initiator for n in sa.neighbours):
        return
    exchange, response = sent[0], sent[0].response
    if response is None or exchange.outcome != "answered" or not exchange.requests or not response.complete:
        return
    if response.messages[0].sport != NAT_T_PORT or response.skf_total > 1 or response.is_ip_fragmented:
        return
    if (
        not is_repeated_after_answer(exchange)
        or not _is_last_asked(sa, exchange)
        or silence.dropped_frames(sa, exchange.responses)
    ):
        return
    if any(r.error.meaning in silence.REFUSALS for r in silence.reports(sa, exchange, about_response=True)):
        return
    again = sum(t > exchange.responses[0].time for t in exchange.times)
    weak = sa.side == "middle" or response.largest_ip_packet > _SMALL or sa.capture.lost_packets or sa.capture.damaged
    yield Observation(
        title=(
            f"{exchange_name(exchange)} of {sa.initiator} arrives on UDP 4500 and is answered in one IP packet of "
            f"{response.largest_ip_packet:,} bytes, but the same request keeps coming, {times(again)} after the first "
            "answer: UDP 4500 does not get through from server to client."
        ),
        detail=(
            "IKE_SA_INIT went through on UDP 500 both ways. A client repeats a request only as long as it has no "
            "answer that it can use."
        ),
        frames=frames(init_frames(sa), exchange.frames),
        confidence=Confidence.POSSIBLE if weak else Confidence.PROBABLE,
        remedies=("open-udp-4500",),
    )


def _without_ports(sa: IkeSa, init: Exchange) -> Iterator[Observation]:
    """Behind IKE_SA_INIT only IP fragments without ports arrive: what names port 4500 is stopped, the rest is not."""
    place, answered = sa.capture.place, sa.capture.place(init.frames[-1])
    later = [p for p in sa.placed_orphans if p.src == sa.initiator and place(p.frame) > answered]
    if not later or sa.of(*_NEXT) or sa.esp_i_to_r or sa.initiator in sa.capture.heard_on_4500:
        return
    # Where the last one alone arrives, its size may be what lets it through (FRG001, MTU001).
    if not any(p.more for p in later):
        return
    yield Observation(
        title=(
            f"IKE_SA_INIT went through on UDP 500, and then only IP fragments without ports arrive from {sa.initiator} "
            f"({len(later)} of them), never a first one: a filter on UDP 4500 may stop those, which alone name the "
            "port, and let the rest through."
        ),
        detail=(
            "A device that drops first IP fragments only would leave the same. Without its first fragment a message "
            "cannot be told from other UDP: time and sender speak for IKE_AUTH."
        ),
        frames=frames(init_frames(sa), (p.frame for p in later)),
        # Nothing here names port 4500.
        confidence=Confidence.POSSIBLE,
        remedies=("open-udp-4500",),
    )


def _is_last_asked(sa: IkeSa, exchange: Exchange) -> bool:
    """The client asks nothing else after it, and sends no traffic."""
    return not sa.esp_i_to_r and sa.last_asked["initiator"] is exchange


RULE = Rule(
    code="NET002",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.PROBABLE,
    topics=("open-udp-4500", "not-fragmentation-for-closed-port"),
)
