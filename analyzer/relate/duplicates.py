"""Messages that the capture itself holds more than once: several components, interfaces or mirror ports.

domain.md 4.2: the same bytes within a few milliseconds, or with the same IP identification within half a second, were
sent once. A retransmission comes 0.3 s later at the earliest and, sent anew, under a new identification.
"""

from __future__ import annotations

import numpy as np

from analyzer.capture.gather import Ints
from analyzer.wire.tables import MISSING, Wire

SAME_MOMENT = 5_000_000
SAME_PACKET = 500_000_000


def duplicate_of(wire: Wire) -> Ints:
    """For each message the row of which it is a copy, ``MISSING`` where it is none."""
    m = wire.messages
    result = np.full(len(m.frame), MISSING, dtype=np.int64)
    if len(result) < 2:
        return result
    order = np.lexsort((np.arange(len(result)), m.spi_i, m.digest))
    same = np.ones(len(order) - 1, dtype=np.bool_)
    # The digest covers every IKE byte; two messages that agree in it are one message sent or seen again.
    for column in (m.digest, m.spi_i, m.length, m.message_id):
        same &= column[order[1:]] == column[order[:-1]]
    if not same.any():
        return result
    gap = m.time[order[1:]] - m.time[order[:-1]]
    identification = _identification(wire)
    one_packet = (identification[order[1:]] == identification[order[:-1]]) & (identification[order[1:]] > 0)
    copy = same & ((gap < SAME_MOMENT) | (one_packet & (gap < SAME_PACKET)))
    for i in np.flatnonzero(copy).tolist():
        before = int(order[i])
        result[order[i + 1]] = before if result[before] == MISSING else result[before]
    return result


def _identification(wire: Wire) -> Ints:
    """IP identification of the packet that carried each message; of one of its fragments; ``MISSING`` over TCP."""
    by_datagram = np.full(len(wire.datagrams.fragments) + 1, MISSING, dtype=np.int64)
    by_datagram[wire.packets.datagram] = wire.packets.ip_id
    return by_datagram[np.where(wire.messages.datagram == MISSING, len(by_datagram) - 1, wire.messages.datagram)]
