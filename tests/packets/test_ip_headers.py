"""The general decode against tshark on real captures, against hand-made frames, and against any bytes at all."""

from __future__ import annotations

import io
import itertools
import subprocess
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.packets.ip_headers import decode, skip_extension_headers
from analyzer.packets.ip_packet import IpPacket

LINK_TYPES = (0, 1, 9, 12, 14, 50, 51, 101, 108, 113, 228, 229, 276)

# An IPv4 header by hand: IHL 5, length 56, id 0x1234, DF, TTL 64, UDP, 10.0.0.2 > 203.0.113.7.
IPV4 = bytes.fromhex("45000038 12344000 40110000 0a000002 cb007107".replace(" ", ""))
PACKET4 = IpPacket(
    l3_offset=0,
    ip_version=4,
    src=bytes([10, 0, 0, 2]),
    dst=bytes([203, 0, 113, 7]),
    ip_id=0x1234,
    df=True,
    mf=False,
    fragment_offset=0,
    ttl=64,
    ip_length=56,
    protocol=17,
    payload_offset=20,
    payload_length=36,
)
SRC6, DST6 = bytes.fromhex("20010db8" + "0" * 22 + "02"), bytes.fromhex("20010db8" + "0" * 22 + "07")


def ipv6(next_header: int, payload: bytes, length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return b"\x60\0\0\0" + size.to_bytes(2, "big") + bytes([next_header, 64]) + SRC6 + DST6 + payload


def fragment_header(next_header: int, offset: int, more: bool, ident: int) -> bytes:
    return bytes([next_header, 0]) + (offset | more).to_bytes(2, "big") + ident.to_bytes(4, "big")


@pytest.mark.parametrize(
    "link_type, link_header",
    [
        (101, ""),
        (1, "ffffffffffff 020000000001 0800"),
        (1, "ffffffffffff 020000000001 8100 0064 8864 1100 0001 003a 0021"),
        (276, "0800 0000 00000002 0001 04 06 020000000001 0000"),
    ],
)
def test_the_same_packet_behind_any_link_header(link_type: int, link_header: str) -> None:
    header = bytes.fromhex(link_header.replace(" ", ""))
    expected = replace(PACKET4, l3_offset=len(header), payload_offset=len(header) + 20)
    assert decode(link_type, header + IPV4 + bytes(36)) == expected
    assert decode(link_type, header + IPV4) == expected, "cut behind the IP header"
    assert all(decode(link_type, (header + IPV4)[:cut]) is None for cut in range(len(header) + 20))


@pytest.mark.parametrize(
    "link_type, frame",
    [
        (147, IPV4),
        (1, bytes(12) + b"\x08\x06" + IPV4),  # ARP
        (101, b"\x44" + IPV4[1:]),  # header length below 20
        (101, b"\x75" + IPV4[1:]),
        (101, ipv6(17, b"")[:39]),
    ],
)
def test_what_is_not_ip_is_none(link_type: int, frame: bytes) -> None:
    assert decode(link_type, frame) is None


def test_ipv4_options_fragment_and_offload() -> None:
    # IHL 7 (8 bytes of options), total length 100, MF, offset 185 * 8 = 1480.
    with_options = bytes.fromhex("47000064123420b940110000") + IPV4[12:] + bytes(8)
    packet = decode(101, with_options)
    assert packet == replace(
        PACKET4, df=False, mf=True, fragment_offset=1480, ip_length=100, payload_offset=28, payload_length=72
    )
    offload = decode(1, bytes(12) + b"\x08\0" + IPV4[:2] + b"\0\0" + IPV4[4:] + bytes(4000))
    assert offload is not None
    assert (offload.ip_length, offload.payload_length) == (4020, 4000)
    short = decode(101, IPV4[:2] + b"\0\x0b" + IPV4[4:])
    assert short is not None
    assert (short.ip_length, short.payload_length) == (11, 0)


def test_ipv6_extension_headers() -> None:
    # Hop-by-hop (8), routing (24: two units more), AH (24: length 4), destination (8), UDP.
    headers = bytes([43, 0]) + bytes(6) + bytes([51, 2]) + bytes(22) + bytes([60, 4]) + bytes(22) + bytes([17, 0])
    packet = decode(101, ipv6(0, headers + bytes(6) + bytes(8)))
    assert packet is not None
    assert (packet.protocol, packet.payload_offset, packet.payload_length) == (17, 40 + 8 + 24 + 24 + 8, 8)
    assert (packet.src, packet.dst, packet.ttl, packet.ip_id, packet.df) == (SRC6, DST6, 64, None, None)
    assert packet.ip_length == 40 + 64 + 8


def test_ipv6_fragments_share_protocol_and_alignment() -> None:
    # Destination options sit behind the fragment header: they are the start of the fragmented data.
    first = decode(101, ipv6(44, fragment_header(60, 0, True, 0xABCDEF01) + bytes([17, 0]) + bytes(14)))
    later = decode(101, ipv6(44, fragment_header(60, 16, False, 0xABCDEF01) + bytes(5)))
    assert first is not None and later is not None
    assert (first.protocol, first.payload_offset, first.payload_length) == (60, 48, 16)
    assert (later.protocol, later.payload_offset, later.payload_length) == (60, 48, 5)
    assert (first.mf, first.fragment_offset, first.ip_id) == (True, 0, 0xABCDEF01)
    assert (later.mf, later.fragment_offset, later.ip_id) == (False, 16, 0xABCDEF01)
    assert skip_extension_headers(60, bytes([17, 0]) + bytes(14)) == (17, 8)


def test_ipv6_atomic_fragment_is_a_whole_packet() -> None:
    packet = decode(101, ipv6(44, fragment_header(60, 0, False, 7) + bytes([17, 0]) + bytes(6) + bytes(8)))
    assert packet is not None
    assert (packet.mf, packet.fragment_offset, packet.ip_id, packet.protocol) == (False, 0, 7, 17)
    assert (packet.payload_offset, packet.payload_length) == (56, 8)


def test_ipv6_headers_that_are_not_there() -> None:
    cut = decode(101, ipv6(44, b"", length=500))
    assert cut is not None
    assert (cut.protocol, cut.payload_offset, cut.payload_length, cut.ip_length) == (44, 40, 500, 540)
    beyond = decode(101, ipv6(60, bytes([17, 255]) + bytes(6)))
    assert beyond is not None
    assert (beyond.protocol, beyond.payload_offset, beyond.payload_length) == (17, 40 + 2048, 0)
    padding = decode(101, ipv6(60, bytes([17, 0]) + bytes(6), length=0))
    assert padding is not None
    assert (padding.protocol, padding.payload_length) == (60, 0), "bytes behind the IP packet are not read"
    endless = decode(101, ipv6(60, bytes([60, 0, 0, 0, 0, 0, 0, 0]) * 8000))
    assert endless is not None
    assert endless.protocol == 60


@settings(max_examples=300)
@given(st.sampled_from(LINK_TYPES), st.binary(max_size=120))
def test_any_bytes_decode_or_not_but_never_raise(link_type: int, frame: bytes) -> None:
    check(decode(link_type, frame), frame)


@settings(max_examples=300)
@given(
    st.sampled_from(LINK_TYPES),
    st.sampled_from(["", "02000000", "0800", "86dd", "8100", "8847", "8864", "ff03", "0021", "0057"]),
    st.sampled_from([IPV4, ipv6(0, b""), ipv6(44, b""), ipv6(51, b"", 400)]),
    st.binary(max_size=60),
    st.data(),
)
def test_damaged_frames_never_raise(link_type: int, link: str, ip: bytes, rest: bytes, data: st.DataObject) -> None:
    frame = bytearray(data.draw(st.binary(max_size=20)) + bytes.fromhex(link) + ip + rest)
    for _ in range(data.draw(st.integers(0, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    check(decode(link_type, bytes(frame)), bytes(frame))


def check(packet: IpPacket | None, frame: bytes) -> None:
    if packet is None:
        return
    assert packet.ip_version in (4, 6)
    assert len(packet.src) == len(packet.dst) == (4 if packet.ip_version == 4 else 16)
    assert packet.l3_offset + (20 if packet.ip_version == 4 else 40) <= len(frame)
    assert packet.payload_length >= 0


FIELDS = (
    *("frame.protocols", "ip.src", "ip.dst", "ip.id", "ip.len", "ip.frag_offset", "ip.ttl", "ip.flags.df"),
    *("ip.flags.mf", "ipv6.src", "ipv6.dst", "ipv6.plen", "ipv6.hlim", "ipv6.fraghdr.ident", "ipv6.fraghdr.offset"),
    *("ipv6.fraghdr.more", "udp.srcport"),
)


def run(tshark: Path, *arguments: str | Path) -> bytes:
    return subprocess.run([tshark, *arguments], capture_output=True, check=True).stdout


@pytest.mark.parametrize(
    "capture, packets",
    [
        ("corelight+zeek-spicy-ipsec/ipsec_client.pcap", 11),
        ("OISF+suricata-verify/frag-ip-tcp-syn.pcap", 3),
        ("OISF+suricata-verify/frag-ip-tcp.pcap", 3),
        ("OISF+suricata-verify/frag-ppp-ip-tcp-syn.pcap", 3),
        ("OISF+suricata-verify/frag-ppp-ipv6-tcp.pcap", 3),
        ("OISF+suricata-verify/frag-15.pcap", 64),
        ("ajbanjara+Wireshark/fritzbox-ip_02.09.09_2049.eth", 54),
        ("ajbanjara+Wireshark/jxta-mcast-sample.pcap", 401),
        ("libreswan+libreswan/history/0ccb3edf8f/parentI2x509.pcap", 2),
        ("open5gs+open5gs/volte.pcapng", 371),
        ("seladb+PcapPlusPlus/frag_with_padding.pcap", 8),
        ("seladb+PcapPlusPlus/ip4_fragments.pcap", 53),
        ("seladb+PcapPlusPlus/ip6_fragments.pcap", 36),
        ("seladb+PcapPlusPlus/ipv6_opt_fragments.pcap", 4),
        ("seladb+PcapPlusPlus/sll2.pcap", None),
        ("idaholab+Malcolm-Test-Artifacts/Tunnels.pcap", 1624),
        ("appneta+tcpreplay/test2.replay_unique_ip", None),
        ("sdaubert+packetgen/ieee802.11-data.pcapng", None),
        ("zeek+zeek/arp-who-has-radiotap.pcap", None),
        ("zeek+zeek/gtp_ext_header.pcap", 2),
        ("arkime+arkime/ipv6-gtp6.pcap", 1),
        ("arkime+arkime/nflog.pcap", 10),
        ("zeek+zeek/nflog-http.pcap", 13),
        ("the-tcpdump-group+tcpdump/LINKTYPE_PKTAP.pcap", 1),
        ("cisco-system-traffic-generator+trex-core/dns_rxcheck-ex.erf", 2),
        ("cisco-system-traffic-generator+trex-core/stl_single_stream_mac11-0-ex.erf", 10),
    ],
)
def test_like_tshark_on_real_captures(shared_captures: Path, tshark: Path, capture: str, packets: int | None) -> None:
    file = shared_captures / "dev" / capture
    reader = dpkt.pcap.Reader(io.BytesIO(run(tshark, "-r", file, "-F", "pcap", "-w", "-")))
    whole = ("-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-n", "-E", "aggregator=;", "-T", "fields")
    table = run(tshark, "-r", file, *whole, *itertools.chain(*(("-e", field) for field in FIELDS))).decode()
    frames = [frame for _, frame in reader]
    rows = [innermost(dict(zip(FIELDS, line.split("\t"), strict=True))) for line in table.splitlines()]
    assert len(frames) == len(rows) and len(frames) == (packets or len(frames)) > 0
    for number, (frame, row) in enumerate(zip(frames, rows, strict=True), 1):
        packet = decode(reader.datalink(), frame)
        assert seen(packet) == expected(row), f"frame {number}: {row['frame.protocols']}"
        if packet is not None and row["udp.srcport"] and directly_udp(row["frame.protocols"]):
            assert packet.protocol == 17 or (packet.fragment_offset == 0 and packet.mf)
            at = packet.payload_offset if packet.protocol == 17 else packet.payload_offset + 8
            assert int.from_bytes(frame[at : at + 2], "big") == int(row["udp.srcport"]), f"frame {number}"


#: Layers between two IP headers, where a tunnel carries IP, and where it carries Ethernet frames.
DIRECT: tuple[list[str], ...] = ([], ["gre"], ["udp", "gtp"], ["udp", "geneve"])
FRAMED = (["udp", "vxlan", "eth"], ["gre", "erspan", "eth"], ["udp", "geneve", "eth"])


def innermost(row: dict[str, str]) -> dict[str, str]:
    """A row of fields with all their occurrences, as one of the packet behind all tunnels, or the first."""
    layers = row["frame.protocols"].split(":")
    ips = [n for n, layer in enumerate(layers) if layer in ("ip", "ipv6")]
    chosen = 0
    while chosen + 1 < len(ips):
        between = [layer for layer in layers[ips[chosen] + 1 : ips[chosen + 1]] if not layer.startswith("ipv6.")]
        if (between not in DIRECT and between[:3] not in FRAMED) or is_first_fragment(row, layers[: ips[chosen]]):
            break
        if layers[ips[chosen + 1]] == "ip" and not row["ip.src"]:
            break  # bytes that only begin like an IP header
        chosen += 1
    nth = {kind: sum(layers[n] == kind for n in ips[:chosen]) for kind in ("ip", "ipv6")}
    nth["udp"] = layers[: ips[chosen]].count("udp") if ips else 0
    picked = {"frame.protocols": ":".join(layers[ips[chosen] :]) if ips else row["frame.protocols"]}
    for field in FIELDS[1:]:
        every = row[field].split(";")
        at = nth.get(field.split(".")[0], 0)
        picked[field] = every[at] if at < len(every) else every[0]
    return picked


def is_first_fragment(row: dict[str, str], before: list[str]) -> bool:
    """tshark looks into the first fragment of a tunnel's packet, which is looked into here when it is whole."""
    more = row["ip.flags.mf"].split(";")
    return more[min(before.count("ip"), len(more) - 1)] == "1"


def directly_udp(protocols: str) -> bool:
    layers = protocols.split(":")
    first = next(n for n, layer in enumerate(layers) if layer in ("ip", "ipv6"))
    return next(layer for layer in layers[first + 1 :] if not layer.startswith("ipv6.")) == "udp"


def seen(packet: IpPacket | None) -> tuple[object, ...] | None:
    if packet is None:
        return None
    addresses = str(ip_address(packet.src)), str(ip_address(packet.dst))
    fragment = packet.ip_id, packet.df, packet.mf, packet.fragment_offset
    return packet.ip_version, *addresses, *fragment, packet.ttl, packet.ip_length


def expected(row: dict[str, str]) -> tuple[object, ...] | None:
    layers = row["frame.protocols"].split(":")
    first = next((n for n, layer in enumerate(layers) if layer in ("ip", "ipv6")), None)
    if first is None:
        return None
    if layers[first] == "ip":
        flags = row["ip.flags.df"] == "1", row["ip.flags.mf"] == "1"
        offset, ttl, length = 8 * int(row["ip.frag_offset"]), int(row["ip.ttl"]), int(row["ip.len"])
        return 4, row["ip.src"], row["ip.dst"], int(row["ip.id"], 0), *flags, offset, ttl, length
    own = itertools.takewhile(lambda layer: layer.startswith("ipv6."), layers[first + 1 :])
    fragment: tuple[object, ...] = (None, None, False, 0)
    if "ipv6.fraghdr" in own:
        offset = 8 * int(row["ipv6.fraghdr.offset"])
        fragment = int(row["ipv6.fraghdr.ident"], 0), None, row["ipv6.fraghdr.more"] == "1", offset
    return 6, row["ipv6.src"], row["ipv6.dst"], *fragment, int(row["ipv6.hlim"]), 40 + int(row["ipv6.plen"])
