"""Messages that the capture itself holds more than once: several components, interfaces or mirror ports.

docs/domain/retransmission.md: what has the same bytes and comes within a few milliseconds, or with the same IP
identification within half a second, or with a lower TTL within 0.3 s, was sent once. A retransmission comes 0.3 s later
at the earliest and, sent anew, under a new identification and with the TTL of the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import MISSING, Ints
from analyzer.formats.records import NO_TIME
from analyzer.ike.tables import Wire

SAME_MOMENT = 5_000_000
SAME_PACKET = 500_000_000
#: The soonest that an IKE implementation sends again.
FIRST_REPEAT = 300_000_000


def duplicate_of(wire: Wire) -> Ints:
    """For each message the row of which it is a copy, ``MISSING`` where it is none."""
    m = wire.messages
    result = np.full(len(m.frame), MISSING, dtype=np.int64)
    if len(result) < 2:
        return result
    order = np.lexsort((m.time, m.spi_i, m.digest))  # what came at the same time stays in its order
    before, after = order[:-1], order[1:]
    same = np.ones(len(after), dtype=np.bool_)
    # The digest covers every IKE byte; two messages that agree in it are one message sent or seen again.
    for column in (m.digest, m.spi_i, m.length, m.message_id):
        same &= column[after] == column[before]
    if not same.any():
        return result
    gap = m.time[after] - m.time[before]
    # Without a time nothing tells how soon it came again.
    gap[(m.time[after] == NO_TIME) | (m.time[before] == NO_TIME)] = SAME_PACKET
    identification, hops = _of_messages(wire, wire.packets.ip_id), _of_messages(wire, wire.packets.ttl)
    one_packet = (identification[after] == identification[before]) & (identification[after] > 0)
    routed = (hops[after] < hops[before]) & (hops[after] > 0)
    copy = same & ((gap < SAME_MOMENT) | (one_packet & (gap < SAME_PACKET)) | (routed & (gap < FIRST_REPEAT)))
    for i in np.flatnonzero(copy).tolist():
        origin = int(before[i])
        result[after[i]] = origin if result[origin] == MISSING else result[origin]
    return result


def _of_messages(wire: Wire, column: NDArray[Any]) -> Ints:
    """A column of the packet that carried each message, or of one of its fragments; ``MISSING`` over TCP."""
    by_datagram = np.full(len(wire.datagrams.fragments) + 1, MISSING, dtype=np.int64)
    # The first packet of a datagram counts: copies of its fragments come behind.
    order = np.argsort(wire.packets.time, kind="stable")[::-1]
    by_datagram[wire.packets.datagram[order]] = column[order]
    return by_datagram[np.where(wire.messages.datagram == MISSING, len(by_datagram) - 1, wire.messages.datagram)]


@dataclass(frozen=True, slots=True)
class DuplicateCount:
    """How many copies a capture holds, and why they are taken for copies.

    Attributes
    ----------
    messages : int
        Messages left aside; the next three count among them.
    other_interface : int
        Seen on another interface or component than the original.
    routed : int
        With fewer hops to live: the other side of a router.
    same_identification : int
        Under the IP identification of the original.
    fragments : int
        DuplicateCount of single IP fragments within a datagram, not counted among the messages.
    frames : tuple of int
        Frames of the messages left aside.
    """

    messages: int
    other_interface: int
    routed: int
    same_identification: int
    fragments: int
    frames: tuple[int, ...]


def count_duplicates(wire: Wire, origins: Ints) -> DuplicateCount:
    """Count what :func:`duplicate_of` found, by what a person can check.

    Parameters
    ----------
    wire : Wire
        Tables of one capture.
    origins : int64 array
        What :func:`duplicate_of` gave for it.
    """
    rows = np.flatnonzero(origins != MISSING)
    of = origins[rows]
    interface, hops, identification = (
        _of_messages(wire, column) for column in (wire.packets.interface, wire.packets.ttl, wire.packets.ip_id)
    )
    same = (identification[rows] == identification[of]) & (identification[rows] > 0)
    return DuplicateCount(
        messages=len(rows),
        other_interface=int(np.count_nonzero(interface[rows] != interface[of])),
        routed=int(np.count_nonzero(hops[rows] < hops[of])),
        same_identification=int(np.count_nonzero(same)),
        fragments=len(wire.packets.frame) - int(wire.datagrams.fragments.sum()),
        frames=tuple(wire.messages.frame[rows].tolist()),
    )
