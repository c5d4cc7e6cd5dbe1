"""Floods and endless structures: no crash, work that grows no faster than the input, limits that hold and are told."""

from __future__ import annotations

import io
import json
import struct
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

import analyzer
from analyzer.ike import collect, payload_chain
from analyzer.ike.message import IKE
from analyzer.packets import other_traffic, slow_path
from analyzer.packets.other_traffic import read_response
from analyzer.packets.reassembly import Reassembler
from analyzer.report import listing
from analyzer.report.json_report import as_json
from sample_pcaps.lab import pcapng_writer
from tests.fuzz import hostile
from tests.fuzz.crowds import interleaved_and_icmp_errors, interleaved_and_orphans
from tests.fuzz.hostile import FLOODS, SERVER, VENDOR, ike, ip, payload, pcap, udp
from tests.fuzz.measured import measured, peak_of
from tests.fuzz.targets import check


def read(raw: bytes) -> analyzer.Capture:
    return analyzer.read("flood.pcap", stream=io.BytesIO(raw))


#: Floods of IKE SAs: each of those takes thousands of calls.
OF_MANY_SAS = {"many_sas", "spoofed", "same_pair", "auth_sas", "ikev1_flood", "icmp_flood"}


def read_and_check(raw: bytes) -> None:
    check(read(raw))


def calls(work: Callable[[], object]) -> int:
    """Calls of functions, written in Python or not, that some work takes: the same each time, unlike seconds."""
    count = 0

    def counted(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("name", FLOODS)
def test_eight_times_the_flood_is_not_much_more_than_eight_times_the_work(name):
    flood, few = FLOODS[name], 25 if name in OF_MANY_SAS else 200
    read_and_check(flood(20))  # what is done once only, as reading the registries
    little, much = (calls(partial(read_and_check, flood(count))) for count in (few, 8 * few))
    assert much < 10 * little


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_says_something_in_one_sentence(name):
    capture = read(FLOODS[name](300))
    assert capture.verdict.text
    assert "\n" not in capture.verdict.text


# -- memory -----------------------------------------------------------------------------------------------------------

#: What one window of the readers holds the most of, and what takes the most memory afterwards; a second or two each.
LARGE: dict[str, bytes] = {
    "empty_records": hostile.pcap([]) + bytes(32 << 20),
    "empty_blocks": hostile.SECTION + hostile.INTERFACE + hostile.block(9) * (3 << 20),
    "simple_blocks": hostile.SECTION + hostile.INTERFACE + hostile.block(3, bytes(4)) * (1 << 21),
    "interfaces": hostile.SECTION + hostile.INTERFACE * (1 << 20),
    # IKE SAs of two hosts, and what could be of any of them: once given to each.
    "orphans": interleaved_and_orphans(2_000),
    "icmp_errors": interleaved_and_icmp_errors(2_000),
    "snoop": b"snoop\0\0\0" + struct.pack(">II", 2, 4) + struct.pack(">6I", 60, 0, 24, 0, 1, 5) * (1 << 20),
}


@measured
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.large] if place % 2 else []) for place, name in enumerate(LARGE)]
)
def test_the_command_takes_less_than_250_mb(tmp_path, name):
    path = tmp_path / "flood"
    path.write_bytes(LARGE[name])
    assert peak_of("analyze", path).memory < 250_000_000


# -- limits that hold, made small -------------------------------------------------------------------------------------


def test_messages_beyond_a_number_are_left_aside_and_counted(monkeypatch):
    monkeypatch.setattr(collect, "MAX_MESSAGES", 100)
    monkeypatch.setattr("analyzer.ike.message_queue.ENOUGH", 10)
    capture = read(hostile.many_sas(90) + hostile.later_fragments(0)[24:])
    assert not [note for note in capture.notes if note.id == "analysis-limit"]
    capture = read(hostile.many_sas(250))
    told = [note.detail for note in capture.notes if note.id == "analysis-limit"]
    assert told == ["250 IKE messages were not analysed: 100 are, or 128 MiB of them."]


