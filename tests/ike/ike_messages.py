"""IKE messages for tests: written by hand from the layouts of RFC 7296, and cut out of real captures."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path

import dpkt
from hypothesis import strategies as st

from analyzer.ike.message import IKE

SPI_I, SPI_R = bytes.fromhex("1122334455667788"), bytes.fromhex("99aabbccddeeff00")


def generic(following: int, body: bytes, length: int | None = None) -> bytes:
    """Payload with its generic header (RFC 7296 section 3.2)."""
    return bytes([following, 0]) + (len(body) + 4 if length is None else length).to_bytes(2, "big") + body


def header(first: int, length: int, exchange: int = 34, flags: int = 0x20, version: int = 0x20) -> bytes:
    """IKE header (RFC 7296 section 3.1)."""
    return SPI_I + SPI_R + bytes([first, version, exchange, flags]) + bytes(4) + length.to_bytes(4, "big")


def message(*payloads: tuple[int, bytes], length: int | None = None, **fields: int) -> bytes:
    """Message of (type, body) payloads in a correct chain; SK and SKF bodies start with their first inner type."""
    body = b""
    for i, (kind, content) in enumerate(payloads):
        if kind in (46, 53):
            body += generic(content[0], content[1:])
        else:
            body += generic(payloads[i + 1][0] if i + 1 < len(payloads) else 0, content)
    first = payloads[0][0] if payloads else 0
    return header(first, 28 + len(body) if length is None else length, **fields) + body


@dataclass(frozen=True)
class Captured:
    """A message of a real capture and what tshark makes of its frame (a row of the truth table)."""

    file: str
    frame: int
    ike: bytes
    wire_length: int
    truth: dict[str, str]

    def parsed(self) -> IKE:
        return IKE(self.ike, wire_length=self.wire_length)

    def numbers(self, column: str) -> list[int]:
        return [int(text, 0) for text in self.truth[column].split(",") if text]


@functools.cache
def captured_messages(captures: Path, capture: str) -> list[Captured]:
    """IKE messages over UDP of one capture, IP fragments left out, by dpkt's own decoders."""
    table = captures / "truth" / f"{capture.replace('/', '__')}.tsv"
    with table.open(newline="") as lines:
        truth = {int(row["frame.number"]): row for row in csv.DictReader(lines, delimiter="\t")}
    found = []
    with (captures / "dev" / capture).open("rb") as file:
        reader = (dpkt.pcapng.Reader if capture.endswith("pcapng") else dpkt.pcap.Reader)(file)
        link = {dpkt.pcap.DLT_EN10MB: dpkt.ethernet.Ethernet, dpkt.pcap.DLT_NULL: dpkt.loopback.Loopback}
        for frame, (_, packet) in enumerate(reader, 1):
            udp = getattr(link[reader.datalink()](packet).data, "data", None)
            if frame not in truth or not isinstance(udp, dpkt.udp.UDP):
                continue
            marker = 4 if 4500 in (udp.sport, udp.dport) else 0
            if truth[frame]["isakmp.ispi"]:
                ike = bytes(udp.data)[marker : udp.ulen - 8]
                found.append(Captured(capture, frame, ike, udp.ulen - 8 - marker, truth[frame]))
    return found


#: Captures of many products with what tshark makes of them.
REAL = (
    "corelight+zeek-spicy-ipsec/ipsec_client.pcap",
    "ukncsc+zeek-plugin-ikev2/ikev2.pcap",
    "secdev+scapy/ikev2_nat_t.pcapng",
    "ntop+nDPI/ah.pcapng",
    "sdaubert+packetgen/history/491649b5d9/ikev2.pcapng",
    "libreswan+libreswan/history/25a36dae93/parentI2psk.pcap",
    "libreswan+libreswan/history/54091c402e/parentR1.pcap",
    "xelerance+Openswan/lp101-v1rwnatQR1failed/v1rwnatM1.pcap",
    "xelerance+Openswan/h2hR2delete.pcap",
    "corelight+zeek-spicy-ipsec/ikev1-certs.pcap",
    "arkime+arkime/IKEv1.pcap",
    "the-tcpdump-group+tcpdump/ISAKMP_sa_setup.pcap",
    "OISF+suricata-verify/ikev1-isakmp-main-mode.pcap",
)

_bodies = st.binary(max_size=40)
_transforms = st.builds(
    lambda last, kind, number, attributes: (
        bytes([last, 0])
        + (8 + len(attributes)).to_bytes(2, "big")
        + bytes([kind, 0])
        + number.to_bytes(2, "big")
        + attributes
    ),
    st.sampled_from([0, 3]),
    st.integers(0, 15),
    st.integers(0, 40),
    st.sampled_from([b"", bytes.fromhex("800e0100"), bytes.fromhex("0011000401020304"), b"\x80"]),
)
_proposals = st.builds(
    lambda last, spi, transforms: (
        bytes([last, 0])
        + (8 + len(spi) + sum(map(len, transforms))).to_bytes(2, "big")
        + bytes([1, 1, len(spi), len(transforms)])
        + spi
        + b"".join(transforms)
    ),
    st.sampled_from([0, 2]),
    st.binary(max_size=8),
    st.lists(_transforms, max_size=4),
)
_kinds = st.sampled_from([*range(1, 14), *range(33, 55), 99, 132])
_payloads = st.one_of(
    st.tuples(st.just(33), st.lists(_proposals, max_size=3).map(b"".join)),
    st.tuples(_kinds, st.binary(min_size=5, max_size=40)),
    st.tuples(st.sampled_from([41, 42, 43, 11, 12]), _bodies),
)


@st.composite
def well_formed(draw: st.DrawFn) -> bytes:
    """Message whose chain adds up; what is in the bodies may not."""
    payloads = draw(st.lists(_payloads, max_size=6))
    closing = next((i for i, (kind, _) in enumerate(payloads) if kind in (46, 53)), len(payloads))
    version = draw(st.sampled_from([0x20, 0x20, 0x10, 0x30]))
    return message(*payloads[: closing + 1], version=version, flags=draw(st.sampled_from([0x08, 0x20, 0x00])))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Message with some bytes overwritten, cut or extended; at least 28 bytes stay."""
    data = bytearray(draw(well_formed()))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(16, len(data) - 1))] = draw(st.one_of(st.integers(0, 255), st.integers(0, 60)))
    keep = draw(st.integers(28, len(data)))
    return bytes(data[:keep]) + draw(st.one_of(st.just(b""), st.binary(max_size=12)))


arbitrary = st.binary(min_size=28, max_size=200)
messages = st.one_of(well_formed(), damaged(), arbitrary)
