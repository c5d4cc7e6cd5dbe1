"""Unpacking on the way, against the packers of the standard library; and bombs."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import io
import lzma
import os
import sys
from collections.abc import Callable
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import InputError
from analyzer.formats import open_capture
from analyzer.formats.packed import budget as limits
from analyzer.formats.packed import compressed, decoders
from analyzer.formats.packed.budget import Budget
from analyzer.formats.packed.compressed import Unpacker, packer_of, unpacked
from analyzer.formats.records import Note
from analyzer.formats.window import Window
from tests.formats.packed.packers import xz_blocks, xz_of, zstd_of
from tests.formats.test_pcap import header, record

zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

Packer = Callable[[bytes], bytes]
PACKERS: dict[str, Packer] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd.compress,
}
PCAP = header() + b"".join(record(bytes([n % 256]) * (n % 90), seconds=1_700_000_000 + n) for n in range(400))


def packets(raw: bytes, chunk_bytes: int = 1 << 16) -> tuple[list[bytes], list[Note], str]:
    found = []
    with open_capture("test", stream=io.BytesIO(raw), chunk_bytes=chunk_bytes) as reader:
        for chunk in reader.ahead():
            for begin, size in zip(chunk.start.tolist(), chunk.captured.tolist(), strict=True):
                found.append(chunk.buffer[begin : begin + size].tobytes())
    return found, reader.notes, reader.format


def refused(raw: bytes) -> str:
    with pytest.raises(InputError) as error:
        open_capture("test", stream=io.BytesIO(raw))
    return str(error.value)


PLAIN = packets(PCAP)[0]


@pytest.mark.parametrize("chunk_bytes", [1, 3000, 1 << 20])
@pytest.mark.parametrize("packer", PACKERS)
def test_packets_are_those_of_the_plain_file(packer: str, chunk_bytes: int) -> None:
    raw = PACKERS[packer](PCAP)
    assert packer_of(raw) == packer
    assert packets(raw, chunk_bytes) == (PLAIN, [], f"pcap+{packer}")


@pytest.mark.parametrize("packer", PACKERS)
def test_several_streams_in_a_row(packer: str) -> None:
    """As bgzip, pbzip2, pixz and pzstd write them; empty ones too, and padding (tapes; xz format 2.2)."""
    pack = PACKERS[packer]
    raw = b"".join(pack(PCAP[at : at + 1000]) + pack(b"") for at in range(0, len(PCAP), 1000))
    assert packets(raw) == (PLAIN, [], f"pcap+{packer}")
    assert packets(raw + bytes(8), 512) == (PLAIN, [], f"pcap+{packer}")


def test_skippable_frames_of_zstd() -> None:
    """RFC 8878 3.1.2; pzstd begins each file with one."""
    skip = b"\x50\x2a\x4d\x18\4\0\0\0abcd"
    assert packets(skip + zstd.compress(PCAP) + skip)[:2] == (PLAIN, [])


@pytest.mark.parametrize("packer", PACKERS)
def test_the_digest_is_that_of_the_file(packer: str) -> None:
    raw = PACKERS[packer](PCAP)
    for more in (b"", b"something else" * 100):
        with open_capture("test", stream=io.BytesIO(raw + more), sha256=True, chunk_bytes=512) as reader:
            list(reader.chunks())
            assert reader.sha256 == hashlib.sha256(raw + more).hexdigest()


@pytest.mark.parametrize("packer", PACKERS)
def test_what_follows_is_told(packer: str) -> None:
    found, notes, _ = packets(PACKERS[packer](PCAP) + b"something else")
    assert found == PLAIN
    assert [note.id for note in notes] == ["capture-damaged"]


@pytest.mark.parametrize("packer", ["gzip", "xz"])
def test_cut_files_are_read_up_to_the_cut(packer: str) -> None:
    raw = PACKERS[packer](PCAP)
    found, notes, _ = packets(raw[: len(raw) * 2 // 3])
    assert 0 < len(found) < len(PLAIN) and PLAIN[: len(found)] == found
    assert {note.id for note in notes} == {"capture-cut"}
    assert any(packer in note.detail for note in notes)


def test_damaged_files_are_read_up_to_the_damage() -> None:
    raw = bytearray(b"".join(gzip.compress(PCAP[at : at + 1000], mtime=0) for at in range(0, len(PCAP), 1000)))
    raw[raw.rindex(b"\x1f\x8b\x08") + 3 :] = b"\xff" * 40
    found, notes, _ = packets(bytes(raw))
    assert found and PLAIN[: len(found)] == found
    assert "capture-damaged" in {note.id for note in notes}


@pytest.mark.parametrize("packer", PACKERS)
def test_nothing_comes_out(packer: str) -> None:
    raw = PACKERS[packer](PCAP)
    assert refused(raw[:8]) == f"test: is {packer}-compressed, and cut off or damaged at its very start"
    assert refused(PACKERS[packer](b"")) == f"test: is {packer}-compressed, and holds nothing"


def test_what_is_inside_is_refused_as_ever() -> None:
    assert refused(gzip.compress(b"dear colleague")) == "test: looks like text, not a capture"
    assert refused(gzip.compress(bz2.compress(PCAP))) == "test: is packed twice (bzip2 in gzip); unpack it first"


def test_without_a_package_for_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, zstd.__name__, None)
    said = "test: is zstd-compressed, and the package for that is not installed: pip install backports.zstd"
    assert refused(zstd.compress(PCAP)) == said


# Bombs


def unpack(raw: bytes, packer: str) -> tuple[int, list[Note]]:
    unpacker = Unpacker(Window(io.BytesIO(raw), "test", 1 << 16), packer, Budget())
    size, room = 0, bytearray(1 << 20)
    while count := unpacker.readinto(room):
        size += count
    return size, unpacker.notes


@pytest.mark.parametrize("packer", PACKERS)
def test_a_bomb_stops_at_the_ratio(monkeypatch: pytest.MonkeyPatch, packer: str) -> None:
    monkeypatch.setattr(limits, "ALWAYS", 1 << 16)
    size, notes = unpack(PACKERS[packer](bytes(32 << 20)), packer)
    assert 1 << 16 < size <= (1 << 16) + compressed.MOST + limits.MAX_RATIO * compressed.PIECE * 8
    assert [note.id for note in notes] == ["analysis-limit"] and "100" in notes[0].detail


@pytest.mark.parametrize("packer", PACKERS)
def test_a_bomb_stops_at_the_end_of_all(monkeypatch: pytest.MonkeyPatch, packer: str) -> None:
    monkeypatch.setattr(limits, "MAX_UNPACKED", 1 << 30)
    monkeypatch.setattr(limits, "ALWAYS", 1 << 30)
    budget = Budget()
    budget.unpacked = (1 << 30) - 5000
    unpacker = Unpacker(Window(io.BytesIO(PACKERS[packer](bytes(1 << 20))), "test", 1 << 16), packer, budget)
    read = 0
    while piece := unpacker.read(1000):
        read += len(piece)
    assert 5000 < read <= 6000
    assert [note.detail for note in unpacker.notes] == ["it unpacks to more than 1 GiB: the rest was not read"]


def test_within_the_free_bytes_all_is_read() -> None:
    assert unpack(gzip.compress(bytes(32 << 20)), "gzip") == (32 << 20, [])


def test_only_the_input_itself_counts_as_packed() -> None:
    """What is packed in an archive went through another unpacker before: its bytes are no measure."""
    budget = Budget()
    inner = gzip.compress(b"x" * 1000)
    outer = Unpacker(Window(io.BytesIO(gzip.compress(inner)), "test", 512), "gzip", budget)
    assert Unpacker(Window(cast(BinaryIO, outer), "test", 512), "gzip", budget).read() == b"x" * 1000
    assert budget.packed == len(gzip.compress(inner))
    assert budget.unpacked == len(inner) + 1000


def test_streams_without_content_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "MAX_TINY_STREAMS", 50)
    size, notes = unpack(gzip.compress(b"x") * 400, "gzip")
    assert size == 51 and [note.id for note in notes] == ["analysis-limit"]


# Memory of decoders: as their headers say it, and one budget for all of them.


def refusal(packer: str, wanted: int, left: int) -> str:
    what = f"unpacking it takes {wanted} MiB of memory, and {left} MiB are left for it: unpack it first"
    return f"test: is {packer}-compressed, and {what}"


@pytest.mark.parametrize("size", [4096, 1 << 20, 3 << 19, 8 << 20, 64 << 20, 96 << 20, 128 << 20])
def test_the_dictionary_of_xz(size: int) -> None:
    assert decoders.xz_memory(xz_of(size, PCAP)) == size
    both = [{"id": lzma.FILTER_DELTA, "dist": 4}, {"id": lzma.FILTER_LZMA2, "dict_size": size}]
    assert decoders.xz_memory(lzma.compress(PCAP, filters=both)) == size
    assert packets(xz_of(size, PCAP))[0] == PLAIN


@pytest.mark.parametrize("log", [10, 17, 21, 27])
def test_the_window_of_zstd(log: int) -> None:
    assert decoders.zstd_memory(zstd_of(log, PCAP)) == 1 << log
    assert packets(zstd_of(log, PCAP))[0] == PLAIN


@pytest.mark.parametrize("size", [1, 255, 256, 65_791, 65_792, 70_000])
def test_a_frame_of_one_segment_is_its_own_window(size: int) -> None:
    raw = zstd.compress(bytes(size))
    assert raw[4] & 0x20
    assert decoders.zstd_memory(raw) == size


def test_a_decoder_that_wants_more_than_is_granted_is_refused() -> None:
    assert refused(xz_of(512 << 20, PCAP)) == refusal("xz", 512, 128)
    assert refused(zstd_of(28, PCAP)) == refusal("zstd", 256, 128)


def test_a_later_stream_that_wants_more_is_told() -> None:
    for more in (xz_of(8 << 20, PCAP) + xz_of(512 << 20, PCAP), zstd_of(20, PCAP) + zstd_of(28, PCAP)):
        found, notes, _ = packets(more)
        assert found == PLAIN and [note.id for note in notes] == ["analysis-limit"]
        assert notes[0].detail.endswith("128 MiB are left for it: the rest was not read")


def test_a_later_block_of_xz_that_wants_more_is_told() -> None:
    """No program writes one so. xz looks at each block's dictionary before it takes memory for it."""
    first = header() + b"".join(record(os.urandom(3 * compressed.PIECE)) for _ in range(3))
    found, notes, _ = packets(xz_blocks([first, PCAP[24:]], dictionaries=[1 << 16, 64 << 20]))
    assert len(found) in (2, 3) and found == packets(first)[0][: len(found)]
    assert notes[-1].detail == "a later part of it takes more memory to unpack than the first: it was not read"


