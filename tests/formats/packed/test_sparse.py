"""Files with holes in tar archives: written here in all four ways, and by GNU tar; Python's tarfile reads them, too."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.formats.packed import budget as limits
from analyzer.formats.packed import sparse
from analyzer.formats.packed.budget import Budget
from analyzer.formats.packed.member import Member
from analyzer.formats.packed.tar import MAX_EXTRA, tar_members
from tests.formats.packed.test_archive import PCAP, seen

Segments = list[tuple[int, int]]
BLOCK = 512


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def header(name: str, size: int, kind: bytes = b"0", rest: bytes = b"") -> bytes:
    """A header as ustar has it (GNU's with ``rest``, which begins where the prefix would be), with its checksum."""
    magic = b"ustar  \0" if rest else b"ustar\x0000"
    raw = name.encode().ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"%011o\0" % 0
    raw += b" " * 8 + kind + bytes(100) + magic + bytes(80) + rest.ljust(167, b"\0")
    return raw[:148] + b"%06o\0 " % sum(raw) + raw[156:]


def pax(records: list[tuple[str, str]]) -> bytes:
    parts = []
    for key, value in records:
        rest = f" {key}={value}\n".encode()
        size = len(rest) + 1
        while len(str(size)) + len(rest) != size:
            size = len(str(size)) + len(rest)
        parts.append(str(size).encode() + rest)
    body = b"".join(parts)
    return header("PaxHeaders/x", len(body), b"x") + padded(body)


def stored(data: bytes, segments: Segments) -> bytes:
    return b"".join(data[begin : begin + size] for begin, size in segments)


def gnu(name: str, data: bytes, segments: Segments) -> bytes:
    """Type S: four segments in the header, 21 in each block behind it."""
    entries = [b"%011o\0%011o\0" % segment for segment in segments]
    first, others = entries[:4], entries[4:]
    rest = bytes(41) + b"".join(first).ljust(96, b"\0") + bytes([bool(others)]) + b"%011o\0" % len(data)
    raw = header(name, len(stored(data, segments)), b"S", rest)
    while others:
        block, others = others[:21], others[21:]
        raw += b"".join(block).ljust(504, b"\0") + bytes([bool(others)]).ljust(8, b"\0")
    return raw + padded(stored(data, segments))


def pax00(name: str, data: bytes, segments: Segments) -> bytes:
    records = [("GNU.sparse.size", str(len(data))), ("GNU.sparse.numblocks", str(len(segments)))]
    for begin, size in segments:
        records += [("GNU.sparse.offset", str(begin)), ("GNU.sparse.numbytes", str(size))]
    body = stored(data, segments)
    return pax(records) + header(name, len(body)) + padded(body)


def pax01(name: str, data: bytes, segments: Segments) -> bytes:
    numbers = ",".join(f"{begin},{size}" for begin, size in segments)
    records = [("GNU.sparse.size", str(len(data))), ("GNU.sparse.numblocks", str(len(segments)))]
    records += [("GNU.sparse.name", name), ("GNU.sparse.map", numbers)]
    body = stored(data, segments)
    return pax(records) + header("GNUSparseFile.1/x", len(body)) + padded(body)


def pax10(name: str, data: bytes, segments: Segments) -> bytes:
    records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", name)]
    records.append(("GNU.sparse.realsize", str(len(data))))
    numbers = [len(segments), *(number for segment in segments for number in segment)]
    body = padded("".join(f"{number}\n" for number in numbers).encode()) + stored(data, segments)
    return pax(records) + header("GNUSparseFile.1/x", len(body)) + padded(body)


WAYS: dict[str, Callable[[str, bytes, Segments], bytes]] = {"gnu": gnu, "0.0": pax00, "0.1": pax01, "1.0": pax10}
END = bytes(2 * BLOCK)


def with_holes(segments: Segments, size: int) -> bytes:
    data = bytearray(size)
    for number, (begin, length) in enumerate(segments):
        data[begin : begin + length] = bytes([number % 255 + 1]) * length
    return bytes(data)


def contents(raw: bytes) -> list[tuple[str, bytes | str]]:
    return [(m.name, body_of(m)) for m in tar_members(io.BytesIO(raw), Budget())]


def body_of(member: Member) -> bytes | str:
    return member.body if isinstance(member.body, str) else member.body.read()


CASES: dict[str, tuple[Segments, int]] = {
    "in the middle": ([(0, 1024), (70_000, 512)], 70_512),
    "at the beginning": ([(4096, 100)], 4196),
    "at the end": ([(0, 512), (8192, 0)], 8192),
    "nothing else": ([(10_000, 0)], 10_000),
    "no hole": ([(0, 700)], 700),
    "many": ([(n * 4096, 512) for n in range(300)], 300 * 4096),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", WAYS)
def test_files_with_holes(way: str, case: str) -> None:
    segments, size = CASES[case]
    data = with_holes(segments, size)
    raw = WAYS[way]("a.bin", data, segments) + header("b", 3) + padded(b"xyz") + END
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        by_python = {member.name: tar.extractfile(member) for member in tar.getmembers()}
        assert {name: file.read() for name, file in by_python.items() if file} == {"a.bin": data, "b": b"xyz"}
    assert contents(raw) == [("a.bin", data), ("b", b"xyz")]


@given(st.data(), st.sampled_from(sorted(WAYS)))
def test_any_map(draw: st.DataObject, way: str) -> None:
    segments, end = [], 0
    for hole, length in draw.draw(st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 2000)), max_size=60)):
        segments.append((end + hole, length))
        end += hole + length
    size = end + draw.draw(st.integers(0, 9000))
    data = with_holes(segments, size)
    raw = WAYS[way]("a.bin", data, segments) + header("b", 3) + padded(b"xyz") + END
    assert contents(raw) == [("a.bin", data), ("b", b"xyz")]


