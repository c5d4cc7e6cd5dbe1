"""A message that IKE split (SKF) does not arrive whole, or gets no answer.

What it means
    One lost fragment loses the whole message: single fragments are not acknowledged, and a retry sends all of them
    again. The direction matters: a lost request and a lost response look alike to the client.
Seen as
    At the receiver: some numbers of the set arrive, others never do. At the sender: all leave, again and again, and
    nothing comes back (or the request comes again although the whole response left).
Not to be confused with
    UDP 4500 blocked (NET002), where not even small packets pass; a server that answers nothing (NET008), too many
    fragments for it (FRG010): at its side the set is whole. Where only full-size fragments are missing, their size is
    the reason (MTU001). Fragments that IP cut again are FRG001's and FRG002's. A repeated request without its fragment
    1 is never answered again (RFC 7383 section 2.6.1): that is no fault of its own.
Certain when
    Part of a set is seen to arrive, at the receiver's side or on the way to it: strong. From the sender's side it rests
    on silence.
References
    docs/domain/root-causes.md no. 13, docs/domain/ike-fragmentation.md; RFC 7383 sections 2.5, 2.6, 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.protocol import NAT_T_PORT
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.relate.seen.features import Feature
from analyzer.relate.seen.skf_sets import SkfSets, skf_sets
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import silence
from analyzer.rules.shared.advice import Hand, advise
from analyzer.rules.shared.ip_fragments_lost import LARGE, is_answered_in_vain, is_split, repeats_after_answer
from analyzer.rules.shared.wording import exchange_name, frames, init_frames, octets, offsets, silence_after, times

#: SKF packets up to this many bytes pass wherever anything passes (docs/domain/root-causes.md no. 7; Windows sends
#: 626).
_SMALL = 640
#: Nothing else heard from port 4500: up to this size a blocked port is the likelier reason (IPv6's least MTU).
_LEAST_MTU = 1280
#: Missing numbers that are listed; more would not be read.
_LISTED = 8


def check(sa: IkeSa) -> Iterator[Observation]:
    """Each exchange of the set-up that may be large."""
    if not sa.unanswered and not sa.retransmits:
        return
    for exchange in sa.of(*LARGE):
        if exchange.sender != "initiator":
            continue
        if exchange.outcome == "unanswered":
            answer = skf_sets(exchange.responses)
            yield from _answer_in_part(sa, exchange, answer) if answer else _request(sa, exchange)
        elif is_answered_in_vain(sa, exchange):
            yield from _lost_after_leaving(sa, exchange)


def _request(sa: IkeSa, exchange: Exchange) -> Iterator[Observation]:
    sets = skf_sets(exchange.requests)
    if sets is None or sets.ip_fragmented or exchange.responses or sa.orphans:
        return
    if silence.is_explained(sa, exchange):
        return
    if sets.whole:
        yield from _silence(sa, exchange, sets)
    else:
        yield _part(sa, exchange, sets, "request", at_sender=sa.side == "initiator")


def _answer_in_part(sa: IkeSa, exchange: Exchange, sets: SkfSets) -> Iterator[Observation]:
    if not sets.ip_fragmented and not sets.whole:
        yield _part(sa, exchange, sets, "response", at_sender=sa.side == "responder")


def _part(sa: IkeSa, exchange: Exchange, sets: SkfSets, word: str, *, at_sender: bool) -> Observation:
    which, often = _which(sets), times(sets.sendings)
    lost = "it is lost" if len(sets.missing) == 1 else "they are lost"
    if at_sender:
        title = (
            f"The {exchange_name(exchange)} {word} went as {sets.total} SKF fragments, of which the trace, taken at "
            f"their sender, holds no {_listed(sets)}: the capture itself lost packets."
        )
    elif word == "request":
        title = (
            f"The client's {exchange_name(exchange)} request is split into {sets.total} SKF fragments, and {which} "
            f"this point, though the set was sent {often}: {lost} on the way, and the server never has the whole "
            "request."
        )
    else:
        title = (
            f"The server answered {exchange_name(exchange)} in {sets.total} SKF fragments, and {which} this point, "
            f"though the set was sent {often}: {lost} on the way back, and the client never has the whole "
            "answer."
        )
    return Observation(
        title=title,
        detail=_pattern(sets) + _forms(exchange.requests if word == "request" else exchange.responses),
        frames=frames(init_frames(sa), exchange.frames),
        confidence=_of_part(sa, exchange, sets, word, at_sender=at_sender),
        remedies=_remedies(sa, "client" if word == "request" else "server"),
    )


def _of_part(sa: IkeSa, exchange: Exchange, sets: SkfSets, word: str, *, at_sender: bool) -> Confidence:
    if at_sender or sa.capture.lost_packets:
        return Confidence.POSSIBLE
    # A client that does not ask again may have the answer.
    place = sa.capture.place
    if word == "response" and place(exchange.requests[-1].frames[-1]) < place(exchange.responses[0].frames[0]):
        return Confidence.POSSIBLE
    return Confidence.PROBABLE if sets.only_last_seen else Confidence.STRONG


def _silence(sa: IkeSa, exchange: Exchange, sets: SkfSets) -> Iterator[Observation]:
    """All fragments leave and nothing comes back."""
    first = exchange.requests[0].messages[0]
    upper = sa.path_mtu["initiator"].upper
    if sa.side == "responder" or _passes(sa, sets) or (upper is not None and upper < sets.largest_packet):
        return
    heard = first.dport != NAT_T_PORT or sa.responder in sa.capture.heard_on_4500
    # Of an EAP round that is not large the EAP side is the likelier reason, although the port is known to be good.
    small = _SMALL if heard and not silence.is_eap_round(sa, exchange) else _LEAST_MTU
    if sets.largest_packet <= small:
        return
    again = f" ({offsets(exchange)})" if exchange.attempts > 1 else ""
    answers = heard and (first.dport == NAT_T_PORT or (sa.init is not None and sa.init.outcome == "answered"))
    port = (
        f"Port {first.dport} of the server is known to answer, so it is not blocked as a whole."
        if answers
        else f"A blocked UDP port {first.dport} would look the same from here."
    )
    yield Observation(
        title=(
            f"The {exchange_name(exchange)} request left as {sets.total} SKF fragments (IP packets of up to "
            f"{sets.largest_packet:,} bytes), was sent {times(exchange.attempts)}{again} and got no answer: a fragment "
            "of it or of the answer may be lost on the way."
        ),
        detail=(
            f"{silence_after(sa, exchange).capitalize()} sending. {port} A server that drops the request without a "
            f"word looks the same too; a trace at the server tells which.{_forms(exchange.requests)}"
        ),
        frames=frames(init_frames(sa), exchange.frames),
        confidence=Confidence.POSSIBLE,
        remedies=(*_remedies(sa, "client"), "gateway-trace"),
    )


def _passes(sa: IkeSa, sets: SkfSets) -> bool:
    """A request in SKF packets as large was answered in this very SA: their size is no obstacle."""
    return any(
        e.outcome == "answered"
        and e.sender == "initiator"
        and e.request is not None
        and e.request.skf_total >= sets.total
        and e.request.largest_ip_packet >= sets.largest_packet
        for e in sa.exchanges
    )


def _lost_after_leaving(sa: IkeSa, exchange: Exchange) -> Iterator[Observation]:
    # The last form counts where a whole message in IP fragments came first: it was lost as well.
    response = exchange.responses[-1] if is_split(exchange.responses) else exchange.response
    if response is None or response.skf_total < 2 or response.is_ip_fragmented:
        return
    # Every link carries packets of this size: of a round of EAP its answer is lost as a whole, or not taken (AUT003).
    if silence.is_eap_round(sa, exchange) and response.largest_ip_packet <= _LEAST_MTU:
        return
    answered = exchange.responses[0].time
    partial = [a for a in exchange.requests if a.time > answered and 1 in a.skf_missing]
    cut_before = any(a.is_ip_fragmented for a in exchange.responses)
    sure = sa.side == "responder" and not cut_before
    how, of_all = ("was sent whole first and in the end left", " in all") if cut_before else ("left", "")
    mute = " A repeat that comes without its fragment 1 is not answered (RFC 7383 section 2.6.1)." if partial else ""
    yield Observation(
        title=(
            f"The {octets(response.length)} {exchange_name(exchange)} response {how} as {response.skf_total} SKF "
            f"fragments, {times(len(exchange.responses))}{of_all}, and the same request kept coming "
            f"({times(repeats_after_answer(exchange))} after the first answer): most likely a fragment of the answer "
            "is lost on the way to the client."
        ),
        detail=(
            f"The client repeats a request only as long as it has no whole answer.{mute}{_forms(exchange.responses)}"
        ),
        frames=frames(init_frames(sa), exchange.frames),
        confidence=Confidence.PROBABLE if sure else Confidence.POSSIBLE,
        remedies=_remedies(sa, "server"),
    )


def _remedies(sa: IkeSa, sender: Hand) -> tuple[str, ...]:
    return (*advise("lower-ike-fragment-size", sa, sender), "path-mtu")


def _listed(sets: SkfSets) -> str:
    """``fragment 2``, ``fragments 2, 3``."""
    missing = sets.missing
    more = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
    return f"fragment{'s' if len(missing) > 1 else ''} {', '.join(map(str, missing[:_LISTED]))}{more}"


def _which(sets: SkfSets) -> str:
    """``fragment 2 never reaches``, ``fragments 2, 3 never reach``."""
    return f"{_listed(sets)} never {'reaches' if len(sets.missing) == 1 else 'reach'}"


def _pattern(sets: SkfSets) -> str:
    """What the pattern of the missing numbers says of the reason."""
    if sets.only_last_seen:
        return "Only the last fragment arrives, which is the short one: it is the full size that does not pass."
    if sets.is_same_each_time and sets.sendings > 1:
        return "The same fragments are missing each time, so they are not lost by chance but for size or content."
    if sets.sendings > 1:
        return "It is not the same fragments each time: packets are lost by chance, or a rate limit drops them."
    return "It was sent once: one lost packet may be bad luck."


def _forms(sendings: Sequence[Attempt]) -> str:
    """`` It was sent whole first, then in 3 fragments.``; empty where it was sent alike each time."""
    totals = list(dict.fromkeys(a.skf_total for a in sendings))
    if len(totals) < 2:
        return ""
    told = ["whole" if total < 1 else f"in {total} fragment{'s' if total > 1 else ''}" for total in totals[:_LISTED]]
    note = " Libreswan ignores a set whose total has changed." if len([t for t in totals if t]) > 1 else ""
    return f" It was sent {told[0]} first, then {', then '.join(told[1:])}.{note}"


RULE = Rule(
    code="FRG009",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.SKF,
    topics=("lower-ike-fragment-size", "gateway-trace", "path-mtu"),
    ceiling=Confidence.STRONG,
)
