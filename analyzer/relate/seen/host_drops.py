"""Messages that the capturing host says it dropped itself."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from analyzer.columns import MISSING, Ints
from analyzer.ike.tables import Wire


def dropped_messages(wire: Wire, copies: Ints) -> dict[int, tuple[int, ...]]:
    """Messages of which the capturing host dropped a packet itself, by row, with the frames that say so.

    A host that records drops (pktmon) often holds the packet twice, on its way and where it ended
    (docs/domain/windows-traces.md): what is said of a copy counts for the message.
    """
    dropped = np.flatnonzero(wire.packets.dropped > 0)
    frames: dict[int, list[int]] = defaultdict(list)
    for i in dropped.tolist():
        frames[int(wire.packets.datagram[i])].append(int(wire.packets.frame[i]))
    found: dict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(np.isin(wire.messages.datagram, list(frames))).tolist():
        origin = row if copies[row] == MISSING else int(copies[row])
        found[origin] += frames[int(wire.messages.datagram[row])]
    return {row: tuple(sorted(told)) for row, told in found.items()}
