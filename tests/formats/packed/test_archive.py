"""Captures in ZIP and tar archives, and archives that mean harm."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import InputError
from analyzer.formats.packed import archive, budget
from analyzer.formats.packed.archive import captures_in
from tests.formats.packed import test_tar
from tests.formats.test_pcap import header, record

PCAP = header() + record(b"one") + record(b"two")
Seen = list[tuple[str, str]]


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive_:
        for name, data in files.items():
            archive_.writestr(name, data)
    return out.getvalue()


def seen(raw: bytes, name: str = "t.zip") -> Seen:
    """Path and packets of each capture that was found, or the problem."""
    said: Seen = []
    for found in captures_in(name, stream=io.BytesIO(raw)):
        if found.problem is not None:
            said.append((found.path, str(found.problem)))
        elif found.reader is not None:
            with found.reader as reader:
                count = sum(len(chunk) for chunk in reader.ahead())
            said.append((found.path, f"{reader.format} {count}" + "".join(f" {note.id}" for note in reader.notes)))
    return said


def refused(raw: bytes) -> str:
    with pytest.raises(InputError) as error:
        seen(raw)
    assert str(error.value).isprintable()
    return str(error.value)


MIXED = {"a.pcap": PCAP, "in/b.pcap.gz": gzip.compress(PCAP), "notes.txt": b"dear colleague", "c.png": b"\x89PNG\r\n"}
CAPTURES = [("a.pcap", "pcap 2"), ("in/b.pcap.gz", "pcap+gzip 2")]


def under(name: str, captures: Seen) -> Seen:
    return [(f"{name}/{path}", what) for path, what in captures]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip(method: int) -> None:
    assert seen(zipped(MIXED, method)) == under("t.zip", CAPTURES)


def test_tar_plain_and_packed() -> None:
    raw = test_tar.archive(MIXED)
    for packed in (raw, gzip.compress(raw)):
        assert seen(packed, "t.tgz") == under("t.tgz", CAPTURES)


def test_a_capture_that_is_no_archive() -> None:
    assert seen(PCAP, "t.pcap") == [("t.pcap", "pcap 2")]


def test_a_file_on_disk(tmp_path: Path) -> None:
    (tmp_path / "t.zip").write_bytes(zipped({"a.pcap": PCAP, "b.pcap": PCAP}))
    found = list(captures_in(tmp_path / "t.zip"))
    assert [each.path for each in found] == [f"{tmp_path}/t.zip/a.pcap", f"{tmp_path}/t.zip/b.pcap"]


def test_digests_are_those_of_the_members() -> None:
    raw = zipped(MIXED)
    digests = []
    for found in captures_in("t.zip", stream=io.BytesIO(raw), sha256=True):
        assert found.reader is not None
        list(found.reader.chunks())
        digests.append(found.reader.sha256)
    assert digests == [hashlib.sha256(MIXED[name]).hexdigest() for name, _ in CAPTURES]


def test_one_archive_deep() -> None:
    deepest = zipped({"x.pcap": PCAP})
    inner = zipped({"b.pcap": PCAP, "deep.zip": deepest})
    outer = {"a.pcap": PCAP, "in.zip": inner, "in.tgz": gzip.compress(test_tar.archive({"c.pcap": PCAP}))}
    for raw, name in ((zipped(outer), "t.zip"), (test_tar.archive(outer), "t.tar")):
        assert seen(raw, name) == under(
            name,
            [
                ("a.pcap", "pcap 2"),
                ("in.zip/b.pcap", "pcap 2"),
                (
                    "in.zip/deep.zip",
                    f"{name}/in.zip/deep.zip: is an archive in an archive in an archive; unpack it first",
                ),
                ("in.tgz/c.pcap", "pcap 2"),
            ],
        )


def test_nothing_to_read() -> None:
    files = {f"n{i}\x1b[2J.txt": b"hi" for i in range(4)} | {"e.pcap": b"", "x.exe": b"MZ" + bytes(70)}
    said = refused(zipped(files))
    assert said.startswith(
        "t.zip: holds no capture that can be read: n0\\x1b[2J.txt (looks like text, not a capture), "
    )
    assert said.endswith("e.pcap (is empty) and 1 more")
    assert refused(zipped({})) == "t.zip: holds no capture that can be read: it is empty"


def test_names_lead_nowhere() -> None:
    names = ["../../up.pcap", "/abs.pcap", "C:\\win\\..\\x.pcap", "a/./b//c.pcap", "n\n\x1b[31m\u202e.pcap", "x" * 5000]
    found = [path for path, _ in seen(zipped(dict.fromkeys(names, PCAP)))]
    assert found[:4] == ["t.zip/up.pcap", "t.zip/abs.pcap", "t.zip/C:/win/x.pcap", "t.zip/a/b/c.pcap"]
    assert found[4] == "t.zip/n\\n\\x1b[31m\\u202e.pcap"
    assert len(found[5]) < 400


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    seen(zipped({"../up.pcap": PCAP, "a/b.pcap": PCAP}))
    seen(test_tar.archive({"../up.pcap": PCAP}), "t.tar")
    assert list(tmp_path.rglob("*")) == []


def test_links_and_devices_in_zip() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive_:
        for name, mode in (("link.pcap", stat.S_IFLNK), ("dev.pcap", stat.S_IFBLK), ("a.pcap", stat.S_IFREG)):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (mode | 0o644) << 16
            archive_.writestr(entry, PCAP)
        archive_.writestr(zipfile.ZipInfo("folder.pcap/"), b"")
    assert seen(out.getvalue()) == [("t.zip/a.pcap", "pcap 2")]


def test_encrypted_members_are_told() -> None:
    raw = bytearray(zipped({"secret.pcap": PCAP, "a.pcap": PCAP}))
    entry = raw.index(b"PK\1\2")
    raw[entry + 8] |= 1
    assert seen(bytes(raw)) == [
        ("t.zip/secret.pcap", "t.zip/secret.pcap: is encrypted; unpack it with its password first"),
        ("t.zip/a.pcap", "pcap 2"),
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rare_ways_of_packing_are_told(method: int) -> None:
    ((_, said),) = seen(zipped({"a.pcap": PCAP}, method))
    assert said == "t.zip/a.pcap: is packed in a way that cannot be unpacked here; unpack it first"


def test_damage_inside_a_member_is_noted() -> None:
    long = PCAP + record(bytes(1000)) * 100
    raw = bytearray(zipped({"a.pcap": long, "b.pcap": PCAP, "c.pcap": PCAP}, zipfile.ZIP_STORED))
    for at in (raw.index(b"two"), raw.rindex(b"two")):
        raw[at] ^= 1  # the checksum is wrong now
    (_, first), *others = seen(bytes(raw))
    assert "capture-damaged" in first and 80 < int(first.split()[1]) < 102
    assert others == [
        ("t.zip/b.pcap", "pcap 2"),
        ("t.zip/c.pcap", "t.zip/c.pcap: it is damaged in the archive: the rest was not read"),
    ]


def test_damaged_archives() -> None:
    raw = zipped(MIXED)
    assert seen(raw[:-30]) == under("t.zip", CAPTURES)
    assert seen(raw[:20]) == [("t.zip", "t.zip: the archive is damaged or cut off: what follows was not read")]
    tar = test_tar.archive({"a.pcap": PCAP, "b.pcap": PCAP})
    assert seen(tar[:1100], "t.tar") == [
        ("t.tar/a.pcap", "pcap 2"),
        ("t.tar", "t.tar: the archive is damaged or cut off: what follows was not read"),
    ]
    packed = gzip.compress(tar)
    assert seen(packed[: len(packed) - 30], "t.tgz")[-1][0] == "t.tgz"


# Bombs


def test_a_bomb_in_zip_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "ALWAYS", 1 << 16)
    (_, said), (_, end) = seen(zipped({"a.pcap": PCAP + bytes(8 << 20), "b.pcap": PCAP}))
    assert said.endswith(" analysis-limit")
    assert end == "t.zip: each of its bytes unpacks to more than 100: no trace packs so well: what follows was not read"


@pytest.mark.parametrize("pack", [zipped, test_tar.archive])
def test_one_budget_for_all(monkeypatch: pytest.MonkeyPatch, pack: Callable[[dict[str, bytes]], bytes]) -> None:
    """Ten bombs of which each alone would be within the limits."""
    monkeypatch.setattr(budget, "ALWAYS", 5 << 20)
    monkeypatch.setattr(budget, "MAX_RATIO", 10)
    raw = pack({f"{i}.pcap.gz": gzip.compress(PCAP + bytes(2 << 20)) for i in range(10)})
    said = seen(raw, "t")
    assert len(said) == 4
    assert [what.endswith(" analysis-limit") for _, what in said[:3]] == [False, False, True]
    assert said[3][1].endswith("what follows was not read")


def test_members_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_CAPTURES", 3)
    said = seen(zipped({f"{i}.pcap": PCAP for i in range(9)}))
    assert len(said) == 4 and said[-1][1].endswith("are read")
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    said = seen(zipped({f"{i}.txt": b"x" for i in range(9)} | {"a.pcap": PCAP}))
    assert len(said) == 1 and "only the first" in said[0][1]


def test_a_list_of_members_beyond_measure_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The members themselves tell what they are."""
    monkeypatch.setattr("analyzer.formats.packed.zip.MAX_DIRECTORY", 2000)
    monkeypatch.delattr(zipfile.ZipFile, "infolist")
    assert seen(zipped({f"{i}.txt": b"" for i in range(100)} | {"a.pcap": PCAP})) == [("t.zip/a.pcap", "pcap 2")]


