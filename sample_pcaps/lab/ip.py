"""IP, UDP and TCP bytes: headers, checksums and fragmentation (RFC 791, 768, 9293, 8200, 4443)."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence

from analyzer.errors import UsageError

ICMP, TCP, UDP, FRAGMENT, ESP, ICMPV6 = 1, 6, 17, 44, 50, 58


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071).

    Examples
    --------
    >>> hex(checksum(bytes.fromhex("0001f203f4f5f6f7")))
    '0x220d'
    """
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packed(address: str) -> bytes:
    """Return an address's 4 or 16 bytes."""
    return ipaddress.ip_address(address).packed


def pseudo_header(src: str, dst: str, protocol: int, length: int) -> bytes:
    """Return the pseudo-header that transport checksums cover."""
    if ":" in src:
        return packed(src) + packed(dst) + struct.pack("!II", length, protocol)
    return packed(src) + packed(dst) + struct.pack("!BBH", 0, protocol, length)


def udp(src: str, sport: int, dst: str, dport: int, data: bytes) -> bytes:
    """Build a UDP datagram with its checksum."""
    if len(data) > 65507:
        raise UsageError(f"{len(data)} bytes do not fit into UDP")
    head = struct.pack("!HHHH", sport, dport, 8 + len(data), 0)
    value = checksum(pseudo_header(src, dst, UDP, 8 + len(data)) + head + data) or 0xFFFF
    return head[:6] + struct.pack("!H", value) + data


def tcp(
    src: str, sport: int, dst: str, dport: int, seq: int, ack: int, flags: int, options: bytes, data: bytes
) -> bytes:
    """Build a TCP segment; ``options`` is a multiple of four bytes."""
    offset = (20 + len(options)) // 4 << 4
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, offset, flags, 64240, 0, 0) + options
    value = checksum(pseudo_header(src, dst, TCP, len(head) + len(data)) + head + data)
    return head[:16] + struct.pack("!H", value) + head[18:] + data


def icmp(src: str, dst: str, kind: int, code: int, rest: bytes, data: bytes) -> bytes:
    """Build an ICMP or ICMPv6 message; ``rest`` is the second four bytes of its header."""
    head = struct.pack("!BBH", kind, code, 0) + rest
    cover = pseudo_header(src, dst, ICMPV6, 8 + len(data)) if ":" in src else b""
    return head[:2] + struct.pack("!H", checksum(cover + head + data)) + rest + data


def header_length(address: str) -> int:
    """Return the length of the IP header that goes with an address."""
    return 40 if ":" in address else 20


def piece_sizes(length: int, mtu: int, address: str) -> tuple[int, ...]:
    """Return the IP lengths of the packets that carry ``length`` bytes over a link of ``mtu``.

    All pieces but the last carry a multiple of eight bytes: the first IPv4 fragment has 20 + 8*floor((M-20)/8)
    bytes, the first IPv6 fragment 48 + 8*floor((M-48)/8) (docs/domain/ip-fragments.md).

    Examples
    --------
    >>> piece_sizes(8 + 4 + 3468, 1460, "192.0.2.1")
    (1460, 1460, 620)
    >>> piece_sizes(8 + 4 + 2508, 1000, "192.0.2.1")
    (996, 996, 588)
    """
    overhead = header_length(address)
    if overhead + length <= mtu:
        return (overhead + length,)
    overhead += 8 if overhead == 40 else 0
    room = (mtu - overhead) // 8 * 8
    if room < 8:
        raise UsageError(f"mtu {mtu} leaves no room for a fragment")
    full, rest = divmod(length, room)
    return (overhead + room,) * full + ((overhead + rest,) if rest else ())


def ip4(src: str, dst: str, protocol: int, ident: int, flags_offset: int, ttl: int, data: bytes) -> bytes:
    """Build one IPv4 packet."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), ident, flags_offset, ttl, protocol, 0)
    head += packed(src) + packed(dst)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + data


def ip6(src: str, dst: str, next_header: int, hop_limit: int, data: bytes) -> bytes:
    """Build one IPv6 packet; ``data`` starts with what ``next_header`` says."""
    return struct.pack("!IHBB", 0x60000000, len(data), next_header, hop_limit) + packed(src) + packed(dst) + data


def packets(
    src: str, dst: str, protocol: int, data: bytes, sizes: Sequence[int], *, ident: int, ttl: int, df: bool
) -> list[bytes]:
    """Put ``data`` into IP packets of ``sizes`` bytes: one whole packet (with ``df``), or fragments (without)."""
    if len(sizes) == 1 and sizes[0] == header_length(src) + len(data):
        if ":" in src:
            return [ip6(src, dst, protocol, ttl, data)]
        return [ip4(src, dst, protocol, ident & 0xFFFF, 0x4000 if df else 0, ttl, data)]
    overhead = 48 if ":" in src else 20
    rooms = [size - overhead for size in sizes]
    if sum(rooms) != len(data) or min(rooms) < 1 or any(room % 8 for room in rooms[:-1]):
        raise UsageError(f"IP packets of {tuple(sizes)} bytes cannot carry {len(data)} bytes of data")
    pieces, offset = [], 0
    for room in rooms:
        more = offset + room < len(data)
        body = data[offset : offset + room]
        if ":" in src:
            extension = struct.pack("!BBHI", protocol, 0, offset | more, ident)
            pieces.append(ip6(src, dst, FRAGMENT, ttl, extension + body))
        else:
            pieces.append(ip4(src, dst, protocol, ident & 0xFFFF, (0x2000 if more else 0) | offset // 8, ttl, body))
        offset += room
    return pieces
