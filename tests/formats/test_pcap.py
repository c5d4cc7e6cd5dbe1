"""The pcap reader, against files made here byte by byte."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import InputError
from analyzer.formats import open_capture, pcap, record_walk
from analyzer.formats.file_reader import MAX_BREAKS
from analyzer.formats.pcap import PcapReader
from analyzer.formats.records import SLACK, Note
from analyzer.links.types import DIRECTION_IN, DIRECTION_OUT, DIRECTION_UNKNOWN

T = 1_700_000_000
Packet = tuple[int, int, int, int, bytes]  # frame, time, wire length, interface, bytes


def header(order: str = "<", magic: int = 0xA1B2C3D4, snaplen: int = 65535, link: int = 1, major: int = 2) -> bytes:
    return struct.pack(order + "IHHiIII", magic, major, 4, 0, 0, snaplen, link)


def record(data: bytes, wire: int | None = None, seconds: int = T, fraction: int = 0, order: str = "<") -> bytes:
    return struct.pack(order + "IIII", seconds, fraction, len(data), len(data) if wire is None else wire) + data


def packets(raw: bytes, chunk_bytes: int = 1 << 16) -> tuple[list[Packet], list[Note]]:
    """All packets of a file, and its notes."""
    found: list[Packet] = []
    with open_capture("test", stream=io.BytesIO(raw), chunk_bytes=chunk_bytes) as reader:
        for chunk in reader.chunks():
            assert len(chunk) > 0
            assert chunk.first_frame == len(found) + 1
            assert len(chunk.buffer) >= int((chunk.start + chunk.captured).max()) + SLACK
            for index in range(len(chunk)):
                begin, size = int(chunk.start[index]), int(chunk.captured[index])
                data = chunk.buffer[begin : begin + size].tobytes()
                time, wire = int(chunk.time[index]), int(chunk.wire[index])
                found.append((len(found) + 1, time, wire, int(chunk.interface[index]), data))
    return found, reader.notes


def ids(notes: list[Note]) -> list[str]:
    return [note.id for note in notes]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "unit", "name"), [(0xA1B2C3D4, 1000, "pcap"), (0xA1B23C4D, 1, "pcap-ns")])
def test_magics(order: str, magic: int, unit: int, name: str) -> None:
    raw = header(order, magic, snaplen=96, link=0xF4000065)
    raw += record(b"abc", 1500, fraction=7, order=order) + record(b"", 60, T + 1, 999_999, order)
    found, notes = packets(raw)
    assert found == [(1, T * 10**9 + 7 * unit, 1500, 0, b"abc"), (2, (T + 1) * 10**9 + 999_999 * unit, 60, 0, b"")]
    assert notes == []
    with open_capture("test", stream=io.BytesIO(raw)) as reader:
        assert (reader.format, reader.snaplen) == (name, 96)
        assert reader.interfaces[0].link_type == 101  # the upper bits say how long the frame check sequence is


def test_modified_pcap_tells_the_direction() -> None:
    raw = header(magic=0xA1B2CD34)
    for kind in range(5):
        raw += struct.pack("<IIIIIHBB", T, kind, 2, 60, 3, 0x0800, kind, 0) + b"hi"
    with open_capture("test", stream=io.BytesIO(raw)) as reader:
        (chunk,) = reader.chunks()
    known = [DIRECTION_IN, DIRECTION_IN, DIRECTION_IN, DIRECTION_UNKNOWN, DIRECTION_OUT]
    assert chunk.direction.tolist() == known
    assert chunk.captured.tolist() == [2] * 5
    assert chunk.packet_id.tolist() == [-1] * 5
    assert not chunk.host_dropped.any()


@pytest.mark.parametrize(("version", "is_swapped"), [((2, 0), 1), ((2, 2), 1), ((543, 0), 1), ((2, 4), 0), ((2, 3), 0)])
def test_the_order_of_the_two_lengths(version: tuple[int, int], is_swapped: bool) -> None:
    """libpcap's sf-pcap.c: before 2.3, and in 543.0, the wire length comes first."""
    one, two = record(b"abcd", 60), record(b"efg", 1500, T + 1)
    if is_swapped:
        one, two = (raw[:8] + raw[12:16] + raw[8:12] + raw[16:] for raw in (one, two))
    old = header()[:4] + struct.pack("<HH", *version) + header()[8:]
    found, notes = packets(old + one + two)
    assert [(row[2], row[4]) for row in found] == [(60, b"abcd"), (1500, b"efg")] and notes == []


