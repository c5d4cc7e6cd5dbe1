"""The capture holds one direction only.

What it means
    Whatever came the other way is not in the file, so that silence there says nothing: an answered connection looks
    like one that failed.
Seen as
    All IKE goes one way, and something shows that the other way is hidden: requests that carry the responder's SPI,
    answers without requests, TCP of which one direction is missing as well, a filter that names a direction.
Not to be confused with
    A gateway that does not answer: then nothing shows that its answers are hidden, and other traffic goes both ways.
Certain when
    It is a fact about the trace, and says nothing about the connection.
References
    docs/domain/root-causes.md no. 1 (caveat), RFC 7296 section 2.6.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames


def check(sa: IkeSa) -> Iterator[Observation]:
    """All messages of the SA."""
    if sa.one_way:
        first = sa.messages[0]
        yield Observation(
            title=(
                f"The capture holds only what {first.src} sent to {first.dst} and nothing of the other direction "
                f"({sa.one_way}): what became of the connection cannot be told."
            ),
            detail="Mirror both directions, or capture on one of the two hosts, with no filter on source or direction.",
            frames=frames(*(m.frames for m in sa.messages)),
            confidence=Confidence.CANNOT_TELL,
            remedies=("better-trace",),
        )


RULE = Rule(
    code="CAP008",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.CANNOT_TELL,
    versions=(1, 2),
    topics=("better-trace",),
)
