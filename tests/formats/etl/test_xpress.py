"""Expanding XPRESS: examples of MS-XCA, a compressor of our own, damage."""

from __future__ import annotations

import struct
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from analyzer.formats.etl.xpress import expand


class Bits:
    """The groups of 32 bits, each written where its group begins."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.count = 0
        self.at = 0

    def put(self, bit: int) -> None:
        if self.count % 32 == 0:
            self.at = len(self.out)
            self.out += bytes(4)
        word = int.from_bytes(self.out[self.at : self.at + 4], "little") | bit << 31 - self.count % 32
        self.out[self.at : self.at + 4] = word.to_bytes(4, "little")
        self.count += 1


def compress(data: bytes) -> bytes:
    """Greedy compression after MS-XCA 2.3.4, with the nearest match, and lengths of every form."""
    bits, at, half = Bits(), 0, -1
    while at < len(data):
        begin, length = data.rfind(data[at : at + 3], max(0, at - 8192), at + 2), 0
        while begin >= 0 and at + length < len(data) and data[begin + length] == data[at + length]:
            length += 1
        if length < 3:
            bits.put(0)
            bits.out.append(data[at])
            at += 1
            continue
        bits.put(1)
        at, distance, length = at + length, at - begin, length - 3
        bits.out += struct.pack("<H", (distance - 1) << 3 | min(length, 7))
        if length >= 7:
            nibble = min(length - 7, 15)
            if half < 0:
                half = len(bits.out)
                bits.out.append(nibble)
            else:
                bits.out[half] |= nibble << 4
                half = -1
            if length >= 22:
                if length - 22 < 255:
                    bits.out.append(length - 22)
                elif length < 1 << 16:
                    bits.out += b"\xff" + struct.pack("<H", length)
                else:
                    bits.out += b"\xff\0\0" + struct.pack("<I", length)
    return bytes(bits.out)


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=4), st.integers(1, 400)), max_size=8))
def test_what_was_compressed_comes_back(runs: list[tuple[bytes, int]]) -> None:
    data = b"".join(piece * count for piece, count in runs)
    assert expand(compress(data), len(data)) == data


def test_every_form_of_a_length() -> None:
    """3 to 9 in three bits, to 24 in half a byte, to 279 in a byte, to 65,538 in two, more in four."""
    for length in (3, 9, 10, 24, 25, 279, 280, 281, 65_538, 65_539, 70_000):
        data = b"x" * (length + 1)
        assert expand(compress(data), len(data)) == data, length
    two = b"a" * 30 + b"b" * 30 + b"c" * 30  # two matches share a byte of length
    assert expand(compress(two), len(two)) == two


@given(st.binary(max_size=300), st.integers(0, 2000))
def test_damage_gives_what_can_be_had(data: bytes, size: int) -> None:
    assert len(expand(data, size)) <= size


def test_a_length_of_four_gigabytes_is_bounded() -> None:
    bomb = bytes.fromhex("ffffff7f 61 0700 0f ff 0000 ffffffff")
    assert expand(bomb, 1000) == b"a" * 1000


def test_buffers_of_a_real_trace_are_used_up_exactly(shared_captures: Path) -> None:
    """The buffers of pktmon's trace, and the sizes that their headers tell; each ends where its data end."""
    name = "nathaniel-security+microsoft-pktmon-VPN-capture-traffic/history/29decde427/PktMon.etl"
    raw = (shared_captures / "dev" / name).read_bytes()
    at, sizes = 1024, []
    while at < len(raw):
        size, used = struct.unpack_from("<II", raw, at)
        data = raw[at + 72 : at + size]
        sizes.append(used - 72)
        whole = expand(data, used - 72)
        assert len(whole) == used - 72
        assert expand(data, used + 1000) == whole
        assert expand(data[:-1], used) != whole
        at += size
    assert sizes == [242_488, 290_872, 119_128, 135_416]
