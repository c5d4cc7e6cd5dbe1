"""Packets of pktmon: components, copies, drops, filters.

Sources: docs/domain/windows-traces.md, docs/domain/retransmission.md.
"""

from __future__ import annotations

import pytest

from analyzer.links.types import DIRECTION_IN, DIRECTION_OUT, DIRECTION_UNKNOWN
from tests.formats.etl.frames import Frame, read
from tests.formats.etl.writer import EGRESS, IN, INGRESS, OUT, RX, START_TIME, TX, EtlWriter

MS = 1_000_000
ETHERNET, WIFI, IP, UDP = 1, 2, 3, 6

IN_ETHERNET = bytes(12) + b"\x08\x00\x45" + bytes(30)
#: The 802.11 header of a data frame, then LLC and SNAP with the EtherType.
IN_WIFI = b"\x88\x42" + bytes(24) + b"\xaa\xaa\x03\0\0\0\x08\x00\x45" + bytes(30)


@pytest.mark.parametrize(
    "tag, direction",
    [
        *((tag, DIRECTION_IN) for tag in (IN, RX)),
        *((tag, DIRECTION_OUT) for tag in (OUT, TX)),
        *((tag, DIRECTION_UNKNOWN) for tag in (0, INGRESS, EGRESS, 7, 65535)),
    ],
)
def test_direction_by_the_tag(tag: int, direction: int) -> None:
    writer = EtlWriter()
    writer.sighting(IN_ETHERNET, START_TIME, tag=tag)
    assert [frame.direction for frame in read(writer.file()).frames] == [direction]


@pytest.mark.parametrize(
    "kind, data, link",
    [
        (ETHERNET, IN_ETHERNET, 1),
        (WIFI, IN_WIFI, 105),
        # The real trace has Ethernet frames that pktmon calls Wi-Fi: "unknown 802.11 frame type (3)".
        (WIFI, IN_ETHERNET, 1),
        (WIFI, bytes(12) + b"\x86\xdd\x60" + bytes(40), 1),
        (WIFI, bytes(12) + b"\x86\xdd\x45" + bytes(40), 105),
        (WIFI, b"\x88", 105),
        (IP, b"\x45" + bytes(19), 101),
    ],
)
def test_link_type_by_the_packet_type(kind: int, data: bytes, link: int) -> None:
    writer = EtlWriter()
    writer.sighting(data, START_TIME, kind=kind)
    assert [frame.link for frame in read(writer.file()).frames] == [link]


@pytest.mark.parametrize("kind", [0, 4, UDP, 11, 65535])
def test_pieces_of_packets_are_left_out_and_told(kind: int) -> None:
    writer = EtlWriter()
    writer.sighting(b"no addresses", START_TIME, kind=kind)
    found = read(writer.file())
    assert found.frames == []
    assert found.notes["link-type-unknown"].startswith("1 packet of which pktmon recorded only pieces")


def test_truncation_is_recorded() -> None:
    writer = EtlWriter()
    writer.sighting(IN_ETHERNET[:20], START_TIME, size=1514)
    writer.sighting(IN_ETHERNET, START_TIME, size=3)  # less than there is: nonsense
    found = read(writer.file())
    assert [(len(frame.data), frame.wire) for frame in found.frames] == [(20, 1514), (45, 45)]
    assert found.snaplen == 20


def test_components_are_interfaces() -> None:
    writer = EtlWriter()
    writer.sighting(IN_ETHERNET, START_TIME, component=84)
    writer.sighting(IN_ETHERNET, START_TIME, component=9)
    writer.component(84, "tcpip.sys", "Intel(R) Wi-Fi\n6")
    found = read(writer.file())
    assert [(place.name, place.description) for place in found.places] == [
        ("tcpip.sys", "Intel(R) Wi-Fi\\n6"),
        ("", ""),
    ]


# Copies


def sightings(writer: EtlWriter, tag: int, *, group: int = 1, time: int = START_TIME) -> None:
    """One packet at three components: IP, then Ethernet, then Wi-Fi; in this order when sent, else the other way."""
    kinds = [(IP, IN_ETHERNET[14:], 3), (ETHERNET, IN_ETHERNET, 2), (WIFI, IN_WIFI, 1)]
    for appearance, (kind, data, component) in enumerate(kinds if tag == TX else kinds[::-1], 1):
        writer.sighting(
            data, time + appearance * MS, group=group, appearance=appearance, tag=tag, kind=kind, component=component
        )


@pytest.mark.parametrize("tag, direction", [(TX, DIRECTION_OUT), (RX, DIRECTION_IN)])
def test_the_copy_nearest_the_wire_is_kept(tag: int, direction: int) -> None:
    """That which can be read, both ways: Ethernet. Wi-Fi's own format comes behind what it was made of."""
    writer = EtlWriter()
    sightings(writer, tag)
    found = read(writer.file())
    assert found.frames == [Frame(START_TIME + 2 * MS, IN_ETHERNET, 45, direction)]
    assert found.notes["duplicate-capture-artifact"].startswith("2 further records of packets")


def test_of_two_in_one_format_the_last_that_was_sent_and_the_first_that_was_received() -> None:
    writer = EtlWriter()
    for group, tag in ((1, TX), (2, RX)):
        for appearance in (1, 2, 3):
            data = IN_ETHERNET + bytes([group, appearance])
            writer.sighting(data, START_TIME + appearance * MS, group=group, appearance=appearance, tag=tag)
    # 802.11 is kept where there is nothing else.
    writer.sighting(IN_WIFI, START_TIME + 9 * MS, group=3, kind=WIFI)
    found = read(writer.file())
    assert [frame.data[-2:].hex() for frame in found.frames] == ["0201", "0103", "0000"]
    assert [frame.link for frame in found.frames] == [1, 1, 105]


