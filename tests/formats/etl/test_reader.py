"""The reader of ETL, against files made here from the layouts of docs/domain/windows-traces.md."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import analyzer
from analyzer.errors import InputError
from analyzer.formats import open_capture
from analyzer.formats.etl.reader import EtlReader
from analyzer.formats.records import NO_TIME
from analyzer.links.types import DIRECTION_IN, DIRECTION_OUT
from analyzer.report.ladder.notation import parse
from sample_pcaps.lab.maker import make_packets
from tests.formats.etl import oracle
from tests.formats.etl.frames import Frame, read, taken
from tests.formats.etl.writer import (
    CPU_CYCLES,
    END,
    ETHERNET,
    NDIS,
    OTHER,
    PKTMON,
    QPC,
    RECEIVE,
    SEND,
    START,
    START_TIME,
    SYSTEM_TIME,
    TX,
    EtlWriter,
)

MS = 1_000_000
WHOLE = ETHERNET | START | END


def ip(data: bytes = b"", length: int | None = None) -> bytes:
    """An Ethernet frame with an IPv4 header; ``length`` is what that says of itself."""
    total = 20 + len(data) if length is None else length
    return bytes(12) + b"\x08\x00" + struct.pack(">BBHHHBBH8x", 0x45, 0, total, 1, 0, 64, 17, 0) + data


def trace(writer: EtlWriter, count: int = 100) -> list[Frame]:
    """Frames spread over the processors so that each buffer holds some of every moment; what must come out."""
    expected = []
    for number in range(count):
        time, data = START_TIME + number * MS, ip(number.to_bytes(4, "big") * (1 + number % 30))
        way = RECEIVE if number % 3 else SEND
        writer.frame(data, time, WHOLE | way, processor=number * 7 % writer.processors)
        expected.append(Frame(time, data, len(data), DIRECTION_IN if number % 3 else DIRECTION_OUT))
    return expected


@pytest.mark.parametrize("clock", [QPC, SYSTEM_TIME, CPU_CYCLES])
@pytest.mark.parametrize("pointer", [4, 8])
def test_frames_come_in_the_order_of_time(clock: int, pointer: int) -> None:
    writer = EtlWriter(clock=clock, pointer=pointer, frequency=24_000_000 if clock == CPU_CYCLES else 10_000_000)
    expected = trace(writer)
    found = read(writer.file())
    assert found.frames == expected
    assert found.notes == {}
    assert [interface.name for interface in found.interfaces] == ["interface 8"]


def test_a_counter_of_an_odd_frequency_is_rounded_down() -> None:
    """3,312,788 Hz is that of the real trace from netsh; a tick is 301.86 ns."""
    writer = EtlWriter(frequency=3_312_788)
    writer.frame(b"a", START_TIME + 1_000_000_000)
    writer.frame(b"b", START_TIME + 1_000_000_302)
    writer.frame(b"c", START_TIME + 2_000_000_905)
    # A second is 3,312,788 ticks; 302 ns are one tick more, 905 ns are two (603.7 ns).
    found = [frame.time - START_TIME for frame in read(writer.file()).frames]
    assert found == [1_000_000_000, 1_000_000_301, 2_000_000_603]


def test_other_events_are_passed_over() -> None:
    writer = EtlWriter(processors=1)
    for kind in (0x14, 0x0A, 0x11, 0x10, 3, 4, 0x90, 0x0B, 0x15):
        writer.classic(43, kind)
        writer.event(OTHER, 1001, bytes(50), START_TIME, START | END)
        writer.event(NDIS, 1002, struct.pack("<III", 8, 8, 4) + bytes(4), START_TIME)
        writer.frame(bytes([kind]), START_TIME + kind * MS, kind=0x12)
    found = read(writer.file())
    assert [frame.data[0] for frame in found.frames] == [3, 4, 0x0A, 0x0B, 0x10, 0x11, 0x14, 0x15, 0x90]
    assert found.notes == {}


@pytest.mark.parametrize("items", [(b"",), (b"x",), (b"12345678", b"123456789", b"")])
def test_extended_items_stand_before_the_data(items: tuple[bytes, ...]) -> None:
    writer = EtlWriter()
    body = struct.pack("<III", 8, 8, 3) + b"abc"
    writer.event(NDIS, 1001, body, START_TIME, WHOLE, items=items)
    assert [frame.data for frame in read(writer.file()).frames] == [b"abc"]


@pytest.mark.parametrize("chunk_bytes", [1, 3000, 1 << 20])
@pytest.mark.parametrize("compressed", [False, True])
def test_size_of_chunks_changes_nothing(chunk_bytes: int, compressed: bool) -> None:
    writer = EtlWriter(compressed=compressed)
    expected = trace(writer, 300)
    raw = writer.file()
    found = read(raw, chunk_bytes, sha256=True)
    assert found.frames == expected
    assert found.notes == {}
    assert found.sha256 == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_and_a_pipe_give_the_same(tmp_path: Path, compressed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.formats.etl.packet_bytes.IN_MEMORY", 10_000)
    writer = EtlWriter(compressed=compressed)
    expected = trace(writer, 300)
    raw = writer.file()
    path = tmp_path / "a.etl"
    path.write_bytes(raw)
    with open_capture(path, sha256=True, chunk_bytes=5000) as reader:
        assert isinstance(reader, EtlReader)
        found = taken(reader)
    assert (found.frames, found.sha256) == (expected, hashlib.sha256(raw).hexdigest())
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb", buffering=0) as out:
            for begin in range(0, len(raw), 999):
                out.write(raw[begin : begin + 999])

    thread = threading.Thread(target=feed)
    thread.start()
    with os.fdopen(reading, "rb", buffering=0) as stream, open_capture("pipe", stream=stream) as reader:
        assert isinstance(reader, EtlReader)
        assert taken(reader).frames == expected
    thread.join()


def test_the_digest_covers_what_was_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.formats.etl.reader.MAX_ROWS", 50)
    writer = EtlWriter()
    expected = trace(writer, 300)
    path = tmp_path / "a.etl"
    path.write_bytes(writer.file())
    with open_capture(path, sha256=True, chunk_bytes=5000) as reader:
        assert isinstance(reader, EtlReader)
        found = taken(reader)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert set(found.frames) < set(expected)


def test_the_file_may_become_shorter_meanwhile(tmp_path: Path) -> None:
    writer = EtlWriter()
    expected = trace(writer)
    path = tmp_path / "a.etl"
    path.write_bytes(writer.file())
    with open_capture(path, chunk_bytes=5000) as reader:
        chunks = reader.chunks()
        count = len(next(chunks))
        os.truncate(path, 100)
        count += sum(len(chunk) for chunk in chunks)
    assert count == len(expected)
    assert [note.id for note in reader.notes] == ["capture-damaged"]


# The same packets, the same report

LADDERS = {
    "fragments lost": """
        C = 10.0.0.2   S = 203.0.113.7   mtu 1460
        at C
        +0.000  C:500  > S:500   IKE_SA_INIT  request   544  N(IKEV2_FRAGMENTATION_SUPPORTED)
        +0.033  C:500  < S:500   IKE_SA_INIT  response  416
        +0.075  C:4500 > S:4500  IKE_AUTH     request  3468  SK  ip-fragments 3  x3 at +1.000 +2.000
        +5.000  C:53124 > S:443  UDP count 3
    """,
    "cut to 128 bytes": """
        C = 10.0.0.2   S = 203.0.113.7   mtu 1460
        snaplen 128
        +0.000  C:500  > S:500   IKE_SA_INIT  request   544  N(IKEV2_FRAGMENTATION_SUPPORTED)
        +0.033  C:500  < S:500   IKE_SA_INIT  response  416
        +0.075  C:4500 > S:4500  IKE_AUTH     request  1468  SK  x3 at +1.000 +2.000
    """,
    "raw IPv6": """
        C = 2001:db8::2   S = 2001:db8:1::7   link raw
        +0.000  C:500  > S:500   IKE_SA_INIT  request   544  x4 at +1.000 +3.000 +7.000
    """,
    "dropped": """
        C = 10.0.0.2   S = 203.0.113.7
        at C
        +0.000  C:500  > S:500   IKE_SA_INIT  request   544  x3 at +1.000 +3.000  dropped
        +9.000  C:53124 > S:443  UDP count 3
    """,
}


def as_pcap(packets: list[tuple[int, bytes, int]], link: int) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link)
    return head + b"".join(
        struct.pack("<IIII", time // 10**9, time % 10**9, len(data), wire) + data for time, data, wire in packets
    )


def as_ndis(packets: list[tuple[int, bytes, int]], link: int) -> bytes:
    writer = EtlWriter(buffer_size=8192)
    for number, (time, data, _) in enumerate(packets):
        writer.frame(data, time, (ETHERNET if link == 1 else 0x200) | START | END, processor=number % 4)
    return writer.file()


def as_pktmon(packets: list[tuple[int, bytes, int]], link: int) -> bytes:
    writer = EtlWriter(buffer_size=8192, compressed=True)
    for number, (time, data, wire) in enumerate(packets):
        kind = 1 if link == 1 else 3
        # No direction, as a pcap has none.
        writer.sighting(data, time, group=number + 1, tag=0, kind=kind, size=wire, processor=number % 4)
    return writer.file()


def report(raw: bytes) -> dict[str, object]:
    """The report, without what tells of the file itself, and the filters, which go by time in an ETL."""
    whole = analyzer.read("x", stream=io.BytesIO(raw)).report()
    capture = {key: value for key, value in whole["capture"].items() if key not in ("file", "format", "sha256")}
    return {**whole, "capture": capture, "findings": [{**found, "filter": ""} for found in whole["findings"]]}


@pytest.mark.parametrize("write", [as_ndis, as_pktmon])
@pytest.mark.parametrize("name", ["fragments lost", "cut to 128 bytes", "raw IPv6"])
def test_the_same_packets_give_the_same_report(name: str, write: Callable[..., bytes]) -> None:
    ladder = parse(LADDERS[name])
    packets, link = make_packets(ladder), 101 if "raw" in name else 1
    assert report(write(packets, link)) == report(as_pcap(packets, link))


@pytest.mark.parametrize("write", [as_ndis, as_pktmon])
def test_the_samples_give_the_same_report(samples: Path, write: Callable[..., bytes]) -> None:
    compared = 0
    for path in sorted(samples.glob("*.ladder")):
        ladder = parse(path.read_text(encoding="utf-8"))
        if ladder.options.link in (None, "ethernet", "raw"):
            packets, link = make_packets(ladder), 101 if ladder.options.link == "raw" else 1
            assert report(write(packets, link)) == report(as_pcap(packets, link)), path.name
            compared += 1
    assert compared > 10


def test_what_the_host_dropped_becomes_a_finding() -> None:
    packets = make_packets(parse(LADDERS["dropped"]))
    writer = EtlWriter()
    writer.component(3, "wfplwfs.sys", "WFP LightWeight Filter")
    for number, (time, data, _) in enumerate(packets):
        to_port_500 = data[36:38] == (500).to_bytes(2, "big")
        writer.sighting(data, time, group=number + 1, tag=TX, component=11)
        if to_port_500:
            writer.sighting(data, time + 1000, group=number + 1, appearance=2, tag=TX, component=3, reason=909)
    capture = analyzer.read("x", stream=io.BytesIO(writer.file()))
    assert (capture.verdict.id, capture.verdict.severity.value) == ("host-dropped-packet", "blocking")
    notes = {note.id: note.detail for note in capture.notes}
    assert notes["host-dropped-packet"] == (
        "the host recorded that it dropped 3 packets itself (3 at wfplwfs.sys / WFP LightWeight Filter: blocked by "
        "inspection (firewall or filter driver) (reason 909))"
    )


# Against an independent reader


def test_an_independent_reader_finds_what_was_written() -> None:
    writer = EtlWriter()
    expected = trace(writer, 20)
    writer.classic(64, 0x14)
    writer.classic(40, 0x11)
    writer.sighting(b"whole", START_TIME, group=7, appearance=2, tag=TX, component=9, reason=23, size=1500)
    writer.component(9, "tcpip.sys", "TCP/IP")
    writer.ras(b"a packet", START_TIME, sent=True)
    events = oracle.events(writer.file())
    frames = [
        oracle.fields("Microsoft_Windows_NDIS_PacketCapture", 1001, event.data + bytes(16))
        for event in sorted(events, key=lambda each: each.time)
        if (event.provider, event.number) == (str(NDIS), 1001)
    ]
    assert [frame["Fragment"] for frame in frames] == [frame.data for frame in expected]
    monitored = {event.number: event.data for event in events if event.provider == str(PKTMON)}
    drop = oracle.fields("Microsoft_Windows_PktMon", 170, monitored[170])
    names = ("PktGroupId", "AppearanceCount", "DirTag", "ComponentId", "DropReason", "OriginalPayloadSize", "Payload")
    assert [drop[name] for name in names] == [7, 2, TX, 9, 23, 1500, b"whole"]
    component = oracle.fields("Microsoft_Windows_PktMon", 20, monitored[20])
    assert bytes(component["Name"].string).decode("utf-16-le") == "tcpip.sys\0"
    sent = next(event.data for event in events if event.number == 5001)
    assert oracle.fields("Microsoft_Windows_Ras_NdisWanPacketCapture", 5001, sent)["Fragment"] == b"a packet"


# What is lost, cut and damaged


def test_a_trace_without_packets_says_what_would_have_captured_them() -> None:
    writer = EtlWriter()
    writer.event(OTHER, 1, b"", START_TIME)
    found = read(writer.file())
    assert (found.frames, found.interfaces) == ([], [])
    assert found.notes["no-packets-in-trace"].startswith("the trace holds 2 events, but no packet")
    for command in ("netsh trace start capture=yes", "pktmon start --capture --comp nics --pkt-size 0"):
        assert command in found.notes["no-packets-in-trace"]
    assert analyzer.read("x", stream=io.BytesIO(writer.file())).verdict.id == "no-ike-in-capture"


def test_what_windows_lost_is_told() -> None:
    writer = EtlWriter(events_lost=7, buffers_lost=2)
    trace(writer, 3)
    lost = read(writer.file()).notes["capture-lost-packets"]
    assert lost == "Windows lost 7 events and 2 buffers while it wrote this trace; packets may be among them"
    for flag in (0x2, 0x4):
        writer = EtlWriter(flags=0x20 | flag)
        trace(writer, 3)
        assert "with the mark that events before it were lost" in read(writer.file()).notes["capture-lost-packets"]


def test_a_circular_trace_that_was_overwritten_starts_late() -> None:
    writer = EtlWriter(mode=0x2, overwritten=5)
    trace(writer, 3)
    assert "5 of its 9 buffers were overwritten" in read(writer.file()).notes["capture-overwritten"]
    writer = EtlWriter(mode=0x2)
    trace(writer, 3)
    assert read(writer.file()).notes == {}


@pytest.mark.parametrize("compressed", [False, True])
def test_a_cut_file_gives_what_is_whole(compressed: bool) -> None:
    writer = EtlWriter(compressed=compressed, processors=1, buffer_size=1 << 16)
    expected = trace(writer, 50)
    raw = writer.file()
    found = read(raw[: (1 << 16) + 3000])
    assert 0 < len(found.frames) < 50
    assert found.frames == expected[: len(found.frames)]
    assert "the file ends in the middle of buffer 2" in found.notes["capture-cut"]
    # Cut before the first packet, nothing says that there was none.
    cut = read(raw[: (1 << 16) + 100])
    assert cut.frames == []
    assert cut.notes["no-packets-in-trace"].startswith("what can be read of the trace holds 1 event, but no packet;")


def test_a_file_cut_in_the_header_is_refused() -> None:
    raw = EtlWriter().file()
    for size in (100, 300, 375):
        with pytest.raises(InputError, match=r"^test.etl: .*ETL file"):
            read(raw[:size])


def test_reading_goes_on_behind_a_damaged_buffer() -> None:
    writer = EtlWriter()
    expected = trace(writer, 200)
    raw = bytearray(writer.file())
    for where in (2 * 4096, 4 * 4096 + 4):
        raw[where : where + 4] = b"\xff\xff\xff\x7f"
    found = read(bytes(raw))
    assert 100 < len(found.frames) < 200
    assert set(found.frames) < set(expected)
    assert "where buffer 3 should start, the first of 2 such places" in found.notes["capture-damaged"]


def test_damage_inside_a_buffer_ends_that_buffer_only() -> None:
    writer = EtlWriter()
    expected = trace(writer, 200)
    raw = bytearray(writer.file())
    raw[2 * 4096 + 72 + 3] = 0
    found = read(bytes(raw))
    assert set(found.frames) < set(expected)
    assert len(found.frames) > 150
    assert "bytes that are no event, in buffer 3" in found.notes["capture-damaged"]


def test_unused_buffers_at_the_end_are_no_damage() -> None:
    writer = EtlWriter()
    expected = trace(writer)
    found = read(writer.file() + bytes(3 * 4096))
    assert (found.frames, found.notes) == (expected, {})


def test_lengths_that_do_not_fit_are_told() -> None:
    writer = EtlWriter()
    writer.event(NDIS, 1001, struct.pack("<III", 8, 8, 5) + b"four", START_TIME, WHOLE)
    writer.event(NDIS, 1001, struct.pack("<III", 8, 8, 2**32 - 1) + b"four", START_TIME, WHOLE)
    writer.event(NDIS, 1001, b"short", START_TIME, WHOLE)
    writer.event(NDIS, 1003, bytes(40), START_TIME, WHOLE)
    writer.event(PKTMON, 160, bytes(33), START_TIME)
    writer.event(PKTMON, 160, bytes(32) + b"\xff\xff", START_TIME)
    writer.event(PKTMON, 160, bytes(32) + b"\x0a\x00" + bytes(9), START_TIME)
    found = read(writer.file())
    assert found.frames == []
    assert found.notes["capture-damaged"] == "7 packet events with lengths that do not fit"


def test_times_out_of_all_reason_are_no_times() -> None:
    writer = EtlWriter()
    writer.frame(b"a", START_TIME)
    raw = bytearray(writer.file())
    at = raw.index(NDIS.bytes_le) - 8
    for time in (-(2**63), 2**63 - 1):
        raw[at : at + 8] = struct.pack("<q", time)
        assert [frame.time for frame in read(bytes(raw)).frames] == [NO_TIME]


def test_limits_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = EtlWriter()
    trace(writer, 200)
    monkeypatch.setattr("analyzer.formats.etl.reader.MAX_ROWS", 50)
    found = read(writer.file(), 512)
    assert 50 < len(found.frames) < 200
    assert "the rest of the file was not read" in found.notes["analysis-limit"]
    writer.compressed = True
    monkeypatch.setattr("analyzer.formats.etl.reader.MAX_ROWS", 1000)
    monkeypatch.setattr("analyzer.formats.etl.reader.MAX_EXPANDED", 10_000)
    found = read(writer.file())
    assert 0 < len(found.frames) < 200
    assert "its compressed buffers claim to hold" in found.notes["analysis-limit"]


def sample() -> bytes:
    """A small file with something of everything."""
    writer = EtlWriter(buffer_size=2048, processors=2)
    trace(writer, 6)
    writer.component(3, "a.sys", "A")
    writer.packet_filter(1, (500, 0))
    writer.sighting(ip(b"x" * 30), START_TIME, group=1, tag=TX)
    writer.sighting(ip(b"x" * 30), START_TIME, group=1, appearance=2, tag=TX, component=3, reason=1)
    writer.switch_frame(ip(), START_TIME)
    writer.ras(ip(), START_TIME, sent=False)
    writer.frame(b"first ", START_TIME, ETHERNET | START)
    writer.frame(b"last", START_TIME, ETHERNET | END)
    writer.event(NDIS, 1001, struct.pack("<III", 8, 8, 3) + b"abc", START_TIME, WHOLE, items=(b"x", b"y"))
    packed = EtlWriter(buffer_size=2048, compressed=True)
    trace(packed, 2)
    return writer.file() + packed.file()[2048:]


SAMPLE = sample()


@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=20))
def test_no_damage_raises(changes: list[tuple[int, int]]) -> None:
    raw = bytearray(SAMPLE)
    for at, value in changes:
        raw[at] = value
    with contextlib.suppress(InputError):
        assert analyzer.read("x", stream=io.BytesIO(bytes(raw))).verdict.text


@given(st.integers(0, len(SAMPLE)), st.binary(max_size=200))
def test_no_cut_and_no_tail_raises(size: int, tail: bytes) -> None:
    with contextlib.suppress(InputError), open_capture("x", stream=io.BytesIO(SAMPLE[:size] + tail)) as reader:
        for chunk in reader.chunks():
            assert (chunk.captured <= chunk.wire).all()


@given(st.binary(min_size=1, max_size=400))
def test_any_event_of_a_packet_provider_is_read_without_raising(data: bytes) -> None:
    writer = EtlWriter()
    for provider, numbers in ((NDIS, (1001, 1003)), (PKTMON, (20, 100, 110, 160, 170))):
        for number in numbers:
            writer.event(provider, number, data, START_TIME, WHOLE)
    read(writer.file())


def test_compressed_buffers_cannot_claim_what_they_like() -> None:
    """A few bytes that expand to 16 MB of tiny events, many times."""
    piece = bytes.fromhex("00000000") + struct.pack("<HBBHH", 8, 0, 0x90, 0, 0) + bytes(24)
    bomb = piece + bytes.fromhex("ffffff7f") + struct.pack("<HBBHI", 7 << 3 | 7, 15, 255, 0, 1 << 24)
    head = struct.pack("<IIIiqqQHHIIHH16x", 72 + len(bomb), 72 + (1 << 24), 0, 0, 0, 1, 0, 0, 1, 3, 0, 0x60, 0)
    found = read(EtlWriter().file() + (head + bomb) * 1000)
    assert found.frames == []
    assert "its compressed buffers claim to hold 33,554,576 bytes and more" in found.notes["analysis-limit"]


@pytest.mark.parametrize("what", ["MAX_EVENTS", "MAX_BUFFERS"])
def test_events_and_buffers_are_bounded(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = EtlWriter()
    trace(writer, 200)
    monkeypatch.setattr(f"analyzer.formats.etl.reader.{what}", 4)
    found = read(writer.file())
    assert 0 < len(found.frames) < 200
    assert "more than" in found.notes["analysis-limit"]


# Copies


def test_copies_change_nothing_in_the_verdict() -> None:
    packets = make_packets(parse(LADDERS["fragments lost"]))
    monitored, layered = EtlWriter(), EtlWriter(frequency=24_000_000)
    for number, (time, data, _) in enumerate(packets):
        for appearance in range(1, 5):
            moment = time + appearance * 1000
            monitored.sighting(data, moment, group=number + 1, appearance=appearance, tag=TX, component=appearance)
            layered.frame(data, moment, WHOLE, lower=7 + appearance)
    plain = report(as_pcap(packets, 1))
    for writer in (monitored, layered):
        found = report(writer.file())
        assert found["verdict"] == plain["verdict"]
        capture = found["capture"]
        assert isinstance(capture, dict)
        assert "duplicate-capture-artifact" in capture["quality"]
