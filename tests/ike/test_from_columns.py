"""What dpkt's classes say of a message is what the columns say, and its bytes are those of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

import analyzer
from analyzer.analysis import Analysis, analyse, analyse_each
from analyzer.columns import MISSING
from analyzer.errors import UsageError
from analyzer.ike.from_columns import ike_of
from analyzer.ike.message import IKE
from analyzer.ike.message_columns import MALFORMED, WHOLE
from analyzer.ike.registry import numbers
from tests.conftest import ROOT
from tests.relate.captures import INIT, capture, of_packets, raw_packets

SAMPLES = sorted((ROOT / "sample_pcaps").rglob("*.pcapng"))


def disagreements(analysis: Analysis) -> list[str]:
    """Where the object of a message says something else than the columns."""
    wire, m = analysis.wire, analysis.wire.messages
    found = []
    for row in range(len(m.frame)):
        ike = ike_of(wire, row)
        first, notified = int(m.payload_first[row]), int(m.notify_first[row])
        fragment = (ike.fragment.number, ike.fragment.total) if ike.fragment is not None else (MISSING, MISSING)
        of_object = {
            "spi_i": int.from_bytes(ike.spi_i, "big"),
            "spi_r": int.from_bytes(ike.spi_r, "big"),
            **{name: getattr(ike, name) for name in ("version", "exchange", "flags", "message_id", "length")},
            "payloads": ike.payload_types,
            "offsets": tuple(payload.offset for payload in ike.payloads),
            "lengths": tuple(payload.length for payload in ike.payloads),
            "notifies": tuple(notify.type for notify in ike.notifies),
            "inner": MISSING if ike.inner_payload is None else ike.inner_payload,
            "skf": fragment,
        }
        payloads = slice(first, first + int(m.payload_count[row]))
        of_columns = {
            "spi_i": int(m.spi_i[row]),
            "spi_r": int(m.spi_r[row]),
            **{name: int(getattr(m, name)[row]) for name in ("version", "exchange", "flags", "message_id", "length")},
            "payloads": tuple(wire.payload_type[payloads].tolist()),
            "offsets": tuple(wire.payload_offset[payloads].tolist()),
            "lengths": tuple(wire.payload_length[payloads].tolist()),
            "notifies": tuple(wire.notify_type[notified : notified + int(m.notify_count[row])].tolist()),
            "inner": int(m.inner[row]),
            "skf": (int(m.skf_number[row]), int(m.skf_total[row])),
        }
        if m.inner[row] == MISSING and m.payload_count[row]:  # all that is clear was kept
            of_object["whole"], of_columns["whole"] = ike.clear_complete, int(m.status[row]) == WHOLE
        if int(m.status[row]) != MALFORMED:
            of_object["malformed"], of_columns["malformed"] = ike.malformed, ""
        found += [
            f"row {row} {name}: {of_object[name]} by the object, {of_columns[name]} by the columns"
            for name in of_object
            if of_object[name] != of_columns[name]
        ]
    return found


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_objects_and_columns_agree(path: Path):
    assert disagreements(analyse(path)) == []


def test_they_agree_on_real_captures(shared_captures: Path):
    seen = 0
    for path in sorted((shared_captures / "dev").rglob("*.pcap*")):
        for analysis in analyse_each(path, problem=lambda error: None):
            assert disagreements(analysis) == [], path
            seen += len(analysis.wire.messages.frame)
    assert seen > 200


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_its_bytes_are_those_of_the_file(path: Path):
    """Also those that are made of columns: header, and that of SK or SKF, in one piece in the first IP fragment."""
    raw, analysis = path.read_bytes(), analyse(path)
    m = analysis.wire.messages
    for row in range(len(m.frame)):
        is_one_piece = row not in analysis.wire.message_frames or m.inner[row] != MISSING
        if m.complete[row] and is_one_piece:
            assert bytes(ike_of(analysis.wire, row)) in raw, row


def test_what_stands_before_the_encrypted_part_is_kept():
    """A message with a notify in front of SK, as RFC 5723 and RFC 9370 have them."""
    notify = bytes.fromhex("2e0000080000402e")  # next payload SK; notify 16430
    sealed = bytes.fromhex("23000024") + bytes(range(32))  # first inside: IDi
    body = notify + sealed
    time, packet = raw_packets("+0 C:500 > S:500 IKE_SA_INIT request 400\n")[0]
    header = bytearray(packet[28:56])
    header[16], header[18], header[19] = numbers.N, numbers.IKE_AUTH, 0x08
    header[24:28] = (28 + len(body)).to_bytes(4, "big")
    datagram = bytes(header) + body
    udp = packet[20:24] + (8 + len(datagram)).to_bytes(2, "big") + bytes(2)
    ip = packet[:2] + (28 + len(datagram)).to_bytes(2, "big") + packet[4:20]
    cap = of_packets([(time, ip + udp + datagram)])
    message = cap.message(1)
    assert [notify.type for notify in message.notifies] == [16430]
    assert (message.inner_payload, message.payload_types) == (numbers.IDI, (numbers.N, numbers.SK))
    # Of the encrypted part no byte.
    assert cap.analysis.wire.clear == [bytes(header) + notify + sealed[:4]]
    assert disagreements(cap.analysis) == []


class TestOfAFrame:
    def test_what_it_completes(self, samples: Path):
        cap = analyzer.read(samples / "809-fragments-lost.pcapng")
        told = cap.messages[["frame", "exchange", "message_id", "length"]]
        for frame, *fields in told.to_numpy().tolist():
            message = cap.message(frame)
            assert isinstance(message, IKE)
            assert [message.exchange, message.message_id, message.length] == fields

    def test_what_it_is_instead(self, samples: Path):
        cap = capture(
            INIT,
            "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3\n",
            "+0.1 S > C ICMP port-unreachable quoting +0.075\n",
            "+1 C:40000 > S:9 UDP\n",
        )
        assert cap.message(5).inner_payload == numbers.IDI
        for frame, said in (
            (0, "the capture has frames 1 to 7"),
            (8, "the capture has frames 1 to 7"),
            (3, "it holds a part of that of frame 5"),
            (4, "it holds a part of that of frame 5"),
            (6, "it is an ICMP error"),
            (7, "it holds no IKE"),
        ):
            with pytest.raises(UsageError, match=f"^frame {frame} completes no IKE message: {said}$"):
                cap.message(frame)

    def test_a_fragment_without_the_first(self):
        steps = "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 lost 1\n"
        cap = capture(INIT, steps)
        with pytest.raises(UsageError, match="it is an IP fragment of a datagram whose beginning was not seen"):
            cap.message(3)

    def test_an_empty_capture(self):
        with pytest.raises(UsageError, match="frame 1 completes no IKE message: the capture has none"):
            of_packets([]).message(1)
