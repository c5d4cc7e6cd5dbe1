"""Captures whose link type is not what it says."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.gather import Gather
from analyzer.capture.records import Interface
from analyzer.wire.link_fit import MAX_SAMPLE, LinkTypes, is_sound
from tests.properties.frames import LINK_TYPES, chunk_of


def ipv4(length: int = 28, checksum: int | None = None) -> bytes:
    """A UDP packet; its checksum computed here as RFC 1071 says."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, length, 1, 0, 64, 17, 0) + bytes([10, 0, 0, 2, 203, 0, 113, 7])
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    right = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return head[:10] + struct.pack("!H", right if checksum is None else checksum) + head[12:] + bytes(length - 20)


IPV6 = bytes.fromhex("6000000000081140" + "20010db8000000000000000000000001" * 2) + bytes(8)
MACS = bytes.fromhex("60a4b7000014" + "001122334455")  # the address of the sender begins like a header of IPv6
ARP = MACS + b"\x08\x06" + bytes(28) + bytes(18)  # padded: as IPv6 without link header, its length would fit
FRAMES = {
    1: MACS + b"\x08\x00" + ipv4(),
    101: ipv4(),
    105: bytes.fromhex("8841") + bytes(24) + bytes.fromhex("aaaa030000000800") + ipv4(),
    127: struct.pack("<BBHI", 0, 0, 8, 0)
    + bytes.fromhex("0801")
    + bytes(22)
    + bytes.fromhex("aaaa030000000800")
    + ipv4(),
    113: bytes(14) + b"\x08\x00" + ipv4(),
    276: b"\x08\x00" + bytes(18) + ipv4(),
    0: b"\2\0\0\0" + ipv4(),
    9: b"\xff\x03\x00\x21" + ipv4(),
}


def links(*chunks: list[bytes], declared: int) -> tuple[list[list[int]], list[str]]:
    """Link types given for each packet of each chunk, and the notes."""
    fit = LinkTypes()
    given_: list[list[int]] = []
    for frames in chunks:
        chunk = chunk_of([(frame, len(frame)) for frame in frames])
        given_.append(fit.of(Gather(chunk.buffer), chunk, [Interface(0, declared)]).tolist())
    return given_, [note.detail for note in fit.notes]


@pytest.mark.parametrize("declared", FRAMES)
def test_a_right_type_is_kept(declared: int) -> None:
    assert links([FRAMES[declared]] * 3, declared=declared) == ([[declared] * 3], [])


@pytest.mark.parametrize("real", FRAMES)
@pytest.mark.parametrize("declared", [1, 101, 105, 147, 113])
def test_a_wrong_type_is_seen_and_told(declared: int, real: int) -> None:
    found, notes = links([FRAMES[real]] * 3, [FRAMES[real]], declared=declared)
    assert found == [[real] * 3, [real]]
    assert len(notes) == (declared != real)


def test_the_note() -> None:
    _, notes = links([FRAMES[105]], declared=1)
    assert notes == ["the file calls the packets of interface 0 Ethernet, but they are Wi-Fi: read as that"]
    _, notes = links([FRAMES[1]], declared=147)
    assert notes == ["the file calls the packets of interface 0 link type 147, but they are Ethernet: read as that"]


def test_other_traffic_first() -> None:
    """Neither ARP nor beacons say anything; the first IP packet does."""
    beacon = bytes.fromhex("8000") + bytes(60)
    assert links([ARP] * 100, [FRAMES[1]], declared=1) == ([[1] * 100, [1]], [])
    found, notes = links([beacon] * 30, [FRAMES[105]], declared=1)
    assert (found, len(notes)) == ([[1] * 30, [105]], 1)


def test_it_looks_no_further_than_the_first_packets() -> None:
    many = [[ARP] * 64] * (MAX_SAMPLE // 64)
    found, notes = links(*many, [FRAMES[105]], declared=1)
    assert found[-1] == [1] and notes == []


def test_each_interface_for_itself() -> None:
    """pktmon's pcapng: an Ethernet and a Wi-Fi adapter, both called Ethernet."""
    fit = LinkTypes()
    chunk = chunk_of([(FRAMES[link], len(FRAMES[link])) for link in (1, 105, 1, 105)])
    chunk.interface = np.array([0, 1, 0, 9], np.int32)
    given_ = fit.of(Gather(chunk.buffer), chunk, [Interface(0, 1), Interface(1, 1)])
    assert given_.tolist() == [1, 105, 1, -1]
    assert [note.frame for note in fit.notes] == [2]


@pytest.mark.parametrize(
    ("header", "wire", "declared", "surely"),
    [
        (ipv4(), 28, True, True),
        (ipv4(), 60, True, True),  # padding of Ethernet
        (ipv4(), 27, False, False),
        (ipv4(checksum=0), 28, True, False),  # offload
        (ipv4(checksum=1), 28, False, False),
        (IPV6, 48, True, True),
        (IPV6, 60, True, False),
        (IPV6, 47, False, False),
        (IPV6[:6] + b"\xfa" + IPV6[7:], 48, False, False),
        (b"\x44" + ipv4()[1:], 28, False, False),
        (b"", 28, False, False),
    ],
)
def test_sound_headers(header: bytes, wire: int, declared: bool, surely: bool) -> None:
    assert is_sound(header, 0, wire) == declared
    assert is_sound(header, 0, wire, surely=True) == surely


@given(st.sampled_from([*LINK_TYPES, 147]), st.lists(st.binary(max_size=80), min_size=1, max_size=6))
def test_random_bytes_change_nothing(declared: int, frames: list[bytes]) -> None:
    """A checksum that is right by chance is one in 65,536, behind a link header that is right by chance."""
    found, notes = links(frames, declared=declared)
    assert (found, notes) == ([[declared] * len(frames)], [])
