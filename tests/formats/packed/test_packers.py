"""Packed captures of many windows, in every setting of every packer, against the plain file: byte for byte."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import analyzer
from analyzer.errors import InputError
from analyzer.formats import open_capture
from analyzer.formats.packed.budget import Budget
from analyzer.formats.packed.compressed import Unpacker, packer_of, unpacked
from analyzer.formats.records import Note
from analyzer.formats.window import Window
from tests.formats.packed.packers import PROGRAMS, WAYS, Packer, pieces
from tests.formats.traffic import ROUND
from tests.formats.traffic import traffic as traffic_of

#: Bytes of captures: more than one window of the readers, and a dozen.
SMALL, LARGE = 20_000_000, 200_000_000

#: What takes seconds to pack.
SLOW = {"900 k", "streams of 5 MB", "16"}
#: The first three of each packer always, the others with the large ones.
EVERY_WAY = [
    pytest.param(packer, way, id=f"{packer} {way}", marks=[pytest.mark.large] if way in SLOW or place > 2 else [])
    for packer, ways in WAYS.items()
    for place, way in enumerate(ways)
]
EVERY_PROGRAM = [pytest.param(packer, line, id=line) for packer, lines in PROGRAMS.items() for line in lines]
#: What is large and packed within seconds.
QUICK_WAYS = [
    ("gzip", "fastest"), ("gzip", "bgzip"), ("gzip", "flushed as pigz"), ("bzip2", "100 k"), ("xz", "fastest"),
    ("xz", "blocks as -T2"), ("zstd", "1"), ("zstd", "3"), ("zstd", "pipe, no size, checksum"), ("zstd", "flushed"),
    ("zstd", "two threads"), ("zstd", "long"), ("zstd", "pzstd"),
]  # fmt: skip


@dataclass(frozen=True)
class Read:
    """What a reader gave of a capture: the packets' times, lengths and bytes as digests, and its notes."""

    packets: int
    times: str
    lengths: str
    octets: str
    notes: tuple[Note, ...]


def read(raw: bytes, chunk_bytes: int = 16 << 20) -> Read:
    count, times, lengths, octets, notes = 0, hashlib.sha256(), hashlib.sha256(), hashlib.sha256(), list[Note]()
    with open_capture("test", stream=io.BytesIO(raw), chunk_bytes=chunk_bytes) as reader:
        for chunk in reader.ahead():
            count += len(chunk)
            times.update(chunk.time.tobytes())
            view = chunk.buffer.data
            for start, captured, wire in zip(
                chunk.start.tolist(), chunk.captured.tolist(), chunk.wire.tolist(), strict=True
            ):
                lengths.update(b"%d %d," % (captured, wire))
                octets.update(view[start : start + captured])
        notes = reader.notes
    return Read(count, times.hexdigest(), lengths.hexdigest(), octets.hexdigest(), tuple(notes))


def report(raw: bytes) -> dict[str, object]:
    """The JSON report without what must differ: what the file is called, and how it is packed."""
    capture = analyzer.read("test", stream=io.BytesIO(raw))
    said = json.loads(json.dumps(capture.report()))
    said["capture"].pop("format")
    return said


class Traffic:
    """A plain capture, and what the readers and the report say of it."""

    def __init__(self, octets: int, folder: Path) -> None:
        self.raw = traffic_of(octets, folder)
        self.read = read(self.raw)
        self.report = report(self.raw)
        self._packed: dict[tuple[str, str], bytes] = {}

    def packed(self, packer: str, way: str) -> bytes:
        if (packer, way) not in self._packed:
            self._packed[packer, way] = WAYS[packer][way](self.raw)
        return self._packed[packer, way]


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Traffic:
    return Traffic(SMALL, tmp_path_factory.mktemp("traffic"))


@pytest.fixture(scope="module")
def much_traffic(tmp_path_factory: pytest.TempPathFactory) -> Traffic:
    return Traffic(LARGE, tmp_path_factory.mktemp("traffic"))


def test_the_plain_capture(traffic: Traffic) -> None:
    """Several windows of packets without a remark, with IKE at both ends."""
    assert len(traffic.raw) > SMALL
    assert traffic.read.packets > 0 and traffic.read.packets % ROUND == 0 and traffic.read.notes == ()
    capture = analyzer.read("test", stream=io.BytesIO(traffic.raw))
    frames = capture.messages["frame"]
    assert frames.min() < ROUND < traffic.read.packets - ROUND < frames.max()


