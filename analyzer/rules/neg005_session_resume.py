"""The gateway does not accept the client's session ticket.

What it means
    A client that was connected before may resume without the costly first exchange. A gateway that does not know the
    ticket any more (restarted, too old, another node of the cluster) says so, and the client begins from scratch.
Seen as
    IKE_SESSION_RESUME answered with N(TICKET_NACK), then a new IKE_SA_INIT.
Not to be confused with
    A failure: the fallback is normal and costs one round trip. A refused ticket inside IKE_AUTH is encrypted.
Certain when
    The answer is there. It is not authenticated.
References
    docs/domain/root-causes.md no. 38; RFC 5723 sections 4.3.2, 7.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames


def check(sa: IkeSa) -> Iterator[Observation]:
    """Answers to IKE_SESSION_RESUME."""
    for exchange in sa.of(numbers.IKE_SESSION_RESUME):
        if any(numbers.TICKET_NACK in m.notifies for a in exchange.responses for m in a.messages):
            yield Observation(
                title=(
                    f"{sa.responder} does not accept the client's session ticket (TICKET_NACK): the client has to "
                    "begin with IKE_SA_INIT, which is the normal fallback."
                ),
                detail="If it happens at each connection, the gateway's nodes do not share the ticket key.",
                frames=frames(exchange.frames),
                confidence=Confidence.STRONG,
                remedies=("session-resume",),
            )


RULE = Rule(
    code="NEG005",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.STRONG,
    is_verdict=False,
    topics=("session-resume",),
)
