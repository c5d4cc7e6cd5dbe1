"""Zero bytes in a file after a crash: at its end, or as a hole in its midst."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

import analyzer
from analyzer.formats import file_reader, open_capture
from tests.formats.formats import FORMATS, Packet, nanoseconds, netmon, pcap, pcapng, snoop
from tests.formats.test_containers import frames

#: Formats whose records follow one another up to the end of the file. The others tell beforehand where the packets are
#: (a table; buffers of one size): what is behind is not looked at.
RECORDS = [name for name in FORMATS if name.startswith(("pcap", "snoop"))]
T = 1_790_000_000 * 10**9


def packet(second: int, size: int = 60) -> Packet:
    return T + second * 10**9, size, bytes([second]) * size


def report(raw: bytes) -> dict[str, Any]:
    told = analyzer.read("x", stream=io.BytesIO(raw)).report()
    del told["file"]
    return told


def read(raw: bytes, chunk_bytes: int = 1 << 16) -> tuple[list[tuple[int, int, bytes]], list[str]]:
    """Second, length on the wire and bytes of each packet; ids of the notes."""
    found: list[tuple[int, int, bytes]] = []
    with open_capture("x", stream=io.BytesIO(raw), chunk_bytes=chunk_bytes) as reader:
        for chunk in reader.chunks():
            assert chunk.first_frame == len(found) + 1
            for start, size, time, wire in zip(chunk.start, chunk.captured, chunk.time, chunk.wire, strict=True):
                found.append(((int(time) - T) // 10**9, int(wire), chunk.buffer[start : start + size].tobytes()))
    return found, [note.id for note in reader.notes]


@pytest.mark.parametrize("count", [4, 15, 16, 24, 4096, 100_000])
@pytest.mark.parametrize("name", FORMATS)
def test_at_the_end_they_change_no_verdict(samples: Path, name: str, count: int) -> None:
    """They are told, and that is all: what rests on an absence stays as sure, for they hide nothing from before."""
    raw = FORMATS[name][1](frames(samples / "809-fragments-lost.pcapng"))
    plain, told = report(raw), report(raw + bytes(count))
    added = ["capture-damaged"] if name in RECORDS else []
    assert sorted(told["capture"].pop("quality")) == sorted([*plain["capture"].pop("quality"), *added])
    assert told == plain


def test_the_tail_of_a_crash_turns_no_cannot_tell_into_a_failure(samples: Path) -> None:
    """262 packets from 1970 were not on the IKE ports, so they spoke against a filter."""
    raw = nanoseconds(frames(samples / "lab/captures/port-filter-unrecorded-lost-up.server.pcapng"))
    verdict = report(raw)["verdict"]
    assert (verdict["id"], verdict["confidence"]) == ("capture-filtered-fragments", "cannot-tell")
    told = report(raw + bytes(4096))
    assert told["verdict"] == verdict
    assert (told["capture"]["packets"], told["capture"]["first"]) == (6, "2026-11-25T09:12:46.806430791Z")
    assert "capture-damaged" in told["capture"]["quality"]


@pytest.mark.parametrize("chunk_bytes", [1, 1000, 1 << 20])
@pytest.mark.parametrize("hole", [16, 24, 100, 4096, 70_000, 200_001])
@pytest.mark.parametrize("write", [pcap, lambda packets: pcap(packets, ">"), pcapng, snoop])
def test_behind_a_hole_reading_goes_on(write: Any, hole: int, chunk_bytes: int) -> None:
    packets = [packet(n) for n in range(8)]
    raw = write(packets)
    size = (len(raw) - len(write([]))) // 8
    at = len(raw) - 5 * size
    found, notes = read(raw[:at] + bytes(hole + -hole % 4) + raw[at:], chunk_bytes)
    assert found == [(n, 60, bytes([n]) * 60) for n in range(8)]
    assert notes == ["capture-damaged"]


def test_a_hole_hides_packets(samples: Path) -> None:
    """What was in it is missing, so an absence says less."""
    packets = frames(samples / "809-fragments-lost.pcapng")
    assert report(nanoseconds(packets))["verdict"]["confidence"] == "probable"
    head, tail = nanoseconds(packets[:20]), nanoseconds(packets[20:])[24:]
    assert report(head + bytes(4096) + tail)["verdict"]["confidence"] == "possible"


@pytest.mark.parametrize("write", [pcap, nanoseconds, pcapng, snoop])
def test_empty_packets_with_a_time_are_packets(write: Any) -> None:
    found, notes = read(write([packet(0), (T + 10**9, 0, b""), (T + 2 * 10**9, 60, b""), packet(3)]))
    assert [(wire, len(data)) for _, wire, data in found] == [(60, 60), (0, 0), (60, 0), (60, 60)]
    assert notes == []


@pytest.mark.parametrize("minor", [0, 1, 2, 3])
def test_netmon_frames_of_zero_bytes(minor: int) -> None:
    """A hole where the table of frames names one; and a file without its table."""
    packets = [packet(n) for n in range(6)]
    raw = netmon(packets, 2, minor)
    size = (len(raw) - 128 - 24) // 6
    begin = 128 + 2 * size
    found, notes = read(raw[:begin] + bytes(2 * size) + raw[begin + 2 * size :])
    assert [second for second, *_ in found] == [0, 1, 4, 5] and "capture-damaged" in notes
    untabled = raw[:24] + bytes(8) + raw[32 : 128 + 6 * size] + bytes(4096)
    found, notes = read(untabled)
    assert [second for second, *_ in found] == list(range(6))
    assert {"capture-cut", "capture-damaged"} <= set(notes)


@pytest.mark.parametrize("write", [pcap, pcapng, snoop])
def test_zeros_without_end_have_one(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reader, "MAX_SEARCHED", 1 << 20)
    asked = 0

    class Endless(io.RawIOBase):
        def __init__(self) -> None:
            self.head = write([packet(0)])

        def readinto(self, room: Any) -> int:
            nonlocal asked
            asked += len(room)
            part = self.head[: len(room)]
            room[:] = part + bytes(len(room) - len(part))
            self.head = self.head[len(part) :]
            return len(room)

    with open_capture("x", stream=Endless(), chunk_bytes=1 << 16) as reader:  # type: ignore[arg-type]
        assert sum(len(chunk) for chunk in reader.chunks()) == 1
    assert sorted(note.id for note in reader.notes) == ["analysis-limit", "capture-damaged"]
    assert asked < 5 << 20