@pytest.mark.parametrize("packer, way", EVERY_WAY)
def test_every_way_to_pack(traffic: Traffic, packer: str, way: str) -> None:
    raw = traffic.packed(packer, way)
    assert packer_of(raw) == packer
    assert read(raw) == traffic.read


@pytest.mark.parametrize("packer, way", [(packer, next(iter(ways))) for packer, ways in WAYS.items()])
def test_the_report_is_that_of_the_plain_file(traffic: Traffic, packer: str, way: str) -> None:
    assert report(traffic.packed(packer, way)) == traffic.report


@pytest.mark.large
@pytest.mark.parametrize("packer, way", [pytest.param(*both, id=" ".join(both)) for both in QUICK_WAYS])
def test_large_captures(much_traffic: Traffic, packer: str, way: str) -> None:
    assert len(much_traffic.raw) > LARGE
    raw = WAYS[packer][way](much_traffic.raw)
    assert read(raw) == much_traffic.read
    assert report(raw) == much_traffic.report


@pytest.mark.large
@pytest.mark.parametrize("packer, command", EVERY_PROGRAM)
def test_what_the_programs_write(traffic: Traffic, packer: str, command: str) -> None:
    """From a pipe, so that they do not know how much will come; what is not installed has its twin among the ways."""
    program, *options = shlex.split(command)
    if shutil.which(program) is None:
        return
    raw = subprocess.run([program, *options], input=traffic.raw, stdout=subprocess.PIPE, check=True).stdout
    assert packer_of(raw) == packer
    assert read(raw) == traffic.read


@pytest.mark.parametrize("packer", WAYS)
@pytest.mark.parametrize("chunk_bytes", [512, 100_003, 1 << 20, 64 << 20])
def test_whatever_the_size_of_the_window(traffic: Traffic, packer: str, chunk_bytes: int) -> None:
    raw = next(iter(WAYS[packer].values()))(traffic.raw[: 1_000_000 if chunk_bytes == 512 else 6_000_000])
    assert read(raw, chunk_bytes) == read(raw)


# -- any bytes at all -------------------------------------------------------------------------------------------------


def unpack(raw: bytes, packer: str, chunk_bytes: int, piece: int = 1 << 20) -> tuple[bytes, list[Note]]:
    budget = Budget()
    unpacker = Unpacker(Window(io.BytesIO(raw), "test", chunk_bytes), packer, budget)
    parts = []
    while part := unpacker.read(piece):
        parts.append(part)
    assert budget.memory == 0
    return b"".join(parts), unpacker.notes


#: Bytes as they come, and long runs, of which a little packed data gives a lot.
CONTENTS = st.lists(
    st.one_of(
        st.binary(max_size=200),
        st.tuples(st.binary(min_size=1, max_size=40), st.integers(1, 100_000)).map(lambda run: run[0] * run[1]),
        st.integers(0, 2**32 - 1).map(lambda seed: hashlib.shake_128(seed.to_bytes(4)).digest(20_000)),
    ),
    max_size=6,
).map(b"".join)


@st.composite
def packed(draw: st.DrawFn) -> tuple[bytes, bytes, str, list[int]]:
    """Bytes; the same packed in streams, each in another way; by what; and where the streams end."""
    packer = draw(st.sampled_from(sorted(WAYS)))
    data = draw(CONTENTS)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    parts, ends = [], [0]
    for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        pack: Packer = WAYS[packer][draw(st.sampled_from(sorted(WAYS[packer])))]
        parts.append(pack(data[begin:end]) + bytes(4 * draw(st.integers(0, 2))))
        ends.append(ends[-1] + len(parts[-1]))
    return data, b"".join(parts), packer, ends


