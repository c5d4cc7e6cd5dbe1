"""The same packets behind every link layer and in every tunnel give the same report.

Headers are written by hand: link types from https://www.tcpdump.org/linktypes.html and IEEE 802.1Q, 802.3 and 802.11;
tunnels from RFC 2003, 2473, 2784, 2890, 4213, 7348, 8926, draft-foschiano-erspan and 3GPP TS 29.281.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import analyzer
from analyzer.formats import open_capture
from tests.formats.formats import Packet, nanoseconds

ROOT = Path(__file__).resolve().parents[2] / "sample_pcaps"
#: Fragments lost up, and the same hidden by a filter, and down over IPv6; ICMP that tells of lost ones.
CAPTURES = [
    "809-fragments-lost", "filtered-capture", "lab/captures/ipv6-later-fragments-dropped-down.client",
    "lab/captures/rsa4096-reassembly-timeout.client",
]  # fmt: skip

IP4, IP6 = b"\x08\x00", b"\x86\xdd"
WIDE4, WIDE6 = bytes([192, 0, 2, 1, 192, 0, 2, 2]), bytes.fromhex("20010db8000000000000000000000001") * 2


def ip(frame: bytes) -> bytes:
    return frame[14:]


def is_ipv4(frame: bytes) -> bool:
    return frame[12:14] == IP4


def labels(count: int) -> bytes:
    """An MPLS label stack: label, bottom of the stack, TTL."""
    return b"".join(struct.pack("!I", 16 + n << 12 | (n == count - 1) << 8 | 64) for n in range(count))


def pppoe(frame: bytes) -> bytes:
    return b"\x11\0\0\1" + struct.pack("!H", len(frame) - 12) + ppp(frame)


def ppp(frame: bytes) -> bytes:
    return (b"\0\x21" if is_ipv4(frame) else b"\0\x57") + ip(frame)


def family(order: str, ipv6: int) -> Callable[[bytes], bytes]:
    return lambda frame: struct.pack(order + "I", 2 if is_ipv4(frame) else ipv6) + ip(frame)


def wifi(frame: bytes) -> bytes:
    return b"\x88\x01" + bytes(24) + b"\xaa\xaa\3\0\0\0" + frame[12:]


#: Number of the link type, and what is made of an Ethernet frame.
LINKS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "VLAN": (1, lambda f: f[:12] + b"\x81\0\0\5" + f[12:]),
    "QinQ": (1, lambda f: f[:12] + b"\x88\xa8\0\5\x81\0\0\6" + f[12:]),
    **{f"MPLS, {n}": (1, lambda f, n=n: f[:12] + b"\x88\x47" + labels(n) + ip(f)) for n in (1, 2, 3, 4)},  # type: ignore[misc]
    "Ethernet in MPLS": (1, lambda f: f[:12] + b"\x88\x47" + labels(1) + bytes(4) + f),
    "MPLS as link": (219, lambda f: labels(2) + ip(f)),
    "PPPoE": (1, lambda f: f[:12] + b"\x88\x64" + pppoe(f)),
    "PPPoE in a VLAN": (1, lambda f: f[:12] + b"\x81\0\0\7\x88\x64" + pppoe(f)),
    "PPPoE as link": (51, pppoe),
    "LLC and SNAP": (1, lambda f: f[:12] + struct.pack("!H", min(len(f) - 6, 1500)) + b"\xaa\xaa\3\0\0\0" + f[12:]),
    "Linux cooked": (113, lambda f: b"\0\3\0\1\0\6" + bytes(8) + f[12:]),
    "Linux cooked, VLAN": (113, lambda f: b"\0\3\0\1\0\6" + bytes(8) + b"\x81\0\0\5" + f[12:]),
    "Linux cooked v2": (276, lambda f: f[12:14] + bytes(6) + b"\0\1\3\6" + bytes(8) + ip(f)),
    **{f"raw {n}": (n, ip) for n in (12, 14, 101)},
    "NULL": (0, family("<", 24)),
    "NULL, big-endian": (0, family(">", 28)),
    "LOOP": (108, family(">", 30)),
    "LOOP, little-endian": (108, family("<", 30)),
    "Wi-Fi": (105, wifi),
    "Wi-Fi, four addresses": (105, lambda f: b"\x88\x03" + bytes(30) + wifi(f)[26:]),
    "Wi-Fi, radiotap": (127, lambda f: struct.pack("<BBHI", 0, 0, 8, 0) + wifi(f)),
    "Wi-Fi, PPI": (192, lambda f: struct.pack("<BBHI", 0, 0, 8, 105) + wifi(f)),
    "Wi-Fi, AVS": (163, lambda f: struct.pack(">II", 0x80211001, 64) + bytes(56) + wifi(f)),
    "Wi-Fi, Prism": (119, lambda f: struct.pack("<II", 0x44, 144) + bytes(136) + wifi(f)),
    "Wi-Fi called Ethernet, marked as encrypted (pktmon)": (1, lambda f: b"\x88\x41" + wifi(f)[2:]),
    "Ethernet under a user's number": (147, lambda f: f),
    "PPP": (9, lambda f: b"\xff\3" + ppp(f)),
    "PPP, compressed": (9, ppp),
    "PPP in HDLC": (50, lambda f: b"\xff\3" + ppp(f)),
    "Cisco HDLC": (104, lambda f: b"\x0f\0" + f[12:]),
    "ERF": (197, lambda f: struct.pack("<QBBHHH", 1, 2, 4, 18 + len(f), 0, len(f)) + bytes(2) + f),
    "ERF, further header": (197, lambda f: struct.pack("<QBBHHH", 1, 0x82, 4, 0, 0, 0) + b"\x03" + bytes(9) + f),
    "ERF, HDLC": (197, lambda f: struct.pack("<QBBHHH", 1, 1, 4, 0, 0, 0) + b"\x0f\0" + f[12:]),
    "NFLOG": (239, lambda f: b"\2\0\0\5\x08\0\1\0\x08\0\1\0" + struct.pack("<HH", len(f) - 10, 9) + ip(f)),
    "NFLOG, big-endian": (239, lambda f: b"\2\0\0\5\0\6\0\x0aeth\0" + struct.pack(">HH", len(f) - 10, 9) + ip(f)),
    "macOS pktap": (258, lambda f: struct.pack("<III", 108, 1, 1) + bytes(96) + f),
}


def over4(protocol: int, body: bytes, fragment: int = 0, identification: int = 1) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), identification, fragment, 64, protocol, 0)
    return head + WIDE4 + body


def over6(protocol: int, body: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + WIDE6 + body


def udp(port: int, body: bytes) -> bytes:
    return struct.pack("!HHHH", 50000, port, 8 + len(body), 0) + body


def ip_in_ip(frame: bytes) -> tuple[int, bytes]:
    return 4 if is_ipv4(frame) else 41, ip(frame)


#: Protocol and content of the tunnel's packet.
TUNNELS: dict[str, Callable[[bytes], tuple[int, bytes]]] = {
    "IP in IP": ip_in_ip,
    "GRE": lambda f: (47, b"\0\0" + f[12:]),
    "GRE with key": lambda f: (47, b"\x20\0" + f[12:14] + bytes(4) + ip(f)),
    "NVGRE": lambda f: (47, b"\x20\0\x65\x58" + bytes(4) + f),
    "ERSPAN I": lambda f: (47, b"\0\0\x88\xbe" + f),
    "ERSPAN II": lambda f: (47, b"\x10\0\x88\xbe" + bytes(4) + b"\x10\1" + bytes(6) + f),
    "ERSPAN III": lambda f: (47, b"\x10\0\x22\xeb" + bytes(4) + b"\x20" + bytes(10) + b"\1" + bytes(8) + f),
    "VXLAN": lambda f: (17, udp(4789, b"\x08" + bytes(7) + f)),
    "VXLAN of old Linux": lambda f: (17, udp(8472, b"\x08" + bytes(7) + f)),
    "VXLAN, VLAN inside": lambda f: (17, udp(4789, b"\x08" + bytes(7) + f[:12] + b"\x81\0\0\5" + f[12:])),
    "Geneve": lambda f: (17, udp(6081, b"\2\0\x65\x58\0\0\7\0" + bytes(8) + f)),
    "Geneve, IP": lambda f: (17, udp(6081, b"\0\0" + f[12:14] + b"\0\0\7\0" + ip(f))),
    "GTP-U": lambda f: (17, udp(2152, b"\x30\xff" + struct.pack("!HI", len(f) - 14, 7) + ip(f))),
    "GTP-U of 5G": lambda f: (17, udp(2152, b"\x34\xff" + bytes(9) + b"\x85\1\x10\5\0" + ip(f))),
    "GRE in IP in IP": lambda f: (4, over4(47, b"\0\0" + f[12:])),
}
OUTER: dict[str, Callable[[int, bytes], bytes]] = {
    "IPv4": lambda protocol, body: bytes(12) + IP4 + over4(protocol, body),
    "IPv6": lambda protocol, body: bytes(12) + IP6 + over6(protocol, body),
    # As Linux does (RFC 2473 section 5.1): destination options with the tunnel encapsulation limit.
    "IPv6 with options": lambda p, body: bytes(12) + IP6 + over6(60, bytes([p, 0, 4, 1, 4, 1, 0, 0]) + body),
}


@cache
def packets_of(name: str) -> list[Packet]:
    """The IP packets of a capture: NULL, PPP and the like carry no ARP."""
    found = []
    with open_capture(ROOT / f"{name}.pcapng") as reader:
        for chunk in reader.chunks():
            for start, size, time in zip(chunk.start, chunk.captured, chunk.time, strict=True):
                data = chunk.buffer[start : start + size].tobytes()
                if data[12:14] in (IP4, IP6):
                    found.append((int(time), int(size), data))
    return found


def report(packets: list[Packet], link: int = 1) -> dict[str, Any]:
    raw = nanoseconds(packets, link=link)
    (capture,) = analyzer.read_each("made.pcap", stream=io.BytesIO(raw))
    told = capture.report()
    del told["file"], told["sha256"]
    told["capture"]["quality"] = [each for each in told["capture"]["quality"] if each != "link-type-mismatch"]
    return told


@cache
def plain(name: str) -> dict[str, Any]:
    return report(packets_of(name))


def wrapped(name: str, wrap: Callable[[bytes], bytes]) -> list[Packet]:
    return [(time, len(wrap(data)), wrap(data)) for time, _, data in packets_of(name)]


@pytest.mark.parametrize("link", LINKS)
def test_link_layers(link: str) -> None:
    number, wrap = LINKS[link]
    for name in CAPTURES[:3]:
        assert report(wrapped(name, wrap), number) == plain(name), name


@pytest.mark.parametrize(("number", "version"), [(228, IP4), (229, IP6)])
def test_links_of_one_version(number: int, version: bytes) -> None:
    for name in CAPTURES:
        if all(data[12:14] == version for *_, data in packets_of(name)):
            assert report(wrapped(name, ip), number) == plain(name)


@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("tunnel", TUNNELS)
def test_tunnels(tunnel: str, outer: str) -> None:
    for name in CAPTURES:
        assert report(wrapped(name, lambda f: OUTER[outer](*TUNNELS[tunnel](f)))) == plain(name), name


def pieces(name: str, tunnel: str, size: int = 1200) -> list[tuple[int, Packet]]:
    """A tunnel's packets cut by a router, each piece with its place: 0 is the first fragment, or whole."""
    found = []
    for number, (time, _, data) in enumerate(packets_of(name), 1):
        protocol, body = TUNNELS[tunnel](data)
        for at in range(0, len(body), size):
            more = 0x2000 if at + size < len(body) else 0
            part = bytes(12) + IP4 + over4(protocol, body[at : at + size], more | at // 8, number)
            found.append((at, (time, len(part), part)))
    return found


def without_frames(told: Any) -> Any:
    """Without the numbers of frames, and how many there are."""
    if isinstance(told, dict):
        return {key: without_frames(value) for key, value in told.items() if key not in FRAME_NUMBERS}
    return [without_frames(value) for value in told] if isinstance(told, list) else told


#: The detail of an ICMP error names its frame.
FRAME_NUMBERS = {"frames", "filter", "packets", "detail"}


@pytest.mark.parametrize("tunnel", TUNNELS)
def test_tunnels_in_fragments(tunnel: str) -> None:
    """A packet of full size does not fit a tunnel: its router cuts the outer one (RFC 2003 section 5.1)."""
    for name in CAPTURES:
        cut = [packet for _, packet in pieces(name, tunnel)]
        assert len(cut) > len(packets_of(name))
        assert without_frames(report(cut)) == without_frames(plain(name)), name


@pytest.mark.parametrize("tunnel", ["GRE", "VXLAN", "IP in IP"])
def test_pieces_of_a_tunnel_that_are_missing_are_no_evidence(tunnel: str) -> None:
    """What a torn packet carried may be what seems lost: the capture lacks it, not the network."""
    told = report([packet for at, packet in pieces("connected-ok", tunnel) if at == 0])
    assert "capture-lost-packets" in told["capture"]["quality"]
    assert told["verdict"]["confidence"] in ("possible", "cannot-tell")


@pytest.mark.parametrize("tunnel", ["GRE", "VXLAN", "IP in IP"])
def test_torn_packets_of_other_traffic_are_nothing_to_tell(tunnel: str) -> None:
    download = over4(6, struct.pack("!HHIIBBHHH", 443, 50000, 1, 1, 0x50, 0x10, 0, 0, 0) + bytes(1460))
    protocol, body = TUNNELS[tunnel](bytes(12) + IP4 + download)
    time = packets_of("connected-ok")[-1][0]
    first = bytes(12) + IP4 + over4(protocol, body[:1200], 0x2000, 9)
    told = report([*packets_of("connected-ok"), (time, len(first), first)])
    assert without_frames(told) == without_frames(plain("connected-ok"))


@pytest.mark.parametrize("tunnel", TUNNELS)
def test_a_packet_inside_and_outside_is_one(tunnel: str) -> None:
    """The tunnel's router sends it on within milliseconds: the same IP ID and bytes (docs/domain/retransmission.md)."""
    for name in ("809-fragments-lost", "connected-ok"):
        twice = []
        for time, size, data in packets_of(name):
            copy = OUTER["IPv4"](*TUNNELS[tunnel](data))
            twice += [(time, size, data), (time + 50_000, len(copy), copy)]
        told, expected = report(twice), plain(name)
        assert (told["verdict"]["id"], told["verdict"]["confidence"]) == (
            expected["verdict"]["id"],
            expected["verdict"]["confidence"],
        )
        assert [sa["retransmits"] for sa in told["sas"]] == [sa["retransmits"] for sa in expected["sas"]]
        assert "duplicate-capture-artifact" in told["capture"]["quality"]


def test_what_cannot_be_seen_in_wi_fi_is_no_evidence() -> None:
    """The answers come encrypted (CCMP, IEEE 802.11-2020 12.5.3): that the gateway is silent cannot be said."""
    packets = packets_of("connected-ok")
    client = packets[0][2][26:30]
    hidden = []
    for time, _, data in packets:
        frame = wifi(data)
        if data[26:30] != client:
            frame = b"\x88\x42" + bytes(24) + b"\x01\0\0\x20\0\0\0\0" + bytes([0x5A]) * (len(data) - 14)
        hidden.append((time, len(frame), frame))
    told = report(hidden, 105)
    assert "wifi-encrypted" in told["capture"]["quality"]
    assert "capture-lost-packets" in told["capture"]["quality"]
    assert told["verdict"]["confidence"] in ("possible", "cannot-tell")
