"""ZIP archives whose list of members is lost: written by zipfile and by Info-ZIP, into files and into pipes."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.formats.packed import budget as limits
from analyzer.formats.packed.budget import Budget
from analyzer.formats.packed.member import CUT
from analyzer.formats.packed.zip import zip_members
from tests.formats.packed.test_archive import PCAP, seen
from tests.formats.test_pcap import header, record

STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
LONG = header() + b"".join(record(bytes([n % 251]) * (n % 900), seconds=1_700_000_000 + n) for n in range(800))
#: One is larger than what is looked through at once for the sizes behind a member.
FILES = {
    "a.pcap": PCAP, "empty.txt": b"", "logs/long.pcap": LONG, "noise": os.urandom(700_000),
    "signatures": b"PK\7\x08" * 999, "b.pcap": LONG[:5000],
}  # fmt: skip
Members = list[tuple[str, bytes | str]]


class Pipe(io.RawIOBase):
    """What cannot go back: zipfile then writes sizes behind the members."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.written += bytes(data)  # type: ignore[call-overload]
        return len(bytes(data))  # type: ignore[call-overload]


def zipped(files: dict[str, bytes], method: int = DEFLATED, *, pipe: bool = False, zip64: bool = False) -> bytes:
    out = Pipe() if pipe else io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with archive.open(info, "w", force_zip64=zip64) as member:
                member.write(data)
    return bytes(out.written) if isinstance(out, Pipe) else out.getvalue()


