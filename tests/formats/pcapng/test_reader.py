"""The pcapng reader, against files made here block by block (draft-ietf-opsawg-pcapng)."""

from __future__ import annotations

import io
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import InputError
from analyzer.formats import open_capture, record_walk
from analyzer.formats.file_reader import MAX_BREAKS
from analyzer.formats.pcapng import packet_blocks
from analyzer.formats.pcapng.clock import Clock
from analyzer.formats.pcapng.reader import PcapngReader
from analyzer.formats.records import NO_TIME, SLACK, Chunk, Note
from analyzer.links.types import DIRECTION_IN, DIRECTION_OUT, DIRECTION_UNKNOWN

Row = tuple[int, int, int, int, bytes]  # frame, time, wire length, interface, bytes


class Writer:
    """Blocks of one byte order."""

    def __init__(self, order: str = "<") -> None:
        self.order = order

    def pack(self, form: str, *values: object) -> bytes:
        return struct.pack(self.order + form, *values)

    def block(self, kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        length = self.pack("I", len(body) + 12)
        return self.pack("I", kind) + length + body + length

    def options(self, *pairs: tuple[int, bytes]) -> bytes:
        parts = [self.pack("HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in pairs]
        return b"".join(parts) + (bytes(4) if pairs else b"")

    def section(self, major: int = 1) -> bytes:
        return self.block(0x0A0D0D0A, self.pack("IHHq", 0x1A2B3C4D, major, 0, -1))

    def interface(self, *options: tuple[int, bytes], link: int = 1, snaplen: int = 0) -> bytes:
        return self.block(1, self.pack("HHI", link, 0, snaplen) + self.options(*options))

    def packet(
        self, data: bytes, *options: tuple[int, bytes], wire: int = 60, ticks: int = 0, interface: int = 0
    ) -> bytes:
        fixed = self.pack("IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(data), wire)
        return self.block(6, fixed + data + bytes(-len(data) % 4) + self.options(*options))

    def simple(self, data: bytes, wire: int) -> bytes:
        return self.block(3, self.pack("I", wire) + data)

    def obsolete(self, data: bytes, *options: tuple[int, bytes], interface: int = 0, drops: int = 0) -> bytes:
        fixed = self.pack("HHIIII", interface, drops, 0, 7, len(data), 60)
        return self.block(2, fixed + data + bytes(-len(data) % 4) + self.options(*options))

    def statistics(self, interface: int, *options: tuple[int, bytes]) -> bytes:
        return self.block(5, self.pack("III", interface, 0, 0) + self.options(*options))


LITTLE, BIG = Writer("<"), Writer(">")
both = pytest.mark.parametrize("w", [LITTLE, BIG], ids=["little", "big"])


def reading(raw: bytes, chunk_bytes: int = 1 << 16) -> Iterator[tuple[PcapngReader, Chunk]]:
    with open_capture("test", stream=io.BytesIO(raw), chunk_bytes=chunk_bytes) as reader:
        assert isinstance(reader, PcapngReader)
        for chunk in reader.chunks():
            yield reader, chunk


def read(raw: bytes, chunk_bytes: int = 1 << 16) -> tuple[list[Row], PcapngReader]:
    """All frames of a file, and its reader."""
    found: list[Row] = []
    with open_capture("test", stream=io.BytesIO(raw), chunk_bytes=chunk_bytes) as reader:
        assert isinstance(reader, PcapngReader)
        for chunk in reader.chunks():
            assert len(chunk) > 0
            assert chunk.first_frame == len(found) + 1
            assert len(chunk.buffer) >= int((chunk.start + chunk.captured).max()) + SLACK
            for index in range(len(chunk)):
                begin, size = int(chunk.start[index]), int(chunk.captured[index])
                data = chunk.buffer[begin : begin + size].tobytes()
                time, wire = int(chunk.time[index]), int(chunk.wire[index])
                found.append((len(found) + 1, time, wire, int(chunk.interface[index]), data))
    return found, reader


def only_chunk(raw: bytes) -> Chunk:
    ((_, chunk),) = reading(raw)
    return chunk


def ids(notes: list[Note]) -> list[str]:
    return [note.id for note in notes]


@both
def test_interfaces_each_with_link_type_clock_and_words(w: Writer) -> None:
    raw = w.section()
    raw += w.interface((2, b"eth0\0"), (3, b"a\x1b[2Jb"), (11, b"\0udp port 500"), (9, b"\x09"), snaplen=128)
    raw += w.interface(link=101)
    raw += w.interface((9, b"\x8a"), (14, w.pack("q", 100)))
    raw += w.packet(b"nano", ticks=5, interface=0) + w.packet(b"micro", ticks=5, interface=1)
    raw += w.packet(b"binary", ticks=1536, interface=2)
    found, reader = read(raw)
    assert [row[1:4] for row in found] == [(5, 60, 0), (5000, 60, 1), (101_500_000_000, 60, 2)]
    assert [row[4] for row in found] == [b"nano", b"micro", b"binary"]
    first, second, _ = reader.interfaces
    assert (first.name, first.description, first.filter) == ("eth0", "a\\x1b[2Jb", "udp port 500")
    assert (first.link_type, first.snaplen, second.link_type, second.index) == (1, 128, 101, 1)
    assert (reader.format, reader.snaplen, reader.notes) == ("pcapng", 128, [])


@pytest.mark.parametrize(
    ("resolution", "offset", "ticks", "time"),
    [
        (0, 0, 3, 3 * 10**9),
        (7, 0, 16_000_000_000_000_001, 1_600_000_000_000_000_100),
        (12, 0, 1_999, 1),  # rounded down
        (0x80, 0, 7, 7 * 10**9),
        (0x80 | 64, 0, 2**64 - 1, 999_999_999),
        (127, 0, 2**64 - 1, 0),
        (6, -1, 2_000_000, 10**9),
        (6, -(2**40), 0, NO_TIME),
        (9, 0, 2**63 - 1, 2**63 - 1),
        (9, 0, 2**63, NO_TIME),
        (6, 0, 2**64 - 1, NO_TIME),
        (0, 2**62, 2**64 - 1, NO_TIME),
    ],
)
def test_time_stamps(resolution: int, offset: int, ticks: int, time: int) -> None:
    w = LITTLE
    raw = w.section() + w.interface((9, bytes([resolution])), (14, w.pack("q", offset)) if offset else (9, b"x"))
    found, reader = read(raw + w.packet(b"a", ticks=ticks))
    assert found[0][1] == time
    assert Clock.of_resolution(resolution, offset).time(ticks) == time
    assert ids(reader.notes) == (["capture-damaged"] if time == NO_TIME else [])


@both
def test_simple_packets(w: Writer) -> None:
    """Captured length: the wire length, but no more than the snaplen of interface 0. No time."""
    raw = w.section() + w.interface(snaplen=5) + w.simple(b"abcde", wire=60) + w.simple(b"abc", wire=3)
    found, reader = read(raw)
    assert found == [(1, NO_TIME, 60, 0, b"abcde"), (2, NO_TIME, 3, 0, b"abc")]
    assert reader.notes == []
    found, reader = read(w.section() + w.interface() + w.simple(b"abcd", wire=60))
    assert found[0][4] == b"abcd"
    assert ids(reader.notes) == ["capture-damaged"]


@both
def test_obsolete_packets(w: Writer) -> None:
    raw = w.section() + w.interface() + w.interface(link=101)
    raw += w.obsolete(b"abcde", (2, w.pack("I", 2)), interface=1, drops=3)
    raw += w.obsolete(b"f", interface=0, drops=0xFFFF)
    found, reader = read(raw)
    assert found == [(1, 7000, 60, 1, b"abcde"), (2, 7000, 60, 0, b"f")]
    assert [note.detail for note in reader.notes] == ["the packets themselves record 3 lost packets before them"]
    assert only_chunk(raw).direction.tolist() == [DIRECTION_OUT, DIRECTION_UNKNOWN]


@both
def test_packet_options(w: Writer) -> None:
    verdict = [(7, bytes([kind]) + w.pack("Q", value)) for kind, value in ((2, 1), (2, 2), (2, 0), (1, 2), (1, 0))]
    raw = w.section() + w.interface()
    raw += w.packet(b"a", (2, w.pack("I", 1)), (5, w.pack("Q", 77)), (1, b"one"), (1, b"t\nwo"))
    raw += w.packet(b"ab", (0x8BAC, b"custom"), (2, w.pack("I", 0xFFFFFF02)), (4, w.pack("Q", 9)), verdict[0])
    raw += w.packet(b"abc", (2, w.pack("I", 3)), verdict[1])
    raw += w.packet(b"abcd", verdict[2], (5, b"short"))
    raw += w.packet(b"abcde", verdict[3])
    raw += w.packet(b"abcdef", verdict[4])
    raw += w.packet(b"", (7, b"\0\x01"), (1, b""))
    chunk = only_chunk(raw)
    assert chunk.direction.tolist() == [DIRECTION_IN, DIRECTION_OUT] + [DIRECTION_UNKNOWN] * 5
    assert chunk.packet_id.tolist() == [77] + [-1] * 6
    assert chunk.host_dropped.tolist() == [False, True, False, False, True, False, False]
    assert chunk.comments == {1: "one; t\\nwo", 7: ""}
    assert [note.detail for note in read(raw)[1].notes] == ["the packets themselves record 9 lost packets before them"]


def test_options_after_their_end_or_beyond_the_block_are_none() -> None:
    w = LITTLE
    behind = w.pack("HH", 0, 0) + w.pack("HHI", 2, 4, 1)
    beyond = w.pack("HH", 2, 400)
    raw = w.section() + w.interface()
    for extra in (behind, beyond):
        raw += w.block(6, w.pack("IIIII", 0, 0, 0, 4, 4) + b"abcd" + extra)
    assert only_chunk(raw).direction.tolist() == [DIRECTION_UNKNOWN] * 2


def test_comments_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packet_blocks, "MAX_COMMENTS", 3)
    w = LITTLE
    raw = w.section() + w.interface() + w.packet(b"a", (1, b"\x01" * 60_000)) * 5
    found, reader = read(raw, 512)
    assert len(found) == 5
    assert ids(reader.notes) == ["analysis-limit"]
    comments = {frame: text for _, chunk in reading(raw, 512) for frame, text in chunk.comments.items()}
    assert sorted(comments) == [1, 2, 3]
    assert max(map(len, comments.values())) <= 1000


@both
def test_statistics_tell_of_lost_packets(w: Writer) -> None:
    """The last word of each interface counts; a counter that its writer could not tell is none."""
    raw = w.section() + w.interface() + w.interface() + w.packet(b"a")
    raw += w.statistics(0, (5, w.pack("Q", 2)), (7, w.pack("Q", 1))) + w.statistics(9, (5, w.pack("Q", 50)))
    raw += w.statistics(0, (5, w.pack("Q", 4)), (7, w.pack("Q", 1)))
    raw += w.statistics(1, (5, w.pack("Q", 10)), (7, w.pack("Q", 2**64 - 1)))
    _, reader = read(raw)
    assert [(note.id, note.detail) for note in reader.notes] == [
        ("capture-lost-packets", "the capturing host lost 15 packets")
    ]


@pytest.mark.parametrize("chunk_bytes", [512, 1 << 16])
def test_sections_of_either_byte_order(chunk_bytes: int) -> None:
    raw = b""
    for number in range(40):
        w = (LITTLE, BIG)[number % 3 % 2]
        raw += w.section() + w.interface(link=number) + w.packet(b"x" * number, ticks=number)
    found, reader = read(raw, chunk_bytes)
    assert [(row[1], row[3], len(row[4])) for row in found] == [(1000 * n, n, n) for n in range(40)]
    assert [interface.link_type for interface in reader.interfaces] == list(range(40))
    assert reader.notes == []


def test_endless_changes_of_byte_order_end() -> None:
    raw = (LITTLE.section() + BIG.section()) * MAX_BREAKS + LITTLE.section() + LITTLE.interface() + LITTLE.packet(b"")
    found, reader = read(raw)
    assert (found, ids(reader.notes)) == ([], ["analysis-limit"])


@both
def test_packet_of_no_interface_is_a_frame(w: Writer) -> None:
    """Also one that names the interface of the section before, or one described later."""
    raw = w.section() + w.interface() + w.packet(b"a") + w.packet(b"b", interface=1)
    raw += w.section() + w.packet(b"c") + w.interface(link=101) + w.packet(b"d")
    found, reader = read(raw)
    assert [row[4] for row in found] == [b"a", b"b", b"c", b"d"]
    assert [reader.interfaces[row[3]].link_type for row in found] == [1, -1, -1, 101]
    assert [row[1] for row in found] == [0, NO_TIME, NO_TIME, 0]
    assert [note.detail[:9] for note in reader.notes] == ["2 packets"]


@both
def test_other_blocks_are_skipped_and_some_have_a_number(w: Writer, tmp_path: Path, tshark: Path) -> None:
    """Custom, journal and sysdig blocks have a frame number in Wireshark; tshark itself says so here."""
    event = w.pack("HQQIH", 0, 1, 1, 26, 1) + bytes(8)
    raw = w.section() + w.interface() + w.packet(b"a")
    for kind, body in (
        (4, bytes(4)),  # name resolution
        (10, w.pack("II", 0x544C534B, 4) + b"abcd"),  # decryption secrets
        (0xBAD, w.pack("I", 32473) + b"text"),
        (0x40000BAD, w.pack("I", 32473)),
        (9, b"__REALTIME_TIMESTAMP=1\n\0"),
        (0x204, event),
        (0x216, event),
        (0x221, event),
        (0x777, b"unknown"),
        (0x80000001, b"local"),
    ):
        raw += w.block(kind, body)
    raw += w.packet(b"b")
    found, reader = read(raw)
    assert [(row[0], row[4]) for row in found if row[4]] == [(1, b"a"), (8, b"b")]
    assert [reader.interfaces[row[3]].link_type for row in found] == [1] + [-1] * 6 + [1]
    assert reader.notes == []
    file = tmp_path / "blocks.pcapng"
    file.write_bytes(raw)
    command = [str(tshark), "-n", "--disable-protocol", "ALL", "-r", str(file), "-T", "fields", "-e", "frame.number"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(row[0]) for row in found]


def test_packet_longer_than_its_block_is_kept_as_far_as_it_goes() -> None:
    w = LITTLE
    raw = w.section() + w.interface() + w.block(6, w.pack("IIIII", 0, 0, 0, 900, 900) + b"abcd") + w.packet(b"x")
    found, reader = read(raw)
    assert [row[4] for row in found] == [b"abcd", b"x"]
    assert "1 packets claim more bytes" in reader.notes[0].detail


def test_cut_file_says_where() -> None:
    w = LITTLE
    raw = w.section() + w.interface() + w.packet(b"abcd") + w.packet(b"efgh")
    found, reader = read(raw[:-1])
    assert [row[4] for row in found] == [b"abcd"]
    (note,) = reader.notes
    assert (note.id, note.frame) == ("capture-cut", 2)
    assert "in the middle of packet 2" in note.detail
    assert "starts at byte 84, the file ends at byte 119" in note.detail


@pytest.mark.parametrize("shift", [0, 1, 2, 3])
@both
def test_after_damage_reading_goes_on(w: Writer, shift: int) -> None:
    """Bytes lost or added put what follows at any alignment."""
    good = [w.packet(bytes([number]) * 50, ticks=number) for number in range(6)]
    hole = b"\xff" * (100 + shift)
    found, reader = read(w.section() + w.interface() + good[0] + hole + b"".join(good[1:]), 512)
    assert [row[4][0] for row in found] == list(range(6))
    (note,) = reader.notes
    assert (note.id, note.frame) == ("capture-damaged", 2)
    assert f"at byte {48 + len(good[0])}:" in note.detail


def test_damaged_lengths_lose_one_packet() -> None:
    w = LITTLE
    good = [w.packet(bytes([number]) * 50) for number in range(80)]
    for at, value in ((4, 60), (4, 0), (4, 2**31), (4, 5000), (-4, 0)):
        bad = bytearray(good[1])
        bad[at : at + 4 or None] = w.pack("I", value)
        found, reader = read(w.section() + w.interface() + good[0] + bytes(bad) + b"".join(good[2:]))
        assert [row[4][0] for row in found] == [0, *range(2, 80)]
        assert ids(reader.notes) == ["capture-damaged"]


def test_a_packet_longer_than_its_block_is_not_believed_after_damage() -> None:
    w = LITTLE
    false = w.block(6, w.pack("IIIII", 0, 0, 0, 900, 900) + b"abcd")
    found, _ = read(w.section() + w.interface() + b"\xff" * 40 + false + w.block(0x777, b"") + w.packet(b"good"))
    assert [row[4] for row in found] == [b"good"]


def test_a_section_after_damage_is_found_in_its_own_byte_order() -> None:
    raw = LITTLE.section() + LITTLE.interface() + LITTLE.packet(b"a") + b"\xff" * 33
    raw += BIG.section() + BIG.interface(link=101) + BIG.packet(b"b")
    found, reader = read(raw)
    assert [(row[3], row[4]) for row in found] == [(0, b"a"), (1, b"b")]
    assert ids(reader.notes) == ["capture-damaged"]


def test_endless_damage_ends_soon() -> None:
    """Each bad block starts a walk anew; behind it all is empty blocks, so that every walk would be long."""
    w = LITTLE
    bad = w.pack("III", 0x777, 12, 0)
    raw = w.section() + w.interface() + (bad + w.packet(b"x")) * (MAX_BREAKS + 100) + w.block(0x777, b"") * 200_000
    found, reader = read(raw, 4 << 20)
    assert len(found) == MAX_BREAKS
    assert sorted(ids(reader.notes)) == ["analysis-limit", "capture-damaged"]


def test_version_is_noted() -> None:
    w = LITTLE
    found, reader = read(w.section(major=2) + w.interface() + w.packet(b"a"))
    assert len(found) == 1
    assert "version 2" in reader.notes[0].detail


def test_what_is_no_pcapng_after_all() -> None:
    with pytest.raises(InputError, match="too short for a pcapng file: 27 bytes"):
        read(LITTLE.section()[:27])
    with pytest.raises(InputError, match="byte-order magic is damaged"):
        read(b"\x0a\x0d\x0d\x0a" + bytes(40))


@settings(max_examples=80)
@given(data=st.data(), w=st.sampled_from([LITTLE, BIG]), chunk=st.sampled_from([512, 1 << 16]))
def test_arbitrary_bytes_never_raise(data: st.DataObject, w: Writer, chunk: int) -> None:
    """Sound blocks, blocks with random bodies, and random bytes in any order."""
    kinds = st.sampled_from([1, 2, 3, 4, 5, 6, 9, 10, 0xBAD, 0x0A0D0D0A])
    bodies = st.binary(max_size=80)
    block = st.builds(w.block, kinds, bodies)
    sound = st.sampled_from([w.section(), w.interface(), w.packet(b"abc", (1, b"hi"))])
    parts = data.draw(st.lists(block | sound | bodies | st.just(bytes(64)), max_size=15))
    found, _ = read(w.section() + b"".join(parts), chunk)
    assert found == read(w.section() + b"".join(parts), 4096)[0]


@settings(max_examples=40)
@given(data=st.data(), w=st.sampled_from([LITTLE, BIG]))
def test_a_cut_file_gives_a_prefix(data: st.DataObject, w: Writer) -> None:
    """Payloads hold fake blocks: none may ever be taken for a packet."""
    fake = w.section() + w.interface() + w.packet(b"fake") * 2
    payload = st.sampled_from([b"", b"x", fake, fake[3:], b"\xff" * 30])
    comment = st.sampled_from([(), ((1, b"comment"),), ((2, w.pack("I", 1)),)])
    parts = data.draw(st.lists(st.tuples(payload, comment), max_size=10))
    blocks = [w.packet(data, *options) for data, options in parts]
    raw = w.section() + w.interface() + b"".join(blocks)
    whole, reader = read(raw)
    assert [row[4] for row in whole] == [payload for payload, _ in parts]
    assert reader.notes == []
    cut = data.draw(st.integers(28, len(raw)))
    part, reader = read(raw[:cut], data.draw(st.sampled_from([512, 1 << 16])))
    ends = np.cumsum([28, 20, *map(len, blocks)])
    assert part == whole[: int((ends[2:] <= cut).sum())]
    assert ids(reader.notes) == ([] if cut in ends else ["capture-cut"])


@both
@pytest.mark.parametrize("kind", ["small", "large", "adversarial"])
def test_lanes_change_nothing(w: Writer, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """3.5 MB: enough for stretches. The adversarial payloads are full of whole fake packet blocks."""
    random = np.random.default_rng(7)
    fake = w.packet(b"f" * 17) * 20
    raw, payloads = [w.section() + w.interface()], []
    size = 0
    while size < 3_500_000:
        length = int(random.integers(0, 90 if kind == "small" else 1400))
        payloads.append(fake[:length] if kind == "adversarial" else random.bytes(length))
        raw.append(w.packet(payloads[-1], *(((1, b"c"),) if size % 3 == 0 else ())))
        size += len(raw[-1])
    used = []
    together = record_walk._together

    def spy(*args: object) -> object:
        used.append(1)
        return together(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(record_walk, "_together", spy)
    found, reader = read(b"".join(raw), 4 << 20)
    assert [row[4] for row in found] == payloads
    assert reader.notes == []
    assert used
    assert read(b"".join(raw), 100_000)[0] == found
