"""What fuzzing starts from, made on the fly: the captures of samples and lab, in every container, and parts of them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

import analyzer
from analyzer.formats import open_capture
from analyzer.formats.pcapng.reader import PcapngReader
from analyzer.formats.records import Chunk
from analyzer.ike.registry import numbers
from analyzer.packets import ip_headers
from tests.formats.etl.writer import EtlWriter
from tests.formats.packed.packers import HEAVY, WAYS
from tests.formats.packed.test_sparse import WAYS as HOLES
from tests.formats.packed.test_zip import zipped
from tests.fuzz import interleavings

ROOT = Path(__file__).resolve().parent.parent.parent

#: Bytes of a capture that is a seed as a whole, and seeds of a target. Larger ones are fuzzed slowly, and show no more.
LONGEST, MOST = 5_000, 60


#: Magic numbers of pcap.
MICROSECONDS, NANOSECONDS, MODIFIED = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34


def captures() -> list[bytes]:
    """The small captures of the samples and the lab."""
    paths = sorted((ROOT / "sample_pcaps").glob("*.pcapng")) + sorted((ROOT / "sample_pcaps/lab/captures").iterdir())
    return [path.read_bytes() for path in paths if path.stat().st_size <= LONGEST]


def packets(capture: bytes) -> list[tuple[int, bytes, int]]:
    """Time in ns, bytes and length of the first packets of a capture."""
    found: list[tuple[int, bytes, int]] = []
    with open_capture("seed", stream=io.BytesIO(capture)) as reader:
        assert isinstance(reader, PcapngReader)
        for chunk in reader.chunks():
            found += _rows(chunk)
    return found[:40]


def _rows(chunk: Chunk) -> Iterator[tuple[int, bytes, int]]:
    columns = (chunk.time, chunk.start, chunk.captured, chunk.wire)
    for time, start, captured, wire in zip(*(column.tolist() for column in columns), strict=True):
        yield time, chunk.buffer[start : start + captured].tobytes(), wire


def as_pcap(rows: Iterable[tuple[int, bytes, int]], order: str = "<", magic: int = MICROSECONDS) -> bytes:
    """A pcap file of the packets, in either byte order, in microseconds or (another magic) nanoseconds."""
    unit = 1 if magic == NANOSECONDS else 1000
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, 1)]
    for time, data, wire in rows:
        head = struct.pack(order + "IIII", time // 10**9, time % 10**9 // unit, len(data), wire)
        parts += [head, bytes(8) if magic == MODIFIED else b"", data]
    return b"".join(parts)


def as_snoop(rows: Iterable[tuple[int, bytes, int]]) -> bytes:
    """A snoop file (RFC 1761)."""
    parts = [b"snoop\0\0\0" + struct.pack(">II", 2, 4)]
    for time, data, wire in rows:
        padded = data + bytes(-len(data) % 4)
        parts += [struct.pack(">6I", wire, len(data), 24 + len(padded), 0, time // 10**9, time % 10**9 // 1000), padded]
    return b"".join(parts)


def as_netmon(rows: Iterable[tuple[int, bytes, int]]) -> bytes:
    """A Network Monitor 2.1 file: header, frames, and the table of where they begin.

    Source: docs/domain/capture-formats.md.
    """
    at, parts, table = 128, [], []
    for time, data, wire in rows:
        table.append(at)
        head, trailer = struct.pack("<QII", time // 1000 % 10**6, wire, len(data)), struct.pack("<HIHB", 1, 0, 0, 0)
        parts.append(head + data + trailer)
        at += len(parts[-1])
    times = struct.pack("<8H", 2024, 1, 1, 15, 9, 0, 0, 0)
    head = b"GMBU" + struct.pack("<BBH", 1, 2, 1) + times + struct.pack("<II", at, 4 * len(table))
    return head.ljust(128, b"\0") + b"".join(parts) + struct.pack(f"<{len(table)}I", *table)


def as_zip(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def as_tar(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def as_zstd(data: bytes) -> bytes:
    from backports import zstd

    return bytes(zstd.compress(data))


PACKERS: tuple[Callable[[bytes], bytes], ...] = (gzip.compress, bz2.compress, lzma.compress, as_zstd)


def etl() -> list[bytes]:
    """Logs of the packet capture, of the packet monitor, and compressed ones."""
    found = []
    for capture in sorted(captures(), key=len)[:3]:
        for compressed in (False, True):
            ndis, pktmon = EtlWriter(compressed=compressed, buffer_size=2048), EtlWriter(compressed=compressed)
            pktmon.component(11, "Adapter", "An adapter")
            for number, (time, data, wire) in enumerate(packets(capture)[:6]):
                ndis.frame(data[:1800], time, processor=number % 2)
                pktmon.sighting(data[:1800], time, number=number, size=wire)
                pktmon.sighting(data[:128], time, number=number, appearance=2, size=wire, reason=5)
            found += [ndis.file(), pktmon.file()]
    return found


def frames() -> list[bytes]:
    """Packets of all captures, one of each length."""
    by_length = {len(data): data for capture in captures() for _, data, _ in packets(capture)}
    return list(by_length.values())


def messages() -> list[bytes]:
    """IKE messages with clear payloads."""
    found: dict[tuple[object, ...], bytes] = {}
    for capture in captures():
        wire = analyzer.read("seed", stream=io.BytesIO(capture)).analysis.wire
        for data in filter(None, wire.clear):
            found.setdefault((data[16:20], len(data)), data)
    return list(found.values())


def _behind(protocols: Iterable[int]) -> list[bytes]:
    """What packets of the protocols carry."""
    found = []
    for frame in frames():
        for packet in ip_headers.decode_each(1, frame):
            if packet.protocol in protocols:
                found.append(frame[packet.payload_offset :])
    return found


def _payloads(kind: int | None = None) -> list[bytes]:
    """Payloads of the messages, with two bytes in front that say type and version; or the bodies of one type."""
    from analyzer.ike.message import IKE

    every = [payload for data in messages() for payload in IKE(data).payloads]
    if kind is None:
        return [bytes([payload.payload_type, 2]) + bytes(payload) for payload in every]
    return [bytes(payload)[4:] for payload in every if payload.payload_type == kind]


def _stream(bodies: Iterable[bytes], kinds: Iterable[int]) -> bytes:
    """Steps of the targets ``reassembly`` and ``tcp``."""
    parts, offset = [], 0
    for body, kind in zip(bodies, kinds, strict=False):
        body = body[:248]
        parts.append(struct.pack(">BBHB", kind, 1, offset, len(body)) + body)
        offset += len(body)
    return b"".join(parts)


def _tcp_stream() -> bytes:
    framed = [b"IKETCP"] + [struct.pack(">HI", len(m) + 6, 0) + m for m in messages() if len(m) < 240]
    return _stream(framed, [0x14, *[0x04] * 30, 0x24])


def _ladders() -> list[bytes]:
    texts = [path.read_bytes() for path in (ROOT / "sample_pcaps").glob("*.ladder")]
    return texts + [path.read_bytes()[:4000] for path in (ROOT / "sample_pcaps/lab/scenarios").rglob("*.ladder")]


def seeds_of(target: str) -> list[bytes]:
    """The seeds of a target, no more than :data:`MOST`.

    Examples
    --------
    >>> len(seeds_of("xpress")), seeds_of("xpress")[0][:4].hex()
    (1, '3f000000')
    """
    made = _MAKERS[target]()
    return made[:: -(-len(made) // MOST)]


def _whole() -> list[bytes]:
    """Captures in each container, packed and not."""
    found = sorted(captures(), key=len)
    rows = [packets(capture) for capture in found[:12]]
    other = [as_pcap(rows[0]), as_pcap(rows[1], ">"), as_pcap(rows[2], "<", NANOSECONDS), as_snoop(rows[3])]
    return [*other, as_netmon(rows[4]), *etl(), *found]


def _compared() -> list[bytes]:
    folder = ROOT / "sample_pcaps/lab/captures"
    found = []
    for client in sorted(folder.glob("*.client.pcapng")):
        server = client.with_name(client.name.replace(".client.", ".server."))
        if server.is_file():
            one, other = client.read_bytes(), server.read_bytes()
            if len(one) + len(other) < 2 * LONGEST:
                found.append(struct.pack("<H", len(one)) + one + other)
    return found


def _archived() -> list[bytes]:
    small = sorted(captures(), key=len)[:4]
    members = {f"logs/{number}.pcapng": capture for number, capture in enumerate(small)} | {"notes.txt": b"hello"}
    inner = as_zip({"inner.zip": as_zip(members), "x.pcap.gz": gzip.compress(small[0])})
    return [as_zip(members), as_tar(members), gzip.compress(as_tar(members)), inner]


def _in_many_ways() -> list[bytes]:
    """Bytes that say how, and what: a capture, so often that it fills several windows."""
    content = sorted(captures(), key=len)[0]
    ways = max(map(len, WAYS.values()))
    return [
        bytes([packer, way, (way + 1) % ways, 8 * way, 16 * way, 200, 7, 20 * way % 256]) + content
        for packer in range(len(WAYS))
        for way in range(ways)
    ]


def _packed_of_many_windows() -> list[bytes]:
    """Captures of several windows, in every way that stays small."""
    content = sorted(captures(), key=len)[0] * 40
    made = [pack(content) for ways in WAYS.values() for name, pack in ways.items() if name not in HEAVY]
    return [raw for raw in made if len(raw) < 1 << 16]


def _archives_in_parts() -> list[bytes]:
    """Without their list of members, with holes."""
    small = sorted(captures(), key=len)[:3]
    members = {f"{number}.pcapng": capture for number, capture in enumerate(small)}
    holes = [(0, len(small[0]) // 512 * 512), (8192, 100)]
    content = small[0][: holes[0][1]].ljust(8192, b"\0") + bytes(100)
    tars = [make("a.pcapng", content, holes) + bytes(1024) for make in HOLES.values()]
    return [as_zip(members)[:-40], zipped(members, pipe=True)[:-40], *tars]


_MAKERS: dict[str, Callable[[], list[bytes]]] = {
    "pcap": lambda: [
        as_pcap(packets(capture)[:8], order, magic)
        for capture in sorted(captures(), key=len)[:8]
        for order in "<>"
        for magic in (MICROSECONDS, NANOSECONDS, MODIFIED)
    ],
    "pcapng": lambda: sorted(captures(), key=len),
    "etl": etl,
    "netmon": lambda: [as_netmon(packets(capture)[:8]) for capture in sorted(captures(), key=len)[:8]],
    "snoop": lambda: [as_snoop(packets(capture)[:8]) for capture in sorted(captures(), key=len)[:8]],
    "compressed": lambda: [pack(capture) for capture in sorted(captures(), key=len)[:4] for pack in PACKERS],
    "packed": _in_many_ways,
    "windows": _packed_of_many_windows,
    "archive": lambda: [*_archived(), *_archives_in_parts()],
    "xpress": lambda: [bytes.fromhex("3f000000") + b"abcdefghijklmnopqrstuvwxyz"],
    "ike": messages,
    "payload": _payloads,
    "proposals": lambda: _payloads(numbers.SA),
    "suite": lambda: _payloads(numbers.SA),
    "natt": lambda: [*messages(), *(bytes(4) + message for message in messages()), b"\xff"],
    "decode": lambda: [bytes([1]) + frame for frame in frames()],
    "icmp": lambda: _behind((1, 58)),
    "dns": lambda: [
        b"\x4b\x1d\x81\x80\0\1\0\1\0\0\0\0\3vpn\7example\3net\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xcb\0\x71\7"
    ],
    "reassembly": lambda: [_stream([np.arange(240, dtype=np.uint8).tobytes()] * 6, [8, 8, 8, 8, 8, 0])],
    "tcp": lambda: [_tcp_stream()],
    "ladder": _ladders,
    "pipeline": _whole,
    "each": lambda: [*_archived(), *_whole()],
    "compare": _compared,
    "interleaving": interleavings.seeds,
}
