"""There is no IKE in the capture.

What it means
    Wrong interface or time, a filter that left IKE out, or a VPN that does not use IKE (SSTP, OpenVPN, WireGuard).
Seen as
    Not one message with a sane IKE header on the IKE ports.
Not to be confused with
    IKE on another port (``--port``), or behind a link layer that cannot be read.
Certain when
    It is a fact about the trace, and says nothing about the connection.
References
    docs/domain/root-causes.md no. 46.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.build import Related
from analyzer.rules.model import Confidence, Observation, Rule, Severity


def check(related: Related) -> Iterator[Observation]:
    """The whole capture."""
    facts = related.capture
    if facts.ike_messages:
        return
    if not facts.packets:
        title = "The capture holds no packets at all: nothing can be told."
    else:
        what = "The one packet in the capture is not IKE"
        if facts.packets != 1:
            what = f"None of the {facts.packets:,} packets in the capture is IKE"
        title = f"{what}: why the connection failed cannot be told."
    hints = []
    if facts.esp:
        be = "is" if facts.esp == 1 else "are"
        hints.append(f"There {be} {_packets(facts.esp, 'ESP ')}: a tunnel that was set up before the capture began.")
    if facts.unreadable_udp:
        hints.append(f"{_packets(facts.unreadable_udp)} on the IKE ports could not be read as IKE.")
    if facts.unknown_link:
        have = "has" if facts.unknown_link == 1 else "have"
        hints.append(f"{_packets(facts.unknown_link)} {have} a link layer that is not understood.")
    hints.append("Check the interface, start before dialing, and see that the VPN is IKEv2 (other port: --port N).")
    yield Observation(
        title=title,
        detail=" ".join(hints),
        frames=(),
        confidence=Confidence.CANNOT_TELL,
        remedies=("better-trace",),
    )


def _packets(count: int, kind: str = "") -> str:
    """
    >>> _packets(1), _packets(14, "ESP ")
    ('1 packet', '14 ESP packets')
    """
    return f"{count:,} {kind}packet{'' if count == 1 else 's'}"


RULE = Rule(
    code="CAP003",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.CANNOT_TELL,
    scope="capture",
    topics=("better-trace",),
)
