"""IKE_SA_INIT itself is so large that IP has to cut it.

What it means
    Nothing is encrypted yet, and only encrypted messages can be split by IKE (RFC 7383 section 2.2): many proposals,
    MODP 8192, a post-quantum key as the first key exchange, or a long list of CAs make a message that only IP can cut.
Seen as
    An IKE_SA_INIT (or IKE_SESSION_RESUME) request or response in IP fragments. Unanswered, or with an answer that comes
    in part, it blocks the connection; answered, it is a risk on the next network.
Not to be confused with
    A gateway that does not answer at all (NET001): from the client's side the two look alike, but a smaller request
    tells. ICMP errors that name another reason.
Certain when
    The server reports that reassembly timed out, or part of a message is seen to arrive and the rest never does. From
    silence it is probable at best.
References
    docs/domain/root-causes.md no. 15, docs/domain/ike-fragmentation.md; RFC 7383 sections 2.2, 3; RFC 9242 section 1.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.inferred.progress import is_repeated_after_answer
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import certainty, silence
from analyzer.rules.shared.ip_fragments_lost import of_part, repeats_after_answer, waited_for, who_waited
from analyzer.rules.shared.wording import exchange_name, frames, icmp_phrase, octets, offsets, times

_FIRST = (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)
#: TTLs (hop limits) that hosts send with.
_INITIAL_TTLS = frozenset({64, 128, 255})
_NO_CURE = "IKE fragmentation cannot split it (RFC 7383 section 2.2); only a smaller message helps."


def check(sa: IkeSa) -> Iterator[Observation]:
    """Each first exchange; of those that went well only one remark for each direction."""
    remarked: set[str] = set()
    for exchange in sa.of(*_FIRST):
        if exchange.sender != "initiator" or not exchange.requests:
            continue
        blocking = list(_blocking(sa, exchange))
        yield from blocking
        if blocking or exchange.outcome not in ("answered", "superseded"):
            continue
        for message, word in ((exchange.request, "request"), (exchange.response, "response")):
            if message is not None and message.is_ip_fragmented and word not in remarked:
                remarked.add(word)
                yield _remark(exchange, message, word)


def _blocking(sa: IkeSa, exchange: Exchange) -> Iterator[Observation]:
    if exchange.outcome == "unanswered":
        place = sa.capture.place
        begin = place(exchange.requests[0].frames[0])
        later = [frame for frame, src, _ in sa.orphans if src == sa.responder and place(frame) > begin]
        if exchange.response is not None:
            yield from _answer_in_part(sa, exchange, exchange.response)
        elif later:
            yield _answer_without_its_first_fragment(sa, exchange, later)
        elif exchange.request is not None and exchange.request.is_ip_fragmented:
            yield from _unanswered(sa, exchange, exchange.request)
    elif exchange is sa.exchanges[-1] and exchange.response is not None:
        yield from _answered_in_vain(sa, exchange, exchange.response)


def _unanswered(sa: IkeSa, exchange: Exchange, request: Attempt) -> Iterator[Observation]:
    about = silence.reports(sa, exchange)
    seen_whole = any(a.complete for a in exchange.requests)
    if silence.is_explained(sa, exchange) or (seen_whole and sa.side == "responder"):
        return
    what = f"The {octets(request.length)} {exchange_name(exchange)} request"
    if waited := waited_for(sa, exchange.requests):
        confidence = Confidence.PROVED
        conclusion = f"{who_waited(sa, waited)} reports that pieces of it never came."
    elif seen_whole:
        confidence = Confidence.POSSIBLE if _has_passed_routers(request) else certainty.of_silence(sa, exchange)
        conclusion = "most likely a device on the way drops IP fragments."
    else:
        confidence = of_part(sa, at_sender=sa.side == "initiator")
        conclusion = "a device before this point drops IP fragments."
    seen = f"left in {request.ip_fragments} IP fragments" if seen_whole else "comes in part, without some IP fragments"
    again = f", again at {offsets(exchange)}," if exchange.attempts > 1 else ""
    doubt = " A gateway that is not reached at all looks the same." if confidence.rank > Confidence.STRONG.rank else ""
    yield Observation(
        title=f"{what} {seen}, was sent {times(exchange.attempts)}{again} and got no answer: {conclusion}",
        detail=f"{_NO_CURE}{doubt} {icmp_phrase(sa, about)}".strip(),
        frames=frames(exchange.frames, (i.frame for i in about)),
        confidence=confidence,
    )


def _has_passed_routers(request: Attempt) -> bool:
    """This is not the client's side: what is whole here was lost behind this point, if at all."""
    return not {ttl for m in request.messages for ttl in m.ttls} <= _INITIAL_TTLS


