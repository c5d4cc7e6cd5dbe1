"""ESP counted by flow, against counting with dictionaries one packet at a time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.formats.records import NO_TIME
from analyzer.packets import esp_flows
from analyzer.packets.esp_flows import EspFlows

small = st.integers(0, 2)
packets = st.tuples(
    small, small, st.sampled_from([0, 500, 65535]), st.sampled_from([0, 4500]), st.sampled_from([0, 1, 2**32 - 1]),
    st.integers(20, 1500),
)  # fmt: skip


def fed(batches):
    totals, frame = EspFlows(), 0
    for batch in batches:
        frames = range(frame + 1, frame + 1 + len(batch))
        rows = [(*packet, number * 10, number) for number, packet in zip(frames, batch, strict=True)]
        columns = np.array(rows, dtype=np.int64).reshape(len(rows), 8).T
        totals.add(*columns)
        frame += len(batch)
    return totals


@settings(max_examples=80)
@given(st.lists(st.lists(packets, max_size=20), max_size=4))
def test_counts_as_dictionaries_do(batches):
    expected: dict[tuple[int, ...], list[int]] = {}
    for frame, (*key, size) in enumerate((packet for batch in batches for packet in batch), 1):
        count = expected.setdefault(tuple(key), [0, 0, frame * 10, 0, frame, 0, 0])
        count[0] += 1
        count[1] += size
        count[3], count[5] = frame * 10, frame
        count[6] = max(count[6], size)
    found = {dataclasses.astuple(f)[:5]: list(dataclasses.astuple(f)[5:]) for f in fed(batches).all()}
    assert found == expected


def test_flows_beyond_the_limit_are_told(monkeypatch):
    monkeypatch.setattr(esp_flows, "MAX_FLOWS", 2)
    totals = fed([[(0, 1, 0, 0, spi, 100) for spi in (1, 2, 3, 3, 1)]])
    assert sorted((f.spi, f.packets) for f in totals.all()) == [(1, 2), (2, 1)]
    assert totals.beyond_limit == 2


@pytest.mark.parametrize("count", [0, 1])
def test_no_packets_and_one(count):
    assert len(fed([[(0, 1, 0, 0, 7, 100)] * count]).all()) == count


def test_first_and_last_are_the_earliest_and_the_latest():
    """Where times go back for good, they are those of the first and the last in the file."""
    for by_time, expected in ((True, (3, 9)), (False, (5, 7))):
        totals = EspFlows()
        for times in ([5, 3], [NO_TIME, 9, 7]):
            count = len(times)
            columns = [*np.zeros((6, count), np.int64), np.array(times, np.int64), np.arange(count)]
            totals.add(*columns)
        (flow,) = totals.all(by_time=by_time)
        assert (flow.first, flow.last) == expected
