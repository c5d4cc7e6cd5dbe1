"""More IKE fragments than the receiver may hold.

What it means
    Receivers bound what an unauthenticated peer can make them keep: Libreswan 16 fragments before 3.31 and 32 since,
    OpenIKED 111, strongSwan 255 and a message of 10,000 bytes (``max_packet``). Above that they are silent.
    Windows was seen to send 29 fragments; post-quantum certificates make more.
Seen as
    An SKF set of more than 16 fragments, or of more than 10,000 bytes, that is repeated and never answered. At the
    server's side all of it arrives.
Not to be confused with
    FRG009: a fragment is lost on the way; the more there are, the likelier. A server that is silent for another reason.
Certain when
    Strong where the server's side sees the whole set arrive again and again and no answer leave. From the client's side
    it is only possible.
References
    docs/domain/root-causes.md no. 14, docs/domain/ike-fragmentation.md; libreswan pull request 311; strongSwan,
    strongswan.conf(5), ``max_packet``.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.inferred.cipher_suite import COMMON_SUITES, SKF_HEADER
from analyzer.relate.inferred.progress import is_repeated_after_answer
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.relate.seen.features import Feature
from analyzer.relate.seen.skf_sets import skf_sets
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import silence
from analyzer.rules.shared.advice import advise
from analyzer.rules.shared.ip_fragments_lost import LARGE
from analyzer.rules.shared.wording import exchange_name, frames, init_frames, times

#: What receivers hold, by the number of fragments (docs/domain/ike-fragmentation.md).
_LIMITS = (
    (16, "Libreswan before 3.31 (16)"),
    (32, "any Libreswan (32)"),
    (111, "OpenIKED (111)"),
    (255, "strongSwan (255)"),
)
_FEWEST = _LIMITS[0][0]
#: Content that strongSwan puts together by default, bytes.
_MAX_PACKET = 10_000


def check(sa: IkeSa) -> Iterator[Observation]:
    """Large sets that are sent again and again: requests without answer, answers that stop nothing."""
    if not sa.unanswered and not sa.retransmits:
        return
    for exchange in sa.of(*LARGE):
        if exchange.sender != "initiator":
            continue
        if exchange.outcome == "unanswered" and not exchange.responses:
            yield from _unanswered(sa, exchange)
        elif exchange.outcome == "answered" and sa.side == "initiator" and is_repeated_after_answer(exchange):
            yield from _ignored(sa, exchange)


def _unanswered(sa: IkeSa, exchange: Exchange) -> Iterator[Observation]:
    request, sets = exchange.request, skf_sets(exchange.requests)
    if request is None or not _is_beyond(sa, request) or _is_held(sa, request):
        return
    if sets is None or sets.ip_fragmented or not sets.whole or silence.is_explained(sa, exchange):
        return
    arrived = sa.side == "responder"
    sound = not sa.capture.lost_packets and sets.whole > 1
    where = "arrives whole at the server" if arrived else "leaves whole"
    yield Observation(
        title=(
            f"The {exchange_name(exchange)} request {where}, in {request.skf_total} SKF fragments "
            f"({request.length:,} bytes), {times(sets.whole)}, and is not answered: {_conclusion(sa, request)}"
        ),
        detail=_limits(sa, request)
        + ("" if arrived else " From this side a fragment that is lost on the way looks the same."),
        frames=frames(init_frames(sa), exchange.frames),
        confidence=Confidence.STRONG if arrived and sound else Confidence.POSSIBLE,
        remedies=advise("fragment-count-limit", sa),
    )


def _ignored(sa: IkeSa, exchange: Exchange) -> Iterator[Observation]:
    response = exchange.response
    if response is None or not response.complete or not _is_beyond(sa, response):
        return
    yield Observation(
        title=(
            f"The {exchange_name(exchange)} response arrives whole at the client, in {response.skf_total} SKF "
            f"fragments ({response.length:,} bytes), and the client goes on asking: it may hold fewer."
        ),
        detail=_limits(sa, response),
        frames=frames(init_frames(sa), exchange.frames),
        confidence=Confidence.POSSIBLE,
        remedies=advise("fragment-count-limit", sa),
    )


def _is_beyond(sa: IkeSa, message: Attempt) -> bool:
    return message.skf_total > _FEWEST or _content(sa, message) > _MAX_PACKET


def _is_held(sa: IkeSa, request: Attempt) -> bool:
    """A set as large was answered in this very SA: the server holds as much."""
    return any(
        e.outcome == "answered"
        and e.request is not None
        and e.request.skf_total >= request.skf_total
        and e.request.length >= request.length
        for e in sa.exchanges
    )


def _content(sa: IkeSa, message: Attempt) -> int:
    """Bytes of inner payloads that an SKF set holds at the least, 0 for a whole message."""
    if message.skf_total < 2:
        return 0
    suites = (sa.cipher_suite,) if sa.cipher_suite is not None else COMMON_SUITES
    lengths = [m.length for m in message.messages]
    return min(sum(s.content(length, header=SKF_HEADER)[0] for length in lengths) for s in suites)


def _conclusion(sa: IkeSa, request: Attempt) -> str:
    what = "so many fragments" if request.skf_total > _FEWEST else "a message of that size"
    return f"the server may not hold {what}."


def _limits(sa: IkeSa, message: Attempt) -> str:
    beyond = [text for limit, text in _LIMITS if message.skf_total > limit]
    if _content(sa, message) > _MAX_PACKET:
        beyond.append(f"strongSwan unless max_packet is raised in strongswan.conf ({_MAX_PACKET:,} bytes)")
    return f"That is more than these take: {', '.join(beyond)}."


RULE = Rule(
    code="FRG010",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.SKF,
    ceiling=Confidence.STRONG,
    topics=("fragment-count-limit",),
)
