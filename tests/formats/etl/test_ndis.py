"""Packets of netsh traces: pieces of frames, media, directions, truncation.

Sources: docs/domain/windows-traces.md; keywords of etl2pcapng.
"""

from __future__ import annotations

import struct

import pytest

from analyzer.links.types import DIRECTION_IN, DIRECTION_OUT, DIRECTION_UNKNOWN
from tests.formats.etl.frames import Frame, read
from tests.formats.etl.writer import (
    END,
    ETHERNET,
    NDIS,
    RECEIVE,
    SEND,
    START,
    START_TIME,
    TUNNEL,
    WIFI,
    WWAN,
    EtlWriter,
    wide,
)

WHOLE = START | END
MS = 1_000_000


def ip4(total: int, held: int, *, first: bytes = b"\x45") -> bytes:
    """An IPv4 packet that says it has ``total`` bytes, of which ``held`` are there."""
    return (first + b"\0" + struct.pack(">HHHBB8x", total, 1, 0, 64, 17) + bytes(2000))[:held]


@pytest.mark.parametrize(
    "keyword, link",
    [(ETHERNET, 1), (WWAN, 101), (TUNNEL, 101), (WIFI, 105), (WIFI | WWAN, 105), (0, 1)],
)
def test_link_type_by_the_media_bits(keyword: int, link: int) -> None:
    writer = EtlWriter()
    writer.frame(bytes(60), START_TIME, keyword | WHOLE)
    assert [frame.link for frame in read(writer.file()).frames] == [link]


@pytest.mark.parametrize(
    "keyword, direction",
    [(SEND, DIRECTION_OUT), (RECEIVE, DIRECTION_IN), (0, DIRECTION_UNKNOWN), (SEND | RECEIVE, DIRECTION_UNKNOWN)],
)
def test_direction_by_the_keyword(keyword: int, direction: int) -> None:
    writer = EtlWriter()
    writer.frame(bytes(60), START_TIME, ETHERNET | WHOLE | keyword)
    assert [frame.direction for frame in read(writer.file()).frames] == [direction]


def test_newer_builds_add_two_numbers_that_are_no_packet() -> None:
    writer = EtlWriter()
    writer.frame(b"a frame", START_TIME, newer=True)
    assert [frame.data for frame in read(writer.file()).frames] == [b"a frame"]


def test_decrypted_wifi_frames_are_not_called_encrypted() -> None:
    """Windows hands them over decrypted, with the Protected bit (0x40 of the second byte) still set."""
    writer = EtlWriter()
    writer.frame(b"\x88\x42" + bytes(30), START_TIME, WIFI | WHOLE)
    writer.frame(b"\x88\x42" + bytes(30), START_TIME, ETHERNET | WHOLE)
    writer.frame(b"\x88", START_TIME, WIFI | WHOLE)
    assert [frame.data[:2].hex() for frame in read(writer.file()).frames] == ["8802", "8842", "88"]


def test_a_filter_layer_is_an_interface_of_its_own() -> None:
    writer = EtlWriter()
    writer.frame(b"a", START_TIME, miniport=8, lower=8)
    writer.frame(b"a", START_TIME, miniport=8, lower=21)
    found = read(writer.file())
    assert [(place.name, place.description) for place in found.places] == [
        ("interface 8", ""),
        ("interface 21", "a filter layer over interface 8"),
    ]


@pytest.mark.parametrize(
    "packet, wire",
    [
        (ip4(1500, 128), 1500),
        (ip4(60, 60), 60),
        (ip4(40, 46), 46),  # padded
        (ip4(0, 128), 128),  # segmentation left to the adapter: the header says nothing
        (ip4(1500, 12), 12),  # too little to tell
        (b"\x60" + struct.pack(">3xHBB", 1000, 17, 64) + bytes(60), 1040),
        (b"\x60" + struct.pack(">3xHBB", 0, 17, 64) + bytes(60), 68),
        (b"\x00" * 50, 50),
    ],
)
def test_truncated_frames_are_as_long_as_their_ip_header_says(packet: bytes, wire: int) -> None:
    """docs/domain/windows-traces.md: ndiscap does not record truncation."""
    writer = EtlWriter()
    kind = b"\x86\xdd" if packet[:1] == b"\x60" else b"\x08\x00"
    for link, head in ((ETHERNET, bytes(12) + kind), (WWAN, b"")):
        writer.frame(head + packet, START_TIME, link | WHOLE)
    found = read(writer.file())
    assert [frame.wire for frame in found.frames] == [14 + wire, wire]
    assert found.snaplen == (14 + len(packet) if wire > len(packet) else 0)