@given(packed(), st.integers(512, 100_000), st.integers(1, 300_000))
def test_what_is_unpacked_is_what_was_packed(
    made: tuple[bytes, bytes, str, list[int]], chunk_bytes: int, piece: int
) -> None:
    data, raw, packer, _ = made
    assert unpack(raw, packer, chunk_bytes, max(piece, len(data) // 2000)) == (data, [])


@given(packed(), st.data())
def test_of_a_file_that_was_cut_off_the_beginning_comes_out(
    made: tuple[bytes, bytes, str, list[int]], draw: st.DataObject
) -> None:
    data, raw, packer, ends = made
    end = draw.draw(st.integers(0, max(len(raw) - 1, 0)))
    found, notes = unpack(raw[:end], packer, 512)
    assert data.startswith(found)
    assert [note.id for note in notes] in ([], ["capture-cut"], ["capture-damaged"])
    # Where a stream ends, a file may end: behind one, and behind its padding, nothing tells.
    assert (
        notes or found == data or any(not raw[at:end].strip(b"\0") for at in ends if at <= end) or _frame_ends(raw, end)
    )


def _frame_ends(raw: bytes, end: int) -> bool:
    """Whether another stream, or padding, begins here: some ways to pack make several."""
    return bool(packer_of(raw[end:])) or not raw[end:].strip(b"\0") or not raw[end]


@pytest.mark.parametrize("packer", WAYS)
def test_cut_off_at_any_byte(packer: str) -> None:
    """A stream of one block after another, as ``packets`` are: what came out is a prefix, and grows with the file."""
    data = b"".join(hashlib.shake_128(bytes([n])).digest(60) + b"\0" * 20 for n in range(60))
    pack = next(iter(WAYS[packer].values()))
    raw, before = pack(data), 0
    for end in range(1, len(raw)):
        found, notes = unpack(raw[:end], packer, 512)
        assert data.startswith(found) and len(found) >= before
        # Shorter than its magic number, it is not known for what it is.
        assert [note.id for note in notes] == ["capture-cut"]
        before = len(found)
    assert before in (0, len(data))


def test_what_bzip2_holds_back_is_not_lost() -> None:
    """Its decompressor asks for more while it still has most of a block to give: the whole block comes out of a file
    that ends behind it."""
    data = hashlib.shake_128(b"x").digest(50_000) * 16
    raw = bz2.compress(data, 9)
    found, notes = unpack(raw[:-10], "bzip2", 512)
    assert found == data and [note.id for note in notes] == ["capture-cut"]


@pytest.mark.parametrize("packer", WAYS)
def test_a_little_input_that_gives_much_is_not_taken_for_the_end(packer: str) -> None:
    """A decompressor that is not hungry may give nothing: that is not the end of the file."""
    data = bytes(40 << 20) + b"the end"
    raw = WAYS[packer]["usual" if packer == "gzip" else next(iter(WAYS[packer]))](data)
    inner = unpacked(Window(io.BytesIO(raw), "test", 512), packer, Budget(), 16 << 20)
    size, tail = 0, b""
    while inner.end:
        size += inner.end
        tail = inner.buffer[max(inner.end - 7, 0) : inner.end].tobytes()
        inner.advance(inner.end)
    assert (size, tail, inner.notes) == (len(data), b"the end", [])


def test_a_stream_that_is_cut_in_its_first_bytes() -> None:
    one = gzip.compress(b"x" * 3000)
    for size in range(1, len(one)):
        found, notes = unpack(one + one[:size], "gzip", 512)
        assert found[:3000] == b"x" * 3000 and [note.id for note in notes] == ["capture-cut"]


@pytest.mark.parametrize("packer", WAYS)
@pytest.mark.parametrize("chunk_bytes", [512, 513, 514, 515, 517])
def test_a_stream_may_begin_anywhere_in_a_window(packer: str, chunk_bytes: int) -> None:
    """Its first bytes are looked at together, wherever the windows' borders are."""
    data = b"".join(hashlib.shake_128(bytes([n])).digest(n) for n in range(1, 120))
    raw = b"".join(map(next(iter(WAYS[packer].values())), pieces(data, 150)))
    assert unpack(raw, packer, chunk_bytes) == (data, [])


def test_nothing_comes_out_twice(traffic: Traffic) -> None:
    """A window that was read to its end stays there."""
    inner = unpacked(Window(io.BytesIO(next(iter(WAYS["zstd"].values()))(b"abc")), "test", 512), "zstd", Budget(), 512)
    assert inner.at_end
    inner.advance(inner.end)
    assert inner.end == 0
    with pytest.raises(InputError):
        unpacked(Window(io.BytesIO(b""), "test", 512), "zstd", Budget(), 512)
