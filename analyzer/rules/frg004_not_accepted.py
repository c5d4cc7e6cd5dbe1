"""The client offered IKE fragmentation and the server did not accept it.

What it means
    The server has it switched off or does not know it: with Windows RRAS it is off by default
    (``EnableServerFragmentation``).
Seen as
    Notify 16430 in the IKE_SA_INIT request, and a complete response that chose a proposal without it.
Not to be confused with
    A response that carries only an error or a COOKIE; a response cut short by the capture: both say nothing.
Certain when
    Both payload chains were captured to their end.
References
    docs/domain/root-causes.md no. 11, docs/domain/products.md; RFC 7383 section 2.3.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.advice import enable_on_server
from analyzer.rules.shared.wording import frames, init_frames


def check(sa: IkeSa) -> Iterator[Observation]:
    """The responder's announcement, where the initiator made one."""
    if (sa.fragmentation_i, sa.fragmentation_r) != ("yes", "no"):
        return
    yield Observation(
        title="The client offered IKE fragmentation (notify 16430) and the server did not accept it.",
        detail="The IKE_SA_INIT response chose a proposal and carries no IKEV2_FRAGMENTATION_SUPPORTED.",
        frames=frames(init_frames(sa)),
        confidence=Confidence.STRONG,
        remedies=enable_on_server(sa),
    )


RULE = Rule(
    code="FRG004",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.STRONG,
    needs=("init-request-payloads", "init-response-payloads"),
    is_verdict=False,
    topics=("enable-ike-fragmentation",),
)
