"""DNS, ARP and ping: questions with even numbers, their answers with the odd ones that follow.

Each function gives whole frames as rows, padded to the longest, and the length of each.
"""

from __future__ import annotations

import struct

import numpy as np

from tests.bench.columns import Bytes, Ints
from tests.bench.connections import CLIENT_MAC, GATEWAY_MAC, internet_checksum, ip_packets, udp

_CLIENT, _RESOLVER = bytes([10, 0, 0, 2]), bytes([10, 0, 0, 1])


def dns(ordinal: Ints) -> tuple[Bytes, Ints]:
    """A query for the address of a host, or its response (RFC 1035 section 4)."""
    return _rows([_dns_frame(number) for number in ordinal.tolist()])


def arp(ordinal: Ints) -> tuple[Bytes, Ints]:
    """Who has the resolver's address, and the reply (RFC 826)."""
    return _rows([_arp_frame(is_reply=bool(number % 2)) for number in ordinal.tolist()])


def ping(ordinal: Ints) -> tuple[Bytes, Ints]:
    """ICMP echo with 56 bytes of data, and its reply (RFC 792)."""
    return _rows([_ping_frame(number) for number in ordinal.tolist()])


def _dns_frame(number: int) -> bytes:
    asked, is_response = divmod(number, 2)
    labels = (b"host%04d" % (asked % 10_000), b"example", b"net")
    name = b"".join(struct.pack("!B", len(label)) + label for label in labels)
    question = name + b"\0" + struct.pack("!HH", 1, 1)
    head = struct.pack("!HHHHHH", asked & 0xFFFF, 0x8180 if is_response else 0x0100, 1, is_response, 0, 0)
    port = 20_000 + asked % 40_000
    if not is_response:
        return _frame(_CLIENT, _RESOLVER, number, udp(_CLIENT, port, _RESOLVER, 53, head + question))
    address = struct.pack("!HHHIH4B", 0xC00C, 1, 1, 300, 4, 93, 184, 216, asked % 250)
    return _frame(_RESOLVER, _CLIENT, number, udp(_RESOLVER, 53, _CLIENT, port, head + question + address))


def _arp_frame(is_reply: bool) -> bytes:
    ours, theirs = CLIENT_MAC + _CLIENT, GATEWAY_MAC + _RESOLVER
    head = b"\x08\x06" + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2 if is_reply else 1)
    if is_reply:
        return CLIENT_MAC + GATEWAY_MAC + head + theirs + ours
    return b"\xff" * 6 + CLIENT_MAC + head + ours + bytes(6) + _RESOLVER


def _ping_frame(number: int) -> bytes:
    asked, is_reply = divmod(number, 2)
    body = struct.pack("!HH", 7, asked & 0xFFFF) + bytes(range(56))
    kind = 0 if is_reply else 8
    checksum = internet_checksum(struct.pack("!BBH", kind, 0, 0) + body)
    source, destination = (_RESOLVER, _CLIENT) if is_reply else (_CLIENT, _RESOLVER)
    return _frame(source, destination, number, struct.pack("!BBH", kind, 0, checksum) + body, protocol=1)


def _frame(source: bytes, destination: bytes, identification: int, body: bytes, protocol: int = 17) -> bytes:
    macs = GATEWAY_MAC + CLIENT_MAC if source == _CLIENT else CLIENT_MAC + GATEWAY_MAC
    (packet,) = ip_packets(source, destination, body, identification & 0xFFFF, 1500, protocol)
    return macs + b"\x08\x00" + packet


def _rows(frames: list[bytes]) -> tuple[Bytes, Ints]:
    length = np.array([len(frame) for frame in frames], np.int64)
    width = int(length.max(initial=0))
    padded = b"".join(frame.ljust(width, b"\0") for frame in frames)
    return np.frombuffer(padded, np.uint8).reshape(len(frames), width), length
