"""Memory of many captures in one run: what one held is free before the next one is read."""

from __future__ import annotations

import gc
import io
from pathlib import Path

import pytest

import analyzer
from analyzer.report.json_report import json_parts
from tests.conftest import ROOT
from tests.fuzz import seeds
from tests.fuzz.hostile import FLOODS
from tests.fuzz.measured import measured, peak_of

SAMPLES = sorted((ROOT / "sample_pcaps").glob("*.pcapng"))
ARCHIVE = seeds.as_zip({path.name: path.read_bytes() for path in SAMPLES[:3]})


def everything(name: str, raw: bytes) -> None:
    """What the command makes of a file."""
    for capture in analyzer.read_each(name, stream=io.BytesIO(raw), sha256=True):
        capture.text()
        "".join(json_parts(capture))
        analyzer.validate(capture)


def left_behind(name: str, raw: bytes) -> int:
    """Objects that only the collector finds."""
    everything(name, raw)  # what is imported on the way leaves something, once
    gc.collect()
    gc.disable()
    try:
        everything(name, raw)
        return gc.collect()
    finally:
        gc.enable()


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_leaves_nothing_for_the_collector(name):
    assert left_behind(name, FLOODS[name](30)) == 0


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_capture_leaves_nothing_for_the_collector(path):
    assert left_behind(path.name, path.read_bytes()) == 0


def test_an_archive_leaves_nothing_for_the_collector():
    assert left_behind("t.zip", ARCHIVE) == 0
    assert left_behind("t.tar", seeds.as_tar({path.name: path.read_bytes() for path in SAMPLES[:3]})) == 0


@measured
def test_memory_does_not_grow_with_the_number_of_files():
    few, many = (peak_of("analyze", *[SAMPLES[0]] * count) for count in (100, 400))
    # Each of them left 200 kB behind.
    assert many.memory < few.memory + 5_000_000


@measured
def test_memory_does_not_grow_with_the_captures_of_an_archive(tmp_path: Path):
    capture = SAMPLES[0].read_bytes()
    taken = []
    for count in (50, 200):
        path = tmp_path / f"{count}.zip"
        path.write_bytes(seeds.as_zip({f"{n}.pcapng": capture for n in range(count)}))
        taken.append(peak_of("analyze", path).memory)
    assert taken[1] < taken[0] + 5_000_000
