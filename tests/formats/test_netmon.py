"""The NetMon reader, against files made here from the layout, and against editcap and tshark.

Source: docs/domain/capture-formats.md.
"""

from __future__ import annotations

import io
import os
import struct
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import InputError
from analyzer.formats import netmon, open_capture
from analyzer.formats.netmon import FILE_HEADER
from analyzer.formats.records import NO_TIME, SLACK, Note

#: 2023-11-14 22:13:20.250 UTC, a Tuesday.
START = (2023, 11, 2, 14, 22, 13, 20, 250)
T = 1_700_000_000_250_000_000
Packet = tuple[int, int, int, int, bytes]  # frame, time, wire length, link type, bytes


def frame(data: bytes, delta: int = 0, wire: int | None = None, trailer: bytes = b"", old: bool = False) -> bytes:
    layout = "<IHH" if old else "<QII"
    return struct.pack(layout, delta, len(data) if wire is None else wire, len(data)) + data + trailer


def netmon_file(
    *frames: bytes,
    minor: int = 0,
    major: int = 2,
    order: list[int] | None = None,
    gap: int = 0,
    network: int = 1,
    start: tuple[int, ...] = START,
) -> bytes:
    """A file whose frame table names the frames in ``order``, with ``gap`` bytes of 0xff before each."""
    body, offsets = b"", []
    for each in frames:
        body += b"\xff" * gap
        offsets.append(FILE_HEADER + len(body))
        body += each
    table = struct.pack(f"<{len(frames)}I", *(offsets[i] for i in order or range(len(frames))))
    magic = b"GMBU" if major == 2 else b"RTSS"
    head = magic + struct.pack("<BBH8HII", minor, major, network, *start, FILE_HEADER + len(body), len(table))
    return head.ljust(FILE_HEADER, b"\0") + body + table


def packets(raw: bytes, chunk_bytes: int = 1 << 16) -> tuple[list[Packet], list[Note]]:
    found: list[Packet] = []
    with open_capture("test", stream=io.BytesIO(raw), chunk_bytes=chunk_bytes) as reader:
        for chunk in reader.chunks():
            assert len(chunk) > 0
            assert chunk.first_frame == len(found) + 1
            assert len(chunk.buffer) >= int((chunk.start + chunk.captured).max()) + SLACK
            assert (chunk.captured >= 0).all()
            for index in range(len(chunk)):
                begin, size = int(chunk.start[index]), int(chunk.captured[index])
                data = chunk.buffer[begin : begin + size].tobytes()
                link = reader.interfaces[int(chunk.interface[index])].link_type
                found.append((len(found) + 1, int(chunk.time[index]), int(chunk.wire[index]), link, data))
    return found, [note for note in reader.notes if note.id != "time-zone-unknown"]


def ids(notes: list[Note]) -> list[str]:
    return [note.id for note in notes]


@pytest.mark.parametrize(("minor", "ids"), [(0, ["time-zone-unknown"]), (2, ["time-zone-unknown"]), (3, [])])
def test_the_time_zone_is_not_known_before_2_3(minor: int, ids: list[str]) -> None:
    """docs/domain/capture-formats.md: the start is local time; from 2.3 on each frame has its time in UTC as well."""
    trailer = struct.pack("<HIQB", 1, 0, 133_444_736_000_000_000, 0)[: (0, 2, 6, 15)[minor]]
    with open_capture("test", stream=io.BytesIO(netmon_file(frame(b"x", trailer=trailer), minor=minor))) as reader:
        assert sum(len(chunk) for chunk in reader.chunks()) == 1
    assert [note.id for note in reader.notes] == ids


def test_version_2_0() -> None:
    raw = netmon_file(frame(b"abc", 5, wire=1500), frame(b"defg", 1_000_001))
    assert packets(raw) == ([(1, T + 5000, 1500, 1, b"abc"), (2, T + 1_000_001_000, 4, 1, b"defg")], [])
    with open_capture("test", stream=io.BytesIO(raw)) as reader:
        assert (reader.format, reader.snaplen) == ("netmon2", 0)


def test_version_1() -> None:
    raw = netmon_file(frame(b"abc", 5, wire=60, old=True), major=1, minor=1)
    assert packets(raw) == ([(1, T + 5_000_000, 60, 1, b"abc")], [])
    with open_capture("test", stream=io.BytesIO(raw)) as reader:
        assert reader.format == "netmon1"


