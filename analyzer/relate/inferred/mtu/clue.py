"""One thing that a trace tells about an MTU (:mod:`analyzer.relate.inferred.mtu.path_mtu` puts several together).

Two different numbers are meant by "the MTU": that of the sender's own link, and that of the path, which is the smallest
on the way. A clue says which of the two it is about, and never becomes a statement about the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Where a clue comes from (docs/domain/ip-fragments.md, docs/domain/path-mtu.md).
Kind = Literal[
    "first-fragment", "refragmented", "icmp-too-big", "echo-sweep", "answered", "not-answered", "tcp-mss", "given"
]


@dataclass(frozen=True, slots=True)
class MtuClue:
    """One clue to an MTU in one direction.

    Attributes
    ----------
    kind : str
        ``first-fragment``, ``refragmented``, ``icmp-too-big``, ``echo-sweep``, ``answered``, ``not-answered``,
        ``tcp-mss`` or ``given``.
    about : "link" or "path"
        The sender's own link, or the way to the receiver.
    lower, upper : int or None
        Bounds in bytes of IP packet, header included; None where it says nothing.
    frames : tuple of int
        Frames that show it, at most a few.
    text : str
        The clue as a clause.
    is_weak : bool
        A hint that other causes share: it bounds nothing, and no other clue has to agree with it.
    """

    kind: Kind
    about: Literal["link", "path"]
    lower: int | None
    upper: int | None
    frames: tuple[int, ...]
    text: str
    is_weak: bool = False
