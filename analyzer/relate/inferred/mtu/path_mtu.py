"""What the trace says about the MTU in each direction: all clues, and the bounds that they make.

Source: docs/domain/path-mtu.md.

Each kind of clue has its own file in this folder: fragments (``first_fragment``), ICMP (``too_big``), pings
(``echo_sweep``), what was answered (``answered_sizes``), TCP handshakes (``segment_size``). The size of SKF messages is
no clue: Windows limits them to 576 bytes whatever the path is, others to what their configuration says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from analyzer.relate.inferred.mtu import answered_sizes, echo_sweep, first_fragment, segment_size, too_big
from analyzer.relate.inferred.mtu.clue import MtuClue
from analyzer.relate.inferred.mtu.too_big import TOO_BIG, TooBig
from analyzer.relate.inferred.side import Side
from analyzer.relate.seen.exchange import Exchange, Role
from analyzer.relate.seen.message import Message
from analyzer.relate.seen.pings import PingSweep
from analyzer.relate.seen.tcp_handshakes import SegmentSizes

__all__ = ["TOO_BIG", "Bounds", "Direction", "bounds", "clues", "combined", "contradiction", "given_bounds"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of an MTU in bytes, None where unknown, and what they rest on."""

    lower: int | None = None
    upper: int | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Direction:
    """What is seen of one direction of an IKE SA, from which its path MTU is inferred.

    Attributes
    ----------
    role : Role
        The sender: ``initiator`` is the direction from initiator to responder.
    sender, receiver : str
        Their addresses.
    sent : sequence of Message
        What the sender sent.
    exchanges : sequence of Exchange
        Of both sides.
    side : Side
        Where the capture was taken.
    too_big : sequence of TooBig
        What routers said about packets of the sender.
    sweep : PingSweep or None
        Pings of the sender to the receiver.
    segments : mapping of str to SegmentSizes
        What TCP handshakes announce, by the host that began them.
    """

    role: Role
    sender: str
    receiver: str
    sent: Sequence[Message]
    exchanges: Sequence[Exchange]
    side: Side
    too_big: Sequence[TooBig]
    sweep: PingSweep | None
    segments: Mapping[str, SegmentSizes]


def clues(direction: Direction) -> tuple[MtuClue, ...]:
    """All clues to the MTU in one direction, the weak ones last."""
    d = direction
    return (
        *_measured(d),
        *answered_sizes.clues(d.sent, d.exchanges, d.role, d.side),
        *segment_size.clues(d.segments, d.sender, d.receiver, at_sender=d.side == d.role),
    )


def bounds(direction: Direction) -> Bounds:
    """Bounds of the MTU in one direction, and the evidence for them; what contradicts them is part of it.

    Returns
    -------
    Bounds
        In bytes of IP packet, IP header included.
    """
    d = direction
    firm = _measured(d)
    found = combined(firm)
    if found.upper is None:
        return found
    # What was answered bounds nothing here, but where it contradicts, the reader must know.
    clash = contradiction((*firm, *answered_sizes.clues(d.sent, d.exchanges, d.role, d.side)))
    return replace(found, evidence=f"{found.evidence}; {clash}") if clash else found


def given_bounds(mtu: int, sent: Iterable[Message]) -> Bounds:
    """Bounds where the user knows the path MTU, and whether what was sent in that direction agrees."""
    largest = max((m.largest_ip_packet for m in sent), default=0)
    doubt = f", although packets of {largest:,} bytes were sent" if largest > mtu else ""
    return Bounds(mtu, mtu, f"given by the user{doubt}")


def _measured(d: Direction) -> tuple[MtuClue, ...]:
    """Clues that bound the MTU firmly: IP fragments, ICMP and pings."""
    return (
        *first_fragment.clues(d.sent, d.too_big, is_far=d.side not in (d.role, "unknown")),
        *too_big.clues(d.too_big),
        *echo_sweep.clues(d.sweep, d.receiver),
    )


def combined(clues: Iterable[MtuClue]) -> Bounds:
    """Put clues to one direction together.

    The upper bound is the smallest that any says, since the path cannot carry more than the sender's link. The lower
    bound is the largest that does not exceed it: one about the link alone is no promise for the path, and the evidence
    says so. Weak clues do not count.

    Parameters
    ----------
    clues : iterable of MtuClue
        Of one direction.

    Returns
    -------
    Bounds

    Examples
    --------
    >>> link = MtuClue("first-fragment", "link", 1460, 1467, (4,), "from a first IP fragment of 1,460 bytes")
    >>> path = MtuClue("icmp-too-big", "path", None, 1300, (5,), "ICMP in frame 5 gives a next-hop MTU of 1,300")
    >>> combined([link]).lower, combined([link]).upper, combined([link, path]).lower, combined([link, path]).upper
    (1460, 1467, None, 1300)
    """
    counting = [clue for clue in clues if not clue.is_weak]
    upper = min((clue.upper for clue in counting if clue.upper is not None), default=None)
    possible = [clue.lower for clue in counting if clue.lower is not None and (upper is None or clue.lower <= upper)]
    return Bounds(max(possible, default=None), upper, "; ".join(clue.text for clue in counting))


def contradiction(clues: Sequence[MtuClue]) -> str:
    """Two clues that cannot both hold, as a clause; empty when all agree.

    A path cannot carry more than the sender's link, so a packet that passed contradicts a smaller link as well as a
    smaller path. The contrary is none: a link may be larger than the path.

    Examples
    --------
    >>> passed = MtuClue("answered", "path", 1400, None, (3,), "a packet of 1,400 bytes was answered")
    >>> told = MtuClue("icmp-too-big", "path", None, 1300, (5,), "ICMP in frame 5 gives a next-hop MTU of 1,300")
    >>> contradiction([passed, told])
    'but a packet of 1,400 bytes was answered: these cannot both hold of one path, it may have changed meanwhile'
    """
    firm = [clue for clue in clues if not clue.is_weak]
    passed = [clue for clue in firm if clue.about == "path" and clue.lower is not None]
    limits = [clue for clue in firm if clue.upper is not None]
    if not passed or not limits:
        return ""
    largest = max(passed, key=lambda clue: clue.lower or 0)
    smallest = min(limits, key=lambda clue: clue.upper or 0)
    if (largest.lower or 0) <= (smallest.upper or 0):
        return ""
    return f"but {largest.text}: these cannot both hold of one path, it may have changed meanwhile"
