"""What a file is, and what is said of one that cannot be read."""

from __future__ import annotations

import pytest

from analyzer.capture.sniff import kind_of, refusal


@pytest.mark.parametrize("magic", ["a1b2c3d4", "a1b23c4d", "a1b2cd34"])
def test_pcap_in_either_byte_order(magic: str) -> None:
    raw = bytes.fromhex(magic)
    assert kind_of(raw) == kind_of(raw[::-1]) == "pcap"


def test_pcapng() -> None:
    assert kind_of(bytes.fromhex("0a0d0d0a1c000000")) == "pcapng"


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"", "is empty"),
        (b"dear colleague,\r\nthe VPN\tfails\n", "looks like text, not a capture"),
        ("Büro\n".encode(), "looks like text"),
        (b"\xff\xfeT\0i\0m\0e\0", "looks like text"),
        (b"\xef\xbb\xbf\r\n <!DOCTYPE html><html>", "web page"),
        (b"PK\x03\x04\x14\0", "is a ZIP archive; unpack it first"),
        (b"\x1f\x8b\x08\0", "gzip-compressed; unpack it first"),
        (b"\xfd7zXZ\0\0", "xz-compressed"),
        (b"\x28\xb5\x2f\xfd\0", "zstd-compressed"),
        (b"BZh91AY", "bzip2-compressed"),
        (b"MSCF\0\0\0\0", "CAB archive"),
        (b"%PDF-1.7\n", "PDF"),
        (b"GMBU\0\x02\x01\0", "NetMon 2 captures cannot be read yet; convert it: editcap -F pcapng IN OUT"),
        (b"RTSS\0\x01\x01\0", "NetMon 1 captures cannot be read yet"),
        (b"snoop\0\0\0\0\0\0\x02", "snoop captures cannot be read yet; convert it: editcap -F pcapng IN OUT"),
        (b"\x01\x02\x03", "is too short for a capture: 3 bytes"),
        (bytes(range(1, 60)), "is not a capture that can be read: it starts with the bytes 01 02 03"),
    ],
)
def test_refusals(head: bytes, part: str) -> None:
    said = refusal(head)
    assert part in said
    assert said.isprintable()
