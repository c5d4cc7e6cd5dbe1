"""What is fuzzed: each target takes any bytes, and may raise nothing but what its contract names.

A target is registered under its name; :mod:`tests.fuzz.run` runs it under atheris, ``test_cases.py`` on the bytes that
once broke it. Windows are small here, so that short inputs cross their borders, too.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

import analyzer
from analyzer.errors import InputError, UsageError
from analyzer.formats.etl.reader import EtlReader
from analyzer.formats.etl.xpress import expand
from analyzer.formats.file_reader import FileReader
from analyzer.formats.netmon import NetmonReader
from analyzer.formats.packed.archive import captures_in
from analyzer.formats.packed.budget import Budget
from analyzer.formats.packed.compressed import Unpacker, packer_of
from analyzer.formats.pcap import MAGICS, PcapReader
from analyzer.formats.pcapng.reader import PcapngReader
from analyzer.formats.snoop import SnoopReader
from analyzer.formats.window import Window
from analyzer.ike import proposals
from analyzer.ike.message import HEADER_LENGTH, IKE
from analyzer.ike.payloads import parse_payload
from analyzer.links.types import KNOWN
from analyzer.packets import icmp, ip_headers, udp_payload
from analyzer.packets.datagram import Fragment
from analyzer.packets.other_traffic import read_response
from analyzer.packets.reassembly import Reassembler
from analyzer.packets.tcp_streams import TcpStreams
from analyzer.relate.inferred import cipher_suite
from analyzer.report import comparison_text, validation_text
from analyzer.report.ladder import notation
from tests.formats.packed.packers import HEAVY, WAYS
from tests.fuzz.interleavings import with_and_without_strangers

Target = Callable[[bytes], None]

#: All targets by name.
TARGETS: dict[str, Target] = {}

#: Bytes of a reader's window here.
WINDOW = 1 << 12

#: Bytes packed and unpacked here: several of the pieces that decompressors are asked for.
_MOST_PACKED = 1 << 20

_LINKS = sorted(KNOWN)

#: Records of a made-up stream of fragments or segments: time step, flags and offset, length.
_STEP = np.dtype([("kind", "u1"), ("wait", "u1"), ("offset", ">u2"), ("size", "u1")])


def target(function: Target) -> Target:
    """Register a target under the name of its function, without the leading ``fuzz_``."""
    TARGETS[function.__name__.removeprefix("fuzz_")] = function
    return function


def _read_through(make: Callable[[Window], FileReader], data: bytes) -> None:
    """Every chunk of a reader holds what its contract says, and no input makes it raise more than InputError."""
    with suppress(InputError), make(Window(io.BytesIO(data), "fuzz", WINDOW)) as reader:
        frame = 1
        for chunk in reader.chunks():
            assert chunk.first_frame == frame
            frame += len(chunk)
            ends = chunk.start + chunk.captured
            assert not len(chunk) or (chunk.start.min() >= 0 and chunk.captured.min() >= 0)
            assert not len(chunk) or ends.max() + 128 <= len(chunk.buffer)
            assert not len(chunk) or chunk.interface.max() < max(len(reader.interfaces), 1)
        assert all(note.detail.isprintable() for note in reader.notes)


# -- readers ----------------------------------------------------------------------------------------------------------


@target
def fuzz_pcap(data: bytes) -> None:
    if data[:4] in MAGICS:
        _read_through(PcapReader, data)


@target
def fuzz_pcapng(data: bytes) -> None:
    _read_through(PcapngReader, data)


@target
def fuzz_etl(data: bytes) -> None:
    _read_through(EtlReader, data)


@target
def fuzz_netmon(data: bytes) -> None:
    if data[:4] in (b"GMBU", b"RTSS"):
        _read_through(NetmonReader, data)


@target
def fuzz_snoop(data: bytes) -> None:
    if data.startswith(b"snoop\0\0\0"):
        _read_through(SnoopReader, data)


@target
def fuzz_compressed(data: bytes) -> None:
    for packer in ("gzip", "bzip2", "xz", "zstd"):
        unpacker = Unpacker(Window(io.BytesIO(data), "fuzz", WINDOW), packer, Budget())
        # What a few bytes unpack to may be far more than is worth the time here.
        assert all(len(unpacker.read(1 << 16)) <= 1 << 16 for _ in range(16))


@target
def fuzz_packed(data: bytes) -> None:
    """What is packed comes out again: any bytes, in one or two streams, in any way, through windows of any size."""
    if len(data) < 8:
        return
    packer = sorted(WAYS)[data[0] % len(WAYS)]
    ways = sorted(WAYS[packer].keys() - HEAVY)
    window, piece, times, cut = 512 + 64 * data[3], 1 + 256 * data[4], data[5], int.from_bytes(data[6:8], "little")
    content = (data[8:] * (1 + times))[:_MOST_PACKED]
    first, second = (WAYS[packer][ways[number % len(ways)]] for number in data[1:3])
    at = len(content) * cut >> 16
    raw = first(content[:at]) + second(content[at:])
    assert _unpacked(raw, packer, window, piece) == (content, [])
    beginning, _ = _unpacked(raw[: len(raw) * cut >> 16], packer, window, piece)
    assert content.startswith(beginning)


@target
def fuzz_windows(data: bytes) -> None:
    """The size of the windows changes nothing of what is unpacked, however damaged."""
    packer = packer_of(data[:8])
    if packer:
        (one, notes), (other, others) = (_unpacked(data, packer, *sizes) for sizes in ((512, 1000), (1 << 20, 1 << 20)))
        assert one.startswith(other) or other.startswith(one)
        assert notes or others or one == other or len(one) + len(other) > _MOST_PACKED


def _unpacked(raw: bytes, packer: str, window: int, piece: int) -> tuple[bytes, list[str]]:
    """What comes out of packed bytes, up to a bound, and what was noted."""
    budget = Budget()
    unpacker = Unpacker(Window(io.BytesIO(raw), "fuzz", window), packer, budget)
    parts, size = [], 0
    while size < _MOST_PACKED and (part := unpacker.read(piece if size < 100 * piece else 1 << 16)):
        parts.append(part)
        size += len(part)
    unpacker.close()
    assert budget.memory == 0
    return b"".join(parts), [note.id for note in unpacker.notes]


@target
def fuzz_archive(data: bytes) -> None:
    with suppress(InputError):
        for found in captures_in("fuzz", stream=io.BytesIO(data), chunk_bytes=WINDOW):
            assert found.path.isprintable()
            for _ in found.reader.chunks() if found.reader else ():
                pass


@target
def fuzz_xpress(data: bytes) -> None:
    assert len(expand(data, 1 << 16)) <= 1 << 16


# -- wire -------------------------------------------------------------------------------------------------------------


@target
def fuzz_ike(data: bytes) -> None:
    if len(data) >= HEADER_LENGTH:
        message = IKE(data)
        assert bytes(message) == data[: max(message.length, HEADER_LENGTH)]
        assert all(payload.problem.isprintable() for payload in message.payloads)


@target
def fuzz_payload(data: bytes) -> None:
    if len(data) >= 6:
        payload = parse_payload(data[0], data[2:], data[1] & 3)
        assert bytes(payload) == data[2:]


@target
def fuzz_proposals(data: bytes) -> None:
    found, _, problem = proposals.split_substructures(data, "proposal", proposals.MAX_PROPOSALS)
    text = proposals.suite_text(proposals.Proposal(part) for part in found)
    assert (text + problem).isprintable()


@target
def fuzz_suite(data: bytes) -> None:
    found = cipher_suite.suite_of(cipher_suite.algorithms_of(data))
    if found is not None:
        assert found.length(max(found.content(len(data)))) >= 0
        assert found.room(len(data)) >= 0


@target
def fuzz_natt(data: bytes) -> None:
    for sport, dport in ((500, 500), (4500, 4500), (500, 4500), (1, 2)):
        udp_payload.classify_one(data, len(data), sport, dport)


@target
def fuzz_decode(data: bytes) -> None:
    if data:
        link_type = _LINKS[data[0] % len(_LINKS)]
        for packet in ip_headers.decode_each(link_type, data[1:]):
            assert packet.payload_offset >= 20 and packet.payload_length >= 0


@target
def fuzz_icmp(data: bytes) -> None:
    for version in (4, 6):
        icmp.parse_error(version, data)


@target
def fuzz_dns(data: bytes) -> None:
    answer = read_response(data)
    assert answer is None or answer[0].isprintable()


@target
def fuzz_reassembly(data: bytes) -> None:
    reassembler, now, frame = Reassembler(max_open=4, max_fragments=16, max_bytes=1 << 16), 0, 0
    for step, body in _steps(data):
        now, frame = now + int(step["wait"]) * 50_000_000, frame + 1
        kind, offset = int(step["kind"]), int(step["offset"])
        fragment = Fragment(frame, now, offset & ~7, len(body) + (kind >> 6), bool(kind & 8), len(body) + 20, body)
        key = ("a", "b", 17, kind & 7)
        if kind & 16:
            reassembler.discard(key, fragment)
            continue
        done = reassembler.add(key, fragment)
        assert done is None or len(done.data) <= 65_535
    for datagram in reassembler.flush():
        assert datagram.missing or not datagram.complete


@target
def fuzz_tcp(data: bytes) -> None:
    streams, now = TcpStreams(max_flows=2, max_held=1 << 12, max_bytes=1 << 14), 0
    records = []
    for frame, (step, body) in enumerate(_steps(data), 1):
        now += int(step["wait"])
        kind = int(step["kind"])
        flow = (b"a", b"b", 4500, kind & 3) if kind & 4 else (b"b", b"a", kind & 3, 4500)
        sequence = int(step["offset"]) + (0xFFFFFF00 if kind & 8 else 0)
        records += streams.add(
            flow, sequence & 0xFFFFFFFF, body,
            syn=kind & 0x30 == 0x10, fin_rst=kind & 0x30 == 0x20, frame=frame, time=now, lost=kind >> 6,
        )  # fmt: skip
    records += streams.flush()
    assert all(len(record.data) <= record.wire_length for record in records)


# -- texts and the whole ----------------------------------------------------------------------------------------------


@target
def fuzz_ladder(data: bytes) -> None:
    with suppress(UsageError):
        text = notation.render(notation.parse(data.decode("utf-8", "replace")))
        assert notation.render(notation.parse(text)) == text


@target
def fuzz_pipeline(data: bytes) -> None:
    with suppress(InputError):
        check(analyzer.read("fuzz", stream=io.BytesIO(data), sha256=True))


@target
def fuzz_each(data: bytes) -> None:
    """As the command line reads: with archives, a capture or many."""
    with suppress(InputError):
        for capture in analyzer.read_each("fuzz", stream=io.BytesIO(data), problem=_said_in_one_line):
            check(capture)


@target
def fuzz_compare(data: bytes) -> None:
    """Two captures, cut out of the input at a place that its first two bytes say."""
    cut = 2 + int.from_bytes(data[:2], "little")
    with suppress(InputError):
        one, other = (analyzer.read("fuzz", stream=io.BytesIO(part)) for part in (data[2:cut], data[cut:]))
        both = analyzer.compare(one, other)
        json.loads(comparison_text.as_json(both))
        assert both.verdict.exit_status in (0, 1, 3)
        _assert_printable(comparison_text.as_text(both))


@target
def fuzz_interleaving(data: bytes) -> None:
    """IKE SAs of one pair of hosts in any order: what strangers say changes nothing of what is said of each of them."""
    together, alone = (analyzer.read("fuzz", stream=io.BytesIO(raw)) for raw in with_and_without_strangers(data))
    _assert_printable(together.text())
    spis = {f"{sa.spi_i:016x}" for sa in alone.analysis.sas}
    assert _told_of(together, spis) == _told_of(alone, spis)
    # An ICMP error or a lone fragment is of one IKE SA at most.
    for frames in (
        [e.frame for sa in together.analysis.sas for e in sa.icmp],
        [f for sa in together.analysis.sas for f, *_ in sa.orphans],
    ):
        assert len(frames) == len(set(frames))


def _told_of(capture: analyzer.Capture, spis: set[str]) -> list[object]:
    """What the report says of some IKE SAs, and what belongs to each of them."""
    report = capture.report()
    about = [[row for row in report[part] if row["sa"] in spis] for part in ("findings", "not_assessed")]
    owned = [
        (spi, [error.frame for error in sa.icmp], sa.orphans)
        for sa in capture.analysis.sas
        if (spi := f"{sa.spi_i:016x}") in spis
    ]
    return [*about, owned, [sa for sa in report["sas"] if sa["spi_i"] in spis]]


def check(capture: analyzer.Capture) -> None:
    """What holds for every capture, whatever its bytes: no exception, texts that print, frames that exist."""
    text, report = capture.text(), json.loads(json.dumps(capture.report()))
    _assert_printable(text)
    packets = capture.analysis.wire.census.packets
    assert report["capture"]["packets"] == packets
    assert capture.verdict.exit_status in (0, 1, 3)
    assert all(1 <= frame <= packets for finding in capture.analysis.findings for frame in finding.frames)
    assert all(part.isprintable() for finding in capture.analysis.findings for part in (finding.title, finding.detail))
    validation = analyzer.validate(capture)
    assert validation.exit_status in (0, 1, 3)
    json.loads(validation_text.as_json(capture.analysis, validation))
    _assert_printable(validation_text.as_text(capture.analysis, validation))
    analyzer.compare(capture, capture)


def _assert_printable(text: str) -> None:
    assert all(line.isprintable() for line in text.split("\n"))


def _said_in_one_line(error: InputError) -> None:
    assert str(error).isprintable()


def _steps(data: bytes) -> Iterator[tuple[Any, bytes]]:
    """The input as steps, each with the bytes that follow it."""
    at = 0
    while at + _STEP.itemsize <= len(data):
        step = np.frombuffer(data, _STEP, 1, at)[0]
        at += _STEP.itemsize
        body = data[at : at + int(step["size"])]
        yield step, body
        at += len(body)
