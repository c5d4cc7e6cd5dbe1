"""Wi-Fi frames written from IEEE 802.11-2020 section 9.2 and 9.3.2, and radio headers from radiotap.org."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.links.wifi import AVS, MAX_AGGREGATE, PPI, PRISM, RADIOTAP, WIFI, ethertypes, is_encrypted
from analyzer.packets.ip_headers import decode, decode_each

#: An IPv4 header and a UDP one: 10.0.0.2:500 > 203.0.113.7:500.
IP = bytes.fromhex("4500001c00010000401100000a000002cb007107" + "01f401f400080000")
SNAP = bytes.fromhex("aaaa03000000") + b"\x08\x00"
THREE = bytes(22)  # duration, three addresses, sequence control

DATA = {
    "data, to the access point": ("0801", THREE),
    "data, from it": ("0802", THREE),
    "four addresses": ("0803", THREE + bytes(6)),
    "QoS": ("8801", THREE + bytes(2)),
    "QoS and four addresses": ("8803", THREE + bytes(8)),
    "QoS and HT control": ("8881", THREE + bytes(6)),
    "decrypted by Windows, still marked": ("8841", THREE + bytes(2)),
    "retry, power save": ("0819", THREE),
}


@pytest.mark.parametrize("name", DATA)
def test_data_frames(name: str) -> None:
    control, rest = DATA[name]
    frame = bytes.fromhex(control) + rest + SNAP + IP
    assert list(ethertypes(WIFI, frame)) == [(0x0800, len(frame) - len(IP))]
    packet = decode(WIFI, frame)
    assert packet is not None
    assert packet.l3_offset == len(frame) - len(IP)
    assert not is_encrypted(WIFI, frame)


@pytest.mark.parametrize(
    "frame",
    [
        bytes.fromhex("8000") + bytes(40),  # beacon
        bytes.fromhex("d400") + bytes(8),  # acknowledgement
        bytes.fromhex("4801") + THREE,  # null: data frame without data
        bytes.fromhex("c801") + THREE + bytes(2),  # QoS null
        bytes.fromhex("0801") + THREE[:-2] + b"\x01\x00" + SNAP + IP,  # a later 802.11 fragment
        bytes.fromhex("0901") + THREE + SNAP + IP,  # version 1 of 802.11
        bytes.fromhex("0801") + THREE + b"\x42\x42\x03" + bytes(30),  # spanning tree
        bytes.fromhex("0801") + THREE + SNAP[:5],
        b"\x08",
        b"",
    ],
)
def test_frames_without_ip(frame: bytes) -> None:
    assert list(ethertypes(WIFI, frame)) == []
    assert not is_encrypted(WIFI, frame)


def test_encrypted_frames() -> None:
    ccmp = bytes.fromhex("0a00002000000000") + bytes(60)
    assert is_encrypted(WIFI, bytes.fromhex("8841") + THREE + bytes(2) + ccmp)
    assert is_encrypted(RADIOTAP, struct.pack("<BBHI", 0, 0, 8, 0) + bytes.fromhex("0842") + THREE + ccmp)
    assert not is_encrypted(WIFI, bytes.fromhex("d040") + bytes(60)), "a protected action frame carries no data"
    assert not is_encrypted(1, bytes.fromhex("8841") + THREE + ccmp)


def subframe(packet: bytes) -> bytes:
    body = SNAP + packet
    return bytes(12) + struct.pack("!H", len(body)) + body


def test_aggregate() -> None:
    """IEEE 802.11-2020 9.3.2.2.2: each A-MSDU subframe but the last is padded to a multiple of four bytes."""
    one = subframe(IP + b"x")
    frame = bytes.fromhex("8801") + THREE + b"\x80\x00" + one + bytes(-len(one) % 4) + subframe(IP)
    packets = list(decode_each(WIFI, frame))
    assert [packet.l3_offset for packet in packets] == [26 + 22, 26 + len(one) + -len(one) % 4 + 22]
    assert decode(WIFI, frame) == packets[0]
    assert len(list(ethertypes(WIFI, bytes.fromhex("8801") + THREE + b"\x80\x00" + bytes(14) * 100))) == 0
    many = bytes.fromhex("8801") + THREE + b"\x80\x00" + subframe(IP) * 400
    assert len(list(ethertypes(WIFI, many))) <= MAX_AGGREGATE


MAC = bytes.fromhex("0801") + THREE
RADIO = {
    "radiotap, nothing present": (RADIOTAP, struct.pack("<BBHI", 0, 0, 8, 0), b""),
    # TSFT is eight bytes, aligned to eight; then the flags. 0x10: a checksum follows the frame.
    "radiotap with time and flags": (RADIOTAP, struct.pack("<BBHIQB", 0, 0, 17, 3, 7, 0x10), b""),
    "radiotap, two present words": (RADIOTAP, struct.pack("<BBHIIB", 0, 0, 13, 0x80000002, 0, 0), b""),
    "Prism": (PRISM, struct.pack("<II", 0x44, 144) + bytes(136), b""),
    "Prism, big-endian": (PRISM, struct.pack(">II", 0x44, 144) + bytes(136), b""),
    "AVS under Prism's number": (PRISM, struct.pack(">II", 0x80211001, 64) + bytes(56), b""),
    "AVS": (AVS, struct.pack(">II", 0x80211002, 64) + bytes(56), b""),
    "no header under Prism's number": (PRISM, b"", b""),
    "PPI": (PPI, struct.pack("<BBHI", 0, 0, 12, 105) + bytes(4), b""),
}


@pytest.mark.parametrize("name", RADIO)
def test_radio_headers(name: str) -> None:
    link, radio, _ = RADIO[name]
    frame = radio + MAC + SNAP + IP
    assert list(ethertypes(link, frame)) == [(0x0800, len(frame) - len(IP))]


def test_radiotap_tells_of_padding() -> None:
    """Flag 0x20: the header is padded to four bytes, here 26 to 28."""
    qos = bytes.fromhex("8801") + THREE + bytes(2)
    frame = struct.pack("<BBHIB", 0, 0, 9, 2, 0x20) + qos + bytes(2) + SNAP + IP
    assert list(ethertypes(RADIOTAP, frame)) == [(0x0800, len(frame) - len(IP))]


@pytest.mark.parametrize(
    ("link", "radio"),
    [
        (RADIOTAP, b"\1" + bytes(7)),  # version 1
        (RADIOTAP, struct.pack("<BBHI", 0, 0, 4, 0)),  # shorter than itself
        (RADIOTAP, struct.pack("<BBHI", 0, 0, 60000, 0xFFFFFFFF)),
        (AVS, bytes(64)),
        (PPI, struct.pack("<BBHI", 0, 0, 8, 1)),  # Ethernet inside
        (RADIOTAP, b""),
    ],
)
def test_broken_radio_headers(link: int, radio: bytes) -> None:
    assert list(ethertypes(link, radio + MAC + SNAP + IP)) == []


@given(st.sampled_from([WIFI, RADIOTAP, PRISM, AVS, PPI]), st.binary(max_size=120), st.binary(max_size=60))
def test_any_bytes(link: int, radio: bytes, rest: bytes) -> None:
    for frame in (radio + rest, radio + MAC + SNAP + rest, radio + bytes.fromhex("88c1") + THREE + b"\x80" + rest):
        for _, offset in ethertypes(link, frame):
            assert 0 < offset <= len(frame)
        is_encrypted(link, frame)
