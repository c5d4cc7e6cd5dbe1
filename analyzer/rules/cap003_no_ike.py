"""There is no IKE in the capture.

What it means
    Wrong interface or time, a filter that left IKE out, or a VPN that does not use IKE (SSTP, OpenVPN, WireGuard).
Seen as
    Not one message with a sane IKE header on UDP 500, 4500 and the ports asked for.
Not to be confused with
    IKE on another port, which is named where its packets are seen (``--port``), or behind a link layer that cannot be
    read.
Certain when
    It is a fact about the trace, and says nothing about the connection.
References
    docs/domain/root-causes.md no. 46.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.relate.build import Related
from analyzer.relate.seen.capture_facts import CaptureFacts
from analyzer.rules.model import Confidence, Observation, Rule, Severity

#: Ports that are named where IKE seems to be elsewhere: its own, that behind a NAT, and one to spare.
_NAMED = 3


def check(related: Related) -> Iterator[Observation]:
    """The whole capture."""
    facts = related.capture
    if facts.ike_messages:
        return
    elsewhere = sorted(facts.ike_elsewhere, key=lambda port: -facts.ike_elsewhere[port])[:_NAMED]
    if not facts.packets:
        title = "The capture holds no packets at all: nothing can be told."
    else:
        title = f"There is no IKE on UDP {_listed(facts.ports)} in this capture of {_packets(facts.packets)}"
        title += (
            f", {_look_like_ike(facts, elsewhere)}." if elsewhere else ": why the connection failed cannot be told."
        )
    hints = []
    if facts.esp:
        be = "is" if facts.esp == 1 else "are"
        hints.append(f"There {be} {_packets(facts.esp, 'ESP ')}: a tunnel that was set up before the capture began.")
    if facts.unreadable_udp:
        hints.append(f"{_packets(facts.unreadable_udp)} on the IKE ports could not be read as IKE.")
    if facts.unknown_link:
        have = "has" if facts.unknown_link == 1 else "have"
        hints.append(f"{_packets(facts.unknown_link)} {have} a link layer that is not understood.")
    if not elsewhere:
        hints.append("Check the interface, start before dialing, and see that the VPN is IKEv2 (other port: --port N).")
    yield Observation(
        title=title,
        detail=" ".join(hints),
        frames=(),
        confidence=Confidence.CANNOT_TELL,
        remedies=("better-trace",),
    )


def _look_like_ike(facts: CaptureFacts, ports: Sequence[int]) -> str:
    count = sum(facts.ike_elsewhere[port] for port in ports)
    again = " ".join(f"--port {port}" for port in ports)
    look = "looks" if count == 1 else "look"
    return f"but {_packets(count)} on UDP {_listed(ports)} {look} like IKEv2: run again with {again}"


def _listed(ports: Sequence[int]) -> str:
    """
    >>> _listed([500, 4500]), _listed([500, 4500, 10500])
    ('500 and 4500', '500, 4500 and 10500')
    """
    *others, last = map(str, ports)
    return f"{', '.join(others)} and {last}" if others else last


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