TAR = [["--format=gnu"], *(["--format=posix", f"--sparse-version={version}"] for version in ("0.0", "0.1", "1.0"))]


@pytest.mark.parametrize("how", TAR, ids=["gnu", "0.0", "0.1", "1.0"])
def test_what_gnu_tar_writes_is_what_it_extracts(tmp_path: Path, how: list[str]) -> None:
    """Where GNU tar and a file system with holes are; the archives above are the same without them."""
    with (tmp_path / "a.pcap").open("wb") as file:
        for place in range(0, 3 << 20, 1 << 17):
            file.seek(place)
            file.write(PCAP)
        file.truncate(4 << 20)
    program = shutil.which("tar")
    if (
        program is None
        or "GNU tar" not in subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    ):
        return
    subprocess.run([program, *how, "--sparse", "-cf", "a.tar", "a.pcap"], cwd=tmp_path, check=True)
    (tmp_path / "out").mkdir()
    subprocess.run([program, "-xf", "../a.tar"], cwd=tmp_path / "out", check=True)
    extracted = (tmp_path / "out" / "a.pcap").read_bytes()
    assert contents((tmp_path / "a.tar").read_bytes()) == [("a.pcap", extracted)]
    assert extracted == (tmp_path / "a.pcap").read_bytes()


# -- as captures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_a_capture_with_holes(way: str) -> None:
    from tests.formats.test_pcap import header as file_header
    from tests.formats.test_pcap import record

    data = file_header() + record(b"one" + bytes(9000)) + record(b"two")
    segments = [(0, 1024), (8192, len(data) - 8192)]
    assert with_hole_ends(data, segments)
    assert seen(WAYS[way]("a.pcap", data, segments) + END, "t.tar") == [("t.tar/a.pcap", "pcap 2")]


def with_hole_ends(data: bytes, segments: Segments) -> bool:
    return not data[segments[0][1] : segments[1][0]].strip(b"\0")


