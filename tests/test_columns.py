"""Big-endian reads at many offsets at once, against ``int.from_bytes``."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.columns import Gather


@given(st.binary(min_size=8, max_size=40), st.data())
def test_reads_what_int_from_bytes_reads(data, offsets):
    at = offsets.draw(st.lists(st.integers(0, len(data) - 8), max_size=6))
    gather = Gather(np.frombuffer(data, dtype=np.uint8))
    where = np.array(at, dtype=np.int64)
    for size, read in ((1, gather.u8), (2, gather.u16), (4, gather.u32), (8, gather.u64)):
        assert read(where).tolist() == [int.from_bytes(data[i : i + size], "big") for i in at]


def test_signs_and_widths():
    gather = Gather(np.frombuffer(b"\xff" * 8, dtype=np.uint8))
    at = np.array([0])
    assert (gather.u8(at)[0], gather.u16(at)[0], gather.u32(at)[0]) == (255, 65535, 2**32 - 1)
    assert int(gather.u64(at)[0]) == 2**64 - 1
    assert gather.u32(at).dtype == np.int64
    assert gather.u64(at).dtype == np.uint64


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_buffer_smaller_than_a_field_can_be_held(size):
    gather = Gather(np.zeros(size, dtype=np.uint8))
    assert gather.u32(np.empty(0, dtype=np.int64)).tolist() == []
