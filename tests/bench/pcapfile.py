"""The classic pcap file, as far as the benchmark needs it: a header to write and a way to keep the first packets.

Standard library only: the process that measures others must stay small (see ``measure.py``).
"""

from __future__ import annotations

import struct
from pathlib import Path

LINKTYPE_ETHERNET = 1

#: Little-endian, microseconds, version 2.4, snaplen 262144, Ethernet.
FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, LINKTYPE_ETHERNET)

RECORD_HEADER_SIZE = 16


def record(time_us: int, frame: bytes) -> bytes:
    """One packet record: seconds, microseconds, captured length, original length, bytes.

    >>> record(1_000_002, b"abc").hex()
    '01000000020000000300000003000000616263'
    """
    return struct.pack("<IIII", time_us // 1_000_000, time_us % 1_000_000, len(frame), len(frame)) + frame


def first_packets(source: Path, target: Path, count: int) -> int:
    """Copy the first ``count`` packets of ``source`` to ``target``; return how many there were."""
    copied = 0
    with source.open("rb") as whole, target.open("wb") as part:
        part.write(whole.read(len(FILE_HEADER)))
        while copied < count and len(head := whole.read(RECORD_HEADER_SIZE)) == RECORD_HEADER_SIZE:
            part.write(head)
            part.write(whole.read(struct.unpack_from("<I", head, 8)[0]))
            copied += 1
    return copied


def count(path: Path) -> int:
    """Number of packets in a capture."""
    packets = 0
    with path.open("rb") as file:
        file.seek(len(FILE_HEADER))
        while len(head := file.read(RECORD_HEADER_SIZE)) == RECORD_HEADER_SIZE:
            file.seek(struct.unpack_from("<I", head, 8)[0], 1)
            packets += 1
    return packets
