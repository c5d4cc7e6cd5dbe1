"""The additional (post-quantum) key exchange in IKE_INTERMEDIATE does not come through.

What it means
    Both sides agreed to exchange more keys before IKE_AUTH. These keys are large (ML-KEM-768: above 1 kB), so the
    message is the first one that may need fragments; and the two implementations must agree on the algorithm's number.
Seen as
    N(INTERMEDIATE_EXCHANGE_SUPPORTED) from both sides, then an IKE_INTERMEDIATE request that is never answered, or
    answered with a short notify instead of a key; or N(STATE_NOT_FOUND) in the clear.
Not to be confused with
    Lost IP fragments (FRG001, FRG002) and SKF sets of which some are missing (FRG009, FRG010): those explain the
    silence. UDP 4500 blocked altogether (NET002), when nothing at all is heard from there. IKE_AUTH that follows:
    then this exchange was fine.
Certain when
    The short refusal is there, or the trace is from the gateway and shows that the request arrives whole. Silence at
    the client is probable at best.
References
    docs/domain/root-causes.md no. 37, docs/domain/encrypted-messages.md no. 5, docs/domain/ike-fragmentation.md;
    RFC 9242; RFC 9370.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.protocol import NAT_T_PORT
from analyzer.relate.inferred.authentication import SHORT_ANSWER
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import certainty, silence
from analyzer.rules.shared.wording import frames, init_frames, octets, offsets, pieces, silence_after, times

#: Larger sets may meet a receiver's limit, which is another cause (FRG010).
_MANY_FRAGMENTS = 16


def check(sa: IkeSa) -> Iterator[Observation]:
    """IKE_INTERMEDIATE exchanges that ended the attempt, and clear words about them."""
    for exchange in sa.of(numbers.IKE_INTERMEDIATE):
        if exchange.sender != "initiator" or sa.of(numbers.IKE_AUTH):
            continue
        request, response = exchange.request, exchange.response
        if response is not None and response.complete and _is_refusal(response):
            yield Observation(
                title=(
                    f"{sa.responder} answers the additional key exchange (IKE_INTERMEDIATE) with a short notify "
                    "instead of a key, and IKE_AUTH never follows: it refuses the post-quantum key exchange."
                ),
                detail=f"The answer of {response.length} bytes is encrypted: its reason is in the gateway's log.",
                frames=frames(init_frames(sa), exchange.frames),
                confidence=Confidence.STRONG,
                remedies=("pq-intermediate", "read-server-log"),
            )
        elif exchange.outcome == "unanswered" and response is None and request is not None:
            yield from _silence(sa, exchange, request)
    yield from _lost_state(sa)


def _is_refusal(response: Attempt) -> bool:
    return response.inner_payload == numbers.N and response.length <= SHORT_ANSWER


def _silence(sa: IkeSa, exchange: Exchange, request: Attempt) -> Iterator[Observation]:
    if request.is_ip_fragmented or not request.complete:
        return
    if silence.is_explained(sa, exchange):
        return
    often = times(exchange.attempts) + (f" ({offsets(exchange)})" if exchange.attempts > 1 else "")
    yield Observation(
        title=(
            f"The {octets(request.length)} IKE_INTERMEDIATE request with the additional key exchange "
            f"({pieces(request)}) was sent {often} and got no answer: the post-quantum key exchange does "
            "not come through."
        ),
        detail=(
            f"{_agreed(sa)} {silence_after(sa, exchange).capitalize()}. The gateway may not know the algorithm's "
            "number, or a large packet may be lost on the way; both look the same from here."
        ).strip(),
        frames=frames(init_frames(sa), exchange.frames),
        confidence=_confidence(sa, exchange, request),
        remedies=("pq-intermediate",),
    )


def _confidence(sa: IkeSa, exchange: Exchange, request: Attempt) -> Confidence:
    if request.skf_total > _MANY_FRAGMENTS:
        return Confidence.POSSIBLE
    if sa.side == "responder":
        return Confidence.POSSIBLE if sa.capture.lost_packets else Confidence.STRONG
    other_port = request.messages[0].dport == NAT_T_PORT and sa.responder not in sa.capture.heard_on_4500
    return Confidence.POSSIBLE if other_port or request.skf_total else certainty.of_silence(sa, exchange)


def _agreed(sa: IkeSa) -> str:
    announced = {m.is_initiator for m in sa.messages if numbers.INTERMEDIATE_EXCHANGE_SUPPORTED in m.notifies}
    return "Both sides announced IKE_INTERMEDIATE (notify 16438)." if len(announced) == 2 else ""


def _lost_state(sa: IkeSa) -> Iterator[Observation]:
    told = [m for m in sa.messages if numbers.STATE_NOT_FOUND in m.notifies]
    if told and sa.reached not in ("established", "closed"):
        yield Observation(
            title=(
                f"{told[0].src} has lost the state of the additional key exchange (STATE_NOT_FOUND): the post-quantum "
                "key exchange cannot be finished."
            ),
            detail="A clear, unauthenticated message.",
            frames=frames(m.frame for m in told),
            confidence=Confidence.STRONG,
            remedies=("pq-intermediate",),
        )


RULE = Rule(
    code="NEG006",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.INTERMEDIATE | Feature.ERROR,
    ceiling=Confidence.STRONG,
    topics=("pq-intermediate", "read-server-log"),
)
