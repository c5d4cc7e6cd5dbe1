"""Every request was answered: the healthy counterpart of RTX001.

What it means
    Nothing of this IKE SA was lost for good.
Seen as
    At least one exchange, each with its response.
Not to be confused with
    A trace that shows responses only; a request that keeps coming after its answer (FRG002).
Certain when
    Requests and responses are in the trace.
References
    RFC 7296 section 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.inferred.progress import is_repeated_after_answer
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames


def check(sa: IkeSa) -> Iterator[Observation]:
    """All exchanges."""
    exchanges = sa.exchanges
    if not exchanges or any(
        e.outcome not in ("answered", "superseded") or is_repeated_after_answer(e) for e in exchanges
    ):
        return
    repeated = sum(e.attempts > 1 for e in exchanges)
    again = f"; {repeated} of them had to be sent again" if repeated else ", none had to be sent again"
    if len(exchanges) == 1:
        again = ", when it was sent again" if repeated else ""
    yield Observation(
        title=(f"{_requests(len(exchanges))} answered{again}."),
        detail="",
        frames=frames(exchanges[0].frames, exchanges[-1].frames),
        confidence=Confidence.STRONG,
    )


def _requests(count: int) -> str:
    return {1: "The one request was", 2: "Both requests were"}.get(count, f"All {count} requests were")


RULE = Rule(
    code="RTX002",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.STRONG,
    is_verdict=False,
)
