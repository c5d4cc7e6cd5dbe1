"""The fixed header of a dpkt class, read from any bytes at all."""

from __future__ import annotations

import dpkt
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.links.fixed_header import read_header


@settings(max_examples=100)
@given(st.binary(max_size=40), st.integers(0, 50))
def test_read_header_takes_the_fixed_header_or_nothing(data: bytes, offset: int) -> None:
    header = read_header(dpkt.udp.UDP, data, offset)
    assert (header is None) == (len(data) < offset + 8)
    if header is not None:
        assert header.dport == int.from_bytes(data[offset + 2 : offset + 4], "big")
        assert header.data == b""
