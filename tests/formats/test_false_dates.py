"""Records with a date far from all others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.formats.false_dates import FAR, Dates
from analyzer.formats.records import NO_TIME, Chunk, Note
from tests.properties.frames import chunk_of

SECOND, DAY = 10**9, 86_400 * 10**9
#: In 2026.
T = 20_500 * DAY


def steady(times: list[int], size: int = 1 << 20) -> tuple[list[int], list[Note]]:
    """Times after the packets went through in chunks of some size; bytes and frame numbers stay as they are."""

    def chunks() -> Iterator[Chunk]:
        for begin in range(0, len(times), size):
            chunk = chunk_of([(bytes([n % 256] * 3), 3) for n in range(begin, min(begin + size, len(times)))])
            chunk.first_frame, chunk.time = begin + 1, np.array(times[begin : begin + size], np.int64)
            yield chunk
            chunk.buffer = np.zeros(0, np.uint8)  # no longer valid

    dates = Dates()
    found: list[int] = []
    for chunk in dates.steady(chunks()):
        for row in range(len(chunk)):
            data = chunk.buffer[chunk.start[row] : chunk.start[row] + 3].tobytes()
            assert data == bytes([(chunk.first_frame + row - 1) % 256] * 3)
            assert chunk.first_frame + row == len(found) + 1
            found.append(int(chunk.time[row]))
    assert len(found) == len(times)
    return found, dates.notes


def seconds(*offsets: int) -> list[int]:
    return [T + offset * SECOND for offset in offsets]


@pytest.mark.parametrize("date", [0, 2**32 * SECOND, T + 400 * DAY, T - 400 * DAY, np.iinfo(np.int64).max])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_lone_date(date: int, size: int) -> None:
    good = seconds(0, 2, 4, 6, 8, 10)
    for i in range(6):
        found, (note,) = steady([*good[:i], date, *good[i + 1 :]], size)
        middle = {0: T + 2 * SECOND, 5: T + 8 * SECOND}.get(i, good[i])
        assert found == [*good[:i], middle, *good[i + 1 :]]
        assert (note.id, note.frame, note.hides) == ("capture-damaged", i + 1, False)


def test_several_lone_dates_are_one_note() -> None:
    found, (note,) = steady([0, *seconds(0, 2), 5 * DAY, *seconds(4, 6), 50 * DAY, T + 99 * DAY, *seconds(8, 10)])
    assert found == seconds(0, 0, 2, 3, 4, 6, 7, 7, 8, 10)
    assert note.frame == 1 and "the first of 4 such records" in note.detail


def test_bounds_of_the_first_lone_dates_are_remembered(monkeypatch) -> None:
    """Frame 4 lies between 2 s and 4 s, frame 1 at what follows it. With too many, no time is relied on."""

    def remembered() -> tuple[dict[int, tuple[int, int]], bool]:
        dates = Dates()
        chunk = chunk_of([(b"abc", 3)] * 6)
        chunk.first_frame, chunk.time = 1, np.array([0, *seconds(0, 2), 5 * DAY, *seconds(4, 6)], np.int64)
        list(dates.steady([chunk]))
        return dates.bounds, dates.notes[0].hides

    assert remembered() == ({1: (T, T), 4: (T + 2 * SECOND, T + 4 * SECOND)}, False)
    monkeypatch.setattr("analyzer.formats.false_dates.MANY", 1)
    assert remembered() == ({1: (T, T)}, True)


@pytest.mark.parametrize(("away", "damaged"), [(FAR, False), (FAR + 2, True)])
def test_how_far_is_far(away: int, damaged: bool) -> None:
    assert bool(steady([T, T, T + away, T, T])[1]) == damaged
    assert bool(steady([T, T + away + 1])[1]) is False


@pytest.mark.parametrize("before", [2, 5])
@pytest.mark.parametrize("behind", [2, 5])
def test_a_clock_that_jumps_is_no_damage(before: int, behind: int) -> None:
    """A machine without a clock of its own begins in 1970 and asks for the time."""
    times = [n * SECOND for n in range(before)] + seconds(*range(behind))
    for size in (1, 2, 3, 100):
        assert steady(times, size) == (times, [])


def test_what_cannot_be_decided_stays() -> None:
    for times in ([], [0], [0, T], [T, 0], [0, T, T + 99 * DAY], [NO_TIME] * 4, [NO_TIME, T, NO_TIME, 0]):
        assert steady(times) == (times, [])


def test_two_that_agree_are_no_damage() -> None:
    times = [*seconds(0, 1), 0, SECOND, *seconds(2, 3)]
    assert steady(times) == (times, [])


def test_days_without_packets_are_none() -> None:
    times = [T + n * 7 * DAY for n in range(5)]
    assert steady(times) == (times, [])


@given(st.lists(st.sampled_from([0, SECOND, T, T + SECOND, T + 99 * DAY, NO_TIME]), max_size=20), st.integers(1, 7))
def test_portions_change_nothing(times: list[int], size: int) -> None:
    assert steady(times, size) == steady(times)
