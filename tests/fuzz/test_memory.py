"""Memory: of many captures in one run, and of captures whose unpacking asks for much."""

from __future__ import annotations

import gc
import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest

import analyzer
from analyzer.report.json_report import json_parts
from tests.conftest import ROOT
from tests.formats.packed.packers import xz_of, zstd_of
from tests.fuzz import hostile, seeds
from tests.fuzz.hostile import FLOODS
from tests.fuzz.measured import measured, peak_of

SAMPLES = sorted((ROOT / "sample_pcaps").glob("*.pcapng"))
ARCHIVE = seeds.as_zip({path.name: path.read_bytes() for path in SAMPLES[:3]})


def everything(name: str, raw: bytes) -> None:
    """What the command makes of a file."""
    for capture in analyzer.read_each(name, stream=io.BytesIO(raw), sha256=True):
        capture.text()
        "".join(json_parts(capture.analysis))
        analyzer.validate(capture)


def left_behind(name: str, raw: bytes) -> int:
    """Objects that only the collector finds."""
    gc.freeze()  # what other tests keep is not walked over
    try:
        everything(name, raw)  # what is imported on the way leaves something, once
        gc.collect()
        gc.disable()
        everything(name, raw)
        return gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()


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
@pytest.mark.large
def test_memory_does_not_grow_with_the_number_of_files():
    few, many = (peak_of("analyze", *[SAMPLES[0]] * count) for count in (100, 400))
    # Each of them left 200 kB behind.
    assert many.memory < few.memory + 5_000_000


@measured
@pytest.mark.large
def test_memory_does_not_grow_with_the_captures_of_an_archive(tmp_path: Path):
    # A small one: the archive itself lies in a window.
    capture = min((path.read_bytes() for path in SAMPLES), key=len)
    taken = []
    for count in (50, 200):
        path = tmp_path / f"{count}.zip"
        path.write_bytes(seeds.as_zip({f"{n}.pcapng": capture for n in range(count)}))
        taken.append(peak_of("analyze", path).memory)
    assert taken[1] < taken[0] + 5_000_000


# -- decoders ---------------------------------------------------------------------------------------------------------


def trace(octets: int) -> bytes:
    """A capture of as many bytes, and more."""
    return hostile.pcap([bytes(60_000)] * (octets // 60_000 + 1))


def around(inner: bytes, octets: int) -> bytes:
    """A tar archive with so many bytes before a packed file, and some behind it: its decoder is not done meanwhile."""
    noise = random.Random(1).randbytes(1 << 20)
    return seeds.as_tar({"before": noise * (octets >> 20), "inner.zst": inner, "behind": noise * 2})


BLOCKS = hostile.SECTION + hostile.INTERFACE

#: What fills all that is granted: one decoder, or three inside one another.
GREEDY: dict[str, Callable[[], bytes]] = {
    "zstd": lambda: zstd_of(27, trace(200 << 20)),
    "xz": lambda: xz_of(128 << 20, trace(200 << 20)),
    "zeros": lambda: zstd_of(27, hostile.pcap([]) + bytes(200 << 20)),
    "empty blocks": lambda: zstd_of(27, BLOCKS + hostile.block(9) * (12 << 20)),
    "in an archive": lambda: zstd_of(
        27,
        seeds.as_tar(
            {"before": bytes(130 << 20), "a.pcapng": BLOCKS + hostile.block(9) * (3 << 20), "z": bytes(9 << 20)}
        ),
    ),
    "three": lambda: zstd_of(26, around(zstd_of(25, around(zstd_of(25, trace(48 << 20)), 40 << 20)), 72 << 20)),
}


@measured
@pytest.mark.parametrize(
    "how",
    [
        pytest.param(how, marks=[pytest.mark.large] if how in ("zeros", "empty blocks", "in an archive") else [])
        for how in GREEDY
    ],
)
def test_decoders_that_take_all_they_may(tmp_path, how):
    path = tmp_path / "greedy"
    path.write_bytes(GREEDY[how]())
    run = peak_of("analyze", path)
    assert run.output and not run.complaints
    # As much was taken as was granted, and the command itself takes some 50 MB.
    assert 150_000_000 < run.memory < 250_000_000


@measured
def test_decoders_that_would_take_more_inside_one_another(tmp_path):
    path = tmp_path / "greedy.tar.zst"
    path.write_bytes(zstd_of(27, around(zstd_of(27, around(zstd_of(27, trace(140 << 20)), 8 << 20)), 140 << 20)))
    run = peak_of("analyze", path)
    assert run.status == 2
    (said,) = run.complaints
    assert "inner.zst (is zstd-compressed, and unpacking it takes 128 MiB of memory, and 16 MiB are left for it" in said
    assert run.memory < 250_000_000
