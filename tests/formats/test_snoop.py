"""The snoop reader, against files made here from RFC 1761, and against editcap and tshark."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import InputError
from analyzer.formats import open_capture
from analyzer.formats.file_reader import MAX_BREAKS
from analyzer.formats.records import Note

T = 1_700_000_000
Packet = tuple[int, int, int, bytes]  # frame, time, wire length, bytes


def header(link: int = 4, version: int = 2) -> bytes:
    return b"snoop\0\0\0" + struct.pack(">II", version, link)


def record(data: bytes, wire: int | None = None, lost: int = 0, micros: int = 0, pad: int | None = None) -> bytes:
    fill = -len(data) % 4 if pad is None else pad
    lengths = (len(data) if wire is None else wire, len(data), 24 + len(data) + fill)
    return struct.pack(">6I", *lengths, lost, T, micros) + data + b"\xff" * fill


def packets(raw: bytes, chunk_bytes: int = 1 << 16) -> tuple[list[Packet], list[Note]]:
    found: list[Packet] = []
    with open_capture("test", stream=io.BytesIO(raw), chunk_bytes=chunk_bytes) as reader:
        for chunk in reader.chunks():
            assert chunk.first_frame == len(found) + 1
            for index in range(len(chunk)):
                begin, size = int(chunk.start[index]), int(chunk.captured[index])
                data = chunk.buffer[begin : begin + size].tobytes()
                found.append((len(found) + 1, int(chunk.time[index]), int(chunk.wire[index]), data))
    return found, reader.notes


def ids(notes: list[Note]) -> list[str]:
    return [note.id for note in notes]


def test_records_and_padding() -> None:
    raw = header() + record(b"abc", 1500, micros=7) + record(b"", 60) + record(b"abcdefgh", pad=40)
    expected = [(1, T * 10**9 + 7000, 1500, b"abc"), (2, T * 10**9, 60, b""), (3, T * 10**9, 8, b"abcdefgh")]
    assert packets(raw) == (expected, [])
    with open_capture("test", stream=io.BytesIO(raw)) as reader:
        assert reader.format == "snoop"


@pytest.mark.parametrize(("link", "linktype"), [(0, 1), (4, 1), (8, 10), (26, 228), (27, 229), (9, -1)])
def test_link_types(link: int, linktype: int) -> None:
    with open_capture("test", stream=io.BytesIO(header(link))) as reader:
        assert [interface.link_type for interface in reader.interfaces] == [linktype]


def test_lost_packets_are_told() -> None:
    _, notes = packets(header() + record(b"a") + record(b"b", lost=3) + record(b"c", lost=12))
    assert notes == [Note("capture-lost-packets", "the capturing host lost 12 packets")]


@pytest.mark.parametrize("chunk_bytes", [1, 600, 1 << 20])
def test_any_window(chunk_bytes: int) -> None:
    sizes = [0, 1, 600, 3, 9000, 40, 100_000, 5] * 5
    raw = header() + b"".join(record(bytes([n]) * size) for n, size in enumerate(sizes))
    found, notes = packets(raw, chunk_bytes)
    assert [data for *_, data in found] == [bytes([n]) * size for n, size in enumerate(sizes)] and notes == []


def test_cut() -> None:
    raw = header() + record(b"abcd") + record(b"efgh")
    for end in range(16 + 29, len(raw)):
        found, notes = packets(raw[:end])
        assert len(found) == 1 and ids(notes) == ["capture-cut"]


@pytest.mark.parametrize("bad", [struct.pack(">6I", 4, 4, 20, 0, T, 0), struct.pack(">6I", 4, 4, 2**31, 0, T, 0)])
@pytest.mark.parametrize("chunk_bytes", [1, 1 << 16])
def test_after_damage_reading_goes_on(bad: bytes, chunk_bytes: int) -> None:
    raw = header() + record(b"abcd") + bad + bytes(600) + record(b"efgh") + record(b"ijkl")
    found, notes = packets(raw, chunk_bytes)
    assert [data for *_, data in found] == [b"abcd", b"efgh", b"ijkl"]
    assert [(note.id, note.frame) for note in notes] == [("capture-damaged", 2)]


def test_much_damage_ends_the_reading() -> None:
    found, notes = packets(header() + (record(b"abcd") * 3 + b"\xff" * 24) * (MAX_BREAKS + 50))
    assert len(found) == 3 * (MAX_BREAKS + 1)
    assert sorted(ids(notes)) == ["analysis-limit", "capture-damaged"]


@pytest.mark.parametrize(
    "false",
    [
        record(b"x" * 40, wire=39),
        record(b"x" * 40, pad=64),
        record(b"x" * 40, micros=1_000_000),
        struct.pack(">6I", 4, 4, 28, 0, T + 31 * 86400, 0) + b"abcd",
    ],
    ids=["longer than on the wire", "padded too much", "too many microseconds", "another month"],
)
def test_what_is_not_believed_after_damage(false: bytes) -> None:
    raw = header() + record(b"abcd") + bytes(24) + false * 3 + record(b"good") * 3
    assert [data for *_, data in packets(raw)[0]] == [b"abcd", *[b"good"] * 3]


def test_other_versions_and_cut_headers() -> None:
    found, notes = packets(header(version=3) + record(b"abcd"))
    assert len(found) == 1 and ids(notes) == ["capture-damaged"]
    with pytest.raises(InputError, match=r"^test: is too short for a snoop file: 12 bytes, its header alone has 16$"):
        open_capture("test", stream=io.BytesIO(header()[:12]))


def test_as_editcap_writes_it(tmp_path: Path, samples: Path, tshark: Path) -> None:
    out = tmp_path / "out.snoop"
    source = samples / "809-fragments-lost.pcapng"
    subprocess.run([tshark.with_name("editcap"), "-F", "snoop", source, out], check=True)
    fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.cap_len"]
    table = subprocess.run([tshark, "-r", out, *fields], check=True, capture_output=True, text=True).stdout
    found, notes = packets(out.read_bytes())
    ours = [f"{time // 10**9}.{time % 10**9:09d}\t{wire}\t{len(data)}" for _, time, wire, data in found]
    assert ours == table.splitlines() and len(ours) > 20 and notes == []


WHOLE = header() + b"".join(record(bytes([n]) * 30, lost=n) for n in range(5))


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(8, len(WHOLE) - 1), st.integers(0, 255)), max_size=8),
    st.integers(16, len(WHOLE)),
    st.sampled_from([1, 1 << 16]),
)
def test_mutated_files_never_raise(changes: list[tuple[int, int]], end: int, chunk_bytes: int) -> None:
    raw = bytearray(WHOLE)
    for at, value in changes:
        raw[at] = value
    found, _ = packets(bytes(raw[:end]), chunk_bytes)
    assert len(found) <= len(raw) // 24
