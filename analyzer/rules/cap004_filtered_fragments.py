"""IP fragments cannot be seen in this capture.

What it means
    A filter on the ports lets only first fragments through (IPv4; IPv6: none). Whether later fragments were sent or
    arrived cannot be told, so verdicts about lost fragments are withheld.
Seen as
    First fragments of IKE messages, and not one later fragment of any flow. Or, at the client itself, later fragments
    of what it sent and never the first: a file saved with a display filter.
Not to be confused with
    Fragments that were lost on the path: then later fragments of other datagrams are in the trace, or a host reports
    by ICMP that it waited for them in vain.
Certain when
    The file records the capture filter, or nothing in it would have failed such a filter; the finding says which.
References
    docs/domain/root-causes.md no. 42, docs/domain/filtered-captures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.ip_fragments_lost import awaits_large_request, is_waited_for, later_fragments_after
from analyzer.rules.shared.wording import exchange_name, frames


def check(sa: IkeSa) -> Iterator[Observation]:
    """IKE messages of which only the first fragment is there, or at their sender never the first."""
    yield from _later_ones_hidden(sa)
    last = awaits_large_request(sa) if sa.orphans and sa.side == "initiator" else None
    later = later_fragments_after(sa, last) if last is not None else []
    if last is not None and later:
        yield Observation(
            title=(
                f"After {exchange_name(last)} only later IP fragments of the client are in the capture "
                f"({len(later)} of them), never a first one, although it was taken at the client: the capture lacks "
                "what the client sent, and what became of it cannot be told."
            ),
            detail=(
                "A display filter that was on when the capture was saved leaves such a file. Save all packets, or "
                "capture again."
            ),
            frames=frames(last.frames, later),
            confidence=Confidence.CANNOT_TELL,
            remedies=("better-trace",),
        )


def _later_ones_hidden(sa: IkeSa) -> Iterator[Observation]:
    alone = [m for m in sa.messages if not m.complete]
    if not alone or not sa.capture.hides_later_fragments or is_waited_for(sa):
        return
    yield Observation(
        title=(
            f"Of {len(alone)} IKE {'message' if len(alone) == 1 else 'messages'} only the first IP fragment is in "
            "the capture, "
            f"and {sa.capture.why_fragments_are_hidden}: whether fragments were lost cannot be told."
        ),
        detail=(
            "Capture again with a filter that keeps fragments: host GATEWAY, or add "
            '"or (ip[6:2] & 0x1fff != 0) or ip6 proto 44".'
        ),
        frames=frames(*(m.frames for m in alone)),
        confidence=Confidence.CANNOT_TELL,
        remedies=("better-trace",),
    )


RULE = Rule(
    code="CAP004",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.CANNOT_TELL,
    topics=("better-trace",),
)
