"""What is counted as IKE on other ports: headers by RFC 7296 section 3.1, put together by hand."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

import analyzer
from analyzer.columns import Gather
from analyzer.ike.elsewhere import ENOUGH, count_elsewhere
from analyzer.links.columns import locate_ip
from analyzer.packets.sieve import Ports
from analyzer.report.ladder.notation import parse
from sample_pcaps.lab.maker import make
from tests.packets.test_sieve import ipv4, ipv6, udp
from tests.properties.frames import chunk_of

LINK_RAW = 101


def ike(
    *, spi: int = 7, kind: int = 34, version: int = 0x20, flags: int = 0x08, length: int = 28, body: bytes = b""
) -> bytes:
    return struct.pack("!QQBBBBII", spi, 0, 33, version, kind, flags, 0, length) + body


def counted(*packets: bytes, ports: tuple[int, ...] = (), times: int = 1) -> dict[int, int]:
    chunk = chunk_of([(data, len(data)) for data in packets])
    fields = Gather(chunk.buffer)
    links = np.full(len(chunk), LINK_RAW, dtype=np.int32)
    located = locate_ip(fields, chunk.start, chunk.captured, links)
    found: dict[int, int] = {}
    for _ in range(times):
        count_elsewhere(found, fields, located.offset, chunk.start + chunk.captured, Ports(ports))
    return found


@pytest.mark.parametrize(
    "packet, port",
    [
        (ipv4(17, udp(10500, 10500, ike())), 10500),
        (ipv4(17, udp(51000, 10500, ike(kind=35, flags=0x08))), 10500),
        (ipv4(17, udp(10500, 51000, ike(kind=36, flags=0x20))), 10500),  # the responder's answer
        (ipv4(17, udp(51000, 10500, bytes(4) + ike(kind=37, length=60, body=bytes(32)))), 10500),
        (ipv6(17, udp(51000, 10500, ike())), 10500),
        (ipv4(17, udp(51000, 10500, ike()), words=7), 10500),
    ],
)
def test_ike_by_the_port_of_the_responder(packet, port):
    assert counted(packet) == {port: 1}


@pytest.mark.parametrize(
    "packet",
    [
        ipv4(17, udp(51000, 500, ike())),  # looked for there
        ipv4(17, udp(51000, 4500, bytes(4) + ike())),
        ipv4(17, udp(51000, 10500, ike(length=29))),  # not the length of the datagram
        ipv4(17, udp(51000, 10500, ike(version=0x10))),
        ipv4(17, udp(51000, 10500, ike(kind=33))),
        ipv4(17, udp(51000, 10500, ike(flags=0x09))),  # a reserved bit
        ipv4(17, udp(51000, 10500, ike(spi=0))),
        ipv4(17, udp(51000, 10500, b"abcd" + ike())),  # no marker
        ipv4(17, udp(51000, 10500, ike())[:-1]),  # cut within the header
        ipv4(17, udp(51000, 10500, ike()), 0x2000),  # a fragment
        ipv4(6, udp(51000, 10500, ike())),
        ipv6(60, udp(51000, 10500, ike())),
        ipv4(17, b""),
        b"\x45",
        b"",
    ],
)
def test_what_is_not(packet):
    assert counted(packet) == {}


def test_a_packet_at_the_very_end_is_read_no_further():
    # The rest of its header would be that of the next one.
    whole = ipv4(17, udp(51000, 10500, ike()))
    assert counted(whole[:-5], whole) == {10500: 1}


def test_no_more_than_enough_is_counted():
    assert counted(*[ipv4(17, udp(51000, 10500, ike()))] * 600, times=3) == {10500: ENOUGH}


def test_ports_that_are_asked_for_are_not_elsewhere():
    assert counted(ipv4(17, udp(51000, 10500, ike())), ports=(10500,)) == {}


@pytest.mark.parametrize("ports, expected", [((), {10500: 1}), ((10500,), {})])
def test_a_capture(ports, expected):
    data = make(parse("C = 10.0.0.2  S = 203.0.113.7\n+0 C:10500 > S:10500 IKE_SA_INIT request\n"))
    found = analyzer.read("made.pcapng", stream=io.BytesIO(data), ports=ports).analysis.related.capture
    assert (found.ike_elsewhere, found.ports) == (expected, (500, 4500, *ports))
