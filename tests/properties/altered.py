"""Captures taken apart into records and put together again, altered: cut, doubled, permuted, snapped."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import analyzer
from analyzer.formats import open_capture
from analyzer.ike.collect import Collector
from analyzer.ike.tables import Wire
from analyzer.packets.ip_headers import decode
from analyzer.packets.sieve import Ports

MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """One packet of a capture: time in ns, captured bytes, length on the wire, index of its link type."""

    time: int
    data: bytes
    wire: int
    interface: int = 0


def records_of(capture: bytes) -> tuple[list[Record], list[int]]:
    """Packets and link types of a capture file."""
    records = []
    with open_capture("capture", stream=io.BytesIO(capture)) as reader:
        for chunk in reader.chunks():
            raw = chunk.buffer.tobytes()
            columns = (chunk.time, chunk.start, chunk.captured, chunk.wire, chunk.interface)
            for time, start, size, wire, interface in zip(*(c.tolist() for c in columns), strict=True):
                records.append(Record(time, raw[start : start + size], wire, interface))
    return records, [i.link_type for i in reader.interfaces]


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def pcapng(records: Iterable[Record], links: Sequence[int]) -> bytes:
    """A pcapng file with nanosecond times (IETF draft-ietf-opsawg-pcapng)."""
    blocks = [_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    blocks += [_block(1, struct.pack("<HHI", link, 0, 0) + struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)) for link in links]
    for r in records:
        head = struct.pack("<IIIII", r.interface, r.time >> 32, r.time & 0xFFFFFFFF, len(r.data), r.wire)
        blocks.append(_block(6, head + r.data))
    return b"".join(blocks)


def read(capture: bytes) -> analyzer.Capture:
    return analyzer.read("capture", stream=io.BytesIO(capture))


def read_in_pieces(capture: bytes, chunk_bytes: int) -> Wire:
    """The tables, reading this many bytes at a time."""
    collector = Collector(Ports())
    with open_capture("capture", stream=io.BytesIO(capture), chunk_bytes=chunk_bytes) as reader:
        for chunk in reader.chunks():
            collector.feed(chunk, reader.interfaces)
    return collector.finish()


def duplicated(records: Sequence[Record], which: Iterable[int], delay: int = MILLISECOND) -> list[Record]:
    """Each of those packets once more, as a second capture point sees it."""
    copies = [replace(records[i], time=records[i].time + delay) for i in which]
    return sorted([*records, *copies], key=lambda r: r.time)


def snapped(records: Sequence[Record], size: int) -> list[Record]:
    return [replace(r, data=r.data[:size]) for r in records]


def fragment_runs(records: Sequence[Record], links: Sequence[int]) -> list[list[int]]:
    """Positions of the IP fragments of each datagram: same addresses, protocol and IP ID, within 0.1 s."""
    runs: dict[tuple[object, ...], list[list[int]]] = {}
    for i, record in enumerate(records):
        packet = decode(links[record.interface], record.data)
        if packet is None or not (packet.mf or packet.fragment_offset):
            continue
        of_key = runs.setdefault((packet.src, packet.dst, packet.protocol, packet.ip_id), [])
        if of_key and record.time - records[of_key[-1][0]].time < 100 * MILLISECOND:
            of_key[-1].append(i)
        else:
            of_key.append([i])
    return [run for of_key in runs.values() for run in of_key if len(run) > 1]


def permuted(records: Sequence[Record], run: Sequence[int], order: Sequence[int]) -> list[Record]:
    """Those packets in another order; the times stay where they were."""
    result = list(records)
    for place, source in zip(run, order, strict=True):
        result[place] = replace(records[source], time=records[place].time)
    return result
