"""ICMP errors against RFC 792, RFC 1191 and RFC 4443 by hand, against tshark, and against any bytes at all."""

from __future__ import annotations

import io
import subprocess
from ipaddress import ip_address
from pathlib import Path

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.packets.icmp import IcmpError, QuotedPacket, parse_error
from analyzer.packets.ip_headers import decode

SPI_I = bytes.fromhex("238671c80375a0fb")
IKE_HEADER = SPI_I + bytes(8) + bytes.fromhex("2e202308 00000001 00000d8c".replace(" ", ""))
CLIENT, SERVER = bytes([10, 0, 0, 2]), bytes([203, 0, 113, 7])


def udp(sport: int, dport: int) -> bytes:
    return sport.to_bytes(2, "big") + dport.to_bytes(2, "big") + b"\x05\xc8\0\0"


def quote4(payload: bytes, length: int = 1500, flags: int = 0x4000, protocol: int = 17) -> bytes:
    start = b"\x45\0" + length.to_bytes(2, "big") + b"\x1b\x1e" + flags.to_bytes(2, "big")
    return start + bytes([64, protocol, 0, 0]) + CLIENT + SERVER + payload


def error4(kind: int, code: int, quote: bytes, rest: bytes = bytes(4)) -> IcmpError:
    error = parse_error(4, bytes([kind, code, 0, 0]) + rest + quote)
    assert error is not None
    return error


def test_fragmentation_needed_names_mtu_and_packet() -> None:
    quote = quote4(udp(4500, 4500) + bytes(4) + IKE_HEADER)
    assert error4(3, 4, quote, b"\0\0\x05\x78") == IcmpError(
        ip_version=4,
        type=3,
        code=4,
        meaning="fragmentation-needed",
        mtu=1400,
        quoted=QuotedPacket(4, CLIENT, SERVER, 17, 0x1B1E, False, 0, 1500, 4500, 4500, SPI_I),
    )


def test_old_routers_give_no_mtu() -> None:
    assert error4(3, 4, quote4(b"")).mtu is None


def test_mtu_is_read_only_where_it_is_one() -> None:
    assert error4(3, 3, quote4(b""), b"\0\0\x05\x78").mtu is None


def test_packet_too_big() -> None:
    fragment = bytes([17, 0, 0, 1]) + bytes.fromhex("00000007") + udp(4500, 4500) + bytes(4) + IKE_HEADER
    addresses = bytes(15) + b"\1" + bytes(15) + b"\2"
    quote = b"\x60\0\0\0\x05\xb4" + bytes([44, 60]) + addresses + fragment
    error = parse_error(6, bytes([2, 0, 0, 0]) + b"\0\0\x05\0" + quote)
    assert error is not None
    assert (error.meaning, error.mtu) == ("packet-too-big", 1280)
    expected = QuotedPacket(6, addresses[:16], addresses[16:], 17, 7, True, 0, 1500, 4500, 4500, SPI_I)
    assert error.quoted == expected


@pytest.mark.parametrize(
    "version, kind, code, meaning",
    [
        (4, 3, 0, "unreachable-routing"),
        (4, 3, 1, "unreachable-routing"),
        (4, 3, 2, "unreachable-routing"),
        (4, 3, 3, "port-unreachable"),
        (4, 3, 9, "admin-prohibited"),
        (4, 3, 10, "admin-prohibited"),
        (4, 3, 13, "admin-prohibited"),
        (4, 3, 99, "other"),
        (4, 4, 0, "other"),
        (4, 5, 1, "other"),
        (4, 11, 0, "ttl-exceeded"),
        (4, 11, 1, "reassembly-timeout"),
        (4, 12, 0, "parameter-problem"),
        (6, 1, 0, "unreachable-routing"),
        (6, 1, 1, "admin-prohibited"),
        (6, 1, 3, "unreachable-routing"),
        (6, 1, 4, "port-unreachable"),
        (6, 1, 5, "admin-prohibited"),
        (6, 2, 9, "packet-too-big"),
        (6, 3, 0, "ttl-exceeded"),
        (6, 3, 1, "reassembly-timeout"),
        (6, 4, 1, "parameter-problem"),
    ],
)
def test_meanings(version: int, kind: int, code: int, meaning: str) -> None:
    error = parse_error(version, bytes([kind, code, 0, 0, 0, 0, 0, 0]))
    assert error is not None
    assert (error.meaning, error.quoted) == (meaning, None)


@pytest.mark.parametrize("version, kind", [(4, 0), (4, 8), (4, 9), (6, 128), (6, 129), (6, 135), (6, 3 + 8), (5, 3)])
def test_no_errors(version: int, kind: int) -> None:
    assert parse_error(version, bytes([kind, 0]) + bytes(60)) is None