@pytest.mark.parametrize("make", [lambda: xz_of(96 << 20, PCAP), lambda: zstd_of(26, PCAP)], ids=["xz", "zstd"])
def test_decoders_inside_one_another_share_the_memory(make: Callable[[], bytes]) -> None:
    budget, raw = Budget(), make()
    wanted = budget_of(raw)

    def begun() -> Unpacker:
        unpacker = Unpacker(Window(io.BytesIO(raw), "test", 512), packer_of(raw), budget)
        assert len(unpacker.read(10)) == 10
        return unpacker

    open_ones = [begun() for _ in range(limits.MAX_DECODERS // wanted)]
    assert budget.memory == len(open_ones) * wanted
    with pytest.raises(InputError, match=r"unpacking it takes \d+ MiB of memory, and \d+ MiB are left for it"):
        unpacked(Window(io.BytesIO(raw), "test", 512), packer_of(raw), budget, 512)
    open_ones.pop().close()
    assert begun().read() == PCAP[10:]
    for one in open_ones:
        one.close()
        one.close()
    assert budget.memory == 0


def budget_of(raw: bytes) -> int:
    return (decoders.xz_memory if packer_of(raw) == "xz" else decoders.zstd_memory)(raw)


@pytest.mark.parametrize("packer", ["xz", "zstd"])
@pytest.mark.parametrize("what", ["whole", "cut", "damaged", "nothing", "followed"])
def test_memory_is_given_back_however_the_data_ends(packer: str, what: str) -> None:
    raw = PACKERS[packer](PCAP)
    middle = len(raw) // 2
    raw = {
        "whole": raw, "cut": raw[:middle], "damaged": raw[:middle] + b"\xff" * 99 + raw[middle:],
        "nothing": PACKERS[packer](b""), "followed": raw + b"something else",
    }[what]  # fmt: skip
    budget = Budget()
    with contextlib.suppress(InputError):
        inner = unpacked(Window(io.BytesIO(raw), "test", 512), packer, budget, 512)
        assert budget.memory > 0
        while not inner.at_end:
            inner.advance(inner.end)
    assert budget.memory == 0


@settings(max_examples=200)
@given(st.sampled_from(sorted(PACKERS)), st.data())
def test_mutated_files_never_raise(packer: str, data: st.DataObject) -> None:
    raw = bytearray(PACKERS[packer](PCAP[:3000]))
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(6, len(raw) - 1))] = data.draw(st.integers(0, 255))
    window = Window(io.BytesIO(bytes(raw[: data.draw(st.integers(6, len(raw)))])), "test", 512)
    try:
        inner = unpacked(window, packer, Budget(), 512)
    except InputError:
        return
    while not inner.at_end:
        inner.advance(inner.end)


@given(st.sampled_from(sorted(PACKERS)), st.binary(max_size=200))
def test_random_bytes_never_raise(packer: str, rest: bytes) -> None:
    unpack(PACKERS[packer](b"x")[:6] + rest, packer)
