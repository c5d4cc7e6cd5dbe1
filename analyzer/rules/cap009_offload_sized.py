"""IKE messages are in packets that are too large for the wire.

What it means
    The capture was taken above the place where packets are cut: an adapter that does it itself, or a capture layer
    above IP. The message goes out in IP fragments that cannot be seen here: on the way it is not one packet.
Seen as
    A whole IP packet of more than 1,500 bytes with IKE, on Ethernet.
Not to be confused with
    Jumbo frames, which some local networks carry; the Internet does not.
Certain when
    The sender's TCP handshakes announce segments for an MTU of 1,500.
References
    docs/domain/offload.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analyzer.columns import MISSING
from analyzer.links.types import ETHERNET
from analyzer.relate.build import Related
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames

_ETHERNET_MTU = 1500
#: The largest segment that such an MTU allows (RFC 9293 section 3.7.1).
_LARGEST_SEGMENT = 1460
_LOOPBACK = ("127.", "::1")


def check(related: Related) -> Iterator[Observation]:
    """The packets that carry IKE."""
    wire = related.table.wire
    rows = _too_large(related) if wire.census.link_types == {ETHERNET} else []
    senders = {wire.addresses.text(int(wire.packets.src[i])) for i in rows}
    segments = [h.mss for h in related.capture.handshakes if h.mss and h.src in senders]
    if not rows or any(size > _LARGEST_SEGMENT for size in segments):
        return
    largest = max(int(wire.packets.ip_length[i]) for i in rows)
    doubt = "Only a network with jumbo frames would carry it whole."
    sure = f"TCP of that host announces segments of at most {max(segments, default=0):,} bytes, as for an MTU of 1,500."
    yield Observation(
        title=(
            f"{len(rows)} IKE {'message is' if len(rows) == 1 else 'messages are'} in one packet of up to {largest:,} "
            "bytes, more than Ethernet carries: on the wire it goes in IP fragments, which cannot be seen here."
        ),
        detail=f"The host's adapter cuts it, or the capture was taken above IP. {sure if segments else doubt}",
        frames=frames(int(wire.packets.frame[i]) for i in rows),
        confidence=Confidence.STRONG if segments else Confidence.PROBABLE,
        remedies=("better-trace",),
    )


def _too_large(related: Related) -> list[int]:
    """Rows of whole packets with IKE above Ethernet's MTU; the loopback adapter looks like Ethernet and has none."""
    wire, packets = related.table.wire, related.table.wire.packets
    carries_ike = np.isin(packets.datagram, wire.messages.datagram[related.duplicate_of == MISSING])
    whole = (packets.mf == 0) & (packets.fragment_offset == 0)
    rows = np.flatnonzero(carries_ike & whole & (packets.ip_length > _ETHERNET_MTU)).tolist()
    return [i for i in rows if not wire.addresses.text(int(packets.src[i])).startswith(_LOOPBACK)]


RULE = Rule(
    code="CAP009",
    severity=Severity.INFORMATION,
    check=check,
    scope="capture",
    ceiling=Confidence.STRONG,
    is_verdict=False,
    topics=("better-trace",),
)
