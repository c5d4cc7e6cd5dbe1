"""The capture starts after the IKE SA was begun.

What it means
    The negotiation is not in the trace: nothing can be said about proposals, fragmentation support or NAT.
Seen as
    The first message of the SA is no IKE_SA_INIT request.
Not to be confused with
    An IKE SA made by rekeying another one, which has no IKE_SA_INIT of its own. A capture of one direction, which lacks
    requests all the way.
Certain when
    The first message has a message ID above 0 or a responder SPI.
References
    docs/domain/root-causes.md no. 44; RFC 7296 section 2.18.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import name, numbers
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames

_BEGINNINGS = (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)


def check(sa: IkeSa) -> Iterator[Observation]:
    """The first message of the SA."""
    # Of answers alone CAP008 tells more.
    if sa.rekeyed or sa.one_way or any(m.exchange in _BEGINNINGS and not m.is_response for m in sa.messages):
        return
    first = sa.messages[0]
    if first.exchange in _BEGINNINGS:
        title = (
            "The request that began this IKE SA is not in the capture, its answer is: what the client offered cannot "
            "be told."
        )
    else:
        title = (
            "The capture starts after this IKE SA was begun (its first message here is "
            f"{name('exchange', first.exchange)}, "
            f"message ID {first.message_id}): how it was set up cannot be told."
        )
    yield Observation(
        title=title,
        detail="Start the capture before dialing, and see that it holds both directions.",
        frames=frames(first.frames),
        confidence=Confidence.CANNOT_TELL,
        remedies=("better-trace",),
    )


RULE = Rule(
    code="CAP002",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.CANNOT_TELL,
    topics=("better-trace",),
)
