"""The tar reader, against archives that Python's tarfile writes, and damaged ones."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.formats.packed.budget import Budget
from analyzer.formats.packed.tar import MAX_EXTRA, tar_members

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def archive(files: dict[str, bytes], format: int = tarfile.GNU_FORMAT, others: dict[str, bytes] | None = None) -> bytes:
    """An archive of plain files, and of members of other types by name."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for name, type_ in (others or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = type_, "/etc/passwd"
            tar.addfile(member)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def members(raw: bytes) -> dict[str, bytes | None]:
    return {m.name: None if isinstance(m.body, str) else m.body.read() for m in tar_members(io.BytesIO(raw), Budget())}


FILES = {"a.pcap": b"", "logs/b.pcap": b"b" * 512, "c": b"c" * 513, "Büro/ü.pcap": b"d" * 10_000}
LONG = {**FILES, "/".join(["folder" * 5] * 8) + "/e.pcap": b"e"}


@pytest.mark.parametrize("format", FORMATS)
def test_files(format: int) -> None:
    assert members(archive(FILES, format)) == FILES


@pytest.mark.parametrize("format", FORMATS[1:])
def test_long_names(format: int) -> None:
    assert members(archive(LONG, format)) == LONG
    assert members(archive({"x" * 90 + "/" + "y" * 60: b"z"}, tarfile.USTAR_FORMAT)) == {
        "x" * 90 + "/" + "y" * 60: b"z"
    }


def test_links_devices_and_folders_are_passed_over() -> None:
    types = {
        "l": tarfile.SYMTYPE,
        "h": tarfile.LNKTYPE,
        "d": tarfile.DIRTYPE,
        "c": tarfile.CHRTYPE,
        "p": tarfile.FIFOTYPE,
    }
    assert members(archive(FILES, others=types)) == FILES


def test_members_that_are_not_read_are_passed_over() -> None:
    assert [member.name for member in tar_members(io.BytesIO(archive(LONG)), Budget())] == list(LONG)


def test_an_archive_in_the_variant_of_1979() -> None:
    raw = bytearray(archive({"old.pcap": b"abc"}))
    raw[257:512] = bytes(255)
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    assert members(bytes(raw)) == {"old.pcap": b"abc"}


def test_sizes_in_binary() -> None:
    """GNU writes sizes of 8 GiB and more so; here a small one."""
    raw = bytearray(archive({"a": b"abc"}))
    raw[124:136] = b"\x80" + (3).to_bytes(11, "big")
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    assert members(bytes(raw)) == {"a": b"abc"}


def test_cut_and_damaged_archives() -> None:
    raw = archive({"a": b"a" * 600, "b": b"b" * 600})
    assert members(raw[:600]) == {"a": b"a" * 88, "": None}
    assert members(raw[: 512 + 600]) == {"a": b"a" * 600}, "cut in its padding only"
    assert members(raw[: 3 * 512]) == {"a": b"a" * 600}, "without its closing blocks"
    assert members(raw[: 3 * 512 + 40]) == {"a": b"a" * 600, "": None}
    assert members(raw[: 3 * 512] + b"\xff" * 512 + raw[4 * 512 :]) == {"a": b"a" * 600, "": None}


def test_a_name_without_end_takes_no_memory() -> None:
    out = archive({"a": b"a", "x" * 200: b"b"})
    raw = bytearray(out)
    at = 2 * 512  # the header of GNU's long name
    assert raw[at + 156 : at + 157] == b"L"
    raw[at + 124 : at + 136] = b"%011o\0" % (1 << 30)
    raw[at + 148 : at + 156] = b" " * 8
    raw[at + 148 : at + 156] = b"%06o\0 " % sum(raw[at : at + 512])
    biggest = 0

    class Stream(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal biggest
            biggest = max(biggest, size or 0)
            return super().read(size)

    assert [member.name for member in tar_members(Stream(bytes(raw)), Budget())] == ["a", ""]
    assert biggest <= MAX_EXTRA


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), max_size=8), st.integers(0, 6000), st.booleans())
def test_mutated_archives_never_raise(changes: list[tuple[int, int]], end: int, mend: bool) -> None:
    raw = bytearray(archive({**FILES, "x" * 120: b"x"}, tarfile.PAX_FORMAT))
    for at, value in changes:
        raw[at] = value
        if mend:  # or nothing but the checksum would ever be looked at
            block = at - at % 512
            raw[block + 148 : block + 156] = b" " * 8
            raw[block + 148 : block + 156] = b"%06o\0 " % sum(raw[block : block + 512])
    assert sum(len(data or b"") for data in members(bytes(raw[:end])).values()) <= len(raw)