def test_version_2_3_has_either_order() -> None:
    raw = record(b"abcd", 60)
    old = header()[:4] + struct.pack("<HH", 2, 3) + header()[8:]
    for each in (raw, raw[:8] + raw[12:16] + raw[8:12] + raw[16:]):
        assert [(row[2], row[4]) for row in packets(old + each)[0]] == [(60, b"abcd")]


def test_a_fraction_of_a_second_or_more_is_damage() -> None:
    """No 4,000 s: the packet came within its second, and nobody knows when."""
    good, bad = record(b"a", fraction=999_999), record(b"b", seconds=T + 1, fraction=4_000_000_000)
    found, (note,) = packets(header() + good + bad + bad)
    assert [row[1] for row in found] == [T * 10**9 + 999_999_000, (T + 1) * 10**9, (T + 1) * 10**9]
    assert (note.id, note.frame, note.hides) == ("capture-damaged", 2, False)
    assert "the first of 2 such packets" in note.detail


def test_cut_file_says_where() -> None:
    raw = header() + record(b"abcd") + record(b"efgh")
    found, notes = packets(raw[:-1])
    assert [packet[4] for packet in found] == [b"abcd"]
    assert ids(notes) == ["capture-cut"]
    assert notes[0].frame == 2
    assert "in the middle of packet 2" in notes[0].detail
    assert "starts at byte 44, the file ends at byte 63" in notes[0].detail


def test_header_alone_and_less() -> None:
    assert packets(header()) == ([], [])
    with pytest.raises(InputError, match=r"^test: is too short for a pcap file: 23 bytes"):
        packets(header()[:-1])


def test_odd_version_is_read_with_a_note() -> None:
    found, notes = packets(header(major=1) + record(b"abcd"))
    assert len(found) == 1
    assert "version 1.4" in notes[0].detail


def test_after_damage_reading_goes_on() -> None:
    good = [record(bytes([number]) * 50, seconds=T + number) for number in range(8)]
    hole = b"\xff" * 100
    found, notes = packets(header() + good[0] + good[1] + hole + b"".join(good[2:]), 512)
    assert [packet[4][0] for packet in found] == list(range(8))
    assert ids(notes) == ["capture-damaged"]
    assert notes[0].frame == 3
    assert f"at byte {24 + 2 * 66}:" in notes[0].detail


def test_fewer_than_three_packets_after_damage_count_if_they_end_the_file() -> None:
    raw = header() + record(b"abcd") + b"\xff" * 40 + record(b"last")
    assert [packet[4] for packet in packets(raw)[0]] == [b"abcd", b"last"]


def test_packets_of_another_time_are_not_believed_after_damage() -> None:
    far = b"".join(record(b"far away", seconds=T + 10**8) for _ in range(5))
    found, notes = packets(header() + record(b"abcd") + b"\xff" * 40 + far)
    assert len(found) == 1
    assert ids(notes) == ["capture-damaged"]


def test_headers_that_claim_more_than_was_on_the_wire_are_not_believed_after_damage() -> None:
    false = record(b"x" * 40, wire=39) * 4
    good = record(b"good") * 3
    assert [packet[4] for packet in packets(header() + b"\xff" * 40 + false + good)[0]] == [b"good"] * 3


def test_places_are_counted_from_the_start_of_the_file() -> None:
    raw = header() + record(b"abcd") * 500
    for chunk_bytes in (512, 1 << 16):
        (note,) = packets(raw[:-1], chunk_bytes)[1]
        assert "starts at byte 10004, the file ends at byte 10023" in note.detail
        (note,) = packets(raw + b"\xff" * 40, chunk_bytes)[1]
        assert "at byte 10024:" in note.detail


