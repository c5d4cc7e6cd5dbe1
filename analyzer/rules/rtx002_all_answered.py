"""Every request was answered: the healthy counterpart of RTX001.

What it means
    Nothing of this IKE SA was lost for good.
Seen as
    At least one exchange, each with its response.
Not to be confused with
    A trace that shows responses only.
Certain when
    Requests and responses are in the trace.
References
    RFC 7296 section 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.wording import frames


def check(sa: IkeSa) -> Iterator[Observation]:
    """All exchanges."""
    exchanges = sa.exchanges
    if not exchanges or any(e.outcome not in ("answered", "superseded") for e in exchanges):
        return
    repeats = sa.retransmits
    again = f"; {repeats} of them had to be sent again" if repeats else ", none had to be sent again"
    yield Observation(
        title=f"All {len(exchanges)} requests were answered{again}.",
        detail="",
        frames=frames(exchanges[0].frames, exchanges[-1].frames),
        confidence=Confidence.STRONG,
    )


RULE = Rule(
    code="RTX002",
    id="requests-answered",
    severity=Severity.INFORMATION,
    order=105,
    check=check,
    is_verdict=False,
)
