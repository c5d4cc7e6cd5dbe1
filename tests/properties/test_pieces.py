"""How a file is read in pieces does not matter, and no bytes make the analyzer raise."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import InputError
from tests.properties.altered import pcapng, read, read_in_pieces, records_of
from tests.properties.frames import UNHURRIED, captures
from tests.properties.scenes import LADDERS, REAL, real, scene

NAMES = (*LADDERS, *(f"dev/{name}" for name in REAL))


@pytest.fixture(scope="module", params=NAMES)
def capture(request: pytest.FixtureRequest) -> bytes:
    name = str(request.param)
    if name.startswith("dev/"):
        return real(request.getfixturevalue("shared_captures"), name.removeprefix("dev/"))
    return scene(name)


def columns(table: Any) -> dict[str, list[Any]]:
    return {f.name: getattr(table, f.name).tolist() for f in dataclasses.fields(table)}


def everything(capture: bytes, chunk_bytes: int) -> dict[str, Any]:
    """What the wire gave, with addresses as text and datagrams by their frames: each is numbered as it is met."""
    wire = read_in_pieces(capture, chunk_bytes)
    text = wire.addresses.text
    frame_of = {int(d): int(f) for d, f in zip(wire.packets.datagram[::-1], wire.packets.frame[::-1], strict=True)}
    tables: dict[str, Any] = {}
    for name in ("packets", "messages"):
        table = columns(getattr(wire, name))
        table["src"], table["dst"] = ([text(n) for n in table[side]] for side in ("src", "dst"))
        table["datagram"] = [frame_of.get(n, n) for n in table["datagram"]]
        tables[name] = {k: v for k, v in table.items() if k not in ("payload_first", "notify_first")}
    tables["frames"] = sorted(wire.message_frames.items())
    tables["clear"] = wire.clear
    tables["flows"] = sorted((text(f.src), text(f.dst), *dataclasses.astuple(f)[2:]) for f in wire.flows)
    tables["icmp"] = [(i.frame, i.error) for i in wire.icmp]
    tables["payloads"] = [_run(wire.payload_type, *at) for at in _runs(wire.messages, "payload")]
    tables["notifies"] = [_run(wire.notify_type, *at) for at in _runs(wire.messages, "notify")]
    tables["census"] = dataclasses.astuple(wire.census)
    return tables


def _runs(messages, what):
    return zip(getattr(messages, f"{what}_first").tolist(), getattr(messages, f"{what}_count").tolist(), strict=True)


def _run(values, first, count):
    return values[first : first + count].tolist()


@pytest.mark.parametrize("chunk_bytes", [512, 1500, 4096])
def test_size_of_the_pieces_does_not_matter(capture, chunk_bytes):
    assert everything(capture, chunk_bytes) == everything(capture, 8 << 20)


@settings(UNHURRIED, max_examples=30)
@given(captures(), st.integers(512, 700))
def test_size_of_the_pieces_does_not_matter_for_odd_packets(packets, chunk_bytes):
    link, frames = packets
    made = read_records(link, frames * 3)
    assert everything(made, chunk_bytes) == everything(made, 8 << 20)


def read_records(link: int, frames: list[tuple[bytes, int]]) -> bytes:
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    body = [struct.pack("<IIII", i, 0, len(data), wire) + data for i, (data, wire) in enumerate(frames)]
    return header + b"".join(body)


def examined(capture: bytes) -> None:
    """All that a user can ask for; only what is no capture at all may be refused."""
    try:
        cap = read(capture)
    except InputError:
        return
    assert cap.verdict.text
    assert cap.report()["verdict"]["id"] == cap.verdict.id
    assert cap.verdict.text.split()[0] in cap.text()


HEADERS = (
    struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1),
    struct.pack(">IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 101),
    pcapng([], [1]),
    pcapng([], [113, 0]),
)


@settings(UNHURRIED, max_examples=60)
@given(st.sampled_from(HEADERS), st.binary(max_size=300))
def test_arbitrary_bytes_behind_a_file_header(header, data):
    examined(header + data)


@settings(UNHURRIED, max_examples=40)
@given(captures())
def test_arbitrary_packets(packets):
    examined(read_records(*packets))


@settings(UNHURRIED, max_examples=6)
@given(data=st.data())
def test_mutated_captures(capture, data):
    """Bytes overwritten anywhere in the file: record headers, link layer, IP, IKE."""
    mutated = bytearray(capture)
    for _ in range(data.draw(st.integers(1, 8))):
        mutated[data.draw(st.integers(24, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    examined(bytes(mutated))


@settings(UNHURRIED, max_examples=6)
@given(data=st.data())
def test_mutated_packets(capture, data):
    """Bytes overwritten, cut and inserted in packets only, so that the file stays sound."""
    records, links = records_of(capture)
    for _ in range(data.draw(st.integers(1, 12))):
        i = data.draw(st.integers(0, len(records) - 1))
        packet = bytearray(records[i].data)
        at = data.draw(st.integers(0, max(len(packet) - 1, 0)))
        packet[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        records[i] = dataclasses.replace(records[i], data=bytes(packet), wire=max(records[i].wire, len(packet)))
    examined(pcapng(records, links))


def test_nothing_is_compared_with_itself():
    one, other = (everything(scene(name), 512) for name in ("healthy", "lost"))
    assert one != other
    assert isinstance(read_in_pieces(scene("healthy"), 512).messages.frame, np.ndarray)
