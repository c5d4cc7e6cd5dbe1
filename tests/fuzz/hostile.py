"""Captures that an attacker would send: floods, loops, lengths beyond all measure. Made byte by byte, with no parser.

Every function gives the bytes of a capture, a pcap file of raw IP packets if nothing else is said; ``count`` says how
much of it there is.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

RAW = 101
SECOND = 1_000_000

CLIENT, SERVER = b"\x0a\0\0\2", b"\xcb\0\x71\7"

SA, NONCE, NOTIFY, VENDOR, SK, SKF = 33, 40, 41, 43, 46, 53
INIT, AUTH, INFORMATIONAL = 34, 35, 37
REQUEST, RESPONSE = 0x08, 0x20


def pcap(packets: Iterable[bytes], *, step: int = 1000, link: int = RAW) -> bytes:
    """A pcap file, a packet every ``step`` µs from 2024 on."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, link)]
    for number, packet in enumerate(packets):
        seconds, micros = divmod(number * step, SECOND)
        parts += [struct.pack("<IIII", 1_705_309_200 + seconds, micros, len(packet), len(packet)), packet]
    return b"".join(parts)


def ip(
    body: bytes, src: bytes = CLIENT, dst: bytes = SERVER, protocol: int = 17, number: int = 1, fragment: int = 0
) -> bytes:
    """An IPv4 packet; ``fragment`` is the field with flags and offset."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body) & 0xFFFF, number & 0xFFFF, fragment, 64, protocol, 0)
    return head + src + dst + body


def udp(body: bytes, sport: int = 500, dport: int = 500, length: int | None = None) -> bytes:
    return struct.pack("!HHHH", sport, dport, 8 + len(body) if length is None else length, 0) + body


def ike(
    spi: int = 1, exchange: int = INIT, flags: int = REQUEST, mid: int = 0, body: bytes = b"", first: int = 0,
    length: int | None = None, responder: int = 0, version: int = 0x20,
) -> bytes:  # fmt: skip
    """An IKE message: header, then whatever stands in ``body``. No SPI begins like the non-ESP marker of port 4500."""
    spi |= 1 << 63
    size = 28 + len(body) if length is None else length
    return struct.pack("!QQBBBBII", spi, responder, first, version, exchange, flags, mid, size) + body


def payload(following: int, body: bytes = b"") -> bytes:
    return struct.pack("!BBH", following, 0, 4 + len(body)) + body


def address(number: int) -> bytes:
    return struct.pack("!I", 0x0A000000 + number & 0xFFFFFFFF)


# -- floods -----------------------------------------------------------------------------------------------------------


def fragment_flood(count: int) -> bytes:
    """First fragments of IKE datagrams that never end, each with its own IP ID and address."""
    first = udp(ike(first=SK, exchange=AUTH, mid=1, body=payload(35, bytes(400)), length=4000), length=4008)
    return pcap((ip(first, address(n >> 16), number=n, fragment=0x2000) for n in range(count)), step=1)


def later_fragments(count: int) -> bytes:
    """Later fragments alone, beside one IKE SA of the same two hosts."""
    flood = (ip(bytes(16), number=n, fragment=100) for n in range(count))
    return pcap([ip(udp(ike())), *flood, ip(udp(ike(mid=1, exchange=AUTH, first=SK, body=payload(35, bytes(40)))))])


def orphans_in_pieces(count: int) -> bytes:
    """Datagrams of a thousand fragments each, all without their first."""
    return pcap((ip(bytes(8), number=n // 1000, fragment=0x2000 | 1 + n % 1000) for n in range(count)), step=1)


def overlapping_fragments(count: int) -> bytes:
    """One datagram, fragment upon fragment over its first kilobyte."""
    first = ip(udp(ike(exchange=AUTH, mid=1, body=bytes(900))), fragment=0x2000)
    return pcap([first, *(ip(bytes([n & 0xFF]) * 64, fragment=0x2000 | n % 128) for n in range(count))], step=1)


def lengths_beyond(count: int) -> bytes:
    """First fragments whose IKE, UDP and IP lengths claim all that fits the fields."""
    message = ike(exchange=AUTH, mid=1, first=SK, body=payload(35, bytes(20)), length=0xFFFFFFFF)
    return pcap(ip(udp(message, length=65_535), number=n, fragment=0x2000) for n in range(count))


def many_sas(count: int) -> bytes:
    """An IKE_SA_INIT request after the other, each with its own SPI."""
    body = payload(NONCE, bytes(40)) + payload(0, bytes(32))
    return pcap(ip(udp(ike(spi, first=SA, body=body))) for spi in range(1, count + 1))


def spoofed(count: int) -> bytes:
    """The same with a new source address each."""
    return pcap(ip(udp(ike(spi)), address(spi)) for spi in range(1, count + 1))


def one_sa(count: int) -> bytes:
    """One IKE SA with an exchange after the other."""
    body = payload(0, bytes(40))
    return pcap(ip(udp(ike(1, INFORMATIONAL, mid=n, first=SK, body=body))) for n in range(count))


def repeats(count: int) -> bytes:
    """One request again and again, the same bytes."""
    return pcap((ip(udp(ike(1)), number=n) for n in range(count)), step=SECOND)


def changed_repeats(count: int) -> bytes:
    """One request again and again, each time with other bytes."""
    return pcap(ip(udp(ike(1, first=NONCE, body=payload(0, struct.pack("!I", n) * 8))), number=n) for n in range(count))


def vendor_ids(count: int) -> bytes:
    """A message of as many vendor IDs as a datagram holds, up to ``count``."""
    most = min(count, 16_000)
    return pcap([ip(udp(ike(first=VENDOR, body=payload(VENDOR) * (most - 1) + payload(0))))])


def notifies(count: int) -> bytes:
    """Messages of 250 notifies each."""
    body = b"".join(payload(NOTIFY if n < 249 else 0, struct.pack("!BBH", 0, 0, 16_000 + n)) for n in range(250))
    return pcap(ip(udp(ike(spi, first=NOTIFY, body=body))) for spi in range(1, count // 250 + 2))


def proposals(count: int) -> bytes:
    """SA payloads of 7,000 transforms each."""
    transforms = struct.pack("!BBHBBH", 3, 0, 8, 1, 0, 12) * 250
    proposal = struct.pack("!BBHBBBB", 2, 0, 8 + len(transforms), 1, 1, 0, 250) + transforms
    body = payload(0, proposal * 28)
    return pcap(ip(udp(ike(spi, first=SA, body=body))) for spi in range(1, count // 7000 + 2))


def skf_totals(count: int) -> bytes:
    """Fragments 1 of 65,535, message after message."""
    body = payload(35, struct.pack("!HH", 1, 65_535) + bytes(40))
    return pcap(ip(udp(ike(1, AUTH, mid=n, first=SKF, body=body))) for n in range(1, count + 1))


def skf_sets(count: int) -> bytes:
    """One message in as many fragments as there are numbers, out of order."""
    return pcap(
        ip(udp(ike(1, AUTH, mid=1, first=SKF, body=payload(35, struct.pack("!HH", 1 + n * 7919 % 65_535, 65_535)))))
        for n in range(count)
    )


def icmp_flood(count: int) -> bytes:
    """ICMP errors that quote the packets of IKE SAs between the same two hosts."""
    quote = ip(udp(ike(1)))
    error = struct.pack("!BBHHH", 3, 4, 0, 0, 576) + quote
    return pcap([ip(udp(ike(spi))) for spi in range(1, count // 10 + 2)] + [ip(error, SERVER, CLIENT, 1)] * count)


def dns_loops(count: int) -> bytes:
    """DNS responses whose names point at themselves."""
    body = bytes.fromhex("4b1d 8180 0001 ffff 0000 0000 c00c 0001 0001") + bytes.fromhex("c00c") * 600
    return pcap(ip(udp(body, 53, 40_000), SERVER, CLIENT) for _ in range(count))


def pings(count: int) -> bytes:
    return pcap(ip(struct.pack("!BBHHH", 8, 0, 0, 1, n & 0xFFFF) + bytes(n % 1400), protocol=1) for n in range(count))


def syn_flood(count: int) -> bytes:
    """TCP connections to port 4500 that never say more."""
    return pcap(
        ip(struct.pack("!HHIIBBHHH", n & 0xFFFF, 4500, n, 0, 0x50, 2, 0, 0, 0), address(n >> 16), protocol=6)
        for n in range(count)
    )


def tcp_gaps(count: int) -> bytes:
    """A TCP stream of IKE with a hole before each segment."""
    start = struct.pack("!HHIIBBHHH", 4000, 4500, 0, 0, 0x50, 2, 0, 0, 0)
    segments = (
        struct.pack("!HHIIBBHHH", 4000, 4500, 7 + 100 * n & 0xFFFFFFFF, 0, 0x50, 0x18, 0, 0, 0) + bytes(50)
        for n in range(1, count)
    )
    return pcap(ip(segment, protocol=6) for segment in (start, *segments))


def esp_flows(count: int) -> bytes:
    """An ESP packet after the other, each with its own SPI, beside an IKE SA."""
    return pcap([ip(udp(ike()))] + [ip(struct.pack("!II", 256 + n, 1) + bytes(32), protocol=50) for n in range(count)])


def ikev1_flood(count: int) -> bytes:
    return pcap(ip(udp(ike(spi, 2, 0, version=0x10, first=13, body=payload(0)))) for spi in range(1, count + 1))


def same_pair(count: int) -> bytes:
    """Many IKE SAs of the same two hosts, each with orphaned fragments and an answer."""
    packets = []
    for n in range(1, count // 3 + 2):
        packets.append(ip(udp(ike(n))))
        packets.append(ip(udp(ike(n, flags=RESPONSE, responder=n)), SERVER, CLIENT))
        packets.append(ip(bytes(16), number=n, fragment=100))
    return pcap(packets)


def auth_sas(count: int) -> bytes:
    """Many IKE SAs that end in an unanswered IKE_AUTH with lost fragments."""
    packets = []
    for n in range(1, count // 4 + 2):
        nonce = payload(0, bytes(32))
        packets.append(ip(udp(ike(n, first=NONCE, body=nonce))))
        packets.append(ip(udp(ike(n, flags=RESPONSE, responder=n, first=NONCE, body=nonce)), SERVER, CLIENT))
        message = ike(n, AUTH, mid=1, responder=n, first=SK, body=payload(35, bytes(500)), length=3468)
        message = udp(message, length=3476)
        packets += [ip(message, number=n, fragment=0x2000), ip(message, number=n + 7, fragment=0x2000)]
    return pcap(packets)


def empty_records(count: int) -> bytes:
    """Packets without a byte: a pcap file has room for a million of them in 16 MiB."""
    return pcap(b"" for _ in range(count))


def block(kind: int, body: bytes = b"") -> bytes:
    """A pcapng block."""
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size


#: A section of pcapng, and an interface in it.
SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
INTERFACE = block(1, struct.pack("<HHI", RAW, 0, 0))


def empty_blocks(count: int) -> bytes:
    """The shortest blocks of a pcapng that count as packets: simple ones, and those that Wireshark numbers, too."""
    return SECTION + INTERFACE + (block(3, bytes(4)) + block(9)) * (count // 2)


def sections(count: int) -> bytes:
    """A pcapng of sections, each with an interface that no packet uses."""
    return (SECTION + INTERFACE) * count


def odd_clocks(count: int) -> bytes:
    """A pcapng with ticks of 2^-127 and 10^-127 seconds, from the beginning and the end of all time."""
    begins = ((255, 0), (127, 0), (255, -(2**63)), (127, 2**63 - 1), (0, 2**63 - 1), (0, -(2**63)))
    parts = [SECTION]
    for resolution, begin in begins:
        options = struct.pack("<HHB3xHHq", 9, 1, resolution, 14, 8, begin)
        parts.append(block(1, struct.pack("<HHI", RAW, 0, 0) + options))
    packet = ip(udp(b""))
    for n in range(count):
        parts.append(block(6, struct.pack("<5I", n % 6, 0xFFFFFFFF, n, len(packet), len(packet)) + packet))
    return b"".join(parts)


#: Every flood by name.
FLOODS: dict[str, Callable[[int], bytes]] = {
    function.__name__: function
    for function in (
        fragment_flood, later_fragments, orphans_in_pieces, overlapping_fragments, lengths_beyond, many_sas, spoofed,
        one_sa, repeats, changed_repeats, vendor_ids, notifies, proposals, skf_totals, skf_sets, icmp_flood,
        dns_loops, pings, syn_flood, tcp_gaps, esp_flows, ikev1_flood, same_pair, auth_sas,
        empty_records, empty_blocks, sections, odd_clocks,
    )
}  # fmt: skip
