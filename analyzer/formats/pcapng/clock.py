"""The clocks of pcapng interfaces: ticks of any resolution to nanoseconds, exactly (draft-ietf-opsawg-pcapng 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyzer.formats.records import NO_TIME

SECOND = 1_000_000_000  # ns
LATEST = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Clock:
    """One interface's clock.

    Attributes
    ----------
    divisor : int
        Ticks in a second; 0 when unknown.
    offset : int
        Seconds to add (``if_tsoffset``).
    """

    divisor: int = 1_000_000
    offset: int = 0

    @classmethod
    def of_resolution(cls, resolution: int, offset: int = 0) -> Clock:
        """Clock from the octet of ``if_tsresol``: a negative power of 10, or of 2 with the top bit set.

        Examples
        --------
        >>> Clock.of_resolution(9).divisor, Clock.of_resolution(0x80 | 10).divisor
        (1000000000, 1024)
        """
        exponent = resolution & 0x7F
        return cls(2**exponent if resolution & 0x80 else 10**exponent, offset)

    def time(self, ticks: int) -> int:
        """Nanoseconds since the epoch, rounded down; ``NO_TIME`` when unknown or beyond int64.

        Examples
        --------
        >>> Clock(1024, offset=10).time(1536)
        11500000000
        """
        if not self.divisor:
            return NO_TIME
        time = ticks * SECOND // self.divisor + self.offset * SECOND
        return time if -LATEST <= time <= LATEST else NO_TIME


class Clocks:
    """The clocks of all interfaces of a file; converts a column of timestamps at once.

    Examples
    --------
    >>> clocks = Clocks()
    >>> clocks.add(Clock())
    >>> clocks.add(Clock.of_resolution(9))
    >>> clocks.times(np.array([0, 1, 0]), np.array([5, 5, 2**63], np.uint64)).tolist() == [5000, 5, NO_TIME]
    True
    """

    def __init__(self) -> None:
        self._clocks: list[Clock] = []
        self._factors: list[int] = []  # ns of a tick where that is whole and nothing is added; else 0
        self._table = np.zeros(0, np.uint64)

    def add(self, clock: Clock) -> None:
        """Add the clock of the next interface."""
        whole = clock.divisor and not clock.offset and SECOND % clock.divisor == 0
        self._clocks.append(clock)
        self._factors.append(SECOND // clock.divisor if whole else 0)

    def times(self, interface: NDArray[np.integer], ticks: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Nanoseconds since the epoch for each pair of interface index and tick count; ``NO_TIME`` beyond int64."""
        if len(self._table) != len(self._factors):
            self._table = np.array(self._factors, np.uint64)
        factor = self._table[interface]
        fits = ticks <= np.uint64(LATEST) // np.maximum(factor, np.uint64(1))
        times = np.where(fits, ticks * factor, np.uint64(0)).astype(np.int64)
        times[~fits] = NO_TIME
        for odd in np.flatnonzero(factor == 0).tolist():
            times[odd] = self._clocks[int(interface[odd])].time(int(ticks[odd]))
        return times
