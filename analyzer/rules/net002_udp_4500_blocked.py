"""IKE_SA_INIT is answered on port 500, and a small IKE_AUTH on port 4500 is not.

What it means
    UDP 4500 does not get through (one way or the other), or the responder discards what comes there.
Seen as
    IKE_SA_INIT answered; IKE_AUTH moved to 4500, fits in one IP packet (or small SKF packets), repeated, never
    answered; no packet at all from the responder's port 4500 in the whole trace.
Not to be confused with
    FRG001: a large IKE_AUTH in IP fragments is silent for another reason; any packet from the responder's 4500 refutes
    it; a responder that drops the request silently: seen at its side, the request did arrive; packets that a router
    calls too big; large SKF fragments, which a path may drop for their size.
Certain when
    An ICMP error names the reason. From silence alone never; probable when the packets are small and repeated.
References
    domain.md section 9 no. 7, section 6; RFC 7296 section 2.23.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.capture.select import NAT_T_PORT
from analyzer.relate.path_mtu import TOO_BIG
from analyzer.relate.sa import IkeSa
from analyzer.rules import certainty
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.wording import exchange_name, frames, icmp_phrase, init_frames, octets, pieces, times
from analyzer.wire.registry import numbers

_NEXT = (numbers.IKE_AUTH, numbers.IKE_INTERMEDIATE)
#: Above this a single packet may be lost for its size on some path (IPv6's minimum MTU): then less sure.
_SMALL = 1280
#: SKF fragments up to about 600 bytes are small for every path (domain.md section 9 no. 7; Windows was seen at 626).
_SMALL_SKF = 640

_SILENCE = "UDP 4500 is most likely blocked between client and server"
#: What an ICMP error makes of it.
_REASONS = {
    "admin-prohibited": "a router or firewall reports that it forbids it",
    "port-unreachable": "nothing listens there, or a firewall rejects it (port unreachable)",
}


def check(sa: IkeSa) -> Iterator[Observation]:
    """The first exchange on port 4500."""
    if not sa.unanswered:
        return
    init = sa.init
    if init is None or init.outcome != "answered" or any(m.dport == NAT_T_PORT for m in init.requests[0].messages):
        return
    for exchange in sa.unanswered:
        request = exchange.request
        if exchange.exchange not in _NEXT or exchange.responses or request is None or exchange.sender != "initiator":
            continue
        if request.is_ip_fragmented or sa.orphans or request.messages[0].dport != NAT_T_PORT:
            continue
        if sa.responder in sa.capture.heard_on_4500 or sa.side == "responder":
            continue
        if request.skf_total and request.largest_ip_packet > _SMALL_SKF:
            continue
        about = sa.reported("initiator", exchange.times[0])
        meanings = {i.error.meaning for i in about}
        if not meanings.isdisjoint(TOO_BIG):
            continue
        confidence = certainty.of_silence(sa, exchange)
        if request.largest_ip_packet > _SMALL:
            confidence = Confidence.POSSIBLE
        conclusion = next((text for meaning, text in _REASONS.items() if meaning in meanings), "")
        if conclusion:
            confidence = Confidence.STRONG
        yield Observation(
            title=(
                f"IKE_SA_INIT was answered on UDP 500, but the {octets(request.length)} {exchange_name(exchange)} "
                "request on "
                f"UDP 4500 ({pieces(request)}) was sent {times(exchange.attempts)} and got no answer: "
                f"{conclusion or _SILENCE}; "
                "IP fragmentation is not involved."
            ),
            detail=(
                "Nothing in this trace comes from the server's port 4500. A server that drops the request without a "
                "word "
                "looks the same. " + icmp_phrase(sa, about)
            ).strip(),
            frames=frames(init_frames(sa), exchange.frames, (i.frame for i in about)),
            confidence=confidence,
        )


RULE = Rule(
    code="NET002",
    id="udp-4500-blocked",
    severity=Severity.BLOCKING,
    order=7,
    check=check,
    ceiling=Confidence.STRONG,
    remedies=("open-udp-4500",),
)