def test_much_damage_is_one_note() -> None:
    piece = b"".join(record(b"x" * 20, seconds=T) for _ in range(3)) + b"\xff" * 16
    found, notes = packets(header() + piece * 50)
    assert len(found) == 150
    assert ids(notes) == ["capture-damaged"]
    assert "the first of 50 such places" in notes[0].detail


def test_endless_damage_ends() -> None:
    piece = b"".join(record(b"x", seconds=T) for _ in range(3)) + b"\xff" * 16
    found, notes = packets(header() + piece * (MAX_BREAKS + 50))
    assert len(found) == 3 * (MAX_BREAKS + 1)
    assert sorted(ids(notes)) == ["analysis-limit", "capture-damaged"]


def test_long_packets_grow_the_window_up_to_snaplen() -> None:
    long = bytes(300_000)
    found, notes = packets(header(snaplen=400_000) + record(long) + record(b"abcd"), 512)
    assert [len(packet[4]) for packet in found] == [300_000, 4]
    assert notes == []
    found, notes = packets(header() + record(b"abcd") + record(long) + record(b"abcd") * 3, 512)
    assert [len(packet[4]) for packet in found] == [4] * 4
    assert ids(notes) == ["capture-damaged"]


@settings(max_examples=60)
@given(magic=st.sampled_from(sorted(pcap.MAGICS)), tail=st.binary(max_size=400), chunk=st.sampled_from([512, 1 << 16]))
def test_arbitrary_bytes_never_raise(magic: bytes, tail: bytes, chunk: int) -> None:
    packets(magic + bytes(20) + tail, chunk)


@settings(max_examples=40)
@given(data=st.data(), order=st.sampled_from("<>"))
def test_a_cut_file_gives_a_prefix(data: st.DataObject, order: str) -> None:
    """Payloads hold fake packet headers: none may ever be taken for a packet."""
    fake = record(b"fake", order=order) * 3
    payloads = data.draw(st.lists(st.sampled_from([b"", b"x", fake, fake[5:], b"\xff" * 30]), max_size=12))
    raw = header(order) + b"".join(record(payload, order=order) for payload in payloads)
    whole, notes = packets(raw)
    assert [packet[4] for packet in whole] == payloads
    assert notes == []
    cut = data.draw(st.integers(24, len(raw)))
    part, notes = packets(raw[:cut], data.draw(st.sampled_from([512, 1 << 16])))
    ends = np.cumsum([24, *(16 + len(payload) for payload in payloads)])
    assert part == whole[: int((ends[1:] <= cut).sum())]
    assert ids(notes) == ([] if cut in ends else ["capture-cut"])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["small", "large", "adversarial", "timeless"])
def test_lanes_change_nothing(order: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """3.5 MB: enough for stretches. A fake header chain, misaligned, in every payload of the adversarial file."""
    random = np.random.default_rng(7)
    fake = record(b"f" * 30, order=order) * 4
    raw, payloads = [header(order)], []
    size = 0
    while size < 3_500_000:
        # Empty, at no time: that would be no packet.
        length = int(random.integers(kind == "timeless", 90 if kind == "small" else 1500))
        payload = (fake[: length // 2] + fake)[:length] if kind == "adversarial" else random.bytes(length)
        seconds = 0 if kind == "timeless" else T + size // 10_000
        raw.append(record(payload, seconds=seconds, order=order))
        payloads.append(payload)
        size += len(raw[-1])
    whole = b"".join(raw)
    used = []
    together = record_walk._together

    def spy(*args: object) -> object:
        used.append(1)
        return together(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(record_walk, "_together", spy)
    found, notes = packets(whole, 4 << 20)
    assert [packet[4] for packet in found] == payloads
    assert notes == []
    assert used or kind == "timeless"
    assert packets(whole, 100_000)[0] == found


def test_reader_is_a_context_manager_of_its_own() -> None:
    from analyzer.formats.window import Window

    with PcapReader(Window(io.BytesIO(header() + record(b"a")), "test", 512)) as reader:
        assert sum(len(chunk) for chunk in reader.chunks()) == 1
    reader.close()