def test_an_archive_inside_that_was_cut_off_is_told() -> None:
    inner = test_tar.archive({"a.pcap": PCAP, "b.pcap": PCAP + record(os.urandom(9000))})
    packed = gzip.compress(inner)
    said = seen(zipped({"in.tgz": packed[: len(packed) - 3000], "c.pcap": PCAP}))
    assert said[0] == ("t.zip/in.tgz/a.pcap", "pcap 2") and said[-1] == ("t.zip/c.pcap", "pcap 2")
    assert ("t.zip/in.tgz", "t.zip/in.tgz: the archive is damaged or cut off: what follows was not read") in said
    assert said[-2][0] == "t.zip/in.tgz" and "the gzip data ends too early" in said[-2][1]


def test_members_that_overlap(tmp_path: Path) -> None:
    """Many entries that name the same bytes: each is read, all within the budget."""
    raw = zipped({"a.pcap": PCAP})
    entry = raw[raw.index(b"PK\1\2") : raw.index(b"PK\5\6")]
    end = bytearray(raw[raw.index(b"PK\5\6") :])
    struct.pack_into("<HHI", end, 8, 50, 50, 50 * len(entry))
    assert 1 <= len(seen(raw[: raw.index(b"PK\1\2")] + entry * 50 + bytes(end))) <= 50


def test_zip_from_a_pipe(tmp_path: Path) -> None:
    raw = zipped({f"{i}.pcap": PCAP + record(os.urandom(5000)) for i in range(9)})
    reading, writing = os.pipe()
    os.write(writing, raw)
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as stream:
        said = [found.path for found in captures_in("-", stream=stream, chunk_bytes=512)]
    assert said == [f"-/{i}.pcap" for i in range(9)]


ZIP = zipped({"a.pcap": PCAP, "b.txt": b"hello", "c.pcap.gz": gzip.compress(PCAP)})
TAR = test_tar.archive({"a.pcap": PCAP, "b.txt": b"hello", "c.zip": ZIP}, tarfile.PAX_FORMAT)


@settings(max_examples=300)
@given(st.sampled_from([ZIP, TAR]), st.data())
def test_mutated_archives_never_raise(whole: bytes, data: st.DataObject) -> None:
    raw = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, 0x50]))
    with contextlib.suppress(InputError):
        seen(bytes(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))]))
