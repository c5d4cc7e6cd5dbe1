"""What the trace says about the MTU in each direction: all clues, and the bounds that they make (domain.md 5.6).

Each kind of clue has its own file: fragments (:mod:`analyzer.relate.mtu.first_fragment`), ICMP
(:mod:`analyzer.relate.mtu.too_big`), pings (:mod:`analyzer.relate.mtu.echo_sweep`), what was answered
(:mod:`analyzer.relate.mtu.answered`), TCP handshakes (:mod:`analyzer.relate.mtu.segment_size`). The size of SKF
messages is no clue: Windows limits them to 576 bytes whatever the path is, others to what their configuration says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from analyzer.relate.exchange import Role
from analyzer.relate.facts import Bounds
from analyzer.relate.mtu import answered, echo_sweep, first_fragment, segment_size, too_big
from analyzer.relate.mtu.clue import Clue
from analyzer.relate.mtu.too_big import TOO_BIG

if TYPE_CHECKING:
    from analyzer.relate.sa import IkeSa

__all__ = ["TOO_BIG", "bounds", "clues", "combined", "contradiction", "measured"]


def measured(sa: IkeSa, role: Role) -> tuple[Clue, ...]:
    """Clues that bound the MTU firmly: IP fragments, ICMP and pings.

    Parameters
    ----------
    sa : IkeSa
    role : Role
        The sender: ``initiator`` is the direction from initiator to responder.

    Returns
    -------
    tuple of Clue
    """
    sender, receiver = _ends(sa, role)
    told = sa.too_big[role]
    is_far = sa.side not in (role, "unknown")
    return (
        *first_fragment.clues(sa.sent_by(role), told, is_far=is_far),
        *too_big.clues(told),
        *echo_sweep.clues(sa.capture.surroundings.sweeps.get((sender, receiver)), receiver),
    )


def clues(sa: IkeSa, role: Role) -> tuple[Clue, ...]:
    """All clues to the MTU in one direction, the weak ones last.

    Parameters
    ----------
    sa : IkeSa
    role : Role
        The sender.

    Returns
    -------
    tuple of Clue
    """
    sender, receiver = _ends(sa, role)
    return (
        *measured(sa, role),
        *answered.clues(sa, role),
        *segment_size.clues(sa.capture.surroundings.segments, sender, receiver, at_sender=sa.side == role),
    )


def bounds(sa: IkeSa, role: Role) -> Bounds:
    """Bounds of the MTU in one direction, and the evidence for them; what contradicts them is part of it.

    Parameters
    ----------
    sa : IkeSa
    role : Role
        The sender.

    Returns
    -------
    Bounds
        In bytes of IP packet, IP header included.
    """
    firm = measured(sa, role)
    found = combined(firm)
    if found.upper is None:
        return found
    # What was answered bounds nothing here, but where it contradicts, the reader must know.
    clash = contradiction((*firm, *answered.clues(sa, role)))
    return replace(found, evidence=f"{found.evidence}; {clash}") if clash else found


def _ends(sa: IkeSa, role: Role) -> tuple[str, str]:
    ends = (sa.initiator, sa.responder)
    return ends if role == "initiator" else (ends[1], ends[0])


def combined(clues: Iterable[Clue]) -> Bounds:
    """Put clues to one direction together.

    The upper bound is the smallest that any says, since the path cannot carry more than the sender's link. The lower
    bound is the largest that does not exceed it: one about the link alone is no promise for the path, and the evidence
    says so. Weak clues do not count.

    Parameters
    ----------
    clues : iterable of Clue
        Of one direction.

    Returns
    -------
    Bounds

    Examples
    --------
    >>> link = Clue("first-fragment", "link", 1460, 1467, (4,), "from a first IP fragment of 1,460 bytes")
    >>> path = Clue("icmp-too-big", "path", None, 1300, (5,), "ICMP in frame 5 gives a next-hop MTU of 1,300")
    >>> combined([link]).lower, combined([link]).upper, combined([link, path]).lower, combined([link, path]).upper
    (1460, 1467, None, 1300)
    """
    counting = [clue for clue in clues if not clue.is_weak]
    upper = min((clue.upper for clue in counting if clue.upper is not None), default=None)
    possible = [clue.lower for clue in counting if clue.lower is not None and (upper is None or clue.lower <= upper)]
    return Bounds(max(possible, default=None), upper, "; ".join(clue.text for clue in counting))


def contradiction(clues: Sequence[Clue]) -> str:
    """Two clues that cannot both hold, as a clause; empty when all agree.

    A path cannot carry more than the sender's link, so a packet that passed contradicts a smaller link as well as a
    smaller path. The contrary is none: a link may be larger than the path.

    Examples
    --------
    >>> passed = Clue("answered", "path", 1400, None, (3,), "a packet of 1,400 bytes was answered")
    >>> told = Clue("icmp-too-big", "path", None, 1300, (5,), "ICMP in frame 5 gives a next-hop MTU of 1,300")
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
