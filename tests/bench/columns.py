"""Packets made by columns: headers as structured arrays, scattered into one buffer of pcap records.

A generator decides the length of every packet of a piece, gets a buffer that holds random bytes everywhere (which is
what encrypted payload looks like), and writes headers over them. Checksums come last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.bench.connections import CLIENT_MAC, GATEWAY_MAC
from tests.bench.pcapfile import RECORD_HEADER_SIZE

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

RECORD = np.dtype([("seconds", "<u4"), ("microseconds", "<u4"), ("captured", "<u4"), ("original", "<u4")])
ETHERNET = np.dtype([("destination", "u1", 6), ("source", "u1", 6), ("ethertype", ">u2")])
IPV4 = np.dtype(
    [
        ("version_and_length", "u1"), ("tos", "u1"), ("total_length", ">u2"),
        ("identification", ">u2"), ("flags_and_offset", ">u2"),
        ("ttl", "u1"), ("protocol", "u1"), ("checksum", ">u2"),
        ("source", ">u4"), ("destination", ">u4"),
    ]
)  # fmt: skip
IPV6 = np.dtype(
    [
        ("version_class_flow", ">u4"), ("payload_length", ">u2"), ("next_header", "u1"), ("hop_limit", "u1"),
        ("source", "u1", 16), ("destination", "u1", 16),
    ]
)  # fmt: skip
TCP = np.dtype(
    [
        ("source", ">u2"), ("destination", ">u2"), ("sequence", ">u4"), ("acknowledgment", ">u4"),
        ("offset", "u1"), ("flags", "u1"), ("window", ">u2"), ("checksum", ">u2"), ("urgent", ">u2"),
    ]
)  # fmt: skip
UDP = np.dtype([("source", ">u2"), ("destination", ">u2"), ("length", ">u2"), ("checksum", ">u2")])

IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP = 1, 6, 17
DONT_FRAGMENT = 0x4000

_CLIENT, _GATEWAY = (np.frombuffer(mac, np.uint8) for mac in (CLIENT_MAC, GATEWAY_MAC))


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive pcap records in one buffer.

    ``start`` is where each Ethernet frame begins in ``buffer``, ``length`` its size in bytes. The buffer ends with two
    bytes that belong to no record, so that sums up to its end need no special case.
    """

    buffer: Bytes
    start: Ints
    length: Ints

    def records(self) -> memoryview:
        """The bytes to write to the file."""
        return self.buffer[:-2].data


def piece_of_noise(rng: np.random.Generator, time_us: Ints, length: Ints) -> Piece:
    """Records of the given times (microseconds since the epoch) and lengths, filled with random bytes."""
    end = np.cumsum(length + RECORD_HEADER_SIZE)
    start = end - length
    buffer = np.frombuffer(bytearray(rng.bytes(int(end[-1]) + 2)), np.uint8)
    head = np.zeros(len(length), RECORD)
    head["seconds"], head["microseconds"] = np.divmod(time_us, 1_000_000)
    head["captured"] = head["original"] = length
    put(buffer, start - RECORD_HEADER_SIZE, head)
    return Piece(buffer, start, length)


def put(buffer: Bytes, at: Ints, rows: NDArray[np.void] | Bytes) -> None:
    """Write ``rows[i]`` (one structured value, or a row of bytes) into ``buffer`` at ``at[i]``."""
    if len(at):
        raw = np.ascontiguousarray(rows).view(np.uint8).reshape(len(at), -1)
        buffer[at[:, None] + np.arange(raw.shape[1])] = raw


def ethernet(outbound: NDArray[np.bool_], ethertype: int) -> NDArray[np.void]:
    """Ethernet headers between the client and its gateway."""
    head = np.zeros(len(outbound), ETHERNET)
    head["source"] = np.where(outbound[:, None], _CLIENT, _GATEWAY)
    head["destination"] = np.where(outbound[:, None], _GATEWAY, _CLIENT)
    head["ethertype"] = ethertype
    return head


def ipv4(total_length: Ints, protocol: int, source: Ints, destination: Ints, identification: Ints) -> NDArray[np.void]:
    """IPv4 headers without options, checksum included (RFC 791 section 3.1)."""
    head = np.zeros(len(total_length), IPV4)
    head["version_and_length"] = 0x45
    head["total_length"] = total_length
    head["identification"] = identification & 0xFFFF
    head["flags_and_offset"] = DONT_FRAGMENT
    head["ttl"] = 64
    head["protocol"] = protocol
    head["source"], head["destination"] = source, destination
    head["checksum"] = folded(head.view(">u2").reshape(len(head), 10).sum(axis=1, dtype=np.int64))
    return head


def ipv6(payload_length: Ints, next_header: int, source: Bytes, destination: Bytes) -> NDArray[np.void]:
    """IPv6 headers (RFC 8200 section 3); addresses are rows of 16 bytes."""
    head = np.zeros(len(payload_length), IPV6)
    head["version_class_flow"] = 6 << 28
    head["payload_length"] = payload_length
    head["next_header"] = next_header
    head["hop_limit"] = 64
    head["source"], head["destination"] = source, destination
    return head


def put_checksums(piece: Piece, packets: Ints, transport: Ints, field: Ints | int, pseudo_header: Ints | int) -> None:
    """Fill in the TCP, UDP or ICMP checksums of some packets (RFC 1071).

    Parameters
    ----------
    piece : Piece
        Its checksum fields must be zero still.
    packets : int array
        Which packets of the piece.
    transport : int array
        Where their transport headers start, counted from the start of the frame.
    field : int or int array
        Where the checksum is, counted from the start of the transport header.
    pseudo_header : int or int array
        Sum of the 16-bit words of the pseudo-header; 0 for ICMP.
    """
    begin = piece.start[packets] + transport
    end = piece.start[packets] + piece.length[packets]
    at_even = _sums(piece.buffer[0::2], (begin + 1) // 2, (end + 1) // 2)
    at_odd = _sums(piece.buffer[1::2], begin // 2, end // 2)
    high, low = np.where(begin % 2 == 0, (at_even, at_odd), (at_odd, at_even))
    checksum = folded(high * 256 + low + pseudo_header)
    put(piece.buffer, begin + field, np.where(checksum == 0, 0xFFFF, checksum).astype(">u2"))


def folded(total: Ints) -> Ints:
    """The Internet checksum that belongs to a sum of 16-bit words.

    >>> folded(np.array([0x1FFFE, 0])).tolist()
    [0, 65535]
    """
    for _ in range(3):
        total = (total & 0xFFFF) + (total >> 16)
    checksum: Ints = ~total & 0xFFFF
    return checksum


def words(addresses: Bytes) -> Ints:
    """Sum of the 16-bit words of each row of address bytes."""
    return np.ascontiguousarray(addresses).view(">u2").sum(axis=1, dtype=np.int64)


def _sums(values: Bytes, begin: Ints, end: Ints) -> Ints:
    """Sum of ``values[begin[i]:end[i]]``; no range is empty."""
    bounds = np.column_stack((begin, end)).ravel()
    if not len(bounds):
        return np.empty(0, np.int64)
    sums: Ints = np.add.reduceat(values, bounds, dtype=np.int64)
    return sums[::2]
