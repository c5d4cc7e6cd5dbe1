"""IKE_AUTH left in IP fragments and was never answered.

What it means
    The request was larger than the sender's MTU, IP cut it, and some firewall, NAT or carrier dropped the pieces: the
    responder never had the whole message. Windows shows error 809.
Seen as
    IKE_SA_INIT answered; an IKE_AUTH (or IKE_INTERMEDIATE) request in IP fragments, sent again and again, never
    answered. At the responder's side: fragments of it arrive, but never all.
Not to be confused with
    UDP 4500 blocked altogether (the request then fits in one packet and is silent too); a lost answer (FRG002: part of
    it arrives); a capture filter that hides fragments (CAP004); a responder that drops the request without a word.
Certain when
    The responder reports that reassembly timed out (ICMP 11/1, ICMPv6 3/1), or a trace from the other side shows which
    pieces arrive. From the client's side alone it is probable at best.
References
    domain.md section 9 no. 8, 5.2; RFC 7383 section 1; RFC 792.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.path_mtu import TOO_BIG
from analyzer.relate.sa import IkeSa
from analyzer.relate.views import Attempt, Exchange
from analyzer.rules import certainty
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.wording import announcements, exchange_name, frames, icmp_phrase, init_frames, mtu_phrase, octets
from analyzer.rules.wording import offsets, times
from analyzer.wire.registry import numbers

_REFUSALS = ("port-unreachable", "admin-prohibited", "unreachable-routing")


def check(sa: IkeSa) -> Iterator[Observation]:
    """Look at each setup request that stayed without answer."""
    for exchange in sa.of(numbers.IKE_AUTH, numbers.IKE_INTERMEDIATE):
        request = exchange.request
        if exchange.outcome != "unanswered" or request is None or not request.is_ip_fragmented:
            continue
        if exchange.sender != "initiator" or exchange.responses or _answer_arrives_in_part(sa):
            continue
        about = [i for i in sa.icmp if i.time >= request.time]
        if any(i.error.meaning in _REFUSALS for i in about):
            continue
        seen_whole = any(a.complete for a in exchange.requests)
        if not seen_whole and sa.capture.hides_later_fragments:
            continue
        yield Observation(
            title=_title(sa, exchange, request, seen_whole=seen_whole),
            detail=_detail(sa, exchange, request, seen_whole=seen_whole) + " " + icmp_phrase(sa, about),
            frames=frames(init_frames(sa), *(a.frames for a in exchange.requests), (i.frame for i in about)),
            confidence=_confidence(sa, exchange, seen_whole=seen_whole),
            remedies=_remedies(sa),
        )


def _answer_arrives_in_part(sa: IkeSa) -> bool:
    return any(src == sa.responder for _, src, _ in sa.orphans)


def _confidence(sa: IkeSa, exchange: Exchange, *, seen_whole: bool) -> Confidence:
    meanings = {i.error.meaning for i in sa.icmp}
    if "reassembly-timeout" in meanings:
        return Confidence.PROVED
    if meanings & set(TOO_BIG):
        return Confidence.STRONG
    if not seen_whole:
        # Pieces reach this point and others do not, although fragments can: they were lost before it.
        return Confidence.POSSIBLE if sa.side == "initiator" or sa.capture.lost_packets else Confidence.STRONG
    return certainty.of_silence(sa, exchange)


def _title(sa: IkeSa, exchange: Exchange, request: Attempt, *, seen_whole: bool) -> str:
    what = f"The {octets(request.length)} {exchange_name(exchange)} request"
    mtu = mtu_phrase(sa, "initiator")
    if seen_whole:
        cut = f"left in {request.ip_fragments} IP fragments" + (f" ({mtu})" if mtu else "")
        silence = f"was sent {times(exchange.attempts)} and got no answer"
    else:
        cut = "reaches this point only in part: some of its IP fragments are missing" + (f" ({mtu})" if mtu else "")
        silence = f"came {times(exchange.attempts)} and got no answer"
    if request.skf_total:
        cut = f"went as {request.skf_total} SKF fragments which IP fragmented again" + (f" ({mtu})" if mtu else "")
    return f"{what} {cut}, {silence}; {announcements(sa)}: {_conclusion(seen_whole=seen_whole)}"


def _conclusion(*, seen_whole: bool) -> str:
    where = "on the way to the server" if seen_whole else "before it"
    return f"most likely a device {where} drops IP fragments."


def _detail(sa: IkeSa, exchange: Exchange, request: Attempt, *, seen_whole: bool) -> str:
    sizes = " + ".join(f"{size:,}" for m in request.messages for size in m.ip_sizes)
    first = exchange.requests[0].messages[0]
    text = f"IP packets of {sizes} bytes from {first.src} port {first.sport} to {first.dst} port {first.dport}"
    if exchange.attempts > 1:
        text += f", sent again at {offsets(exchange)}"
    text += f"; the capture goes on for {(sa.capture.last - exchange.requests[-1].time) / 1e9:.1f} s after the last."
    if sa.init is not None and sa.init.rtt is not None:
        text += f" IKE_SA_INIT was answered in {sa.init.rtt * 1000:.0f} ms, so the server is there."
    if sa.fragmentation_i == "no":
        text += " A server accepts fragmentation only from a client that offers it: its own setting is not known."
    if seen_whole:
        text += (
            " A trace from this side cannot show where the pieces were lost: if UDP 4500 as a whole were blocked it would"
            " look the same. A trace at the server tells."
        )
    return text


def _remedies(sa: IkeSa) -> tuple[str, ...]:
    enable = ()
    if sa.fragmentation_i == "no":
        enable += ("windows-client-fragmentation",)
    if sa.fragmentation_r == "no":
        enable += ("rras-fragmentation", "gateway-fragmentation")
    return (*enable, "shrink-ike-auth", "permit-ip-fragments", "not-interface-mtu")


RULE = Rule(
    code="FRG001",
    id="ike-auth-ip-fragments-lost-upstream",
    severity=Severity.BLOCKING,
    order=8,
    check=check,
)
