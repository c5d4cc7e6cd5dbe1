"""The ETL reader on real traces: against pktmon's own text dump, and against an independent reader (etl-parser)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from analyzer.formats import open_capture
from analyzer.formats.etl.one_copy import Kept
from analyzer.formats.etl.reader import EtlReader
from analyzer.formats.etl.rows import Rows
from analyzer.links.types import DIRECTION_IN, DIRECTION_OUT
from tests.formats.etl import oracle

PKTMON = "nathaniel-security+microsoft-pktmon-VPN-capture-traffic/history/29decde427/PktMon.etl"
NETSH = "ajbanjara+Wireshark/small-system-misc-ping.etl"
NO_PACKETS = ("airbus-cert+etl-parser/AMSITrace.etl", "airbus-cert+etl-parser/lxcore_kernel.etl")

#: pktmon wrote local time; the trace was taken in India (its UTC times are those of the file's own header).
INDIA = timezone(timedelta(hours=5, minutes=30))

SIGHTING = re.compile(
    r"::(?P<time>\S+ \S+) \[Microsoft-Windows-PktMon\] PktGroupId (?P<group>\d+), PktNumber (?P<number>\d+), "
    r"Appearance (?P<appearance>\d+), Direction (?P<direction>\w+) *, Type (?P<kind>\w+) *, "
    r"Component (?P<component>\d+), .*OriginalSize (?P<size>\d+), LoggedSize (?P<logged>\d+)"
)
#: What the dump says of a packet: MAC addresses, and of IPv4 without extensions both ends.
FRAME = re.compile(
    r"\t(?P<source>[0-9A-F-]{17}) > (?P<target>[0-9A-F-]{17}), ethertype IPv4 \(0x0800\), length \d+: "
    r"(?P<ends>[\d.]+ > [\d.]+):"
)
COMPONENT = re.compile(r"\] Component (\d+), Type [^,]* , Name (.*), (.*) $")


def nanoseconds(local: str) -> int:
    seconds, fraction = local.split(".")
    at = datetime.strptime(seconds, "%Y-%m-%d %H:%M:%S").replace(tzinfo=INDIA)
    return int(at.timestamp()) * 10**9 + int(fraction)


@pytest.fixture(scope="module")
def dump(shared_captures: Path) -> list[str]:
    name = PKTMON.replace("/", "__") + ".pktmon-format.txt"
    return (shared_captures / "truth" / name).read_text("utf-16").splitlines()


def frames_of(reader: EtlReader) -> Iterator[tuple[int, bytes, int, int, int]]:
    """Time, bytes, wire length, direction, interface."""
    for chunk in reader.chunks():
        for row, begin in enumerate(chunk.start.tolist()):
            data = chunk.buffer[begin : begin + int(chunk.captured[row])].tobytes()
            yield (
                int(chunk.time[row]), data, int(chunk.wire[row]), int(chunk.direction[row]), int(chunk.interface[row])
            )  # fmt: skip


def opened(path: Path) -> EtlReader:
    reader = open_capture(path)
    assert isinstance(reader, EtlReader)
    return reader


def ends(frame: bytes) -> str:
    """Both ends of an IPv4 packet in Ethernet, in the words of the dump."""
    header = 14 + (frame[14] & 15) * 4
    has_ports = frame[23] in (6, 17) and not int.from_bytes(frame[20:22], "big") & 0x1FFF
    parts = []
    for address, port in ((26, 0), (30, 2)):
        text = ".".join(str(byte) for byte in frame[address : address + 4])
        number = int.from_bytes(frame[header + port : header + port + 2], "big")
        parts.append(f"{text}.{number}" if has_ports else text)
    return " > ".join(parts)


def test_every_record_of_pktmon_is_as_its_own_dump_says(
    shared_captures: Path, dump: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_of_them(rows: Rows, _: np.ndarray) -> Kept:
        return Kept(rows, 0, 0)

    monkeypatch.setattr("analyzer.formats.etl.reader.one_copy_each", all_of_them)
    names = {int(m[1]): (m[2], m[3]) for m in map(COMPONENT.search, dump) if m}
    expected = []
    described = []
    for line, behind in zip(dump, [*dump[1:], ""], strict=True):
        if found := SIGHTING.search(line):
            direction = {"Rx": DIRECTION_IN, "Tx": DIRECTION_OUT}[found["direction"]]
            sizes = int(found["logged"]), int(found["size"])
            expected.append((nanoseconds(found["time"]), *sizes, direction, names[int(found["component"])]))
            described.append(FRAME.match(behind))
    with opened(shared_captures / "dev" / PKTMON) as reader:
        frames = list(frames_of(reader))
        places = [(i.name, i.description) for i in reader.interfaces]
    mine = [(time, len(data), wire, way, places[at]) for time, data, wire, way, at in frames]
    assert len(expected) == 2705
    # Packets of one tick of the clock are told in the order of the file by us, in another one by pktmon.
    assert Counter(mine) == Counter(expected)
    assert [each[0] for each in mine] == [each[0] for each in expected]
    told = Counter((m["target"], m["source"], m["ends"]) for m in described if m)
    seen = Counter(
        (data[:6].hex("-").upper(), data[6:12].hex("-").upper(), ends(data))
        for _, data, *_ in frames
        if data[12:14] == b"\x08\x00"
    )
    assert sum(told.values()) > 1000
    assert not told - seen


def test_each_packet_of_pktmon_is_there_once(shared_captures: Path, dump: list[str]) -> None:
    packets = {(m["group"], m["number"]) for m in map(SIGHTING.search, dump) if m}
    with opened(shared_captures / "dev" / PKTMON) as reader:
        frames = list(frames_of(reader))
        notes = {note.id: note.detail for note in reader.notes}
    assert len(frames) == len(packets) == 260
    assert set(notes) == {"duplicate-capture-artifact"}
    assert notes["duplicate-capture-artifact"].startswith("2,445 further records ")


def test_netsh_trace_against_an_independent_reader(shared_captures: Path) -> None:
    path = shared_captures / "dev" / NETSH
    expected = Counter(
        (event.data[12 : 12 + int.from_bytes(event.data[8:12], "little")], event.keyword >> 32 & 3)
        for event in oracle.events(path.read_bytes())
        if event.provider == "2ed6006e-4729-4609-b423-3ee7bcd678ef" and event.number == 1001
    )
    with opened(path) as reader:
        frames = list(frames_of(reader))
        notes = reader.notes
    # Keyword bits 32 and 33: sent, received.
    assert Counter((data, {DIRECTION_OUT: 1, DIRECTION_IN: 2}[way]) for _, data, _, way, _ in frames) == expected
    assert len(frames) == 43
    assert notes == []
    assert [time for time, *_ in frames] == sorted(time for time, *_ in frames)
    # The header: started 2019-08-14 20:54:53.7707292 UTC (FILETIME 132102896937707292), ended 20:55:06.1132631.
    first, last = 1_565_816_093_770_729_200, 1_565_816_106_113_263_100
    assert first < frames[0][0] < frames[-1][0] < last
    assert {wire - len(data) for _, data, wire, *_ in frames} == {0}


@pytest.mark.parametrize("name", NO_PACKETS)
def test_traces_without_packets_say_what_would_have_captured_them(shared_captures: Path, name: str) -> None:
    with opened(shared_captures / "dev" / name) as reader:
        assert list(frames_of(reader)) == []
        notes = {note.id: note.detail for note in reader.notes}
    assert "netsh trace start capture=yes" in notes["no-packets-in-trace"]
    assert "pktmon start --capture" in notes["no-packets-in-trace"]
    # AMSITrace.etl: EventsLost of its header is 3.
    assert notes.get("capture-lost-packets", "").startswith("Windows lost 3 events") == ("AMSI" in name)
