"""IKE_AUTH left in IP fragments and was never answered.

What it means
    The request was larger than the sender's MTU, IP cut it, and some firewall, NAT or carrier dropped the pieces: the
    responder never had the whole message. Or it had, and it is the pieces of its answer that are dropped: from the
    client's side alone nobody can tell. Windows shows error 809.
Seen as
    IKE_SA_INIT answered; an IKE_AUTH (or IKE_INTERMEDIATE) request in IP fragments, sent again and again, never
    answered. At the responder's side: fragments of it arrive, but never all.
Not to be confused with
    UDP 4500 blocked altogether (the request then fits in one packet and is silent too); a lost answer (FRG002: part of
    it arrives); a capture filter that hides fragments (CAP004); a responder that drops the request without a word: at
    its side the request is whole, and where an earlier fragmented request of the same IKE SA was answered, fragments
    pass.
Certain when
    The responder reports that reassembly timed out (ICMP 11/1, ICMPv6 3/1), or a trace from the other side shows which
    pieces arrive. From the client's side alone it is probable at best.
References
    docs/domain/root-causes.md no. 8, docs/domain/filtered-captures.md; RFC 7383 section 1; RFC 792.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.inferred.mtu.too_big import TOO_BIG
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.advice import against_ip_fragments
from analyzer.rules.shared.ip_fragments_lost import (
    Loss,
    awaits_large_request,
    later_fragments_after,
    lost_requests,
    who_waited,
)
from analyzer.rules.shared.wording import (
    announcements,
    exchange_name,
    frames,
    icmp_phrase,
    init_frames,
    mtu_phrase,
    octets,
    offsets,
    silence_after,
    times,
)


def check(sa: IkeSa) -> Iterator[Observation]:
    """Look at each setup request that stayed without answer."""
    if sa.orphans:
        yield from _first_fragments_lost(sa)
    for loss in lost_requests(sa):
        exchange, request = loss.exchange, loss.message
        if request is None:
            continue
        detail = _detail(sa, exchange, request)
        if loss.seen_whole and loss.confidence is not Confidence.PROVED:
            detail += _doubt(sa, request)
        yield Observation(
            title=f"{_what_happened(sa, loss, request)}; {announcements(sa)}: {_conclusion(sa, loss)}",
            detail=f"{detail} {icmp_phrase(sa, loss.icmp)}".strip(),
            frames=frames(init_frames(sa), *(a.frames for a in exchange.requests), (i.frame for i in loss.icmp)),
            confidence=loss.confidence,
            remedies=against_ip_fragments(sa, "shrink-ike-auth"),
        )


def _first_fragments_lost(sa: IkeSa) -> Iterator[Observation]:
    """After an answer from which the client goes on only later fragments come: not even a message ID is seen."""
    # At the client's own side nothing is before this point: what is missing, the capture lacks (CAP004).
    last = awaits_large_request(sa)
    if last is None or sa.side == "initiator":
        return
    later = later_fragments_after(sa, last)
    if later:
        yield Observation(
            title=(
                f"After {exchange_name(last)} only later IP fragments come from the client ({len(later)} of them), "
                f"never the first one of its request; {announcements(sa)}: a device before this point may drop "
                "IP fragments."
            ),
            detail=(
                "Without its first fragment a message cannot be told from other UDP: its time and sender speak for "
                "IKE_AUTH. A filter on UDP 4500, which only the first fragment names, or a path that carries no "
                "packets of that size would leave the same."
            ),
            frames=frames(init_frames(sa), last.frames, later),
            confidence=Confidence.POSSIBLE,
            remedies=against_ip_fragments(sa, "shrink-ike-auth"),
        )


def _what_happened(sa: IkeSa, loss: Loss, request: Attempt) -> str:
    exchange = loss.exchange
    what = f"The {octets(request.length)} {exchange_name(exchange)} request"
    if loss.seen_whole:
        cut = f"left in {request.ip_fragments} IP fragments"
        silence = f"was sent {times(exchange.attempts)} and got no answer"
    elif loss.waited and sa.side != "responder":
        # What the capture lacks of it may be its own doing; what the host lacks is not.
        cut, silence = "left in IP fragments", f"was sent {times(exchange.attempts)} and got no answer"
    else:
        cut = "reaches this point only in part: some of its IP fragments are missing"
        silence = f"came {times(exchange.attempts)} and got no answer"
    if request.skf_total:
        cut = f"went as {request.skf_total} SKF fragments which IP fragmented again"
    return f"{what} {cut}{mtu_phrase(sa, 'initiator')}, {silence}"


def _doubt(sa: IkeSa, request: Attempt) -> str:
    """What else would look the same from here."""
    port = request.messages[0].dport
    init = sa.init.request if sa.init is not None else None
    moved = init is not None and init.messages[0].dport != port
    same = []
    if moved:
        same.append(f"if UDP {port} as a whole were blocked")
    if ":" in request.messages[0].src:
        same.append("if a router with a smaller link were not allowed to say so (ICMPv6 packet too big)")
    other = f": it would look the same {', or '.join(same)}" if same else ""
    return f" A trace from this side cannot show where the pieces were lost{other}. A trace at the server tells."


def _conclusion(sa: IkeSa, loss: Loss) -> str:
    if loss.waited:
        who = who_waited(sa, loss.waited)
        return f"{who} reports that pieces of it never came, so a device on the way drops IP fragments."
    if not loss.seen_whole:
        return "most likely a device before it drops IP fragments."
    if any(error.error.meaning in TOO_BIG for error in loss.icmp):
        return "most likely a device on the way to the server drops IP fragments."
    return "most likely a device between client and server drops IP fragments, of this request or of its answer."


def _detail(sa: IkeSa, exchange: Exchange, request: Attempt) -> str:
    sizes = " + ".join(f"{size:,}" for m in request.messages for size in m.ip_sizes)
    text = f"IP packets of {sizes} bytes"
    if exchange.attempts > 1:
        text += f", sent again at {offsets(exchange)}"
    text += f"; {silence_after(sa, exchange)}."
    if sa.init is not None and sa.init.rtt is not None:
        text += f" IKE_SA_INIT was answered in {sa.init.rtt * 1000:.0f} ms, so the server is there."
    if sa.fragmentation_i == "no":
        text += " A server accepts fragmentation only from a client that offers it: its own setting is not known."
    return text


RULE = Rule(
    code="FRG001",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.IP_FRAGMENTS,
    needs=("later-fragments",),
    topics=("enable-ike-fragmentation", "permit-ip-fragments", "shrink-ike-auth", "not-interface-mtu"),
)
