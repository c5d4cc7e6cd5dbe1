"""The clock of an ETW log: ticks since boot, 100 ns since 1601, or CPU cycles, to nanoseconds since 1970.

Sources: docs/domain/windows-traces.md; ``TRACE_LOGFILE_HEADER`` (its ``ReservedFlags`` name the clock). The time at
which the log was started is that of its first event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyzer.formats.records import NO_TIME

#: Clocks by number; 0 means the first.
PERFORMANCE_COUNTER, SYSTEM_TIME, CPU_CYCLES = 1, 2, 3

#: Ticks of a FILETIME in a second; those from 1601 to 1970 (11,644,473,600 seconds).
FILETIME_SECOND = 10_000_000
FILETIME_EPOCH = 11_644_473_600 * FILETIME_SECOND

_SECOND = 1_000_000_000
#: Beyond this many seconds from the first event (97 years) a time is damage; and the highest frequency with which
#: nanoseconds can be computed in 64 bits, Hz.
_FARTHEST = 1 << 31
_FASTEST = (1 << 63) // _SECOND


@dataclass(frozen=True, slots=True)
class EtlClock:
    """How to turn the times of a log's events into nanoseconds since the epoch.

    Attributes
    ----------
    frequency : int
        Ticks in a second; 0 when unknown: then no event has a time.
    first : int
        Tick of the start.
    start : int
        The start in nanoseconds since the epoch.
    """

    frequency: int
    first: int
    start: int

    @classmethod
    def of(cls, kind: int, frequency: int, megahertz: int, start: int, first: int) -> EtlClock:
        """Make the clock from a log file header.

        Parameters
        ----------
        kind : int
            Number of the clock.
        frequency, megahertz : int
            Of the performance counter, Hz; of the CPU, MHz.
        start, first : int
            When the log was started, as FILETIME; and the time of its first event, in ticks.

        Examples
        --------
        >>> EtlClock.of(2, 0, 0, 116444736000000005, 116444736000000005).start
        500
        """
        if kind == SYSTEM_TIME:
            frequency, first = FILETIME_SECOND, start
        elif kind == CPU_CYCLES:
            frequency = megahertz * 1_000_000
        epoch = (start - FILETIME_EPOCH) * 100
        sound = 0 < frequency < _FASTEST and 0 <= epoch < 1 << 62
        return cls(frequency if sound else 0, first, epoch if sound else 0)

    def times(self, ticks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Nanoseconds since the epoch, rounded down; ``NO_TIME`` when unknown or out of all reason.

        Examples
        --------
        >>> EtlClock(3, first=10, start=1_000_000_000_000_000_000).times(np.array([10, 11, 13, 9])).tolist()
        [1000000000000000000, 1000000000333333333, 1000000001000000000, 999999999666666666]
        """
        if not self.frequency:
            return np.full(len(ticks), NO_TIME)
        # A difference that overflows comes out as something; what is too far is judged in floating point, safely: one
        # that is nearly too far lies beyond what 64 bits hold only where floating point says at least 2^63.
        distance = np.abs(ticks.astype(np.float64) - self.first)
        far = distance >= min(float(_FARTHEST) * self.frequency, 2.0**63)
        seconds, rest = np.divmod(ticks - np.int64(self.first), np.int64(self.frequency))
        times = self.start + np.where(far, 0, seconds) * _SECOND + rest * _SECOND // self.frequency
        return np.where(far, NO_TIME, times)
