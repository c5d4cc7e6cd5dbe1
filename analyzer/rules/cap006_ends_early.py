"""The capture ends while a request is still open.

What it means
    The last request may yet have been answered: the trace stops too soon to say.
Seen as
    A request without answer, sent so shortly before the end that the answer may be outside.
Not to be confused with
    RTX001, where the request was repeated and the silence is in the trace.
Certain when
    It is a fact about the trace.
References
    docs/domain/root-causes.md; RFC 7296 section 2.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import exchange_name, frames


def check(sa: IkeSa) -> Iterator[Observation]:
    """Setup exchanges that are open at the end."""
    for exchange in sa.open_at_end:
        # In a capture of one direction the end is not what hides the answer (CAP008).
        if exchange.is_setup and not sa.one_way:
            left = (sa.capture.last - exchange.requests[-1].time) / 1e9
            yield Observation(
                title=(
                    f"The capture ends {left:.1f} s after the {exchange_name(exchange)} request, too soon "
                    "to say that no answer came: what became of the connection cannot be told."
                ),
                detail="Stop the capture only after the client has reported its error.",
                frames=frames(exchange.frames),
                confidence=Confidence.CANNOT_TELL,
                remedies=("better-trace",),
            )


RULE = Rule(
    code="CAP006",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.CANNOT_TELL,
    topics=("better-trace",),
)
