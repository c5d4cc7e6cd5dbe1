"""Every IKE_AUTH message fits its packets: the healthy counterpart of FRG005.

What it means
    IP fragmentation plays no part in this connection's fate.
Seen as
    IKE_AUTH request and response, each IKE message in one IP packet (whole, or as SKF fragments).
Not to be confused with
    A filtered capture, where only first fragments are seen: those are recognised by their more-fragments bit.
Certain when
    The packets are in the trace.
References
    docs/domain/ip-fragments.md; RFC 7383 section 2.5.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames


def check(sa: IkeSa) -> Iterator[Observation]:
    """All IKE_AUTH messages seen."""
    messages = [m for m in sa.messages if m.exchange == numbers.IKE_AUTH]
    if not messages or sa.orphans or any(m.is_ip_fragmented for m in messages):
        return
    largest = max(m.largest_ip_packet for m in messages)
    size = f" (largest IP packet {largest:,} bytes)" if largest else " (over TCP)"
    yield Observation(
        title=f"No IKE_AUTH message went in IP fragments{size}.",
        detail=f"{len(messages)} IKE_AUTH messages, each in one IP packet.",
        frames=frames(*(m.frames for m in messages)),
        confidence=Confidence.STRONG,
    )


RULE = Rule(
    code="FRG007",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.STRONG,
    is_verdict=False,
)
