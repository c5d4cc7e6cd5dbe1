"""The responder accepts none of the proposals for the IKE SA.

What it means
    Encryption, integrity, PRF or key exchange group do not match between client and gateway.
Seen as
    An IKE_SA_INIT response in the clear with N(NO_PROPOSAL_CHOSEN) and no SA payload (36 bytes).
Not to be confused with
    INVALID_KE_PAYLOAD, which asks for another group and is followed by a changed request.
Certain when
    The response is there; it is not authenticated, so it could be forged.
References
    domain.md section 9 no. 18, 4.1; RFC 7296 section 2.7.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.wording import frames
from analyzer.wire.registry import numbers


def check(sa: IkeSa) -> Iterator[Observation]:
    """The answer to the last IKE_SA_INIT."""
    init = sa.init
    if init is None or sa.reached not in ("init-sent", "unknown"):
        return
    refusals = [
        m
        for a in init.responses
        for m in a.messages
        if numbers.NO_PROPOSAL_CHOSEN in m.notifies and numbers.SA not in m.payloads
    ]
    if refusals:
        yield Observation(
            title=(
                f"The gateway {sa.responder} accepts none of the client's IKE proposals (NO_PROPOSAL_CHOSEN): "
                "encryption, "
                "integrity, PRF or key exchange group must be aligned; fragmentation plays no part."
            ),
            detail=f"A clear, unauthenticated answer of {refusals[0].length} bytes. {_offered(sa)}".strip(),
            frames=frames(init.frames),
            confidence=Confidence.STRONG,
        )


def _offered(sa: IkeSa) -> str:
    proposals = sa.proposals
    return "Offered: " + "; ".join(proposals[:8]) + ("; ..." if len(proposals) > 8 else "") + "." if proposals else ""


RULE = Rule(
    code="NEG001",
    id="no-proposal-chosen-ike",
    severity=Severity.BLOCKING,
    order=18,
    check=check,
    ceiling=Confidence.STRONG,
    remedies=("align-proposals",),
)
