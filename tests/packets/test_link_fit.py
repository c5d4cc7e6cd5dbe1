"""Captures whose link type is not what it says."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analyzer.formats.records import Chunk, Interface, Note
from analyzer.packets import link_fit
from analyzer.packets.link_fit import LATER, MAX_SAMPLE, SETTLED, STRETCH, LinkTypes, is_sound
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


def given_by(fit: LinkTypes, chunk: Chunk, interfaces: list[Interface]) -> list[int]:
    """Link types of the packets of one chunk, and of all that were held before."""
    return [link for _, types in fit.ready(chunk, interfaces) for link in types.tolist()]


def rest_of(fit: LinkTypes) -> list[int]:
    return [link for _, types in fit.rest() for link in types.tolist()]


def links(*frames: bytes, declared: int, chunk: int = 1 << 20) -> tuple[list[int], list[str]]:
    """Link types of all frames, given in chunks of so many, and the notes."""
    fit, found = LinkTypes(), []
    for begin in range(0, len(frames), chunk):
        part = chunk_of([(frame, len(frame)) for frame in frames[begin : begin + chunk]])
        part.first_frame = begin + 1
        found += given_by(fit, part, [Interface(0, declared)])
    found += rest_of(fit)
    return found, [note.detail for note in fit.notes()]


@pytest.mark.parametrize("declared", FRAMES)
def test_a_right_type_is_kept(declared: int) -> None:
    assert links(*[FRAMES[declared]] * 3, declared=declared) == ([declared] * 3, [])


@pytest.mark.parametrize("real", FRAMES)
@pytest.mark.parametrize("declared", [1, 101, 105, 147, 113])
@pytest.mark.parametrize("count", [1, SETTLED, 3 * STRETCH])
def test_a_wrong_type_is_seen_and_told(declared: int, real: int, count: int) -> None:
    found, notes = links(*[FRAMES[real]] * count, declared=declared)
    assert found == [real] * count
    assert len(notes) == (declared != real)


def test_the_note() -> None:
    _, notes = links(FRAMES[105], declared=1)
    assert notes == ["the file calls the packets of interface 0 Ethernet, but they are Wi-Fi: read as that"]
    _, notes = links(FRAMES[1], declared=147)
    assert notes == ["the file calls the packets of interface 0 link type 147, but they are Ethernet: read as that"]


def test_other_traffic_first() -> None:
    """Neither ARP nor beacons say anything; the first IP packet does, also of those before it in its stretch."""
    beacon = bytes.fromhex("8000") + bytes(60)
    assert links(*[ARP] * 100, FRAMES[1], declared=1) == ([1] * 101, [])
    found, notes = links(*[beacon] * 30, FRAMES[105], declared=1)
    assert (found, len(notes)) == ([105] * 31, 1)


@pytest.mark.parametrize("before", [MAX_SAMPLE, STRETCH - 1, STRETCH, 3 * STRETCH])
def test_it_goes_on_looking(before: int) -> None:
    """Of many packets that fit nothing only some are looked at any more: in the end, it is seen."""
    found, notes = links(*[ARP] * before, *[FRAMES[105]] * 2 * LATER, declared=1)
    assert found[-1] == 105 and len(notes) == 1


@pytest.mark.parametrize("after", [0, 1, STRETCH])
def test_one_crafted_frame_settles_nothing(after: int) -> None:
    """An ARP that is also raw IP, and then the packets as declared: these are read, whatever was before them."""
    good = [FRAMES[1]] * 2
    found, _ = links(*[ARP] * 100, FRAMES[101] + bytes(40), *[ARP] * after, *good, declared=1)
    assert found[-2:] == [1, 1]


def test_one_frame_as_declared_settles_nothing_either() -> None:
    found, notes = links(FRAMES[1], *[FRAMES[105]] * 5, declared=1)
    assert found == [1] + [105] * 5 and len(notes) == 1


def test_a_packet_that_surely_fits_is_read_as_declared() -> None:
    """However many do not: those who craft frames hide no others."""
    found, notes = links(*[FRAMES[105]] * 2 * SETTLED, FRAMES[1], declared=1)
    assert found == [105] * 2 * SETTLED + [1] and len(notes) == 1


def test_types_that_were_taken_for_a_while_are_told() -> None:
    crafted = FRAMES[101] + bytes(40)
    found, (note,) = links(crafted, *[ARP] * (STRETCH - 1), *[FRAMES[1]] * 20, declared=1)
    assert found[:STRETCH] == [101] * STRETCH and found[STRETCH:] == [1] * 20
    assert f"some up to frame {STRETCH} looked like raw IP" in note


@pytest.mark.parametrize("lead", [SETTLED - 1, SETTLED])
def test_when_it_is_settled(lead: int) -> None:
    """Before that, packets are held: what comes later is heard, too."""
    fit = LinkTypes()
    chunk = chunk_of([(FRAMES[1], len(FRAMES[1]))] * lead)
    given_by(fit, chunk, [Interface(0, 1)])
    later = chunk_of([(FRAMES[1], len(FRAMES[1]))] * STRETCH)
    later.first_frame = lead + 1
    assert len(given_by(fit, later, [Interface(0, 1)])) >= STRETCH
    assert rest_of(fit) == []
    held = LinkTypes()
    given_by(held, chunk_of([(ARP, len(ARP))] * lead), [Interface(0, 1)])
    assert len(rest_of(held)) == lead


@pytest.mark.parametrize(("others", "looks"), [(4, 0), (5, 5)])
def test_others_are_looked_at_where_they_are_not_fewer(
    monkeypatch: pytest.MonkeyPatch, others: int, looks: int
) -> None:
    """Each look takes the general decoder: a capture with some ARP beside its IP does without."""
    seen: list[bytes] = []

    def look(link: int, frame: bytes, wire: int, *, surely: bool) -> bool:
        seen.append(frame)
        return False

    monkeypatch.setattr(link_fit, "_has_ip", look)
    assert links(*[FRAMES[1]] * 5, *[ARP] * others, declared=1) == ([1] * (5 + others), [])
    assert len(set(seen)) == (looks > 0) and len(seen) == looks * len(link_fit.NAMES) - looks


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_fit, "MAX_HELD", 10 * len(ARP))
    fit = LinkTypes()
    given_now = [len(given_by(fit, chunk_of([(ARP, len(ARP))]), [Interface(0, 1)])) for _ in range(25)]
    assert given_now == ([0] * 9 + [10]) * 2 + [0] * 5


def test_each_interface_for_itself() -> None:
    """pktmon's pcapng: an Ethernet and a Wi-Fi adapter, both called Ethernet."""
    fit = LinkTypes()
    chunk = chunk_of([(FRAMES[link], len(FRAMES[link])) for link in (1, 105, 1, 105)])
    chunk.interface = np.array([0, 1, 0, 9], np.int32)
    assert given_by(fit, chunk, [Interface(0, 1), Interface(1, 1)]) + rest_of(fit) == [1, 105, 1, -1]
    assert [note.frame for note in fit.notes()] == [2]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([*FRAMES.values(), ARP, FRAMES[101] + bytes(40)]), st.integers(0, 2)), max_size=60
    ),
    st.lists(st.sampled_from([1, 101, 105, 147]), min_size=3, max_size=3),
    st.lists(st.integers(1, 25), min_size=1, max_size=8),
    st.sampled_from([3, 7, STRETCH]),
)
def test_portions_change_nothing(
    packets: list[tuple[bytes, int]], declared: list[int], sizes: list[int], stretch: int
) -> None:
    """The same packets in chunks of any sizes have the same types and notes, and all come once and in order."""
    interfaces = [Interface(i, link) for i, link in enumerate(declared)]

    def told(sizes: Iterator[int]) -> tuple[list[tuple[int, bytes, int]], list[Note]]:
        fit, found, at = LinkTypes(), [], 0

        def take(ready: Iterator[tuple[Chunk, NDArray[np.int32]]]) -> None:
            for part, types in ready:
                for row, link in enumerate(types.tolist()):
                    begin = int(part.start[row])
                    data = part.buffer[begin : begin + int(part.captured[row])].tobytes()
                    found.append((part.first_frame + row, data, link))

        while at < len(packets):
            some = packets[at : at + next(sizes)]
            chunk = chunk_of([(frame, len(frame)) for frame, _ in some])
            chunk.interface = np.array([interface for _, interface in some], np.int32)
            chunk.first_frame = at + 1
            take(fit.ready(chunk, interfaces))
            at += len(some)
        take(fit.rest())
        return found, fit.notes()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link_fit, "STRETCH", stretch)
        patch.setattr(link_fit, "SETTLED", 4)
        whole = told(cycle([1000]))
        assert told(cycle(sizes)) == whole
    assert [(frame, data) for frame, data, _ in whole[0]] == [(i, data) for i, (data, _) in enumerate(packets, 1)]


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
    found, notes = links(*frames, declared=declared)
    assert (found, notes) == ([declared] * len(frames), [])
