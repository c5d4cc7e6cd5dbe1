"""What the trace says about the MTU in each direction (domain.md 5.1, 5.4, 5.6).

All fragments but the last carry a multiple of 8 bytes, so a first fragment of n bytes means a sender's MTU of n to
n + 7: the MTU of the sender's own link, not of the path. An ICMP "fragmentation needed" or "packet too big" bounds the
path.
"""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.relate.facts import Bounds
from analyzer.relate.message import Message
from analyzer.wire.tables import IcmpRow

#: A first fragment of a sender with MTU m is at most m and more than m - 8.
_STEP = 8

#: ICMP messages named in the evidence; a flood of them is only counted.
_TOLD = 3

TOO_BIG = ("fragmentation-needed", "packet-too-big")


def bounds(messages: Iterable[Message], icmp: Iterable[IcmpRow] = ()) -> Bounds:
    """Bounds for the direction in which ``messages`` travel.

    Parameters
    ----------
    messages : iterable of Message
        IKE messages of one SA in one direction.
    icmp : iterable of IcmpRow
        ICMP errors about packets of that direction.

    Returns
    -------
    Bounds
        In bytes of IP packet, IP header included.
    """
    first = max((m.first_fragment_length or 0 for m in messages), default=0)
    lower, upper, evidence = None, None, []
    if first:
        lower, upper = first, first + _STEP - 1
        evidence.append(f"from a first IP fragment of {first:,} bytes: the sender's own link, not the path")
    told: list[str] = []
    for row in icmp:
        if row.error.meaning in TOO_BIG and row.error.mtu:
            if upper is None or row.error.mtu < upper:
                upper = row.error.mtu
                lower = lower if lower is not None and lower <= upper else None
            told.append(f"ICMP in frame {row.frame} gives a next-hop MTU of {row.error.mtu:,}")
    if len(told) > _TOLD:
        told[_TOLD:] = [f"{len(told) - _TOLD} more such ICMP messages"]
    evidence += told
    return Bounds(lower, upper, "; ".join(evidence))
