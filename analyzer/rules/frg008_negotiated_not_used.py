"""Both sides announced IKE fragmentation, and a large message was left to IP all the same.

What it means
    RFC 7383 would have kept the message out of IP fragments, and its sender did not use it: it only accepts fragments
    (strongSwan ``fragmentation = accept``), its limit lies above its own MTU (FortiGate takes up to 16000, Cisco IOS
    what it is told), or a proxy sends in its place.
Seen as
    Notify 16430 in both IKE_SA_INIT messages, and an IKE_AUTH (or IKE_INTERMEDIATE) message in IP fragments: as one
    message, or as SKF fragments that IP cut again.
Not to be confused with
    A sender that tries the whole message first and splits it on a retry, as RFC 7383 section 2.4 allows.
Certain when
    That it was not used is in the packets. That the connection failed for it is as sure as that the IP fragments were
    lost (FRG001, FRG002); a message that was answered all the same is only worth knowing.
References
    docs/domain/root-causes.md no. 12, docs/domain/ike-fragmentation.md, docs/domain/products.md; RFC 7383 sections 2.3,
    2.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange, Role
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.advice import Hand, advise
from analyzer.rules.shared.ip_fragments_lost import LARGE, Loss, is_split, lost_requests, lost_responses
from analyzer.rules.shared.wording import exchange_name, frames, init_frames, octets

_PERSON: dict[Role, str] = {"initiator": "client", "responder": "server"}


def check(sa: IkeSa) -> Iterator[Observation]:
    """Messages in IP fragments: those that were lost, else the first from each side that passed all the same."""
    if (sa.fragmentation_i, sa.fragmentation_r) != ("yes", "yes"):
        return
    lost = [(loss, m) for loss in chain(lost_requests(sa), lost_responses(sa)) if (m := loss.message) is not None]
    for loss, message in lost:
        yield _blocking(sa, loss, message)
    if not lost:
        yield from _passed(sa)


def _blocking(sa: IkeSa, loss: Loss, message: Attempt) -> Observation:
    sendings = loss.exchange.responses if message.messages[0].is_response else loss.exchange.requests
    return Observation(
        title=f"{_what(sa, loss.exchange, message)}, and nothing shows that it arrived.",
        detail=f"{_why(message)} A sender that does split, with a limit below that MTU, keeps IP fragments out of it.",
        frames=frames(init_frames(sa), *(a.frames for a in sendings), loss.rest),
        confidence=loss.confidence,
        remedies=advise("lower-ike-fragment-size", sa, _hand(message)),
    )


def _passed(sa: IkeSa) -> Iterator[Observation]:
    told: set[Role] = set()
    for exchange in sa.of(*LARGE):
        if exchange.outcome != "answered":
            continue
        for message, sendings in ((exchange.request, exchange.requests), (exchange.response, exchange.responses)):
            if message is None or not message.is_ip_fragmented or is_split(sendings):
                continue
            sender = _sender(message)
            if sender not in told:
                told.add(sender)
                yield Observation(
                    title=f"{_what(sa, exchange, message)}; it was answered or arrived all the same.",
                    detail=f"{_why(message)} On another network the IP fragments may be dropped.",
                    frames=frames(init_frames(sa), message.frames),
                    confidence=Confidence.STRONG,
                    severity=Severity.INFORMATION,
                    remedies=advise("lower-ike-fragment-size", sa, _hand(message)),
                    is_remark=True,
                )


def _sender(message: Attempt) -> Role:
    return "initiator" if message.messages[0].is_initiator else "responder"


def _hand(message: Attempt) -> Hand:
    return "client" if _sender(message) == "initiator" else "server"


def _what(sa: IkeSa, exchange: Exchange, message: Attempt) -> str:
    person = _PERSON[_sender(message)]
    word = "response" if message.messages[0].is_response else "request"
    how = f"left its {octets(message.length)} {exchange_name(exchange)} {word} to IP ({message.ip_fragments} fragments)"
    if message.skf_total:
        large = f"{message.skf_total} SKF fragments so large that IP cut them again"
        how = f"split its {exchange_name(exchange)} {word} into {large}"
    agreed = "Both sides announced IKE fragmentation (notify 16430)"
    if not sa.offers_are_seen:
        agreed = "Both sides use IKE fragments"
    return f"{agreed}, yet the {person} {how}"


def _why(message: Attempt) -> str:
    person = _PERSON[_sender(message)]
    if message.skf_total:
        return f"The {person}'s limit for IKE fragments is above the MTU of its link or of the path."
    return f"The {person} only accepts IKE fragments, or its limit is above the MTU of its link."


RULE = Rule(
    code="FRG008",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.IP_FRAGMENTS,
    topics=("lower-ike-fragment-size",),
    needs=("later-fragments",),
)
