"""``udp_payload.classify`` against a reference for one packet, written from RFC 7296 2.23 and RFC 3948 section 2."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.columns import Gather
from analyzer.formats.records import SLACK
from analyzer.packets import udp_payload
from tests.properties.frames import UNHURRIED, ike, udp_payloads

payloads = st.one_of(udp_payloads, ike().map(lambda m: bytes(4) + m), st.binary(max_size=70))
ports = st.sampled_from([500, 4500, 4501, 65000])


def reference(data: bytes, length: int, sport: int, dport: int) -> int:
    """What a UDP payload is: ``data`` of it captured, ``length`` on the wire."""

    def is_ike(begin: int) -> tuple[bool, bool]:
        header = data[begin : begin + 28]
        known = len(header) == 28 and header[17] >> 4 in (1, 2)
        return known, known and int.from_bytes(header[24:28], "big") == length - begin

    # RFC 3948 section 2.3: a single byte 0xFF.
    if length == 1 and data == b"\xff":
        return udp_payload.KEEPALIVE
    # RFC 7296 section 2.23, RFC 3948 section 2.2: four zero bytes where ESP has its SPI.
    if data[:4] == bytes(4):
        (behind, fits_behind), (_, fits) = is_ike(4), is_ike(0)
        if behind and (fits_behind or not fits):
            return udp_payload.IKE_BEHIND_MARKER
        return udp_payload.IKE if fits else udp_payload.OTHER
    known, fits = is_ike(0)
    if fits or (known and 500 in (sport, dport)):
        return udp_payload.IKE
    # RFC 3948 section 2.1: ESP is not encapsulated on port 500; it has an SPI and a sequence number.
    if 500 not in (sport, dport) and len(data) >= 4 and length >= 8:
        return udp_payload.ESP
    return udp_payload.OTHER


@st.composite
def datagrams(draw: st.DrawFn) -> tuple[bytes, int, int, int]:
    whole = draw(payloads)
    captured = draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    return whole[:captured], len(whole), draw(ports), draw(ports)


@settings(UNHURRIED, max_examples=200)
@given(st.lists(datagrams(), min_size=1, max_size=8))
def test_each_payload_is_what_the_rfcs_say(batch):
    # Foreign bytes stand between the payloads: nothing behind the captured ones may be believed.
    buffer = b"".join(data + b"\x20" * 30 for data, *_ in batch) + bytes(SLACK)
    at = np.cumsum([0, *(len(data) + 30 for data, *_ in batch)], dtype=np.int64)[:-1]
    captured, length, sport, dport = (
        np.array(column, dtype=np.int64)
        for column in zip(*((len(data), n, sport, dport) for data, n, sport, dport in batch), strict=True)
    )
    kinds = udp_payload.classify(Gather(np.frombuffer(buffer, dtype=np.uint8)), at, captured, length, sport, dport)
    expected = [reference(*one) for one in batch]
    assert kinds.tolist() == expected
    assert [udp_payload.classify_one(*one) for one in batch] == expected


@settings(UNHURRIED, max_examples=100)
@given(ike(), st.integers(1, 2**32 - 1), ports, ports)
def test_marker_separates_ike_from_esp(message, spi, sport, dport):
    well_formed = message[:17] + b"\x20" + message[18:24] + len(message).to_bytes(4, "big") + message[28:]
    behind = bytes(4) + well_formed
    assert udp_payload.classify_one(behind, len(behind), sport, dport) == udp_payload.IKE_BEHIND_MARKER
    esp = spi.to_bytes(4, "big") + well_formed
    kind = udp_payload.classify_one(esp, len(esp), 4500, 4500)
    by_chance = esp[17] >> 4 in (1, 2) and esp[24:28] == len(esp).to_bytes(4, "big")
    assert kind == (udp_payload.IKE if by_chance else udp_payload.ESP)


@settings(UNHURRIED, max_examples=100)
@given(st.binary(min_size=0, max_size=60), st.integers(0, 1))
def test_without_a_marker_nothing_is_behind_it_and_with_it_nothing_is_esp(data, marker):
    payload = bytes(4) * marker + data
    kind = udp_payload.classify_one(payload, len(payload), 4500, 4500)
    assert kind != udp_payload.ESP if payload[:4] == bytes(4) else kind != udp_payload.IKE_BEHIND_MARKER
