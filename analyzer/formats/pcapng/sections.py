"""What the blocks between a pcapng's packets say: sections, interfaces, statistics (draft-ietf-opsawg-pcapng 4.1-4.6).

An interface number in a packet counts the descriptions of its own section; here they get one number over the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyzer.formats.pcapng.blocks import INTERFACE, SECTION, STATISTICS, Blocks
from analyzer.formats.pcapng.clock import Clock, Clocks
from analyzer.formats.pcapng.options import options
from analyzer.formats.records import Interface
from analyzer.printable import decoded

#: More interfaces of one file are not kept; packets on them count as packets without interface.
MAX_INTERFACES = 1 << 14

#: Options of an interface description, and of interface statistics.
NAME, DESCRIPTION, RESOLUTION, FILTER, OFFSET = 2, 3, 9, 11, 14
INTERFACE_DROPS, SYSTEM_DROPS = 5, 7

#: A counter that its writer could not tell.
NO_COUNT = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Scopes:
    """Which interfaces stood behind an interface number, block by block.

    Attributes
    ----------
    blocks : int64 array
        Indices of the blocks that changed it, increasing; the first is -1, for what was so before.
    first, count : int64 arrays
        From each of them on: where in ``slots`` the section's interfaces begin, and how many there are.
    slots : int64 array
        Indices of interfaces over the whole file.
    """

    blocks: NDArray[np.int64]
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    slots: NDArray[np.int64]

    def interface(self, block: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index over the file of interface ``number`` as block ``block`` means it; -1 where there is none.

        Examples
        --------
        Interface 0 is described by block 0; a new section starts at block 3 and describes none:

        >>> columns = ([-1, 0, 3], [0, 0, 1], [0, 1, 0], [0])
        >>> scopes = Scopes(*(np.array(column) for column in columns))
        >>> scopes.interface(np.array([1, 2, 4]), np.array([0, 1, 0]))
        array([ 0, -1, -1])
        """
        state = np.searchsorted(self.blocks, block) - 1
        known = number < self.count[state]
        index = np.full(len(block), -1, np.int64)
        index[known] = self.slots[(self.first[state] + number)[known]]
        return index


class Sections:
    """Reads the blocks that describe a file; ``interfaces`` is filled as they come.

    Attributes
    ----------
    clocks : Clocks
        One for each of the interfaces.
    drops : dict
        By interface: packets that the interface and the operating system dropped, as last told.
    left_out : int
        Descriptions beyond ``MAX_INTERFACES``.
    versions : set
        Versions other than 1.x that a section header names, a few.
    """

    def __init__(self, interfaces: list[Interface]) -> None:
        self.interfaces = interfaces
        self.clocks = Clocks()
        self.drops: dict[int, int] = {}
        self.left_out = 0
        self.versions: set[int] = set()
        self._section: list[int] = []
        self._unknown: int | None = None

    def read(self, blocks: Blocks) -> Scopes:
        """Read all such blocks of a run; what interface numbers mean in it."""
        slots = list(self._section)
        first = 0
        states = [(-1, 0, len(slots))]
        kinds, order = blocks.kinds, blocks.order
        for block in np.flatnonzero((kinds == INTERFACE) | (kinds == STATISTICS) | (kinds == SECTION)).tolist():
            raw = blocks.raw(block)
            if kinds[block] == STATISTICS:
                self._statistics(raw, order)
                continue
            if kinds[block] == SECTION:
                self._section = []
                first = len(slots)
                self._version(raw, order)
            elif len(self.interfaces) < MAX_INTERFACES:
                slots.append(self._describe(raw, order))
                self._section.append(slots[-1])
            else:
                self.left_out += 1
            states.append((block, first, len(slots) - first))
        columns = np.array(states, np.int64).T
        return Scopes(columns[0], columns[1], columns[2], np.array(slots, np.int64))

    def unknown(self) -> int:
        """Index of the interface that stands for all that are not described: link type -1, no clock."""
        if self._unknown is None:
            self._unknown = len(self.interfaces)
            self.interfaces.append(Interface(self._unknown, -1))
            self.clocks.add(Clock(0))
        return self._unknown

    def _version(self, raw: bytes, order: str) -> None:
        (major,) = struct.unpack_from(order + "H", raw, 12)
        if major != 1 and len(self.versions) < 10:
            self.versions.add(major)

    def _describe(self, raw: bytes, order: str) -> int:
        index = len(self.interfaces)
        link_type, snaplen = struct.unpack_from(order + "H2xI", raw, 8)
        said = dict(reversed(list(options(raw[16:], order))))  # the first of two equal options counts
        self.interfaces.append(
            Interface(
                index,
                link_type,
                snaplen,
                name=decoded(said.get(NAME, b"")),
                description=decoded(said.get(DESCRIPTION, b"")),
                filter=capture_filter(said.get(FILTER, b"")),
            )
        )
        resolution, offset = said.get(RESOLUTION, b""), said.get(OFFSET, b"")
        self.clocks.add(
            Clock.of_resolution(
                resolution[0] if len(resolution) == 1 else 6,
                struct.unpack(order + "q", offset)[0] if len(offset) == 8 else 0,
            )
        )
        return index

    def _statistics(self, raw: bytes, order: str) -> None:
        (number,) = struct.unpack_from(order + "I", raw, 8)
        if number >= len(self._section):
            return
        counts = [
            struct.unpack(order + "Q", value)[0]
            for code, value in options(raw[20:], order)
            if code in (INTERFACE_DROPS, SYSTEM_DROPS) and len(value) == 8
        ]
        if counts:
            self.drops[self._section[number]] = sum(count for count in counts if count != NO_COUNT)


def capture_filter(value: bytes) -> str:
    """Text of ``if_filter``: one octet says what follows, 0 a filter expression, 1 its compiled program.

    Examples
    --------
    >>> capture_filter(b"\\0udp port 500")
    'udp port 500'
    >>> capture_filter(b"\\1" + bytes(16))
    'a BPF program of 2 instructions'
    """
    if value[:1] == b"\0":
        return decoded(value[1:])
    if value[:1] == b"\1":
        return f"a BPF program of {len(value) // 8} instructions"
    return decoded(value)