def directory_of(raw: bytes) -> int:
    """Where the list of members begins."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return archive.start_dir  # type: ignore[attr-defined, no-any-return, unused-ignore]


def contents(raw: bytes) -> Members:
    found: Members = []
    for member in zip_members(io.BytesIO(raw), Budget()):
        if isinstance(member.body, str):
            found.append((member.name, member.body))
            continue
        parts = []
        while piece := member.body.read(1 << 16):
            parts.append(piece)
        notes = getattr(member.body, "notes", [])
        found.append((member.name, b"".join(parts) if not notes else notes[0].detail))
    return found


def by_info_zip(*options: str) -> Callable[[Path], bytes | None]:
    def make(folder: Path) -> bytes | None:
        program = shutil.which("zip")
        if program is None:
            return None
        for name, data in FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
        *how, name = options
        ran = subprocess.run([program, "-q", *how, name, *FILES], cwd=folder, stdout=subprocess.PIPE, check=True)
        return ran.stdout if name == "-" else (folder / name).read_bytes()

    return make


WAYS: dict[str, Callable[[Path], bytes | None]] = {
    f"{word} {place}{' zip64' * zip64}": lambda _, method=method, pipe=pipe, zip64=zip64: zipped(  # type: ignore[misc]
        FILES, method, pipe=pipe, zip64=zip64
    )
    for word, method in (("stored", STORED), ("deflated", DEFLATED))
    for place, pipe in (("file", False), ("pipe", True))
    for zip64 in (False, True)
}
#: Where Info-ZIP is; what it writes is like one of the above.
WAYS |= {
    "zip": by_info_zip("t.zip"), "zip stored": by_info_zip("-0", "t.zip"), "zip into a pipe": by_info_zip("-"),
    "zip with sizes behind": by_info_zip("-fd", "t.zip"), "zip64": by_info_zip("-fz", "t.zip"),
}  # fmt: skip


@pytest.fixture(params=WAYS)
def raw(request: pytest.FixtureRequest, tmp_path: Path) -> bytes:
    made = WAYS[request.param](tmp_path)
    return zipped(FILES) if made is None else made


def test_the_whole_archive(raw: bytes) -> None:
    assert contents(raw) == list(FILES.items())


def test_without_its_list(raw: bytes) -> None:
    """All members are there; where the list begins, none can be missing."""
    begin = directory_of(raw)
    for end in (begin + 4, begin + 30, len(raw) - 22, len(raw) - 1):
        assert contents(raw[:end]) == list(FILES.items())
    # Behind the last member anything might have followed.
    assert contents(raw[:begin]) == [*FILES.items(), ("", CUT)]


def test_with_a_damaged_list(raw: bytes) -> None:
    begin = directory_of(raw)
    damaged = raw[: begin + 4] + b"\xff" * (len(raw) - begin - 4)
    assert contents(damaged) == list(FILES.items())
    assert contents(raw[:begin] + b"\xff" * (len(raw) - begin)) == [*FILES.items(), ("", CUT)]
    second = raw.index(b"PK\1\2", begin + 4)
    assert contents(raw[:second] + b"QQ" + raw[second + 2 :]) == list(FILES.items())


def test_cut_off_anywhere(raw: bytes) -> None:
    """Members before the cut are whole, the one in it is noted, and something says that more may be missing."""
    for end in range(10, directory_of(raw), len(raw) // 60):
        *members, last = contents(raw[:end])
        assert last == ("", CUT)
        whole = [member for member in members if FILES.get(member[0]) == member[1]]
        assert len(members) - len(whole) <= 1 and whole == list(FILES.items())[: len(whole)]
        assert members[len(whole) :] in (
            [],
            [(list(FILES)[len(whole)], "the archive ends in the middle of it: the rest was not read")],
        ) or (members[-1][0] not in FILES)


def test_captures_of_a_cut_archive() -> None:
    files = {"a.pcap": PCAP, "b.pcap": LONG, "c.pcap": PCAP}
    for pipe in (False, True):
        raw = zipped(files, pipe=pipe)
        whole = [("t.zip/a.pcap", "pcap 2"), ("t.zip/b.pcap", "pcap 800"), ("t.zip/c.pcap", "pcap 2")]
        assert seen(raw) == whole
        assert seen(raw[: directory_of(raw) + 10]) == whole
        assert seen(raw[: directory_of(raw)]) == [*whole, ("t.zip", f"t.zip: {CUT}")]
        third = raw.rindex(b"PK\3\4")
        first, second, end = seen(raw[: third - 1000])
        assert first == whole[0] and end == ("t.zip", f"t.zip: {CUT}")
        assert second[0] == "t.zip/b.pcap" and "capture-cut" in second[1] and 0 < int(second[1].split()[1]) < 800


def test_a_damaged_member_without_the_list() -> None:
    raw = bytearray(zipped({"a.pcap": PCAP, "b.pcap": LONG, "c.pcap": PCAP}, STORED))
    raw[raw.index(LONG) + len(LONG) - 5] ^= 1
    (_, first), (_, second), (_, third) = seen(bytes(raw[: directory_of(bytes(raw)) + 5]))
    assert first == third == "pcap 2" and second.startswith("pcap 800") and "capture-damaged" in second


@pytest.mark.parametrize("pipe", [False, True])
def test_what_cannot_be_unpacked_is_named_and_passed_over(pipe: bool) -> None:
    rare = zipped({"rare.pcap": LONG}, zipfile.ZIP_BZIP2, pipe=pipe)
    secret = bytearray(zipped({"secret.pcap": LONG}, STORED, pipe=pipe))
    secret[6] |= 1
    parts = [rare[: directory_of(rare)], bytes(secret[: directory_of(bytes(secret))]), zipped({"a.pcap": PCAP})[:-30]]
    assert contents(b"".join(parts)) == [
        ("rare.pcap", "is packed in a way that cannot be unpacked here; unpack it first"),
        ("secret.pcap", "is encrypted; unpack it with its password first"),
        ("a.pcap", PCAP),
    ]


@pytest.mark.parametrize("pipe", [False, True])
def test_archives_behind_one_another(pipe: bool) -> None:
    """zipfile reads the last one, whose list is the one at the end."""
    first, second, third = (zipped({name: PCAP}, pipe=pipe, zip64=pipe) for name in ("a.pcap", "b.pcap", "c.pcap"))
    assert contents(first + second + third) == [("a.pcap", PCAP), ("b.pcap", PCAP), ("c.pcap", PCAP)]


def test_a_list_that_names_nothing() -> None:
    """Sizes of the list that are damaged to zero are no empty archive."""
    raw = zipped(FILES)
    end = raw[:-22] + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0, 0, 0, directory_of(raw), 0)
    assert contents(end) == list(FILES.items())
    assert contents(zipped({})) == []


def test_names_are_read_as_in_the_list() -> None:
    for name in ("Büro.pcap", "plain.pcap", "\u4f60.pcap"):
        raw = zipped({name: PCAP})
        assert contents(raw[: directory_of(raw) + 4]) == [(name, PCAP)]


def test_an_archive_in_an_archive_without_its_list() -> None:
    """The sizes behind the inner members are not taken for those of the outer one."""
    for pipe in (False, True):
        inner = zipped({"b.pcap": PCAP, "c.pcap": LONG}, STORED, pipe=pipe)
        raw = zipped({"in.zip": inner, "a.pcap": PCAP}, STORED, pipe=pipe)
        assert seen(raw[: directory_of(raw) + 4]) == [
            ("t.zip/in.zip/b.pcap", "pcap 2"), ("t.zip/in.zip/c.pcap", "pcap 800"), ("t.zip/a.pcap", "pcap 2"),
        ]  # fmt: skip


def test_a_bomb_without_its_list_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALWAYS", 1 << 16)
    raw = zipped({"a.pcap": PCAP + bytes(8 << 20), "b.pcap": PCAP}, pipe=True)
    (_, said), (_, end) = seen(raw[: directory_of(raw) + 4])
    assert said.endswith(" analysis-limit") and end.endswith("what follows was not read")


@settings(max_examples=200)
@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=4), st.binary(max_size=300), min_size=1, max_size=5),
    st.sampled_from([STORED, DEFLATED]), st.booleans(), st.booleans(), st.data(),
)  # fmt: skip
def test_any_files_and_any_cut(
    files: dict[str, bytes], method: int, pipe: bool, zip64: bool, draw: st.DataObject
) -> None:
    raw = zipped(files, method, pipe=pipe, zip64=zip64)
    begin = directory_of(raw)
    assert contents(raw[: draw.draw(st.integers(begin + 4, len(raw) - 1))]) == list(files.items())
    *members, last = contents(raw[: draw.draw(st.integers(4, begin))])
    assert last == ("", CUT)
    assert all(files.get(name, data) in (data, files.get(name)) for name, data in members[:-1])
    assert members[:-1] == list(files.items())[: max(len(members) - 1, 0)]


@settings(max_examples=300)
@given(st.booleans(), st.sampled_from([STORED, DEFLATED]), st.data())
def test_mutated_archives_never_raise(pipe: bool, method: int, draw: st.DataObject) -> None:
    whole = zipped({"a.pcap": PCAP, "b": b"hello" * 20, "c.pcap": LONG[:700]}, method, pipe=pipe)
    raw = bytearray(whole[: directory_of(whole) + draw.draw(st.integers(0, 4))])
    for _ in range(draw.draw(st.integers(1, 6))):
        raw[draw.draw(st.integers(4, len(raw) - 1))] = draw.draw(st.sampled_from([0, 1, 8, 0x7F, 0x80, 0xFF, 0x50]))
    assert sum(len(data) for _, data in contents(bytes(raw)) if isinstance(data, bytes)) <= 1 << 20


def test_sizes_of_eight_bytes_are_told_from_those_of_four() -> None:
    """Of an empty member both look the same: what follows them tells."""
    for zip64 in (False, True):
        for method in (STORED, DEFLATED):
            raw = zipped({"empty": b"", "a.pcap": PCAP}, method, pipe=True, zip64=zip64)
            assert contents(raw[: directory_of(raw) + 4]) == [("empty", b""), ("a.pcap", PCAP)]
            assert struct.pack("<Q", len(PCAP)) in raw or not zip64


@pytest.mark.parametrize("size", [(1 << 64) - 1, 1 << 63, 1 << 45])
def test_sizes_beyond_all_files(size: int, tmp_path: Path) -> None:
    raw = bytearray(zipped({"a.pcap": PCAP, "b.pcap": PCAP}, STORED, zip64=True))
    at = raw.index(b"\1\0\x10\0")  # the extra field of the first member: unpacked size, packed size
    raw[at + 4 : at + 20] = struct.pack("<QQ", size, size)
    raw[18:26] = b"\xff" * 8  # the sizes are there: Python before 3.11.4 writes both
    (tmp_path / "t.zip").write_bytes(raw[: directory_of(bytes(raw)) + 4])
    with (tmp_path / "t.zip").open("rb") as file:
        first, last = zip_members(file, Budget())
    assert first.name == "a.pcap" and (last.name, last.body) == ("", CUT)
    long_list = b"PK\3\4" + zipped({"a.pcap": PCAP})[4:-22] + b"PK\6\6" + struct.pack("<Q", size)
    assert contents(long_list) == [("a.pcap", PCAP)]
