"""The same capture in every container gives the same report, apart from file name, format and digest."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import analyzer
from tests.capture import test_tar

zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

SAMPLES = ["809-fragments-lost.pcapng", "connected-ok.pcapng", "udp-4500-blocked.pcapng", "ipv6-fragments-lost.pcapng"]
EDITCAP = ["pcap", "nsecpcap", "netmon2", "snoop", "5views"]
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
    told["capture"]["quality"] = [each for each in told["capture"]["quality"] if each != "capture-converted"]
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


def frames(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Header and bytes of each packet of a little-endian pcap."""
    found, at = [], 24
    while at < len(raw):
        (size,) = struct.unpack_from("<I", raw, at + 8)
        found.append((raw[at : at + 16], raw[at + 16 : at + 16 + size]))
        at += 16 + size
    return found


def outer(protocol: int, body: bytes) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0)
    return bytes(12) + b"\x08\x00" + head + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + body


def wifi(frame: bytes, flags: int = 0x01) -> bytes:
    return bytes([0x88, flags]) + bytes(24) + b"\xaa\xaa\x03\0\0\0" + frame[12:]


VXLAN = struct.pack("!HHHH", 50000, 4789, 0, 0) + b"\x08" + bytes(7)
#: Link type, and what is made of an Ethernet frame.
LINKS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "Wi-Fi": (105, wifi),
    "Wi-Fi with radiotap": (127, lambda frame: struct.pack("<BBHI", 0, 0, 8, 0) + wifi(frame)),
    "Wi-Fi called Ethernet, marked as encrypted (pktmon)": (1, lambda frame: wifi(frame, 0x41)),
    "Ethernet under a user's number": (147, lambda frame: frame),
    "MPLS": (1, lambda frame: frame[:12] + b"\x88\x47\0\1\1\x40" + frame[14:]),
    "Ethernet in MPLS": (1, lambda frame: frame[:12] + b"\x88\x47\0\1\1\x40" + bytes(4) + frame),
    "GRE with key": (1, lambda frame: outer(47, b"\x20\0" + frame[12:14] + bytes(4) + frame[14:])),
    "ERSPAN II": (1, lambda frame: outer(47, b"\x10\0\x88\xbe" + bytes(4) + b"\x10\1" + bytes(6) + frame)),
    "VXLAN": (1, lambda frame: outer(17, VXLAN + frame)),
    "Cisco HDLC": (104, lambda frame: b"\x0f\0" + frame[12:]),
}


@pytest.mark.parametrize("link", LINKS)
def test_link_layers(samples: Path, tmp_path: Path, tshark: Path, link: str) -> None:
    """The reference case, and it hangs on later fragments being counted by whatever way they came."""
    number, wrap = LINKS[link]
    plain = written(samples / "809-fragments-lost.pcapng", tmp_path, "pcap")
    wrapped = [(head, wrap(data)) for head, data in frames(plain)]
    raw = plain[:20] + struct.pack("<I", number)
    raw += b"".join(head[:8] + struct.pack("<II", len(data), len(data)) + data for head, data in wrapped)
    told, expected = report(raw), report(plain)
    told["capture"]["quality"] = [each for each in told["capture"]["quality"] if each != "link-type-mismatch"]
    assert told == expected


def test_names(samples: Path, tmp_path: Path) -> None:
    file = tmp_path / "ticket.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(samples / "connected-ok.pcapng", "inner/name.pcapng")
    (capture,) = analyzer.read_each(file)
    assert capture.path == f"{file}/inner/name.pcapng"
    assert capture.name == "ticket.zip/inner/name.pcapng"
    assert capture.is_inside
    (plain,) = analyzer.read_each(samples / "connected-ok.pcapng")
    assert (plain.name, plain.is_inside) == ("connected-ok.pcapng", False)
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
