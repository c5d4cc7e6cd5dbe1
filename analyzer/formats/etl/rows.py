"""Packets found in an ETW log, before their bytes are gathered: where they are, when, on which interface.

A log can hold millions of packets in any order, so each is a few bytes in a table until all have been seen.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.formats.records import Interface

#: More packet records are not kept: to sort them and to join their pieces takes some 200 bytes for each.
MAX_ROWS = 1 << 21

#: More interfaces are not told apart: packets on them share one of unknown link type.
MAX_INTERFACES = 1 << 12
MAX_NAMES = 1 << 14

#: Frames that come in pieces: this is the first, the last one. A record that the host dropped the packet.
FIRST, LAST, DROP = 1, 2, 4

#: Wire length of a packet whose record tells none.
UNTOLD = 0

#: One packet, 46 bytes. ``at``: see :class:`analyzer.formats.etl.packet_bytes.PacketBytes`. ``group``, ``number`` are
#: equal for copies of one packet (0: not told), ``appearance`` counts them; ``source`` is the processor, or the
#: component of pktmon; ``reason`` says why it was dropped.
ROW = np.dtype(
    [
        ("time", np.int64),
        ("at", np.int64),
        ("captured", np.uint32),
        ("wire", np.uint32),
        ("interface", np.uint16),
        ("direction", np.int8),
        ("marks", np.uint8),
        ("group", np.uint64),
        ("number", np.uint16),
        ("appearance", np.uint16),
        ("source", np.uint16),
        ("reason", np.uint32),
    ]
)

Rows = NDArray[np.void]


def no_rows(count: int = 0) -> Rows:
    """``count`` rows of zeros."""
    return np.zeros(count, ROW)


class InterfaceTable:
    """Gives each interface, as the log tells it apart, a number.

    Parameters
    ----------
    default_name : callable
        Gives name and description for the key of an interface that nothing names.

    Attributes
    ----------
    names : dict
        Name and description by key, as far as they are told.

    Examples
    --------
    >>> table = InterfaceTable()
    >>> table.number("a", 1), table.number("b", 101), table.number("a", 1)
    (0, 1, 0)
    >>> table.name("b", "mobile", "the modem")
    >>> [(interface.link_type, interface.name) for interface in table.interfaces()]
    [(1, ''), (101, 'mobile')]
    """

    def __init__(self, default_name: Callable[[Any], tuple[str, str]] = lambda _: ("", "")) -> None:
        self._default_name = default_name
        self.names: dict[Hashable, tuple[str, str]] = {}
        self._numbers: dict[tuple[Hashable, int], int] = {}

    def name(self, key: Hashable, name: str, description: str) -> None:
        """Name an interface, before or after its first packet. Names beyond ``MAX_NAMES`` are not kept."""
        if len(self.names) < MAX_NAMES:
            self.names.setdefault(key, (name, description))

    def number(self, key: Hashable, link_type: int) -> int:
        """The number of the interface ``key`` with packets of that link type."""
        known = self._numbers.get((key, link_type))
        if known is None:
            if len(self._numbers) >= MAX_INTERFACES:
                return MAX_INTERFACES
            known = self._numbers[key, link_type] = len(self._numbers)
        return known

    def numbers(
        self, kind: str, parts: Sequence[NDArray[np.int64]], link_types: NDArray[np.int64]
    ) -> NDArray[np.uint16]:
        """The numbers of many interfaces at once.

        Parameters
        ----------
        kind : str
            First part of their keys.
        parts : sequence of int64 arrays
            The other parts.
        link_types : int64 array
            Of each.
        """
        if not len(link_types):
            return np.zeros(0, np.uint16)
        code, columns = np.zeros(len(link_types), np.int64), (*parts, link_types)
        for column in columns:
            if (column != column[0]).any():
                different, codes = np.unique(column, return_inverse=True)
                code = code * len(different) + codes
        _, at, which = np.unique(code, return_index=True, return_inverse=True)
        found = [
            self.number((kind, *key), link_type)
            for *key, link_type in zip(*(column[at].tolist() for column in columns), strict=True)
        ]
        return np.array(found, np.uint16)[which]

    def interfaces(self, capture_filter: str = "") -> list[Interface]:
        """All of them, in the order of their numbers; one of unknown link type behind the most that are kept.

        Parameters
        ----------
        capture_filter : str
            With what filter all of them were captured.
        """
        found = []
        for number, (key, link_type) in enumerate(self._numbers):
            name, description = self.names.get(key) or self._default_name(key)
            found.append(Interface(number, link_type, name=name, description=description, filter=capture_filter))
        if len(found) == MAX_INTERFACES:
            found.append(Interface(MAX_INTERFACES, -1, description="all further interfaces"))
        return found