def test_a_tagged_frame_is_as_long_as_its_ip_header_says() -> None:
    writer = EtlWriter()
    writer.frame(bytes(12) + b"\x81\x00\x00\x05\x08\x00" + ip4(1500, 100), START_TIME)
    assert [frame.wire for frame in read(writer.file()).frames] == [1518]


# Pieces


def test_pieces_are_joined_on_each_processor() -> None:
    writer = EtlWriter(buffer_size=1024)
    for processor in (1, 2):
        for index, mark in enumerate((START, 0, 0, END)):
            data = bytes([processor, index]) * 60
            writer.frame(data, START_TIME + index * MS, ETHERNET | mark | SEND, processor=processor)
        writer.frame(b"whole", START_TIME + 9 * MS, ETHERNET | WHOLE, processor=processor)
    found = read(writer.file())
    joined = [b"".join(bytes([processor, index]) * 60 for index in range(4)) for processor in (1, 2)]
    assert sorted(frame.data for frame in found.frames[:2]) == joined
    assert {frame.time for frame in found.frames[:2]} == {START_TIME}
    assert [frame.data for frame in found.frames[2:]] == [b"whole", b"whole"]
    assert found.notes == {}


def test_sending_and_receiving_are_not_joined() -> None:
    writer = EtlWriter()
    for index, (data, mark) in enumerate(
        [(b"a", START | SEND), (b"1", START | RECEIVE), (b"b", END | SEND), (b"2", END | RECEIVE)]
    ):
        writer.frame(data, START_TIME + index * MS, ETHERNET | mark)
    assert [frame.data for frame in read(writer.file()).frames] == [b"ab", b"12"]


def test_frames_that_lack_a_piece_are_left_out_and_told() -> None:
    writer = EtlWriter()
    marks = [END, 0, START, START, END, START | END, 0, START]
    for index, mark in enumerate(marks):
        writer.frame(bytes([index]), START_TIME + index * MS, ETHERNET | mark)
    found = read(writer.file())
    # The first lacks its start, the third its end, the last its end; 1 and 6 are pieces of no frame.
    assert [frame.data.hex() for frame in found.frames] == ["0304", "05"]
    assert found.notes["capture-lost-packets"] == "3 frames with pieces missing: left out"


def test_without_any_mark_each_event_is_a_frame() -> None:
    writer = EtlWriter()
    for index in range(3):
        writer.frame(bytes([index]), START_TIME + index * MS, ETHERNET)
    assert [frame.data.hex() for frame in read(writer.file()).frames] == ["00", "01", "02"]


def test_a_frame_of_too_many_pieces_is_given_up() -> None:
    writer = EtlWriter(buffer_size=1 << 16)
    writer.frame(b"", START_TIME, ETHERNET | START)
    for index in range(1200):
        writer.frame(b"x", START_TIME + index * MS, ETHERNET)
    writer.frame(b"x", START_TIME + 1500 * MS, ETHERNET | END)
    writer.frame(b"whole", START_TIME + 2000 * MS)
    found = read(writer.file())
    assert [frame.data for frame in found.frames] == [b"whole"]
    assert "2 frames with pieces missing" in found.notes["capture-lost-packets"]


# Virtual switch and RAS


@pytest.mark.parametrize("destinations", [0, 1, 3])
def test_frames_at_a_virtual_switch(destinations: int) -> None:
    writer = EtlWriter()
    writer.switch_frame(b"at the switch", START_TIME, destinations=destinations)
    found = read(writer.file())
    assert found.frames == [Frame(START_TIME, b"at the switch", 13)]
    assert (found.places[0].name, found.places[0].description) == ("Ubuntu VM", "port port-guid of virtual switch 8")


def test_frames_at_a_virtual_switch_by_the_other_layout() -> None:
    """docs/domain/windows-traces.md has eight bytes for each destination."""
    body = struct.pack("<III", 8, 8, 7) + wide("p") + wide("vm") + wide("VMNIC") + struct.pack("<I", 2) + bytes(16)
    body += struct.pack("<I", 5) + b"frame" + struct.pack("<I", 0)
    writer = EtlWriter()
    writer.event(NDIS, 1003, body, START_TIME, 0x1000000 | WHOLE)
    assert [frame.data for frame in read(writer.file()).frames] == [b"frame"]


def test_packets_of_a_ras_server() -> None:
    writer = EtlWriter()
    writer.ras(b"sent", START_TIME, sent=True)
    writer.ras(b"received", START_TIME + MS, sent=False, user="bob\x1b[31m")
    found = read(writer.file())
    assert found.frames == [
        Frame(START_TIME, b"sent", 4, DIRECTION_OUT),
        Frame(START_TIME + MS, b"received", 8, DIRECTION_IN),
    ]
    assert [place.description for place in found.places] == ["connection of CORP\\anna", "connection of bob\\x1b[31m"]
