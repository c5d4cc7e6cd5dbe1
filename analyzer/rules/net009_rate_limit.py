"""The gateway answers some attempts from one address and leaves others from it unanswered at the same time.

What it means
    Many clients share one address (a NAT, or a load balancer that translates sources), and the gateway limits how many
    new IKE SAs it takes from one address; the rest hear nothing. A Windows client shows error 809; 13903 is what a
    responder that limits reports on its own side.
Seen as
    Several initiator SPIs between the same two addresses; while one repeats its IKE_SA_INIT in vain, another is
    answered.
Not to be confused with
    A gateway that is down, or comes up in between (the attempts then follow each other); another client's address; a
    NAT that gives the answers to the wrong client (NET011).
Certain when
    Strong at the gateway's side, where its silence is seen. Elsewhere a loss that hits only one of them cannot be told
    from it.
References
    docs/domain/root-causes.md no. 30, docs/domain/windows.md; RFC 7296 section 2.6.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import certainty, silence
from analyzer.rules.shared.wording import exchange_name, frames, times


def check(sa: IkeSa) -> Iterator[Observation]:
    """The unanswered IKE_SA_INIT."""
    for exchange in silence.unanswered(sa, silence.FIRST_EXCHANGES):
        if exchange.retry or exchange.requests[0].is_ip_fragmented or silence.is_explained(sa, exchange):
            continue
        if not silence.is_one_of_many(sa, exchange):
            continue
        answered = silence.answered_meanwhile(sa, exchange)
        confidence = certainty.of_silence(sa, exchange)
        if sa.side == "responder" and confidence is Confidence.PROBABLE:
            confidence = Confidence.STRONG
        one = len(answered) == 1
        shown = ", ".join(str(n.first_frame) for n in answered[:5])
        yield Observation(
            title=(
                f"{exchange_name(exchange)} of {sa.initiator} was sent {times(exchange.attempts)} and got no answer, "
                f"while {sa.responder} answered {len(answered)} other attempt{'' if one else 's'} from the same "
                "address: the gateway most likely limits new connections per address."
            ),
            detail=(
                f"The other attempt{' begins' if one else 's begin'} in frame{'' if one else 's'} {shown}. Clients "
                "behind one NAT, or behind a load balancer that translates sources, share such a limit."
            ),
            frames=frames(exchange.frames, (n.first_frame for n in answered[:5])),
            confidence=confidence,
        )


RULE = Rule(
    code="NET009",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.STRONG,
    remedies=("rate-limit", "read-server-log"),
)
