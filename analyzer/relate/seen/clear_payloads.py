"""Which messages hold a clear payload or notify of some type, for all messages of a capture at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import Bools
from analyzer.ike.tables import Wire


def having_payload(wire: Wire, kind: int) -> Bools:
    """For each message: does it hold a clear payload of this type?"""
    return having(wire.payload_type == kind, wire.messages.payload_first, wire.messages.payload_count)


def having_notify(wire: Wire, kind: int) -> Bools:
    """For each message: does it hold a clear Notify of this type?"""
    return having(wire.notify_type == kind, wire.messages.notify_first, wire.messages.notify_count)


def having(hits: Bools, first: NDArray[Any], count: NDArray[Any]) -> Bools:
    """Which messages have at least one hit among their ``count`` elements from ``first`` on."""
    before = np.concatenate([[0], np.cumsum(hits)])
    found: Bools = before[first + count] > before[first]
    return found