def test_bytes_of_messages_beyond_a_number_are_not_kept(monkeypatch):
    monkeypatch.setattr(collect, "MAX_CLEAR", 10_000)
    monkeypatch.setattr("analyzer.ike.message_queue.MAX_BYTES", 5_000)
    message = ike(first=VENDOR, body=payload(0, bytes(1000)))
    capture = read_in_two(pcap([ip(udp(message))] * 12), pcap([ip(udp(message))] * 12)[24:])
    assert sum(map(len, capture.analysis.wire.clear)) == 12 * 1032
    assert [note.id for note in capture.notes] == ["analysis-limit"]


def read_in_two(first: bytes, second: bytes) -> analyzer.Capture:
    """Read in chunks of which the first file is one: a window of its size."""
    from analyzer.analysis import _analysed
    from analyzer.formats import open_capture

    stream = io.BytesIO(first + second)
    with open_capture("flood.pcap", stream=stream, chunk_bytes=len(first)) as reader:
        return analyzer.Capture(_analysed(reader, "flood.pcap", "flood.pcap", [], None))


def test_fragments_without_their_first_are_kept_up_to_a_number(monkeypatch):
    monkeypatch.setattr(slow_path, "MAX_ORPHAN_FRAGMENTS", 50)
    capture = read(pcap([ip(udp(ike()))]) + hostile.orphans_in_pieces(3000)[24:])
    assert not (capture.analysis.wire.packets.fragment_offset > 0).any()  # 1,000 in each datagram: not one of them fits
    assert any("3 incomplete datagrams were given up" in note.detail for note in capture.notes)


def test_open_datagrams_are_bounded_in_number_and_bytes():
    from analyzer.packets.datagram import Fragment

    reassembler = Reassembler(max_open=10, max_bytes=100_000)
    for number in range(1000):
        reassembler.add(("a", "b", 17, number), Fragment(number, 0, 0, 1400, True, 1420, bytes(1400)))
    assert reassembler.evicted == 990
    assert len(reassembler.flush()) + reassembler.forgotten == 1000
    assert reassembler.forgotten > 900  # nobody drained them: only so many bytes of them wait


def test_icmp_errors_beyond_a_number_are_told(monkeypatch):
    monkeypatch.setattr(slow_path, "MAX_ICMP", 5)
    capture = read(hostile.icmp_flood(20))
    assert len(capture.analysis.wire.icmp) == 5
    assert "15 ICMP errors beyond the first 5 were not analysed." in [note.detail for note in capture.notes]


def test_the_json_report_lists_ike_sas_up_to_a_number_and_that_of_the_verdict(monkeypatch):
    monkeypatch.setattr(listing, "MAX_SAS", 10)
    report = read(hostile.many_sas(30)).report()
    assert len(report["sas"]) == 10
    assert "analysis-limit" in report["capture"]["quality"]
    late = read(hostile.many_sas(20) + hostile.auth_sas(0)[24:])
    assert late.verdict.sa is None or len(late.report()["sas"]) in (10, 11)


def test_the_json_report_in_parts_is_the_report():
    for flood in (hostile.auth_sas, hostile.empty_records):
        capture = read(flood(40))
        assert as_json(capture.analysis) == json.dumps(capture.report(), separators=(", ", ": "))


def test_payloads_of_a_message_are_bounded():
    capture = read(hostile.vendor_ids(16_000))
    assert len(capture.analysis.wire.payload_type) == payload_chain.MAX_PAYLOADS
    message = IKE(ike(first=VENDOR, body=payload(VENDOR) * 16_000))
    assert len(message.payloads) <= payload_chain.MAX_PAYLOADS
    assert message.malformed


def test_bystanders_are_bounded():
    assert len(read(hostile.pings(other_traffic.MAX_PACKETS + 50)).analysis.wire.echoes) == other_traffic.MAX_PACKETS