@pytest.mark.parametrize(
    "ports, payload, spi_i",
    [
        ((500, 500), IKE_HEADER, SPI_I),
        ((61000, 500), IKE_HEADER[:8], SPI_I),
        ((500, 500), IKE_HEADER[:7], None),
        ((4500, 4500), bytes(4) + IKE_HEADER[:8], SPI_I),
        ((61000, 4500), bytes(4) + IKE_HEADER, SPI_I),
        ((4500, 4500), IKE_HEADER, None),  # no marker: ESP
        ((4500, 500), IKE_HEADER, SPI_I),  # a NAT chose 4500
        ((500, 4500), bytes(4) + IKE_HEADER, SPI_I),
        ((61000, 5500), bytes(4) + IKE_HEADER, SPI_I),  # a port of the caller's own
        ((61000, 5500), IKE_HEADER, SPI_I),
        ((61000, 53), b"\x12\x34\x01\0\0\1" + bytes(40), None),
        ((500, 500), bytes(28), None),
        ((500, 500), b"", None),
    ],
)
def test_initiator_spi(ports: tuple[int, int], payload: bytes, spi_i: bytes | None) -> None:
    quoted = error4(3, 3, quote4(udp(*ports) + payload)).quoted
    assert quoted is not None
    assert (quoted.sport, quoted.dport, quoted.spi_i) == (*ports, spi_i)


def test_quotes_cut_short_give_what_is_there() -> None:
    whole = quote4(udp(500, 500) + IKE_HEADER)
    for length in range(len(whole) + 1):
        quoted = error4(3, 4, whole[:length]).quoted
        assert (quoted is not None) == (length >= 20)
        if quoted is not None:
            assert (quoted.src, quoted.dst, quoted.ip_id, quoted.ip_length) == (CLIENT, SERVER, 0x1B1E, 1500)
            assert quoted.dport == (500 if length >= 24 else None)
            assert quoted.spi_i == (SPI_I if length >= 36 else None)
    assert parse_error(4, b"\x03\x04\0") is None


def test_a_later_fragment_has_no_ports() -> None:
    quoted = error4(11, 1, quote4(udp(500, 500) + IKE_HEADER, flags=0x20B9)).quoted
    assert quoted is not None
    assert (quoted.mf, quoted.fragment_offset) == (True, 1480)
    assert (quoted.sport, quoted.dport, quoted.spi_i) == (None, None, None)


def test_padding_behind_the_quoted_packet_is_not_read() -> None:
    # RFC 4884: a short packet is padded to 128 bytes, extensions follow. 32 bytes: IP, UDP, 4 bytes of data.
    quoted = error4(3, 3, quote4(udp(500, 500) + IKE_HEADER, length=32)).quoted
    assert quoted is not None
    assert quoted.spi_i is None


@settings(max_examples=200)
@given(
    st.sampled_from([4, 6]), st.sampled_from([1, 2, 3, 4, 5, 11, 12, 128]), st.integers(0, 15), st.binary(max_size=90)
)
def test_any_bytes_never_raise(version: int, kind: int, code: int, rest: bytes) -> None:
    parse_error(version, bytes([kind, code]) + rest)
    parse_error(version, bytes([kind, code]) + bytes(6) + b"\x45" + rest)
    parse_error(version, bytes([kind, code]) + bytes(6) + b"\x60\0\0\0\0\x40" + rest)


@pytest.mark.parametrize(
    "capture, errors",
    [("FoxIO-LLC+ja4/latest.pcapng", 5), ("appneta+tcpreplay/history/32e63b5008/test_nano.pcap", 6)],
)
def test_like_tshark_on_real_captures(shared_captures: Path, tshark: Path, capture: str, errors: int) -> None:
    file = shared_captures / "dev" / capture
    names = "icmp.type icmp.code icmp.mtu ip.src ip.dst ip.id ip.len udp.srcport tcp.srcport udp.dstport tcp.dstport"
    fields = [argument for name in names.split() for argument in ("-e", name)]
    only = ("-n", "-r", file, "-Y", "icmp.type in {3, 4, 5, 11, 12}")
    table = subprocess.run([tshark, *only, "-T", "fields", *fields], capture_output=True, check=True).stdout.decode()
    pcap = subprocess.run([tshark, *only, "-F", "pcap", "-w", "-"], capture_output=True, check=True).stdout
    reader = dpkt.pcap.Reader(io.BytesIO(pcap))
    seen = []
    for _, frame in reader:
        packet = decode(reader.datalink(), frame)
        assert packet is not None
        error = parse_error(4, frame[packet.payload_offset : packet.payload_offset + packet.payload_length])
        assert error is not None and error.quoted is not None
        quoted = error.quoted
        addresses = str(ip_address(quoted.src)), str(ip_address(quoted.dst))
        row = error.type, error.code, error.mtu, *addresses, quoted.ip_id, quoted.ip_length, quoted.sport, quoted.dport
        seen.append(row)
    assert seen == [expected(line.split("\t")) for line in table.splitlines()]
    assert len(seen) == errors


def expected(row: list[str]) -> tuple[object, ...]:
    """Second occurrence: that of the quoted packet."""
    kind, code, mtu, *addresses_and_ids, udp_sport, tcp_sport, udp_dport, tcp_dport = row
    src, dst, ident, length = (value.split(",")[1] for value in addresses_and_ids)
    ports = int(udp_sport or tcp_sport), int(udp_dport or tcp_dport)
    return int(kind), int(code), int(mtu) if mtu else None, src, dst, int(ident, 0), int(length), *ports
