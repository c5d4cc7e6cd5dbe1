"""Packets are missing from the capture.

What it means
    Something that is absent from the trace may have been on the wire: every verdict that rests on silence is less sure.
Seen as
    Drop counters in the file (pcapng interface statistics, per-packet drop counts), or packets of which what they
    carried cannot be told: cut too short, encrypted on Wi-Fi, or of a tunnel whose packets came in fragments of which
    some are missing.
Not to be confused with
    Packets lost on the network.
Certain when
    The file's own counters say so.
References
    docs/domain/root-causes.md no. 45.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.build import Related
from analyzer.rules.model import Confidence, Observation, Rule, Severity


def check(related: Related) -> Iterator[Observation]:
    """The reader's remarks."""
    if related.capture.lost_packets:
        yield Observation(
            title=f"What is missing here may have been on the wire: {related.capture.lost_packets}.",
            detail="Verdicts that rest on an absence are called possible at most.",
            frames=(),
            confidence=Confidence.STRONG,
            remedies=("better-trace",),
        )


RULE = Rule(
    code="CAP005",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.STRONG,
    scope="capture",
    is_verdict=False,
    topics=("better-trace",),
)
