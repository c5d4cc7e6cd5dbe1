"""Random frames for properties: valid packets of every link type, odd ones, and cuts; written from the RFCs."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from analyzer.formats.records import SLACK, Chunk, Interface

#: Packets take long to draw on a machine that does other work at the same time; that is no fault.
UNHURRIED = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)

IPV4, IPV6 = 0x0800, 0x86DD
ADDRESSES4 = [bytes([10, 0, 0, i]) for i in (1, 2, 3)]
ADDRESSES6 = [bytes.fromhex("20010db8000000000000000000000000")[:-1] + bytes([i]) for i in (1, 2, 3)]
PORTS = st.sampled_from([500, 4500, 500, 4500, 53, 443, 10500])
LINK_TYPES = (0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 119, 127, 163, 192, 197, 219, 228, 229, 239, 258, 276)

_SPI = st.sampled_from([bytes(8), bytes(range(1, 9))])


@st.composite
def ike(draw: st.DrawFn) -> bytes:
    """Something like an IKE message: right or wrong length, known or unknown version."""
    body = draw(st.binary(max_size=40))
    length = draw(st.sampled_from([28 + len(body)] * 4 + [0, 28, 29 + len(body), 3000]))
    version = draw(st.sampled_from([0x20, 0x20, 0x10, 0x30]))
    first = draw(st.sampled_from([0, 33, 41, 46, 53]))
    head = draw(_SPI) + draw(_SPI) + bytes([first, version, draw(st.sampled_from([34, 35, 2])), draw(_FLAGS)])
    return head + struct.pack("!II", draw(st.integers(0, 2)), length) + body


_FLAGS = st.sampled_from([0x08, 0x20, 0x01])

#: What a UDP datagram on an IKE port may carry.
udp_payloads = st.one_of(
    ike(),
    ike().map(lambda message: bytes(4) + message),
    st.just(b"\xff"),
    st.just(b""),
    st.binary(max_size=50),
    st.binary(min_size=8, max_size=60).map(lambda rest: b"\xc0\x00\x00\x01" + rest),
)


#: DNS messages, right or nearly so: names with pointers, answers of any type and length.
_names = st.sampled_from([b"\3vpn\7example\0", b"\xc0\x0c", b"\0", b"\x3fshort", b"\1\xff\0", b"\xc0"])
_records = st.builds(
    lambda name, kind, data, extra: name + struct.pack("!HHIH", kind, 1, 60, len(data) + extra) + data,
    _names,
    st.sampled_from([1, 28, 5, 65]),
    st.sampled_from([bytes(4), bytes(16), b"\xc0\x0c", b""]),
    st.sampled_from([0, 0, 0, 1, 999]),
)
dns_messages = st.builds(
    lambda flags, counts, name, records: (
        struct.pack("!HHHHHH", 7, flags, *counts, 0, 0) + name + bytes([0, 1, 0, 1]) + b"".join(records)
    ),
    st.sampled_from([0x8180, 0x8183, 0x0100]),
    st.tuples(st.sampled_from([1, 1, 1, 0, 2]), st.integers(0, 4)),
    _names,
    st.lists(_records, max_size=3),
)

#: TCP options: maximum segment size among others, whole, twice, cut, or with lengths that make no sense.
tcp_options = st.lists(
    st.sampled_from([b"\2\4\5\xb4", b"\1", b"\4\2", b"\3\3\7", b"\0", b"\2\0", b"\2\5\1\2\3", b"\x08"]), max_size=4
).map(b"".join)


@st.composite
def _upper_layers(draw: st.DrawFn) -> tuple[int, bytes]:
    """Protocol number and bytes of an upper layer."""
    protocol = draw(st.sampled_from([17, 17, 17, 17, 6, 1, 58, 50, 51, 47]))
    if protocol == 17:
        payload = draw(st.one_of(udp_payloads, dns_messages))
        stated = draw(st.sampled_from([8 + len(payload)] * 5 + [0, 7, 8, 9 + len(payload)]))
        return protocol, struct.pack("!HHHH", draw(PORTS), draw(PORTS), stated, 0) + payload
    if protocol == 6:
        flags = draw(st.sampled_from([0x02, 0x12, 0x10, 0x18, 0x04, 0x14, 0x06]))
        options = draw(tcp_options)
        options += bytes(-len(options) % 4)
        words = draw(st.sampled_from([5 + len(options) // 4] * 4 + [4, 15])) << 4
        head = struct.pack("!HHIIBBHHH", draw(PORTS), draw(PORTS), draw(st.integers(0, 99)), 0, words, flags, 0, 0, 0)
        return protocol, head + options + draw(st.sampled_from([b"", b"IKETCP", b"GET / HTTP/1.1"]))
    if protocol in (1, 58):
        kind = draw(st.sampled_from([3, 11, 12, 8, 0, 1, 2, 128, 129]))
        # Where UDP has its ports, here are type, code and checksum.
        rest = draw(st.sampled_from([bytes(6), b"\x01\xf4\x4b\x1d\0\7"]))
        return protocol, bytes([kind, draw(st.integers(0, 4))]) + rest + draw(st.binary(max_size=40))
    return protocol, draw(st.binary(max_size=40))


@st.composite
def _ipv4(draw: st.DrawFn, whole: bool) -> bytes:
    protocol, payload = draw(_upper_layers())
    options = bytes(4 * draw(st.sampled_from([0, 0, 0, 1, 10])))
    words = draw(st.sampled_from([5 + len(options) // 4] * 8 + [0, 4, 15]))
    total = 4 * words + len(payload)
    # Offload leaves the length 0; what the frame holds on the wire is then the length, so the frame must be whole.
    total = draw(st.sampled_from([total] * 6 + [total + 7, max(total - 3, 0) or 1] + ([0] if whole else [])))
    fragment = draw(st.sampled_from([0, 0, 0, 0, 0x4000, 0x2000, 0x2001, 0x0005, 0x8000]))
    addresses = draw(st.sampled_from(ADDRESSES4)) + draw(st.sampled_from(ADDRESSES4))
    head = struct.pack(
        "!BBHHHBBH", 0x40 | words, 0, total, draw(st.integers(0, 3)), fragment, draw(st.integers(1, 255)), protocol, 0
    )
    return head + addresses + options + payload


_EXTENSIONS = st.lists(st.sampled_from([0, 60, 43, 44, 51, 135]), max_size=3)


@st.composite
def _ipv6(draw: st.DrawFn) -> bytes:
    protocol, payload = draw(_upper_layers())
    for kind in draw(st.one_of(st.just([]), _EXTENSIONS)):
        if kind == 44:
            offset = draw(st.sampled_from([0, 0, 1, 8, 9]))
            payload = struct.pack("!BBHI", protocol, 0, offset, draw(st.integers(0, 3))) + payload
        elif kind == 51:
            payload = struct.pack("!BBHII", protocol, 1, 0, 0xABCD, 1) + payload
        else:
            payload = bytes([protocol, 0]) + bytes(6) + payload
        protocol = kind
    length = draw(st.sampled_from([len(payload)] * 6 + [len(payload) + 5, max(len(payload) - 3, 0), 0]))
    addresses = draw(st.sampled_from(ADDRESSES6)) + draw(st.sampled_from(ADDRESSES6))
    return struct.pack("!IHBB", 0x6 << 28, length, protocol, draw(st.integers(1, 255))) + addresses + payload


@st.composite
def _behind_ethertype(draw: st.DrawFn, kind: int, packet: bytes) -> bytes:
    """An EtherType and what follows it: the packet, or a way of carrying it."""
    ppp = struct.pack("!H", 0x21 if kind == IPV4 else 0x57)
    snap = b"\xaa\xaa\x03\x00\x00\x00" + struct.pack("!H", kind) + packet
    label = struct.pack("!I", (16 << 12) | 0x100 | 64)
    session = draw(st.sampled_from([0x11000001] * 3 + [0x11A70001]))
    data = draw(
        st.sampled_from(
            [struct.pack("!H", kind) + packet] * 8
            + [
                b"\x88\x64" + struct.pack("!IH", session, len(packet) + 2) + ppp + packet,
                b"\x88\x64" + struct.pack("!IH", session, len(packet) + 1) + ppp[1:] + packet,
                b"\x88\x64" + struct.pack("!IH", session, len(packet) + 6) + b"\x02\x81" + label + packet,
                struct.pack("!H", min(len(snap), 1500)) + snap,
                struct.pack("!H", len(packet) + 3) + b"\x06\x06\x03" + packet,
                struct.pack("!H", 38) + b"\x42\x42\x03" + packet,
                b"\x88\x47" + label + packet,
                b"\x88\x47" + struct.pack("!I", 17 << 12) + label + packet,
                struct.pack("!H", IPV4 + IPV6 - kind) + packet,
                b"\x08\x06" + packet,
            ]
        )
    )
    for tag in draw(st.one_of(st.just([]), st.lists(st.sampled_from([0x8100, 0x88A8, 0x9100, 0x9200]), max_size=6))):
        data = struct.pack("!HH", tag, 100) + data
    return data


@st.composite
def _linked(draw: st.DrawFn, link: int, kind: int, packet: bytes) -> bytes:
    """Put the header of a link type before a packet."""
    if link == 1:
        return bytes(12) + draw(_behind_ethertype(kind, packet)) + draw(st.sampled_from([b"", bytes(12)]))
    if link == 113:
        return bytes(14) + draw(_behind_ethertype(kind, packet))
    if link == 276:
        data = draw(_behind_ethertype(kind, packet))
        return data[:2] + bytes(18) + data[2:]
    if link in (0, 108):
        family = draw(st.sampled_from([2 if kind == IPV4 else 30] * 4 + [2, 24, 28, 30, 7, 0x0200CD00]))
        return struct.pack(draw(st.sampled_from("<>")) + "I", family) + packet
    ppp = struct.pack("!H", 0x21 if kind == IPV4 else 0x57)
    if link == 51:
        return struct.pack("!IH", 0x11000001, len(packet) + 2) + ppp + packet
    if link in (9, 50):
        return draw(st.sampled_from([b"\xff\x03" + ppp, ppp, ppp[1:]])) + packet
    if link == 104:
        return b"\x0f\0" + draw(_behind_ethertype(kind, packet))
    if link == 219:
        label = struct.pack("!I", (16 << 12) | 0x100 | 64)
        return label + draw(st.sampled_from([packet, bytes(16) + struct.pack("!H", kind) + packet]))
    ethernet = bytes(12) + struct.pack("!H", kind) + packet
    if link == 197:
        kinds = {
            2: bytes(2) + ethernet,
            1: b"\x0f\0" + ethernet[12:],
            10: b"\xff\3" + ppp + packet,
            22: packet,
            27: packet,
        }
        record, further = (
            draw(st.sampled_from(list(kinds))),
            draw(st.sampled_from([b"", bytes(8), b"\x83" + bytes(15)])),
        )
        return struct.pack("<QBB6x", 1, record | (0x80 if further else 0), 4) + further + kinds[record]
    if link == 239:
        order, mark = draw(st.sampled_from("<>")), draw(st.sampled_from([0, 1, 4]))
        body = struct.pack(order + "HH", 4 + mark, 3) + bytes(mark + -mark % 4)
        return b"\2\0\0\7" + body + struct.pack(order + "HH", 4 + len(packet), 9) + packet
    if link == 258:
        return struct.pack("<III", 108, 1, draw(st.sampled_from([1, 1, 1, 12, 258]))) + bytes(96) + ethernet
    if link in (105, 119, 127, 163, 192):
        return draw(_wifi(link, kind, packet))
    return packet


@st.composite
def _wifi(draw: st.DrawFn, link: int, kind: int, packet: bytes) -> bytes:
    """A Wi-Fi frame (IEEE 802.11): data with three or four addresses, QoS, aggregated, encrypted; or no data."""
    flags = draw(st.sampled_from([0x01, 0x02, 0x03, 0x41, 0x81]))
    control = draw(st.sampled_from([0x08, 0x88, 0x88, 0x48, 0x80, 0xB4]))
    header = bytes([control, flags]) + bytes(20) + draw(st.sampled_from([b"\0\0", b"\0\0", b"\1\0"]))
    header += bytes(6) if flags & 3 == 3 else b""
    inner = b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", kind) + packet
    if control & 0x80:
        aggregate = draw(st.booleans())
        header += bytes([0x80 if aggregate else 0, 0]) + (bytes(4) if flags & 0x80 else b"")
        one = bytes(12) + struct.pack("!H", len(inner)) + inner
        inner = one + bytes(-len(one) % 4) + one if aggregate else inner
    radio = {
        105: b"",
        119: draw(st.sampled_from([b"", struct.pack("<II", 0x44, 144) + bytes(136)])),
        127: draw(st.sampled_from([struct.pack("<BBHI", 0, 0, 8, 0), struct.pack("<BBHIB", 0, 0, 9, 2, 0x20)])),
        163: struct.pack("!II", 0x80211001, 64) + bytes(56),
        192: struct.pack("<BBHI", 0, 0, 8, 105),
    }[link]
    return radio + header + inner


def _vxlan(frame: bytes) -> st.SearchStrategy[tuple[int, bytes]]:
    flags, last = st.sampled_from([8, 8, 8, 0]), st.sampled_from([0, 0, 0, 1])
    body = st.builds(lambda flag, end: bytes([flag, 0, 0, 0, 0, 0, 7, end]) + frame, flags, last)
    return st.tuples(st.sampled_from([4789, 4789, 8472, 4790]), body)


def _geneve(kind: int, packet: bytes, frame: bytes) -> st.SearchStrategy[tuple[int, bytes]]:
    """RFC 8926 section 3.4: version and options, flags, what is carried, network, reserved."""
    carried = st.sampled_from(
        [(kind, packet), (0x6558, frame), (0x6558, frame), (IPV4 + IPV6 - kind, packet), (0x0806, packet)]
    )
    first = st.sampled_from([0, 0, 1, 3, 0x40])
    return st.builds(
        lambda word, flag, what, end: (
            6081, bytes([word, flag]) + struct.pack("!HI", what[0], 7 << 8 | end) + bytes(4 * (word & 0x3F)) + what[1]
        ),
        first, st.sampled_from([0, 0, 0x40, 0x80]), carried, st.sampled_from([0, 0, 0, 1]),
    )  # fmt: skip


def _gtp(packet: bytes) -> st.SearchStrategy[tuple[int, bytes]]:
    """3GPP TS 29.281 section 5: flags, message type, length, tunnel; optional bytes, further headers."""
    further = st.lists(st.sampled_from([b"\1\x10\5", b"\2" + bytes(6), b"\0\0\0"]), max_size=6)

    def build(flags: int, kind: int, headers: list[bytes]) -> tuple[int, bytes]:
        headers = headers if flags & 4 else []
        optional = bytes(3) + bytes([0x85 if headers else 0]) if flags & 7 else b""
        last = len(headers) - 1
        chain = b"".join(each + bytes([0 if i == last else 0x85]) for i, each in enumerate(headers))
        return 2152, struct.pack("!BBHI", flags, kind, len(packet), 7) + optional + chain + packet

    return st.builds(
        build, st.sampled_from([0x30, 0x30, 0x34, 0x36, 0x32, 0x50]), st.sampled_from([255, 255, 1]), further
    )


@st.composite
def _tunnelled(draw: st.DrawFn, kind: int, packet: bytes) -> bytes:
    """An IPv4 packet that carries another in a tunnel, rightly or nearly so."""
    frame = bytes(12) + draw(_behind_ethertype(kind, packet))
    shape = draw(st.sampled_from(["ip", "gre", "gre", "vxlan", "geneve", "gtp"]))
    if shape == "ip":
        protocol, body = (4 if kind == IPV4 else draw(st.sampled_from([41, 41, 4]))), packet
    elif shape == "gre":
        flags = draw(st.sampled_from([0, 0x8000, 0x2000, 0x1000, 0xB000, 0x4000, 1]))
        words = bytes(4 * bin(flags & 0xB000).count("1"))
        third = bytes(11) + draw(st.sampled_from([b"\0", b"\1" + bytes(8)]))
        body = draw(
            st.sampled_from(
                [
                    struct.pack("!HH", flags, kind) + words + packet,
                    struct.pack("!HH", flags, IPV4 + IPV6 - kind) + words + packet,
                    struct.pack("!HH", flags, 0x6558) + words + frame,
                    struct.pack("!HH", flags, 0x88BE) + words + (bytes(8) if flags & 0x1000 else b"") + frame,
                    struct.pack("!HH", flags, 0x22EB) + words + third + frame,
                ]
            )
        )
        protocol = 47
    else:
        port, body = draw({"vxlan": _vxlan(frame), "geneve": _geneve(kind, packet, frame), "gtp": _gtp(packet)}[shape])
        body = struct.pack("!HHHH", draw(st.one_of(PORTS, st.just(50_000))), port, 8 + len(body), 0) + body
        protocol = 17
    fragment = draw(st.sampled_from([0, 0, 0, 0x4000, 0x2000]))
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, fragment, 64, protocol, 0)
    return head + ADDRESSES4[0] + ADDRESSES4[1] + body


@st.composite
def frames(draw: st.DrawFn, link: int) -> tuple[bytes, int]:
    """Captured bytes of a frame of a link type, and its length on the wire."""
    if draw(st.integers(0, 9)) == 0:
        data = draw(st.binary(max_size=90))
        return data, len(data)
    whole = draw(st.booleans())
    kind = draw(st.sampled_from([IPV4, IPV4, IPV6]))
    packet = draw(_ipv4(whole)) if kind == IPV4 else draw(_ipv6())
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 2]))):
        kind, packet = IPV4, draw(_tunnelled(kind, packet))
    data = draw(_linked(link, kind, packet))
    return (data if whole else data[: draw(st.integers(0, len(data)))]), len(data)


@st.composite
def captures(draw: st.DrawFn) -> tuple[int, list[tuple[bytes, int]]]:
    """A link type and some frames."""
    link = draw(st.sampled_from((1, 1, 1, *LINK_TYPES)))
    return link, draw(st.lists(frames(link), min_size=1, max_size=8))


def chunk_of(packets: list[tuple[bytes, int]], gap: int = 0, interface: int = 0) -> Chunk:
    """A chunk as a reader gives it: packets one behind the other, a second apart, ``gap`` bytes of 0xff between."""
    starts = np.cumsum([0, *(len(data) + gap for data, _ in packets)], dtype=np.int64)[:-1]
    buffer = b"".join(data + b"\xff" * gap for data, _ in packets) + bytes(SLACK)
    n = len(packets)
    return Chunk(
        buffer=np.frombuffer(buffer, dtype=np.uint8),
        first_frame=1,
        start=starts,
        captured=np.array([len(data) for data, _ in packets], dtype=np.int64),
        wire=np.array([wire for _, wire in packets], dtype=np.int64),
        time=np.arange(n, dtype=np.int64) * 10**9 + 10**18,
        interface=np.full(n, interface, dtype=np.int32),
        direction=np.zeros(n, dtype=np.int8),
        host_dropped=np.zeros(n, dtype=np.bool_),
        packet_id=np.full(n, -1, dtype=np.int64),
    )


def interface_of(link: int) -> list[Interface]:
    return [Interface(0, link)]
