"""IKE messages wait here until there are enough of them to be read together.

In a client's trace a chunk of ten thousand packets holds a handful of IKE messages; reading them chunk by chunk would
cost more than finding them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from analyzer.columns import Ints
from analyzer.formats.records import SLACK
from analyzer.ike.message_columns import Batch, read_messages
from analyzer.packets.assembled import Origin

#: Messages that are worth a reading of their own, and bytes beyond which nothing waits any longer.
ENOUGH = 2_000
MAX_BYTES = 16 << 20


class MessageQueue:
    """Copies of messages with their origins, in the order in which they were added."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._data: list[bytes] = []
        self._wire: list[Ints] = []
        self._origins: list[Origin] = []
        self._bytes = 0

    def add(self, data: Sequence[bytes], wire: Ints, origin: Origin) -> None:
        """Keep messages: their captured bytes, their lengths on the wire, their origins (one element each)."""
        self._data += data
        self._wire.append(wire)
        self._origins.append(origin)
        self._bytes += sum(map(len, data))

    @property
    def is_full(self) -> bool:
        return len(self._data) >= ENOUGH or self._bytes >= MAX_BYTES

    def read(self) -> Batch | None:
        """Read all that wait, and forget them; None when there are none."""
        if not self._data:
            return None
        starts = np.cumsum([0, *map(len, self._data)], dtype=np.int64)
        buffer = np.frombuffer(b"".join([*self._data, bytes(SLACK)]), dtype=np.uint8)
        origin = Origin(*(np.concatenate([getattr(o, f.name) for o in self._origins]) for f in fields(Origin)))
        batch = read_messages(buffer, starts[:-1], np.diff(starts), np.concatenate(self._wire), origin)
        self._forget()
        return batch