def test_the_direction_of_a_packet_is_that_of_any_of_its_records() -> None:
    writer = EtlWriter()
    for appearance, tag in enumerate((INGRESS, EGRESS, TX, 0), 1):
        writer.sighting(IN_ETHERNET + bytes([appearance]), START_TIME, group=1, appearance=appearance, tag=tag)
    assert [(frame.data[-1], frame.direction) for frame in read(writer.file()).frames] == [(4, DIRECTION_OUT)]


def test_other_numbers_other_groups_and_no_group_are_other_packets() -> None:
    writer = EtlWriter()
    for group, number in ((1, 1), (1, 2), (2, 1), (0, 1), (0, 1)):
        writer.sighting(IN_ETHERNET, START_TIME, group=group, number=number)
    found = read(writer.file())
    assert len(found.frames) == 5
    assert found.notes == {}


def test_numbers_used_again_later_are_another_packet() -> None:
    writer = EtlWriter()
    for time in (0, 900 * MS, 2000 * MS):
        writer.sighting(IN_ETHERNET, START_TIME + time, group=1)
    assert [frame.time - START_TIME for frame in read(writer.file()).frames] == [0, 2000 * MS]


def test_copies_are_found_over_processors_and_packets_stay_in_order() -> None:
    writer = EtlWriter(buffer_size=1024)
    for group in range(1, 200):
        sightings(writer, TX if group % 2 else RX, group=group, time=START_TIME + group * 10 * MS)
    found = read(writer.file())
    assert [frame.time for frame in found.frames] == [START_TIME + (group * 10 + 2) * MS for group in range(1, 200)]


# Drops


def test_a_packet_that_was_seen_above_and_dropped_below() -> None:
    writer = EtlWriter()
    writer.component(3, "filter.sys", "Some VPN's filter")
    writer.sighting(IN_ETHERNET, START_TIME, group=1, tag=TX, component=2)
    writer.sighting(IN_ETHERNET, START_TIME + MS, group=1, appearance=2, tag=TX, component=3, reason=23)
    writer.sighting(IN_ETHERNET, START_TIME + 2 * MS, group=2, tag=TX, component=2)
    found = read(writer.file())
    assert [frame.dropped for frame in found.frames] == [True, False]
    assert found.places[0].name == "filter.sys"
    assert found.comments == {1: "dropped by the host: larger than the MTU (reason 23)"}
    assert found.notes["host-dropped-packet"] == (
        "the host recorded that it dropped 1 packet itself (1 at filter.sys / Some VPN's filter: larger than the MTU "
        "(reason 23))"
    )


def test_an_inbound_packet_that_was_dropped_is_kept_as_the_wire_had_it() -> None:
    writer = EtlWriter()
    writer.sighting(IN_ETHERNET, START_TIME, group=1, tag=RX, component=2)
    writer.sighting(IN_ETHERNET[14:], START_TIME + MS, group=1, appearance=2, tag=RX, kind=IP, component=5, reason=4711)
    found = read(writer.file())
    assert found.frames == [Frame(START_TIME, IN_ETHERNET, 45, DIRECTION_IN, dropped=True)]
    assert "1 at component 5: reason 4711" in found.notes["host-dropped-packet"]


def test_a_packet_that_went_on_behind_a_drop_is_not_called_dropped() -> None:
    """One of several protocols did not want its copy, another one took it."""
    writer = EtlWriter()
    writer.sighting(IN_ETHERNET, START_TIME, group=1, component=2)
    writer.sighting(IN_ETHERNET, START_TIME + MS, group=1, appearance=2, component=4, reason=6)
    writer.sighting(IN_ETHERNET, START_TIME + 2 * MS, group=1, appearance=3, component=5)
    found = read(writer.file())
    assert [frame.dropped for frame in found.frames] == [False]
    assert "host-dropped-packet" not in found.notes


def test_a_drop_alone_is_a_packet() -> None:
    writer = EtlWriter()
    writer.sighting(IN_ETHERNET, START_TIME, group=1, tag=TX, reason=909)
    assert [frame.dropped for frame in read(writer.file()).frames] == [True]


def test_many_reasons_are_told_in_part() -> None:
    writer = EtlWriter()
    for reason in range(2000, 2008):
        writer.sighting(IN_ETHERNET, START_TIME, group=reason, tag=TX, reason=reason)
    note = read(writer.file()).notes["host-dropped-packet"]
    assert note.startswith("the host recorded that it dropped 8 packets itself (1 at component 11: reason 2000; ")
    assert note.endswith("; 3 further reasons or places)")


# Filters


@pytest.mark.parametrize(
    "ports, text",
    [
        ([], ""),
        ([(500, 0)], "port 500"),
        ([(0x9411, 0), (500, 0)], "port 4500 or port 500"),  # 4500 in network byte order, read the other way
        ([(500, 4500), (0, 0)], "2 packet filters of pktmon"),
        ([(443, 0)], "1 packet filter of pktmon"),
    ],
)
def test_filters_become_the_capture_filter(ports: list[tuple[int, int]], text: str) -> None:
    writer = EtlWriter()
    for _ in range(2):  # pktmon tells them again when it stops
        for number, both in enumerate(ports, 1):
            writer.packet_filter(number, both)
    writer.sighting(IN_ETHERNET, START_TIME)
    assert [interface.filter for interface in read(writer.file()).interfaces] == [text]
