"""Packets out of their order, and clocks that were set back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.formats.records import NO_TIME
from analyzer.packets import time_order as module
from analyzer.packets.time_order import SKEW, Order, Places

SECOND = 10**9


def frames_in_order(times: Sequence[float | None], sizes: tuple[int, ...] = (1 << 20,)) -> list[int]:
    """Frame numbers (from 1) in the order found, the times (s) given in portions of such sizes."""
    nanos = np.array([NO_TIME if time is None else round(time * SECOND) for time in times], np.int64)
    order, at, turn = Order(), 0, 0
    while at < len(nanos):
        some = nanos[at : at + sizes[turn % len(sizes)]]
        order.add(at + 1, some)
        at, turn = at + len(some), turn + 1
    frames = np.arange(1, len(nanos) + 1)
    return frames[order.of(frames, nanos)].tolist()


@pytest.mark.parametrize("apart", [0.001, 1, 3600, 10**6])
def test_two_neighbours_are_put_in_order_however_far_apart(apart: float) -> None:
    times = [0, 1, 2, 2 + apart, 3 + apart, 4 + apart]
    for i in range(5):
        swapped = [*times[:i], times[i + 1], times[i], *times[i + 2 :]]
        expected = [*range(1, i + 1), i + 2, i + 1, *range(i + 3, 7)]
        assert frames_in_order(swapped) == expected


def test_one_packet_far_out_of_place() -> None:
    assert frames_in_order([0, 900, 1, 2, 3, 901]) == [1, 3, 4, 5, 2, 6]
    assert frames_in_order([0, 900, 901, 902, 1, 903]) == [1, 5, 2, 3, 4, 6]


def test_blocks_that_overlap_a_little() -> None:
    """Two interfaces whose packets are handed over twice a second."""
    blocks = [[0, 0.2, 0.4], [0.1, 0.3, 0.45], [0.5, 0.7], [0.55, 0.6]]
    times = [time for block in blocks for time in block]
    assert [times[frame - 1] for frame in frames_in_order(times)] == sorted(times)


@pytest.mark.parametrize(("back", "moved"), [(SKEW, True), (SKEW + 1, False)])
def test_by_how_much_blocks_may_overlap(back: int, moved: bool) -> None:
    times = [10, 20, 30, 30, 30 - back / SECOND, 30 - back / SECOND, 40]
    assert (frames_in_order(times) == [1, 2, 5, 6, 3, 4, 7]) == moved


def test_a_clock_that_was_set_back() -> None:
    times = [100, 101, 102, 50, 51, 53, 52, 103, 104]
    assert frames_in_order(times) == [1, 2, 3, 4, 5, 7, 6, 8, 9]
    order = Order()
    order.add(1, np.array(times) * SECOND)
    (note,) = order.notes()
    assert order.goes_back and note.id == "time-goes-back" and "before frame 4:" in note.detail


def test_set_back_twice_and_on_the_border_of_two_portions() -> None:
    times = [100, 101, 50, 51, 20, 21, 22]
    for size in range(1, 8):
        assert frames_in_order(times, (size,)) == [1, 2, 3, 4, 5, 6, 7]


def test_packets_without_a_time_stay_behind_the_one_before() -> None:
    assert frames_in_order([None, 2, None, 1, None, 3]) == [1, 4, 5, 2, 3, 6]
    assert frames_in_order([None] * 3) == [1, 2, 3]


def test_times_as_far_apart_as_can_be() -> None:
    times = np.array([NO_TIME + 1, np.iinfo(np.int64).max, NO_TIME + 1, 0, NO_TIME, 5])
    order = Order()
    order.add(1, times)
    assert sorted(order.of(np.arange(6), times).tolist()) == list(range(6))


def test_endless_steps_back_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECKONINGS", 2)
    times = [100, 101, 50, 51, 20, 21, 3, 5, 4]
    assert frames_in_order(times) == list(range(1, 10))


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 6), st.integers(0, 100)), max_size=30),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_portions_change_nothing(times: Sequence[float | None], sizes: list[int]) -> None:
    assert frames_in_order(times, tuple(sizes)) == frames_in_order(times)


@given(st.lists(st.integers(0, 10), max_size=30))
def test_what_is_in_order_stays(times: list[float]) -> None:
    assert frames_in_order(sorted(times)) == list(range(1, len(times) + 1))


def test_places() -> None:
    order = Order()
    times = np.array([0, 3, 2, 4]) * SECOND
    order.add(11, times)
    places = order.places(np.array([11, 12, 13, 13, 14]), np.array([0, 3, 2, 2, 4]) * SECOND)
    assert [places(frame) for frame in (10, 11, 12, 13, 14)] == [10, 11, 13, 12, 14]
    nothing = np.zeros(0, np.int64)
    assert Places(nothing, nothing)(7) == 7
