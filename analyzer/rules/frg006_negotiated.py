"""Both sides announced IKE fragmentation: the healthy counterpart of FRG003 and FRG004.

What it means
    Either side may send large messages as SKF fragments, each in an IP packet of its own.
Seen as
    Notify 16430 in both IKE_SA_INIT messages, or SKF messages, which can only follow that: then the text says what is
    inferred.
Not to be confused with
    Vendor ID "FRAGMENTATION", which is not RFC 7383.
Certain when
    Both notifies, or an SKF message, are in the trace.
References
    RFC 7383 sections 2.3, 2.4; docs/domain/ike-fragmentation.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames, init_frames


def check(sa: IkeSa) -> Iterator[Observation]:
    """Both announcements."""
    if (sa.fragmentation_i, sa.fragmentation_r) != ("yes", "yes"):
        return
    fragments = [m for m in sa.messages if m.skf_total]
    used = f"It is used: {len(fragments)} SKF messages." if fragments else _unused(sa)
    title = "Both sides offered IKE fragmentation (RFC 7383)."
    if not sa.offers_are_seen:
        title = "Both sides use IKE fragments (RFC 7383); that they offered them is inferred from that."
    yield Observation(
        title=title,
        detail=used,
        frames=frames(init_frames(sa) or (m.frame for m in fragments[:2])),
        confidence=Confidence.STRONG,
    )


def _unused(sa: IkeSa) -> str:
    cut = sa.orphans or any(m.is_ip_fragmented for m in sa.messages if m.exchange != numbers.IKE_SA_INIT)
    return "Yet a message was left to IP fragmentation." if cut else "No message needed it so far."


RULE = Rule(
    code="FRG006",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.STRONG,
    needs=("init-request-payloads", "init-response-payloads"),
    is_verdict=False,
)
