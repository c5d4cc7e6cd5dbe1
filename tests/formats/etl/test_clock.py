"""The clock of an ETW log, against plain integers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.formats.etl.clock import FILETIME_EPOCH, EtlClock
from analyzer.formats.records import NO_TIME

ticks = st.integers(-(2**63), 2**63 - 1)


@given(ticks, ticks, st.integers(1, 9_000_000_000), st.integers(FILETIME_EPOCH, FILETIME_EPOCH + 2**55))
def test_times_are_exact_or_not_there(tick: int, first: int, frequency: int, start: int) -> None:
    clock = EtlClock.of(1, frequency, 0, start, first)
    (time,) = clock.times(np.array([tick])).tolist()
    exact = (start - FILETIME_EPOCH) * 100 + (tick - first) * 10**9 // frequency
    assert time in (exact, NO_TIME)
    # Within 60 years of the start there is one; where a difference nearly overflows, there need not be.
    assert time == exact or abs(tick - first) > min(60 * 365 * 86400 * frequency, 2**63 - 1024)


@given(ticks, st.integers(0, 2**32), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**32), ticks)
def test_nothing_raises(tick: int, kind: int, frequency: int, megahertz: int, start: int) -> None:
    clock = EtlClock.of(kind % 5, frequency, megahertz, start, tick)
    assert len(clock.times(np.array([tick, 0, -tick if tick > -(2**63) else 0]))) == 3


def test_known_moments() -> None:
    """1601 is 11,644,473,600 seconds before 1970; a processor of 2396 MHz makes 2,396,000,000 cycles in a second."""
    start = FILETIME_EPOCH + 10_000_000
    assert EtlClock.of(2, 0, 0, start, 5).times(np.array([start + 1])).tolist() == [1_000_000_100]
    assert EtlClock.of(3, 1, 2396, start, 7).times(np.array([7 + 2_396_000_000])).tolist() == [2_000_000_000]
    assert EtlClock.of(1, 0, 2396, start, 7).times(np.array([7])).tolist() == [NO_TIME]
    assert EtlClock.of(1, 10, 0, FILETIME_EPOCH - 1, 7).times(np.array([7])).tolist() == [NO_TIME]
