"""Which messages are of one IKE SA: those that share the initiator SPI and the major version."""

from __future__ import annotations

import numpy as np

from analyzer.columns import MISSING, Ints, repeated
from analyzer.ike.collect import MAX_OF_SA
from analyzer.ike.tables import Wire


def rows_by_sa(wire: Wire, copies: Ints) -> tuple[Ints, Ints]:
    """Rows of the messages, SA by SA in the order of appearance, and where each SA begins among them."""
    m = wire.messages
    rows = np.flatnonzero(copies == MISSING)
    if not len(rows):
        return rows, np.zeros(1, dtype=np.int64)
    order = rows[np.lexsort((rows, m.version[rows] >> 4, m.spi_i[rows]))]
    spi, major = m.spi_i[order], m.version[order] >> 4
    begins = np.flatnonzero(np.r_[True, (spi[1:] != spi[:-1]) | (major[1:] != major[:-1])])
    sizes = np.diff(np.r_[begins, len(order)])
    appearance = np.argsort(order[begins], kind="stable")
    begins, sizes = begins[appearance], np.minimum(sizes, MAX_OF_SA)[appearance]
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    # The rows of each SA go from their place by SPI to that by appearance.
    return order[np.arange(bounds[-1]) + repeated(begins - bounds[:-1], sizes)], bounds
