"""One packet, many sightings: which of pktmon's records of it to keep, and whether the host dropped it.

docs/domain/windows-traces.md, docs/domain/retransmission.md: records of one group and number are one packet. Kept is
the one nearest the wire: the first of an inbound packet, the last of an outbound one; one that is Ethernet or IP before
one in Wi-Fi's own format, which a Wi-Fi driver makes of it or has made it from. A drop counts when the packet was not
seen again behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyzer.formats.etl.rows import DROP, Rows
from analyzer.formats.records import NO_TIME
from analyzer.links.types import DIRECTION_OUT, DIRECTION_UNKNOWN, ETHERNET, IEEE802_11, RAW

#: Sightings further apart are not of one packet: numbers are used again when pktmon is started again, ns.
TOGETHER = 1_000_000_000

#: How well a packet can be read by its link type, the best first.
_PREFERRED = {ETHERNET: 0, RAW: 0, IEEE802_11: 1}
_UNREADABLE = 2


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left when each packet is there once.

    Attributes
    ----------
    rows : Rows
        One for each packet, in the order given. One that the host dropped has the mark ``DROP``, and ``source`` and
        ``reason`` of the record of its drop.
    left_out : int
        Further records of these packets.
    unreadable : int
        Packets of which there are only pieces without addresses.
    """

    rows: Rows
    left_out: int
    unreadable: int


def one_copy_each(rows: Rows, link_types: NDArray[np.int32]) -> Kept:
    """Keep one record of each packet.

    Parameters
    ----------
    rows : Rows
        All records, with times.
    link_types : int32 array
        Of each row.
    """
    preferred = np.full(len(rows), _UNREADABLE, np.int8)
    for link_type, rank in _PREFERRED.items():
        preferred[link_types == link_type] = rank
    if not rows["group"].any() and not (rows["marks"] & DROP).any():
        readable = preferred < _UNREADABLE
        return Kept(rows[readable], 0, int(np.count_nonzero(~readable)))
    order = np.lexsort((rows["appearance"], rows["time"], rows["number"], rows["group"]))
    first, packet = _packets(rows, order)
    direction = _first_direction(rows["direction"][order], packet, len(first))
    nearest = np.arange(len(order), dtype=np.int32)
    nearest[direction[packet] == DIRECTION_OUT] *= -1
    best = order[np.lexsort((nearest, preferred[order], packet))[first]]
    drop = rows["marks"][order] & DROP > 0
    last_seen, last_drop = _last(packet, ~drop, len(first)), _last(packet, drop, len(first))
    dropped = last_drop > last_seen
    kept = rows[best]
    kept["marks"] &= np.uint8(0xFF ^ DROP)
    kept["marks"][dropped] |= np.uint8(DROP)
    for column in ("source", "reason"):
        kept[column][dropped] = rows[column][order[last_drop[dropped]]]
    kept["direction"] = np.where(kept["direction"] == DIRECTION_UNKNOWN, direction, kept["direction"])
    useful = np.flatnonzero(preferred[best] < _UNREADABLE)
    kept = kept[useful[np.argsort(best[useful])]]
    return Kept(kept, len(rows) - len(first), len(first) - len(kept))


def _packets(rows: Rows, order: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Where in ``order`` each packet's records begin, and the number of the packet of each record."""
    group, number, time = rows["group"][order], rows["number"][order], rows["time"][order]
    same = (group[1:] > 0) & (group[1:] == group[:-1]) & (number[1:] == number[:-1])
    known = (time[1:] != NO_TIME) & (time[:-1] != NO_TIME)
    begins = np.ones(len(order), np.bool_)
    begins[1:] = ~same | (known & (time[1:] - np.where(known, time[:-1], 0) > TOGETHER))
    return np.flatnonzero(begins), np.cumsum(begins, dtype=np.int32) - 1


def _first_direction(direction: NDArray[np.int8], packet: NDArray[np.int32], packets: int) -> NDArray[np.int8]:
    found = np.full(packets, DIRECTION_UNKNOWN, np.int8)
    known = np.flatnonzero(direction != DIRECTION_UNKNOWN)[::-1]
    found[packet[known]] = direction[known]
    return found


def _last(packet: NDArray[np.int32], mask: NDArray[np.bool_], packets: int) -> NDArray[np.int64]:
    """The place of the last record of each packet that is in ``mask``; -1 if none is."""
    found = np.full(packets, -1, np.int64)
    found[packet[mask]] = np.flatnonzero(mask)
    return found
