"""Blocks of a pcapng: type, total length, body, total length again (draft-ietf-opsawg-pcapng 3.1 and 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Block types; ``OBSOLETE`` is the Packet Block that the Enhanced Packet Block replaced.
SECTION, INTERFACE, OBSOLETE, SIMPLE, STATISTICS, ENHANCED = 0x0A0D0D0A, 1, 2, 3, 5, 6

#: Blocks that hold no packet, yet have a frame number in Wireshark (4.0.17): custom blocks, systemd's journal, sysdig's
#: events.
NUMBERED = np.array([0xBAD, 0x40000BAD, 9, 0x204, 0x216, 0x221], np.uint32)

#: Shortest total length by block type, bytes; the last one for all other types.
SHORTEST = np.array([12, 20, 32, 16, 12, 24, 32, 12])

#: Byte-order magic of a section header, read in the right and in the wrong byte order.
BYTE_ORDER, FOREIGN_BYTE_ORDER = 0x1A2B3C4D, 0x4D3C2B1A


def words(buffer: NDArray[np.uint8], end: int, order: str, offset: int, count: int = 1, size: int = 4) -> NDArray[Any]:
    """A view: ``count`` words of ``size`` bytes each, ``offset`` bytes behind every offset from 0 to ``end``.

    Parameters
    ----------
    buffer : uint8 array
        Readable ``offset + count * size`` bytes past ``end``.

    Examples
    --------
    >>> words(np.arange(8, dtype=np.uint8), 3, "<", offset=1, count=2, size=2)[[0, 3]]
    array([[ 513, 1027],
           [1284, 1798]], dtype=uint16)
    """
    return np.ndarray((end + 1, count), f"{order}u{size}", buffer, offset, (1, size))


def well_sized(kinds: NDArray[Any], lengths: NDArray[np.int64], longest: int) -> NDArray[np.bool_]:
    """Whether a block of that type can have that total length.

    Examples
    --------
    >>> well_sized(np.array([6, 6, 99]), np.array([28, 32, 8]), 1 << 20)
    array([False,  True, False])
    """
    least = SHORTEST[np.minimum(kinds, len(SHORTEST) - 1)]
    sized: NDArray[np.bool_] = (lengths >= least) & (lengths <= longest)
    return sized


@dataclass(frozen=True, slots=True)
class Blocks:
    """A run of sound blocks in one byte order: offsets in ``buffer[:end]``, types, total lengths with padding."""

    buffer: NDArray[np.uint8]
    end: int
    order: str
    offsets: NDArray[np.int64]
    kinds: NDArray[Any]
    lengths: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets)

    def words(self, offset: int, count: int, size: int = 4) -> NDArray[Any]:
        """The words ``offset`` bytes behind the start of each block; a row a block."""
        return words(self.buffer, self.end, self.order, offset, count, size)[self.offsets]

    def raw(self, block: int) -> bytes:
        """One block without its closing length."""
        offset = int(self.offsets[block])
        return self.buffer[offset : offset + int(self.lengths[block]) - 4].tobytes()

    def only(self, which: NDArray[Any]) -> Blocks:
        """The blocks of a mask, of indices or of a slice."""
        columns = self.offsets[which], self.kinds[which], self.lengths[which]
        return Blocks(self.buffer, self.end, self.order, *columns)
