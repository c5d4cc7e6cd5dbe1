"""Link layers made by hand, one of each kind, and any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.links.headers import find_ip_header

LINK_TYPES = (0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 119, 127, 163, 192, 219, 228, 229, 276)

# An IPv4 header by hand: IHL 5, length 56, id 0x1234, DF, TTL 64, UDP, 10.0.0.2 > 203.0.113.7.
IPV4 = bytes.fromhex("45000038 12344000 40110000 0a000002 cb007107".replace(" ", ""))


@pytest.mark.parametrize(
    "link_type, link_header",
    [
        (101, ""),
        (12, ""),
        (14, ""),
        (228, ""),
        (1, "ffffffffffff 020000000001 0800"),
        (1, "ffffffffffff 020000000001 8100 0064 0800"),
        (1, "ffffffffffff 020000000001 88a8 0064 8100 0065 0800"),
        (1, "ffffffffffff 020000000001 9100 0064 8100 0065 8100 0066 0800"),
        (1, "ffffffffffff 020000000001 8864 1100 0001 003a 0021"),
        (1, "ffffffffffff 020000000001 8100 0064 8864 1100 0001 003a 0021"),
        (1, "ffffffffffff 020000000001 8864 1100 0001 0039 21"),
        (1, "ffffffffffff 020000000001 8847 00064040 000c9140"),
        (1, "ffffffffffff 020000000001 0040 aaaa03 000000 0800"),
        (1, "ffffffffffff 020000000001 003b 060603"),
        (0, "02000000"),
        (0, "00000002"),
        (108, "00000002"),
        (0, "000000fe"),
        (9, "ff03 0021"),
        (9, "0021"),
        (9, "21"),
        (50, "ff03 0021"),
        (9, "ff03 0281 00064140"),
        (51, "1100 0001 003a 0021"),
        (113, "0004 0001 0006 020000000001 0000 0800"),
        (113, "0004 0001 0006 020000000001 0000 8100 0064 0800"),
        (276, "0800 0000 00000002 0001 04 06 020000000001 0000"),
    ],
)
def test_every_link_layer_leads_to_the_ip_header(link_type: int, link_header: str) -> None:
    header = bytes.fromhex(link_header.replace(" ", ""))
    assert find_ip_header(link_type, header + IPV4) == (len(header), 4)
    assert find_ip_header(link_type, header + IPV4[:1]) == (len(header), 4), "cut inside the IP header"
    assert all(find_ip_header(link_type, header[:cut]) is None for cut in range(len(header) + 1))


@pytest.mark.parametrize(
    "link_type, frame",
    [
        (147, IPV4),
        (1, bytes(12) + b"\x08\x06" + IPV4),  # ARP
        (1, bytes(12) + b"\x86\xdd" + IPV4),  # the EtherType promised IPv6
        (1, bytes(12) + b"\x88\x64\x11\x07\0\1\0\x3a\0\x21" + IPV4),  # PPPoE discovery
        (1, bytes(12) + b"\x00\x26\x42\x42\x03" + IPV4),  # spanning tree
        (0, b"\x1e\0\0\0" + IPV4),
        (9, b"\xff\x03\xc0\x21" + IPV4),  # LCP
        (101, b"\x75" + IPV4[1:]),
        (1, bytes(12) + b"\x81\0\0\1" * 5000 + b"\x08\0" + IPV4),
        (1, bytes(12) + b"\x88\x47" + bytes(40_000)),
    ],
)
def test_what_is_not_ip_is_none(link_type: int, frame: bytes) -> None:
    assert find_ip_header(link_type, frame) is None


@settings(max_examples=300)
@given(
    st.sampled_from(LINK_TYPES),
    st.sampled_from(["", "02000000", "0800", "86dd", "8100", "8847", "8864", "ff03", "0021", "0057"]),
    st.binary(max_size=20),
    st.binary(max_size=40),
)
def test_any_bytes_lead_to_a_version_or_nowhere(link_type: int, link: str, before: bytes, behind: bytes) -> None:
    frame = before + bytes.fromhex(link) + behind
    found = find_ip_header(link_type, frame)
    if found is not None:
        offset, version = found
        assert version in (4, 6)
        assert frame[offset] >> 4 == version
