"""The same capture in every container gives the same report, apart from file name, format and digest."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import analyzer
from analyzer.formats import open_capture
from tests.formats.formats import FORMATS, Packet, nanoseconds, simple
from tests.formats.packed import test_tar

zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

SAMPLES = ["809-fragments-lost.pcapng", "connected-ok.pcapng", "udp-4500-blocked.pcapng", "ipv6-fragments-lost.pcapng"]
#: Beside the samples: ICMP, copies, packets too large, and packets cut by the capture.
LAB = ["rsa4096-reassembly-timeout", "copied-packets", "frag-needed-ignored", "kept-128-bytes", "eap-wrong-password"]
CAPTURES = [*SAMPLES, *(f"lab/captures/{name}.client.pcapng" for name in LAB)]
#: netsh does not record how long a packet was that it cut; copies in another section are from another interface.
UNLIKE = {("kept-128-bytes", "netsh"), ("copied-packets", "sections")}
CASES = [
    (name, each)
    for name in CAPTURES
    for each in FORMATS
    if not any(capture in name and format in each for capture, format in UNLIKE)
]
EDITCAP = ["pcap", "nsecpcap", "modpcap", "netmon2", "snoop", "5views"]
PACKERS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd.compress}


def report(raw: bytes, name: str = "ticket") -> dict[str, Any]:
    (capture,) = analyzer.read_each(name, stream=io.BytesIO(raw), sha256=True)
    told = capture.report()
    del told["file"], told["sha256"], told["capture"]["format"]
    return told


def written(source: Path, folder: Path, format: str) -> bytes:
    out = folder / f"out.{format}"
    command = ["editcap", "-F", format, str(source), str(out)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env={**os.environ, "TZ": "UTC"})
    return out.read_bytes()


@pytest.fixture(params=SAMPLES)
def source(request: pytest.FixtureRequest, samples: Path) -> Path:
    return samples / str(request.param)


@pytest.mark.parametrize("format", EDITCAP)
def test_formats(source: Path, tmp_path: Path, tshark: Path, format: str) -> None:
    """editcap writes the format from the plain pcap: what only pcapng records (direction, comments) is then in none."""
    plain = written(source, tmp_path, "pcap")
    (tmp_path / "plain.pcap").write_bytes(plain)
    told = report(written(tmp_path / "plain.pcap", tmp_path, format))
    expected = report(plain)
    added = {"capture-converted", "time-zone-unknown"}
    told["capture"]["quality"] = [each for each in told["capture"]["quality"] if each not in added]
    assert told == expected
    assert told["verdict"]["id"] == report(source.read_bytes())["verdict"]["id"]


def test_milliseconds_change_no_verdict(source: Path, tmp_path: Path, tshark: Path) -> None:
    assert report(written(source, tmp_path, "netmon1"))["verdict"]["id"] == report(source.read_bytes())["verdict"]["id"]


@pytest.mark.parametrize("packer", PACKERS)
def test_packers(source: Path, packer: str) -> None:
    raw = source.read_bytes()
    assert report(PACKERS[packer](raw)) == report(raw)


@pytest.mark.parametrize("packer", ["", "gzip", "zstd"])
def test_archives(source: Path, packer: str) -> None:
    raw = source.read_bytes()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/trace.pcapng", raw)
        archive.writestr("notes.txt", "dear colleague")
    tar = test_tar.archive({"inner/trace.pcapng": raw})
    pack = PACKERS.get(packer, bytes)
    assert report(out.getvalue()) == report(pack(tar)) == report(raw)


def frames(file: Path) -> list[Packet]:
    """The packets of a capture without what only its format records (direction, comments)."""
    found = []
    with open_capture(file) as reader:
        for chunk in reader.chunks():
            for start, size, wire, time in zip(chunk.start, chunk.captured, chunk.wire, chunk.time, strict=True):
                found.append((int(time), int(wire), chunk.buffer[start : start + size].tobytes()))
    return found


@pytest.mark.parametrize("name, format", CASES)
def test_every_format(samples: Path, name: str, format: str) -> None:
    """Where the format's clock is coarser, the same packets with those times are what is compared with."""
    unit, write = FORMATS[format]
    packets = [(time // unit * unit, wire, data) for time, wire, data in frames(samples / name)]
    told, expected = report(write(packets)), report(nanoseconds(packets))
    told["capture"]["quality"] = [each for each in told["capture"]["quality"] if each != "time-zone-unknown"]
    for ours, theirs in zip(told["findings"], expected["findings"], strict=True):
        # Wireshark counts the packets of an ETL in its own way: there a filter goes by time.
        assert (ours["filter"] == theirs["filter"]) != (format.startswith("ETL") and bool(ours["frames"]))
        ours["filter"] = theirs["filter"]
    assert told == expected


def test_packets_without_times(source: Path) -> None:
    packets = frames(source)
    told, expected = report(simple(packets))["capture"], report(nanoseconds(packets))["capture"]
    assert (told["first"], told["last"]) == (None, None)
    assert (told["packets"], told["ike_messages"]) == (expected["packets"], expected["ike_messages"])


def test_a_member_in_deflate64(samples: Path) -> None:
    """Windows Explorer packs so beyond 2 GB; number 9 in APPNOTE.TXT section 4.4.5."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(samples / "connected-ok.pcapng", "a.pcapng")
    raw = bytearray(out.getvalue())
    raw[8] = 9
    raw[raw.index(b"PK\1\2") + 10] = 9
    with pytest.raises(analyzer.InputError, match=r"^t\.zip/a\.pcapng: .* unpack it first$"):
        list(analyzer.read_each("t.zip", stream=io.BytesIO(bytes(raw))))


def test_names(samples: Path, tmp_path: Path) -> None:
    file = tmp_path / "ticket.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(samples / "connected-ok.pcapng", "inner/name.pcapng")
    (capture,) = analyzer.read_each(file)
    assert capture.path == f"{file}/inner/name.pcapng"
    assert capture.name == "ticket.zip/inner/name.pcapng"
    assert capture.analysis.is_inside
    (plain,) = analyzer.read_each(samples / "connected-ok.pcapng")
    assert (plain.name, plain.analysis.is_inside) == ("connected-ok.pcapng", False)
    with pytest.raises(analyzer.InputError, match=r"ticket\.zip: is an archive: .* read the captures in it$"):
        analyzer.read(file)


def test_problems_are_told_or_raised(samples: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        archive.write(samples / "connected-ok.pcapng", "a.pcapng")
    problems: list[str] = []
    raw = out.getvalue()
    assert list(analyzer.read_each("t.zip", stream=io.BytesIO(raw), problem=lambda e: problems.append(str(e)))) == []
    assert problems == ["t.zip/a.pcapng: is packed in a way that cannot be unpacked here; unpack it first"]
    with pytest.raises(analyzer.InputError, match="unpack it first"):
        list(analyzer.read_each("t.zip", stream=io.BytesIO(raw)))