@pytest.mark.parametrize("name", [b"\xc0\x0c", b"\1a\xc0\x0c", b"\xc0\x0e\xc0\x0c", b"\x3f" * 70])
def test_names_that_point_at_themselves_end(name):
    header = bytes.fromhex("4b1d 8180 0001 ffff 0000 0000")
    read_response(header + name + bytes(4) + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\4" * 100)


def test_a_length_of_four_gigabytes_makes_no_more_fragments_than_a_datagram_has():
    """15,500,689 of them were counted, and listed, for a file of 324 bytes (of tcpdump's tests)."""
    capture = read(hostile.lengths_beyond(1))
    (message,) = capture.analysis.sas[0].messages
    # A first fragment of 80 bytes carries 60; UDP's length field ends at 65,535 (RFC 768).
    assert message.first_fragment_length == 20 + 8 + 28 + 24
    assert message.ip_pieces == 65_535 // 60 + 1
    assert len(capture.text()) < 10_000


# -- names that try to break out --------------------------------------------------------------------------------------

EVIL = "\x1b[2J\x1b]0;owned\x07\r\n=cmd|'/c calc'!A0\u202e\u2028<script>alert(1)</script>\"';--"


def evil_capture() -> bytes:
    """An interface, a filter and a DNS name that would move the cursor, rename the window or become a formula."""
    name = EVIL.encode()[:60]
    dns = bytes.fromhex("4b1d 8180 0001 0001 0000 0000") + bytes([len(name)]) + name + b"\0\0\1\0\1"
    dns += b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + SERVER
    requests = [ip(udp(ike(1))) for _ in range(3)]
    packets = [ip(udp(dns, 53, 40_000), b"\x08\x08\x08\x08"), *requests, ip(udp(ike(1, hostile.AUTH, mid=1)))]
    parts = [pcapng_writer.section(hostile.RAW, 0, EVIL, EVIL)]
    for number, packet in enumerate(packets):
        parts.append(pcapng_writer.packet((1_705_309_200 + 5 * number) * 10**9, packet, len(packet), 0))
    return b"".join(parts)


def test_names_of_a_capture_break_out_of_no_text():
    capture = analyzer.read(EVIL, stream=io.BytesIO(evil_capture()))
    assert capture.analysis.interfaces[0].filter
    check(capture)
    text = capture.text()
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\u202e" not in text
    assert as_json(capture.analysis).isprintable()
    for interface in capture.analysis.interfaces:
        assert (interface.name + interface.description + interface.filter).isprintable()
    assert all(row.name.isprintable() for row in capture.analysis.wire.names)


def test_every_link_to_a_frame_is_a_number():
    """A Wireshark filter is made of numbers only: nothing from the capture can end it and begin another."""
    report = analyzer.read(EVIL, stream=io.BytesIO(evil_capture())).report()
    for finding in report["findings"]:
        inside = finding["filter"].removeprefix("frame.number in {").removesuffix("}")
        assert all(number.strip().isdigit() for number in inside.split(",")) or not inside


def test_a_packet_header_may_claim_any_length():
    for claimed in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF):
        raw = bytearray(hostile.many_sas(3))
        struct.pack_into("<I", raw, 24 + 8, claimed)
        check(read(bytes(raw)))


def test_messages_of_one_ike_sa_beyond_a_number_are_not_looked_into(monkeypatch):
    monkeypatch.setattr(collect, "MAX_OF_SA", 10)
    monkeypatch.setattr("analyzer.relate.seen.rows_by_sa.MAX_OF_SA", 10)
    capture = read(hostile.one_sa(25))
    assert [len(sa.messages) for sa in capture.analysis.sas] == [10]
    # The frames list them all the same.
    assert len(capture.messages) == 25
    assert [note.detail for note in capture.notes] == ["15 IKE messages were not analysed: 10 of one IKE SA are."]
    capture.text()
    capture.report()
    assert len(capture.exchanges) > 0