def test_holes_are_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terabytes of zeros in two kilobytes."""
    monkeypatch.setattr(limits, "ALWAYS", 1 << 20)
    records = [("GNU.sparse.size", str(1 << 42)), ("GNU.sparse.name", "a.pcap"), ("GNU.sparse.map", f"0,{len(PCAP)}")]
    raw = pax(records) + header("x", len(PCAP)) + padded(PCAP) + END
    (member,) = tar_members(io.BytesIO(raw), Budget())
    assert isinstance(member.body, sparse.SparseFile)
    read = 0
    while piece := member.body.read(1 << 16):
        read += len(piece)
    assert 1 << 20 < read < (1 << 20) + (1 << 17)
    assert [note.id for note in member.body.notes] == ["analysis-limit"]
    ((path, said),) = seen(raw, "t.tar")
    assert path == "t.tar/a.pcap" and said.endswith(" analysis-limit")


# -- maps that make no sense ------------------------------------------------------------------------------------------

UNSOUND: dict[str, Segments] = {
    "one over the other": [(0, 512), (100, 512)],
    "backwards": [(4096, 512), (0, 512)],
    "beyond the end": [(1 << 30, 512)],
}


@pytest.mark.parametrize("case", UNSOUND)
@pytest.mark.parametrize("way", WAYS)
def test_a_map_that_makes_no_sense_is_named(way: str, case: str) -> None:
    data = bytes(8192)
    raw = WAYS[way]("a.pcap", data, UNSOUND[case]) + header("b", 3) + padded(b"xyz") + END
    (name, said), other = contents(raw)
    assert name == "a.pcap" and isinstance(said, str) and "holes" in said
    assert other == ("b", b"xyz")
    assert seen(raw, "t.tar") == [("t.tar/a.pcap", f"t.tar/a.pcap: {said}")]


@pytest.mark.parametrize("way", WAYS)
def test_a_map_beyond_measure_is_named(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr(sparse, "MAX_SEGMENTS", 50)
    segments = [(n * 1024, 512) for n in range(60)]
    first, *_ = contents(WAYS[way]("a.pcap", with_holes(segments, 60 * 1024), segments) + END)
    assert isinstance(first[1], str)


def test_a_description_that_is_too_long_is_told() -> None:
    """Its map may be in what is left out."""
    raw = pax([("comment", "x" * MAX_EXTRA)]) + header("a.pcap", 3) + padded(b"xyz") + END
    (only,) = contents(raw)
    assert only == ("a.pcap", "its description in the archive is longer than 1 MiB: it was not read")


def test_the_rest_of_a_file_from_another_archive_is_told() -> None:
    (name, said), other = contents(header("a.pcap", 600, b"M") + bytes(1024) + header("b", 1) + padded(b"x") + END)
    assert name == "a.pcap" and isinstance(said, str) and "another archive" in said
    assert other == ("b", b"x")


@pytest.mark.parametrize("way", WAYS)
def test_an_archive_that_ends_in_a_file_with_holes(way: str) -> None:
    segments = [(0, 4096), (65536, 4096)]
    raw = WAYS[way]("a.bin", with_holes(segments, 69_632), segments)
    for end in range(BLOCK, len(raw) - 1, 500):
        found = contents(raw[:end])
        assert found[-1][0] == ""


@given(st.sampled_from(sorted(WAYS)), st.data())
def test_mutated_archives_never_raise(way: str, draw: st.DataObject) -> None:
    segments = [(n * 2048, 512) for n in range(30)]
    raw = bytearray(WAYS[way]("a.bin", with_holes(segments, 70_000), segments) + END)
    for _ in range(draw.draw(st.integers(1, 5))):
        at = draw.draw(st.integers(0, 2600))
        raw[at] = draw.draw(st.sampled_from(b"0179 ,\n=\0\x80\xff"))
        block = at - at % BLOCK
        if draw.draw(st.booleans()):
            raw[block + 148 : block + 156] = b" " * 8
            raw[block + 148 : block + 156] = b"%06o\0 " % sum(raw[block : block + BLOCK])
    for member in tar_members(io.BytesIO(bytes(raw)), Budget()):
        if not isinstance(member.body, str):
            read = 0
            while read < 1 << 20 and (piece := member.body.read(1 << 16)):
                read += len(piece)
