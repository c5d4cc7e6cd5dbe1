"""One bad packet does not turn a verdict: two out of order, one with a false date, one crafted frame.

And the size of the portions in which a file is read changes nothing.
"""

from __future__ import annotations

import io
import json
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzer
from analyzer import analysis
from analyzer.capture import Capture
from analyzer.formats import open_capture
from analyzer.report.ladder.notation import parse
from analyzer.rules.model import Confidence, Severity
from sample_pcaps.lab.maker import make
from tests.packets.test_link_fit import ARP, FRAMES
from tests.properties.altered import Record, pcapng, read, records_of
from tests.rules.cases import CASES

SECOND = 10**9


def told(capture: Capture) -> tuple[Any, ...]:
    """Verdict and findings, frame numbers left out."""

    def unnumbered(text: str) -> str:
        return re.sub(r"frames? [\d, and]+", "frame N ", text)

    verdict = capture.verdict
    found = [
        (f.rule, f.severity.value, f.confidence.value, unnumbered(f.title), unnumbered(f.detail), len(f.frames))
        for f in capture.analysis.findings
    ]
    return verdict.id, verdict.confidence, unnumbered(verdict.text), sorted(found)


def taken_apart(ladder: str) -> tuple[list[Record], list[int]]:
    return records_of(make(parse(ladder)))


def lab(samples: Path, name: str) -> tuple[list[Record], list[int]]:
    return records_of((samples / "lab" / "captures" / f"{name}.pcapng").read_bytes())


def swapped(records: list[Record], first: int) -> list[Record]:
    return [*records[:first], records[first + 1], records[first], *records[first + 2 :]]


# -- two neighbours out of order ---


