"""The walk in stretches finds what the plain walk finds, however wrong its guesses are."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.formats import record_walk
from analyzer.formats.record_walk import Stride, starts

STRIDES = [Stride("<", field=8, extra=16), Stride(">", field=8, extra=24), Stride("<", field=4, least=12, align=4)]


def walked(raw: bytes, first: int, stop: int, stride: Stride) -> list[int]:
    """The definition, with int.from_bytes."""
    found = []
    while first < stop:
        found.append(first)
        order = "little" if stride.order == "<" else "big"
        length = max(int.from_bytes(raw[first + stride.field :][:4], order), stride.least)  # type: ignore[arg-type]
        first += -(-length // stride.align) * stride.align + stride.extra
    return found


@settings(max_examples=60)
@given(data=st.data(), stride=st.sampled_from(STRIDES))
def test_lanes_equal_the_plain_walk(data: st.DataObject, stride: Stride) -> None:
    """Lengths small enough that walks meet, guesses anywhere: true starts, near misses and nonsense."""
    small = st.integers(0, 60)
    values = data.draw(st.lists(small | st.integers(0, 2**32 - 1), min_size=30, max_size=300))
    raw = b"".join(struct.pack(stride.order + "I", value) for value in values) + bytes(32)
    stop = len(values) * 4
    first = data.draw(st.integers(0, 20))
    truth = walked(raw, first, stop, stride)
    anywhere = st.integers(first + 1, stop - 1)
    true_ones = st.sampled_from(truth[1:]) if len(truth) > 1 else anywhere
    guesses = np.array(sorted(data.draw(st.sets(anywhere | true_ones, max_size=40))), np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_walk, "MIN_STRETCHES", 2)
        found = starts(np.frombuffer(raw, np.uint8), first, stop, stride, guesses)
    assert found.tolist() == truth
    assert starts(np.frombuffer(raw, np.uint8), first, stop, stride).tolist() == truth


def test_one_slow_lane_is_finished() -> None:
    """All stretches but one are done at once; the last holds many tiny records."""
    stride = Stride("<", field=0, extra=4)
    big = struct.pack("<I", 96) + bytes(96)
    raw = big * 60 + struct.pack("<I", 0) * 5000 + bytes(32)
    guesses = np.arange(1, 61) * 100
    found = starts(np.frombuffer(raw, np.uint8), 0, 26000, stride, guesses)
    assert found.tolist() == [*range(0, 6000, 100), *range(6000, 26000, 4)]
