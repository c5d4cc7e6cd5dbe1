"""Reading big-endian fields of many packets at once: one fancy index for each field."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Gather:
    """Big-endian reads at arbitrary byte offsets of a buffer, vectorised.

    Offsets may be unaligned; they must leave room for the field inside ``buffer``: readers give ``SLACK`` bytes more.

    Examples
    --------
    >>> import numpy as np
    >>> g = Gather(np.frombuffer(bytes.fromhex("0001f4119400") + bytes(8), dtype=np.uint8))
    >>> g.u16(np.array([1, 3])).tolist()
    [500, 4500]
    """

    def __init__(self, buffer: NDArray[np.uint8]) -> None:
        self.buffer = buffer
        size = len(buffer)
        self._u16 = np.ndarray((max(size - 1, 0),), dtype=">u2", buffer=buffer, strides=(1,))
        self._u32 = np.ndarray((max(size - 3, 0),), dtype=">u4", buffer=buffer, strides=(1,))
        self._u64 = np.ndarray((max(size - 7, 0),), dtype=">u8", buffer=buffer, strides=(1,))

    def u8(self, at: Ints) -> Ints:
        return self.buffer[at].astype(np.int64)

    def u16(self, at: Ints) -> Ints:
        return self._u16[at].astype(np.int64)

    def u32(self, at: Ints) -> Ints:
        return self._u32[at].astype(np.int64)

    def u64(self, at: Ints) -> NDArray[np.uint64]:
        return self._u64[at].astype(np.uint64)