def test_a_swap_makes_no_fifth_sending(samples: Path) -> None:
    """The first SKF fragment sent again, a second too early in the file, was taken for another sending."""
    records, links = lab(samples, "ping-sweep.client")
    late = [i for i in range(25) if SECOND // 2 < records[i + 1].time - records[i].time < 3 * SECOND]
    whole = read(pcapng(records, links))
    assert (whole.verdict.id, whole.verdict.confidence) == ("pmtu-blackhole", Confidence.STRONG)
    for i in late:
        assert told(read(pcapng(swapped(records, i), links))) == told(whole)


def test_swapped_neighbours_everywhere_in_a_lab_capture(samples: Path) -> None:
    records, links = lab(samples, "ping-sweep.client")
    whole = told(read(pcapng(records, links)))
    for i in range(len(records) - 1):
        assert told(read(pcapng(swapped(records, i), links))) == whole, i


@pytest.mark.parametrize("name", ["any-device-router.router1", "copied-packets.client"])
def test_swapped_copies(samples: Path, name: str) -> None:
    """The earlier of two copies stays the original, also where it comes later in the file."""
    records, links = lab(samples, name)
    whole = told(read(pcapng(records, links)))
    for i in range(min(len(records), 60) - 1):
        if records[i].time < records[i + 1].time:
            assert told(read(pcapng(swapped(records, i), links))) == whole, i


@pytest.mark.parametrize("case", CASES[::5], ids=lambda case: f"{case.rule}-{case.name}")
def test_swapped_neighbours_in_a_case(case: Any) -> None:
    """One pair for each of these cases; which one depends on the case alone."""
    records, links = taken_apart(case.ladder)
    pairs = [i for i in range(len(records) - 1) if records[i].time < records[i + 1].time]
    if pairs:
        first = pairs[len(case.name) * 7 % len(pairs)]
        assert told(read(pcapng(swapped(records, first), links))) == told(read(pcapng(records, links))), first


def test_frames_keep_their_numbers(samples: Path) -> None:
    records, links = lab(samples, "ping-sweep.client")
    capture = read(pcapng(swapped(records, 14), links))
    assert capture.messages["frame"].tolist() == [11, 12, 13, 14, 16, 15, 17, 18, 19, 20, 21, 24, 25, 26]
    assert capture.packets["frame"].is_monotonic_increasing
    assert all(list(found.frames) == sorted(found.frames) for found in capture.analysis.findings)


def test_a_clock_set_back_by_an_hour_moves_nothing(samples: Path) -> None:
    """A virtual machine resumes between request and answer: they still belong together, in the order of the file."""
    records, links = lab(samples, "ping-sweep.client")
    back = [replace(r, time=r.time - 3600 * SECOND) if i >= 11 else r for i, r in enumerate(records)]
    capture = read(pcapng(back, links))
    assert capture.messages["frame"].is_monotonic_increasing
    assert "time-goes-back" in capture.report()["capture"]["quality"]


# -- one date far from all others ---


@pytest.mark.parametrize("case", CASES[::5], ids=lambda case: f"{case.rule}-{case.name}")
def test_a_false_date_in_a_case(case: Any) -> None:
    """In the midst it makes no verdict surer. Of the first and the last ones, a wait is lost with it."""
    records, links = taken_apart(case.ladder)
    if len(records) < 5:
        return
    whole = read(pcapng(records, links))
    at = len(case.name) * 7 % len(records)
    capture = read(pcapng([*records[:at], replace(records[at], time=5 * SECOND), *records[at + 1 :]], links))
    assert [note.frame for note in capture.notes if note.id == "capture-damaged"] == [at + 1]
    first, last = capture.analysis.wire.census.first_time, capture.analysis.wire.census.last_time
    assert whole.analysis.wire.census.first_time <= first <= last <= whole.analysis.wire.census.last_time
    assert not re.search(r"\d{8}\.\d s|-\d+\.\d s|1970", capture.text())
    before, now = whole.verdict, capture.verdict
    if 0 < at < len(records) - 2:
        weaker = now.severity is Severity.INFORMATION or now.confidence.rank > before.confidence.rank
        # What had stood beside the verdict, as sure, may take its place.
        stood = {(f.id, f.confidence) for f in whole.analysis.findings if f.is_verdict}
        assert (now.id, now.confidence) in {(before.id, before.confidence), *stood} or weaker


# -- one crafted frame ---


def test_a_crafted_frame_among_arp_hides_nothing(samples: Path) -> None:
    """By the first 64 packets, of which one is also raw IP, all that follow were read as raw IP."""
    records, links = records_of((samples / "809-fragments-lost.pcapng").read_bytes())
    start = records[0].time
    before = [Record(start, ARP, len(ARP)) for _ in range(63)]
    crafted = FRAMES[101] + bytes(40)
    for place in (0, 30, 63):
        frames = [*before[:place], Record(start, crafted, len(crafted)), *before[place:]]
        verdict = read(pcapng([*frames, *records], links)).verdict
        assert (verdict.id, verdict.confidence.value) == ("ike-auth-ip-fragments-lost-upstream", "probable")


# -- portions ---


def report(raw: bytes, chunk_bytes: int) -> str:
    with open_capture("x", stream=io.BytesIO(raw), chunk_bytes=chunk_bytes) as reader:
        capture = analyzer.Capture(analysis._analysed(reader, "x", "x", [], None))
    return json.dumps([capture.report(), [str(note) for note in capture.notes]], sort_keys=True)


PORTIONS = [
    "lab/captures/any-device-router.router1",
    "lab/captures/copied-packets.client",
    "lab/captures/ping-sweep.client",
    "809-fragments-lost",
    "pktmon-128-bytes",
    "connected-ok",
]


@pytest.mark.parametrize("chunk_bytes", [512, 4096])
@pytest.mark.parametrize("name", PORTIONS)
def test_the_size_of_portions_changes_no_report(samples: Path, name: str, chunk_bytes: int) -> None:
    raw = (samples / f"{name}.pcapng").read_bytes()
    assert report(raw, chunk_bytes) == report(raw, 8 << 20)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*FRAMES.values(), ARP, FRAMES[101] + bytes(40), bytes(60)]),
            st.integers(0, 2),
            st.sampled_from([0, 0, 0, 1, 2, -1, 10**9]),
        ),
        max_size=60,
    ),
    st.lists(st.sampled_from([1, 101, 105, 113, 147]), min_size=3, max_size=3),
    st.sampled_from([512, 700, 1500]),
)
def test_the_size_of_portions_changes_no_report_of_anything(
    packets: list[tuple[bytes, int, int]], links: list[int], chunk_bytes: int
) -> None:
    """Interfaces of wrong link types, crafted frames, times out of order, false dates."""
    time, records = 1_790_000_000, []
    ike = struct.pack("!HHHH", 500, 500, 36, 0) + bytes(range(1, 9)) + bytes(8) + bytes.fromhex("2120220800000000")
    for number, (frame, interface, step) in enumerate(packets):
        time += step if step < 10**9 else 0
        data = frame[:-8] + ike + struct.pack("!I", 28) if number % 5 == 0 and frame in FRAMES.values() else frame
        records.append(Record((5 if step == 10**9 else time) * SECOND, data, len(data), interface))
    raw = pcapng(records, links)
    assert report(raw, chunk_bytes) == report(raw, 8 << 20)
