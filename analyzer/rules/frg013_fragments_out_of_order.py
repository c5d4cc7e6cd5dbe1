"""IP fragments of an IKE message pass out of order.

What it means
    Some devices drop datagrams whose fragments come in another order than by offset: Azure's VPN gateway and networks
    are known for it. At the sender's side the order is the sender's own; elsewhere the way has changed it.
Seen as
    A fragment with a smaller offset after one with a larger one of the same datagram.
Not to be confused with
    Missing fragments (FRG001, FRG002), and SKF fragments, whose order does not matter (RFC 7383 section 2.6).
Certain when
    The fragments are in the trace. Whether a device minds is not: by itself it is only worth knowing.
References
    docs/domain/products.md (Azure), docs/domain/ip-fragments.md; azure-docs#29476; RFC 791.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Role
from analyzer.relate.seen.message import Message
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames

#: Offsets that are listed; more would not be read.
_LISTED = 8
_PERSON: dict[Role, str] = {"initiator": "client", "responder": "server"}


def check(sa: IkeSa) -> Iterator[Observation]:
    """Each direction."""
    for role in ("initiator", "responder"):
        cut = [m for m in sa.sent_by(role) if m.ip_fragments > 1]
        reordered = [m for m in cut if not _is_ascending(_offsets(m))]
        if not reordered:
            continue
        offsets = _offsets(reordered[0])
        more = " ..." if len(offsets) > _LISTED else ""
        where = (
            f"That is the order in which the {_PERSON[role]} sends them."
            if sa.side == role
            else f"Whether the {_PERSON[role]} sends them so or the way changes their order is not seen from here."
        )
        yield Observation(
            title=(
                f"IP fragments of {len(reordered)} of the {_PERSON[role]}'s {len(cut)} fragmented messages pass out of "
                f"order: offsets {', '.join(map(str, offsets[:_LISTED]))}{more} first to last."
            ),
            detail=f"{where} Azure's VPN gateway and networks drop such datagrams.",
            frames=frames(*(m.frames for m in reordered)),
            confidence=Confidence.STRONG,
            remedies=("azure-fragments",),
        )


def _offsets(message: Message) -> list[int]:
    """Offsets of its IP fragments in the order in which each was first captured, bytes."""
    return list(dict.fromkeys(message.packet_table.fragment_offset[message.packets].tolist()))


def _is_ascending(offsets: list[int]) -> bool:
    return all(before < after for before, after in pairwise(offsets))


RULE = Rule(
    code="FRG013",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.STRONG,
    is_verdict=False,
    topics=("permit-ip-fragments",),
)
