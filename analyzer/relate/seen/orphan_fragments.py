"""IP fragments whose first one was never seen: without ports, they belong to an IKE SA by addresses and time only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analyzer.packets.tables import Packets

#: Looked at in one IKE SA; a flood of them tells no more.
MAX_ORPHANS = 1_000
#: Ethernet's MTU: what lies further behind in a datagram has more than one fragment before it.
_ONE_PACKET = 1500


class Orphan(NamedTuple):
    """One such fragment: its frame, and the addresses that it goes between."""

    frame: int
    src: str
    dst: str


@dataclass(frozen=True, slots=True)
class PlacedOrphan:
    """One such fragment with its place in its datagram.

    Attributes
    ----------
    frame : int
    src : str
    identification : int
        IP identification; 0 where there is none.
    offset, ip_length : int
        Where its data lies in the datagram, and its IP packet's length, bytes.
    more : bool
        Further fragments follow it.
    """

    frame: int
    src: str
    identification: int
    offset: int
    ip_length: int
    more: bool


def placed(orphans: Iterable[Orphan], packets: Packets) -> tuple[PlacedOrphan, ...]:
    """The fragments of an IKE SA's ``orphans``, in the order of capture.

    Parameters
    ----------
    orphans : iterable of Orphan
    packets : Packets
        The capture's packet table.
    """
    source = dict([(orphan.frame, orphan.src) for orphan in orphans][:MAX_ORPHANS])
    # The table is in the order of frames; a Wi-Fi frame may hold several packets.
    frames = np.unique(np.fromiter(source, dtype=np.int64, count=len(source)))
    begins, ends = (np.searchsorted(packets.frame, frames, side) for side in ("left", "right"))
    return tuple(
        PlacedOrphan(
            frame=int(packets.frame[row]),
            src=source[int(packets.frame[row])],
            identification=max(int(packets.ip_id[row]), 0),
            offset=int(packets.fragment_offset[row]),
            ip_length=int(packets.ip_length[row]),
            more=bool(packets.mf[row] == 1),
        )
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
        for row in range(begin, end)
    )


def only_short_ends(found: Iterable[PlacedOrphan]) -> bool:
    """Of each datagram only the last fragment is there, though others beside the first must have gone before it.

    A filter on ports stops the first fragment alone; where those in the middle are missing too, and only the shorter
    last one arrives, size decides.
    """
    seen = list(found)
    return bool(seen) and all(not p.more and p.offset > _ONE_PACKET > p.ip_length for p in seen)
