"""What a file is, and what is said of one that cannot be read."""

from __future__ import annotations

import tarfile
from typing import Literal

import pytest

from analyzer.formats.sniff import kind_of, refusal


@pytest.mark.parametrize("magic", ["a1b2c3d4", "a1b23c4d", "a1b2cd34"])
def test_pcap_in_either_byte_order(magic: str) -> None:
    raw = bytes.fromhex(magic)
    assert kind_of(raw) == kind_of(raw[::-1]) == "pcap"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (bytes.fromhex("0a0d0d0a1c000000"), "pcapng"),
        (b"GMBU\0\x02\x01\0", "netmon"),
        (b"RTSS\0\x01\x01\0", "netmon"),
        (b"snoop\0\0\0\0\0\0\x02", "snoop"),
        (b"PK\x03\x04\x14\0", "zip"),
        (b"PK\x05\x06" + bytes(18), "zip"),
        (b"PK\x01\x02", ""),
        (b"a.pcap" + bytes(506), ""),
    ],
)
def test_kinds(head: bytes, kind: str) -> None:
    assert kind_of(head) == kind


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_is_known_by_its_checksum(format: Literal[0, 1, 2]) -> None:
    head = tarfile.TarInfo("trace.pcap").tobuf(format)
    assert kind_of(head) == "tar"
    assert kind_of(head[:257] + bytes(255)) == "", "the checksum covers the magic"
    old = bytearray(head[:257] + bytes(255))
    old[148:156] = b"%06o\0 " % (sum(old[:148]) + 8 * 32 + sum(old[156:]))
    assert kind_of(bytes(old)) == "tar", "older than the magic"
    assert kind_of(b"\0" + head[1:]) == ""


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"", "is empty"),
        (b"dear colleague,\r\nthe VPN\tfails\n", "looks like text, not a capture"),
        ("Büro\n".encode(), "looks like text"),
        (b"\xff\xfeT\0i\0m\0e\0", "looks like text"),
        (b"\xef\xbb\xbf\r\n <!DOCTYPE html><html>", "web page"),
        (b"Rar!\x1a\x07\1\0", "is a RAR archive; unpack it first"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it first"),
        (b"\x04\x22\x4d\x18", "lz4-compressed; unpack it first"),
        (b"MSCF\0\0\0\0", "CAB archive"),
        (b"%PDF-1.7\n", "PDF"),
        (b"iptrace 2.0", "is an AIX iptrace capture, which is read by way of editcap (of Wireshark)"),
        (b"XCP\0002.002", "is a NetXray or Windows Sniffer capture"),
        (b"\x01\x02\x03", "is too short for a capture: 3 bytes"),
        (bytes(range(1, 60)), "is not a capture that can be read: it starts with the bytes 01 02 03"),
    ],
)
def test_refusals(head: bytes, part: str) -> None:
    said = refusal(head)
    assert part in said
    assert said.isprintable()


@pytest.mark.parametrize(("size", "kind"), [(512, "etl"), (1024, "etl"), (65536, "etl"), (0, ""), (700, "")])
def test_the_first_buffer_of_an_etw_log_is_a_multiple_of_512_bytes(size: int, kind: str) -> None:
    """docs/domain/windows-traces.md: size of the buffer, its type at 54, kind and flags of the first event."""
    head = bytearray(4096)
    head[0:4], head[54], head[74], head[75] = size.to_bytes(4, "little"), 4, 2, 0xC0
    assert kind_of(bytes(head)) == kind