def test_a_frame_before_the_start() -> None:
    """Ten times the number of microseconds is a signed number of 100 ns: -1 s is 2**64 - 10**7, tenths of it."""
    before = (2**64 - 10**7) // 10
    ((_, time, *_),), notes = packets(netmon_file(frame(b"x", before)))
    assert abs(time - (T - 10**9)) <= 1000 and notes == []


def test_trailers() -> None:
    """2.1 the media type, 2.2 and a process, 2.3 and the time in UTC: 100 ns since 1601 (RFC 9557 has the epoch)."""
    utc = (T // 100) + 116_444_736_000_000_000
    for minor, trailer in ((1, "<H"), (2, "<HI"), (3, "<HIQB")):
        rest = (0, utc + 7, 1) if minor == 3 else (0,) * (minor - 1)
        raw = netmon_file(frame(b"abc", 0, trailer=struct.pack(trailer, 9, *rest)), minor=minor)
        expected = T + 700 if minor == 3 else T
        assert packets(raw) == ([(1, expected, 3, 101, b"abc")], []), minor


def test_media_types_of_each_frame() -> None:
    """docs/domain/capture-formats.md: 0 and 1 Ethernet, 7 to 9 raw IP, 0xE000 and above LINKTYPE numbers."""
    media = {0: 1, 1: 1, 7: 101, 8: 101, 9: 101, 0xE071: 113, 0xE080: 105, 0xE065: 101, 5: -1, 0xE093: -1}
    raw = netmon_file(*(frame(b"x", trailer=struct.pack("<H", each)) for each in media), minor=1)
    found, _ = packets(raw)
    assert [link for *_, link, _ in found] == list(media.values())


def test_wifi_frames_lose_netmons_header() -> None:
    """Its version, its length of 32, and more about the radio; the captured and the wire length count it."""
    radio = struct.pack("<BH", 2, 32) + bytes(29)
    raw = netmon_file(frame(radio + b"frame", wire=1032, trailer=b"\6\0"), minor=1)
    assert packets(raw)[0] == [(1, T, 1000, 105, b"frame")]
    for odd in (b"", b"\2", struct.pack("<BH", 2, 500)):
        ((_, _, _, link, data),) = packets(netmon_file(frame(odd, trailer=b"\6\0"), minor=1))[0]
        assert (link, data) == (105, odd if len(odd) < 3 else b"")


def test_records_that_are_no_packets() -> None:
    """Numbers as in Wireshark's netmon.c: events and filters have a frame number, adapters and names have none."""
    kinds = [1, 0xFFE0, 0xFFFB, 0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF, 1]
    raw = netmon_file(*(frame(b"x", trailer=struct.pack("<H", kind)) for kind in kinds), minor=1)
    found, notes = packets(raw)
    assert [(number, data) for number, *_, data in found] == [(1, b"x"), (2, b""), (3, b""), (4, b""), (5, b"x")]
    assert [time for _, time, *_ in found] == [T, NO_TIME, NO_TIME, NO_TIME, T]
    assert ids(notes) == ["records-skipped"] and "6 records" in notes[0].detail
    for kind in kinds[1:-1]:
        found, _ = packets(netmon_file(frame(b"x", trailer=struct.pack("<H", kind)), minor=1))
        assert len(found) == (kind not in (0xFFFC, 0xFFFD, 0xFFFE)), hex(kind)


def test_the_frame_table_rules() -> None:
    frames = [frame(bytes([n]) * 10, n) for n in range(5)]
    found, notes = packets(netmon_file(*frames, order=[4, 0, 1, 3, 2], gap=7))
    assert [data[0] for *_, data in found] == [4, 0, 1, 3, 2] and notes == []


@pytest.mark.parametrize("block", [1, 40, 1000])
def test_any_size_of_block(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(netmon, "CAREFUL", block)
    monkeypatch.setattr(netmon, "BLOCK", 2 * block)
    monkeypatch.setattr(netmon, "TABLE_PIECE", 12)
    frames = [frame(bytes([n]) * (n * 7), n + 1) for n in range(40)]
    found, notes = packets(netmon_file(*frames, gap=3))
    assert [(number, data) for number, *_, data in found] == [(n + 1, bytes([n]) * (n * 7)) for n in range(40)]
    assert notes == []


def test_a_file_without_its_end_is_read_as_far_as_it_goes() -> None:
    raw = netmon_file(*(frame(bytes([n]) * 20, n) for n in range(10)))
    for end in range(FILE_HEADER + 1, len(raw)):
        found, notes = packets(raw[:end])
        whole = min((end - FILE_HEADER) // 36, 10)
        assert len(found) == whole, end
        assert ids(notes) == ["capture-cut"], end


def test_frames_that_are_not_in_the_file() -> None:
    raw = bytearray(netmon_file(*(frame(bytes(20), n) for n in range(4))))
    struct.pack_into("<I", raw, len(raw) - 12, 0xFFFFFFF0)
    found, notes = packets(bytes(raw))
    assert len(found) == 3 and ids(notes) == ["capture-damaged"]
    struct.pack_into("<I", raw, FILE_HEADER + 12, 0xFFFFFFF0)
    assert len(packets(bytes(raw))[0]) == 2


def test_a_table_that_jumps_to_and_fro_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netmon, "READ_AGAIN_ALWAYS", 0)
    frames = [frame(bytes(100), n) for n in range(200)]
    jumps = [n // 2 if n % 2 else 199 - n // 2 for n in range(200)]
    monkeypatch.setattr(netmon, "CAREFUL", 4000)
    found, notes = packets(netmon_file(*frames, order=jumps, gap=100))
    assert 0 < len(found) < 200
    assert "analysis-limit" in ids(notes)


def test_dates_that_are_none() -> None:
    found, notes = packets(netmon_file(frame(b"x"), start=(2023, 13, 0, 0, 0, 0, 0, 0)))
    assert found[0][1] == NO_TIME and ids(notes) == ["capture-damaged"]
    found, notes = packets(netmon_file(frame(b"x", trailer=struct.pack("<HIQB", 1, 0, 2**63 - 1, 0)), minor=3))
    assert found[0][1] == NO_TIME and ids(notes) == ["capture-damaged"]


def test_too_short() -> None:
    with pytest.raises(InputError, match=r"^test: is too short for a NetMon file: 9 bytes, its header alone has 128$"):
        open_capture("test", stream=io.BytesIO(b"GMBU\0\2\1\0\0"))


def test_from_a_pipe_and_from_a_file(tmp_path: Path) -> None:
    raw = netmon_file(*(frame(bytes([n % 256]) * 300, n) for n in range(300)))
    expected = packets(raw)
    (tmp_path / "t.cap").write_bytes(raw)
    with open_capture(tmp_path / "t.cap", chunk_bytes=512, sha256=True) as reader:
        assert sum(len(chunk) for chunk in reader.chunks()) == 300
    with open_capture("whole", stream=io.BytesIO(raw), sha256=True) as other:
        list(other.chunks())
    assert reader.sha256 == other.sha256 is not None
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb", buffering=0) as out:
            out.write(raw)

    thread = threading.Thread(target=feed)
    thread.start()
    with (
        os.fdopen(reading, "rb", buffering=0) as stream,
        open_capture("-", stream=stream, chunk_bytes=512) as reader,
    ):
        assert sum(len(chunk) for chunk in reader.ahead()) == len(expected[0])
    thread.join()


@pytest.mark.parametrize("format", ["netmon1", "netmon2"])
@pytest.mark.parametrize("sample", ["809-fragments-lost.pcapng", "ipv6-fragments-lost.pcapng"])
def test_as_editcap_writes_it(tmp_path: Path, samples: Path, tshark: Path, format: str, sample: str) -> None:
    out = tmp_path / "out.cap"
    utc = {**os.environ, "TZ": "UTC"}
    subprocess.run([tshark.with_name("editcap"), "-F", format, samples / sample, out], check=True, env=utc)
    fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.cap_len"]
    table = subprocess.run([tshark, "-r", out, *fields], check=True, capture_output=True, text=True, env=utc).stdout
    theirs = [line.split("\t") for line in table.splitlines()]
    found, notes = packets(out.read_bytes())
    ours = [[f"{t // 10**9}.{t % 10**9:09d}", str(wire), str(len(data))] for _, t, wire, _, data in found]
    assert ours == theirs
    assert notes == [] and len(found) > 20


WHOLE = netmon_file(*(frame(bytes([n]) * 30, n, trailer=b"\1\0") for n in range(6)), minor=1, gap=2)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=8), st.integers(0, len(WHOLE)))
def test_mutated_files_never_raise(changes: list[tuple[int, int]], end: int) -> None:
    raw = bytearray(WHOLE)
    for at, value in changes:
        raw[at] = value
    raw = raw[:end]
    raw[:4] = WHOLE[:4]
    try:
        found, _ = packets(bytes(raw))
    except InputError:
        assert len(raw) < FILE_HEADER
    else:
        assert len(found) <= len(raw) // 4


@given(st.binary(max_size=400), st.sampled_from([b"GMBU", b"RTSS"]))
def test_random_files_never_raise(rest: bytes, magic: bytes) -> None:
    packets(magic + rest.ljust(FILE_HEADER, b"\0"))