def _answer_in_part(sa: IkeSa, exchange: Exchange, response: Attempt) -> Iterator[Observation]:
    """The response is there, but never all of its IP fragments."""
    if not response.is_ip_fragmented:
        return
    arrived = exchange.responses[0].frames[0]
    about = sa.icmp_errors_about("responder", exchange.times[0])
    confidence = Confidence.POSSIBLE
    if waited_for(sa, exchange.responses):
        confidence = Confidence.PROVED
    elif sa.capture.place(exchange.requests[-1].frames[0]) > sa.capture.place(arrived):
        confidence = of_part(sa, at_sender=sa.side == "responder")
    yield Observation(
        title=(
            f"The server answered {exchange_name(exchange)} with {response.length:,} bytes in IP fragments, only some "
            f"of them arrived, and the client sent its request {times(exchange.attempts)}: a device on the way back "
            "drops IP fragments."
        ),
        detail=_NO_CURE,
        frames=frames(exchange.frames, (i.frame for i in about)),
        confidence=confidence,
    )


def _answer_without_its_first_fragment(sa: IkeSa, exchange: Exchange, later: list[int]) -> Observation:
    """Later IP fragments come from the server, never a first one: no port, no SPI, only time and sender."""
    # Fragments after two sendings are answers; after one they may be anything that the two hosts say.
    place = sa.capture.place
    sent = [place(a.frames[0]) for a in exchange.requests]
    answers = len({bisect(sent, place(frame)) for frame in later}) > 1
    return Observation(
        title=(
            f"The server never answered {exchange_name(exchange)}, sent {times(exchange.attempts)}, but IP fragments "
            "without their first one come from it: most likely its answer went in IP fragments, and a "
            "device on the way back drops the first."
        ),
        detail=_NO_CURE,
        frames=frames(exchange.frames, later),
        confidence=of_part(sa, at_sender=sa.side == "responder") if answers else Confidence.POSSIBLE,
    )


def _answered_in_vain(sa: IkeSa, exchange: Exchange, response: Attempt) -> Iterator[Observation]:
    """The whole answer leaves, or arrives, in IP fragments, and the client goes on asking."""
    if not response.is_ip_fragmented or not is_repeated_after_answer(exchange):
        return
    how, culprit = "left", "a device on the way to the client"
    if sa.side == "initiator":
        how, culprit = "arrived whole", "the client's own host"
    yield Observation(
        title=(
            f"The {octets(response.length)} {exchange_name(exchange)} response {how} in {response.ip_fragments} IP "
            f"fragments, and the same request kept coming ({times(repeats_after_answer(exchange))} after the first "
            f"answer): most likely {culprit} drops IP fragments."
        ),
        detail=_NO_CURE,
        frames=frames(exchange.frames),
        confidence=Confidence.PROBABLE if sa.side == "responder" else Confidence.POSSIBLE,
    )


def _remark(exchange: Exchange, message: Attempt, word: str) -> Observation:
    return Observation(
        title=(
            f"The {octets(message.length)} {exchange_name(exchange)} {word} went in {message.ip_fragments} IP "
            "fragments; it came through here."
        ),
        detail=f"Where a network drops IP fragments, this client fails. {_NO_CURE}",
        frames=frames(message.frames),
        confidence=Confidence.STRONG,
        severity=Severity.INFORMATION,
        is_remark=True,
    )


RULE = Rule(
    code="FRG011",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.IP_FRAGMENTS,
    needs=("later-fragments",),
    remedies=("shrink-ike-sa-init", "permit-ip-fragments", "not-fragmentation-for-ike-sa-init"),
)
