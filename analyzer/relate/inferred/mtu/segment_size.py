"""What TCP handshakes beside IKE hint at: the MSS is the MTU less 40 bytes, or 60 over IPv6.

Source: docs/domain/path-mtu.md no. 4.

A host announces the MSS of its own link; boxes on the way lower it where they know that the path carries less. Both are
hints: the path of the web is not that of the VPN.
"""

from __future__ import annotations

from collections.abc import Mapping

from analyzer.relate.inferred.mtu.clue import MtuClue
from analyzer.relate.seen.tcp_handshakes import SegmentSizes

_ETHERNET = 1500

#: Servers that must all answer with less than Ethernet's size before a box near the client is thought of.
_MANY = 3


def clues(sizes: Mapping[str, SegmentSizes], sender: str, receiver: str, *, at_sender: bool) -> tuple[MtuClue, ...]:
    """Hints at the link of a sender and at its path to a receiver; all weak.

    Parameters
    ----------
    sizes : mapping of str to SegmentSizes
    sender, receiver : str
        Addresses.
    at_sender : bool
        The capture was taken at the sender, so that nothing on the way can have changed its SYNs.

    Returns
    -------
    tuple of MtuClue
    """
    mine = sizes.get(sender)
    found = []
    if mine is not None and mine.sent is not None:
        mtu, frame = mine.sent
        if at_sender:
            text = f"TCP from {sender} announces segments for an MTU of {mtu:,}: its own link"
            found.append(MtuClue("tcp-mss", "link", mtu, mtu, (frame,), text, is_weak=True))
        else:
            text = f"TCP from {sender} announces segments for an MTU of {mtu:,}, perhaps lowered on the way"
            found.append(MtuClue("tcp-mss", "path", None, mtu, (frame,), text, is_weak=True))
    if mine is not None and receiver in mine.answers and mine.answers[receiver][0] < _ETHERNET:
        mtu, frame = mine.answers[receiver]
        text = f"TCP answers of {receiver} announce segments for an MTU of {mtu:,}: a hint at a smaller path"
        found.append(MtuClue("tcp-mss", "path", None, mtu, (frame,), text, is_weak=True))
    elif mine is not None and len(mine.answers) >= _MANY:
        mtu, frame = mine.largest_answer
        if mtu < _ETHERNET:
            text = f"TCP answers of all {len(mine.answers)} servers announce segments for an MTU of {mtu:,} at most"
            text += ": a hint that a box near the client lowers them"
            found.append(MtuClue("tcp-mss", "path", None, mtu, (frame,), text, is_weak=True))
    return tuple(found)
