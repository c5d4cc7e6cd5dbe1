"""What is in a UDP datagram, case by case; ``tests/properties/test_natt.py`` compares with a reference."""

from __future__ import annotations

import numpy as np
import pytest

from analyzer.columns import Gather
from analyzer.formats.records import SLACK
from analyzer.packets import udp_payload
from analyzer.packets.udp_payload import ESP, IKE, IKE_BEHIND_MARKER, KEEPALIVE, OTHER

SPI = bytes.fromhex("1122334455667788")


def message(length: int = 28, version: int = 0x20, spi: bytes = SPI) -> bytes:
    header = spi + bytes(8) + bytes([0, version, 34, 8]) + bytes(4) + length.to_bytes(4, "big")
    return header + bytes(max(length - 28, 0))


MARKER = bytes(4)
WRONG = message(28)[:24] + bytes([0, 0, 9, 9])

CASES = {
    "IKE on 500": (message(), 500, 500, IKE),
    "IKEv1 on 500": (message(version=0x10), 500, 500, IKE),
    "IKE on 500 from a port that a NAT chose": (message(), 61000, 500, IKE),
    "damaged length on 500 is still IKE": (WRONG, 500, 500, IKE),
    "unknown version on 500": (message(version=0x30), 500, 500, OTHER),
    "no ESP on 500": (b"\xc0\x00\x00\x01" + bytes(40), 500, 500, OTHER),
    "IKE on 4500": (MARKER + message(), 4500, 4500, IKE_BEHIND_MARKER),
    "damaged length behind the marker": (MARKER + WRONG, 4500, 4500, IKE_BEHIND_MARKER),
    "marker on 500": (MARKER + message(), 500, 500, IKE_BEHIND_MARKER),
    "IKE on 4500 without marker": (message(), 4500, 4500, IKE),
    "the same with a wrong length is ESP": (WRONG, 4500, 4500, ESP),
    "ESP": (b"\xc0\x00\x00\x01\x00\x00\x00\x07" + bytes(40), 4500, 4500, ESP),
    "too short for ESP": (b"\xc0\x00\x00\x01\x00\x00\x00", 4500, 4500, OTHER),
    "marker and no IKE": (MARKER + bytes(40), 4500, 4500, OTHER),
    "IKE with an SPI that begins like a marker": (message(spi=bytes(4) + SPI[:4]), 500, 500, IKE),
    "keepalive": (b"\xff", 4500, 4500, KEEPALIVE),
    "one other byte": (b"\xfe", 4500, 4500, OTHER),
    "two bytes": (b"\xff\xff", 4500, 4500, OTHER),
    "nothing": (b"", 4500, 4500, OTHER),
    "header cut": (message()[:27], 500, 500, OTHER),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    data, sport, dport, expected = CASES[name]
    fields = Gather(np.frombuffer(data + bytes(SLACK), dtype=np.uint8))
    one = [np.array([n], dtype=np.int64) for n in (0, len(data), len(data), sport, dport)]
    assert udp_payload.classify(fields, *one).tolist() == [expected]
    assert udp_payload.classify_one(data, len(data), sport, dport) == expected


@pytest.mark.parametrize("captured", range(28))
def test_a_header_that_was_cut_is_not_called_ike(captured):
    whole = message(100)
    assert udp_payload.classify_one(whole[:captured], 100, 500, 500) == OTHER
    assert udp_payload.classify_one((MARKER + whole)[: captured + 4], 104, 4500, 4500) == OTHER


def test_a_message_cut_behind_its_header_is_ike():
    assert udp_payload.classify_one(message(100)[:28], 100, 500, 500) == IKE


def test_no_packets():
    none = np.empty(0, dtype=np.int64)
    assert udp_payload.classify(Gather(np.zeros(SLACK, dtype=np.uint8)), none, none, none, none, none).tolist() == []
