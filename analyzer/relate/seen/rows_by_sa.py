"""Which messages are of one IKE SA: those of one initiator that share its SPI and the major version."""

from __future__ import annotations

import numpy as np

from analyzer.columns import MISSING, Ints, repeated
from analyzer.ike.collect import MAX_OF_SA
from analyzer.ike.tables import Wire
from analyzer.relate.seen.hosts_of_spi import parts_of_groups


def rows_by_sa(wire: Wire, copies: Ints) -> tuple[Ints, Ints]:
    """Rows of the messages, SA by SA in the order of appearance, and where each SA begins among them."""
    m = wire.messages
    rows = np.flatnonzero(copies == MISSING)
    if not len(rows):
        return rows, np.zeros(1, dtype=np.int64)
    order = rows[np.lexsort((rows, m.version[rows] >> 4, m.spi_i[rows]))]
    spi, major = m.spi_i[order], m.version[order] >> 4
    begins = np.flatnonzero(np.r_[True, (spi[1:] != spi[:-1]) | (major[1:] != major[:-1])])
    begins, order = _shared_out(wire, begins, order)
    sizes = np.diff(np.r_[begins, len(order)])
    appearance = np.argsort(order[begins], kind="stable")
    begins, sizes = begins[appearance], np.minimum(sizes, MAX_OF_SA)[appearance]
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    # The rows of each SA go from their place by SPI to that by appearance.
    return order[np.arange(bounds[-1]) + repeated(begins - bounds[:-1], sizes)], bounds


def _shared_out(wire: Wire, begins: Ints, order: Ints) -> tuple[Ints, Ints]:
    """Where each SA begins, and the order, when those of several hosts with one SPI are kept apart."""
    parts = parts_of_groups(wire, order, begins)
    if not parts.any():
        return begins, order
    group = repeated(np.arange(len(begins)), np.diff(np.r_[begins, len(order)]))
    again = np.lexsort((order, parts, group))
    group, parts = group[again], parts[again]
    return np.flatnonzero(np.r_[True, (group[1:] != group[:-1]) | (parts[1:] != parts[:-1])]), order[again]
