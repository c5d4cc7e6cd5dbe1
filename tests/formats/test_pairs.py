"""Pairs of time and frame in the place of a file, as dpkt's readers yield them."""

from __future__ import annotations

import io
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import dpkt
import numpy as np
import pytest

import analyzer
from analyzer.errors import UsageError
from analyzer.formats import open_capture, pairs
from analyzer.formats.pairs import PairReader
from analyzer.formats.records import NO_TIME, Chunk

TIME = 1_790_000_000


def rows(chunks: Any) -> list[tuple[int, int, bytes]]:
    """Frame number, time and bytes of every packet."""
    found = []
    for chunk in chunks:
        assert isinstance(chunk, Chunk)
        for row, (start, captured) in enumerate(zip(chunk.start.tolist(), chunk.captured.tolist(), strict=True)):
            data = chunk.buffer[start : start + captured].tobytes()
            found.append((chunk.first_frame + row, int(chunk.time[row]), data))
            assert chunk.wire[row] == captured
    return found


def test_the_packets_of_dpkt_are_those_of_the_file(samples: Path) -> None:
    path = samples / "809-fragments-lost.pcapng"
    with open_capture(path) as reader, path.open("rb") as file:
        ours = [(frame, time // 1000 * 1000, data) for frame, time, data in rows(reader.chunks())]
        theirs = PairReader(dpkt.pcapng.Reader(file))
        assert rows(theirs.chunks()) == ours
        assert [each.link_type for each in theirs.interfaces] == [1]


def test_a_reader_of_dpkt_tells_the_link_type() -> None:
    file = io.BytesIO()
    writer = dpkt.pcap.Writer(file, linktype=101)
    writer.writepkt(b"\x45" + bytes(19), TIME)
    file.seek(0)
    assert PairReader(dpkt.pcap.Reader(file)).interfaces[0].link_type == 101
    assert PairReader([]).interfaces[0].link_type == 1
    assert PairReader([], 113).interfaces[0].link_type == 113


@pytest.mark.parametrize(
    ("seconds", "nanoseconds"),
    [
        (TIME + 0.000001, TIME * 10**9 + 1000),
        (Decimal("1790000000.123456789"), TIME * 10**9 + 123_456_789),
        (Fraction(1, 4), 250_000_000),
        (np.float64(0.5), 500_000_000),
        (0, 0),
        (-1.5, -1_500_000_000),
        (float("inf"), NO_TIME),
        (float("nan"), NO_TIME),
        (Decimal("nan"), NO_TIME),
        (10**30, NO_TIME),
    ],
)
def test_times(seconds: Any, nanoseconds: int) -> None:
    assert rows(PairReader([(seconds, b"x")]).chunks()) == [(1, nanoseconds, b"x")]


def test_chunks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "CHUNK_BYTES", 10)
    monkeypatch.setattr(pairs, "MAX_ROWS", 3)
    packets = [(TIME, bytes([size]) * size) for size in (9, 9, 0, 0, 0, 0, 30)]
    chunks = list(PairReader(iter(packets)).chunks())
    assert [len(chunk) for chunk in chunks] == [2, 3, 2]
    assert [data for _, _, data in rows(chunks)] == [data for _, data in packets]


@pytest.mark.parametrize("wrong", [7, (1,), (1, 2, 3), ("now", b"x"), (None, b"x"), (1, "text"), (1, None)])
def test_what_is_no_pair_is_refused_in_a_line(wrong: Any) -> None:
    reader = PairReader([(TIME, b"good"), wrong])
    with pytest.raises(
        UsageError, match=r"packet 2: pairs of seconds and bytes, as dpkt's readers yield them, are wanted"
    ):
        list(reader.chunks())


def test_the_verdict_is_that_of_the_file(samples: Path) -> None:
    """Of every sample that dpkt can read: its reader keeps the first interface only, and no drop of the host."""
    told = 0
    for path in sorted(samples.glob("*.pcapng")):
        whole = analyzer.read(path)
        if len(whole.analysis.interfaces) == 1 and "host-dropped" not in path.name:
            with path.open("rb") as file:
                verdict = analyzer.read(dpkt.pcapng.Reader(file)).verdict
            assert (verdict.id, verdict.confidence) == (whole.verdict.id, whole.verdict.confidence), path
            told += 1
    assert told > 5


@pytest.mark.parametrize("wrong", [7, None, b"bytes", [(1, 2)]])
def test_what_is_neither_a_path_nor_pairs(wrong: Any) -> None:
    with pytest.raises(UsageError, match="pairs of"):
        analyzer.read(wrong)
