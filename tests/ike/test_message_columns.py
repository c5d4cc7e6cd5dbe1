"""IKE headers and clear payloads of many messages at once, against the one-message parser and tshark's tables."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.columns import MISSING
from analyzer.formats.records import SLACK
from analyzer.ike.message import IKE
from analyzer.ike.message_columns import MALFORMED, TRUNCATED, WHOLE, Batch, read_messages
from analyzer.packets.assembled import Origin
from tests.ike.ike_messages import REAL, SPI_I, SPI_R, captured_messages, message, messages

SA = bytes.fromhex("0000000c010100010000000801000000")[4:]


def read(*parts: tuple[bytes, int]) -> Batch:
    """Read messages that lie in one buffer with other bytes between; each with its length on the wire."""
    starts = np.cumsum([0, *(len(data) + 7 for data, _ in parts)], dtype=np.int64)[:-1]
    buffer = b"".join(data + b"\x29" * 7 for data, _ in parts) + bytes(SLACK)
    captured = np.array([len(data) for data, _ in parts], dtype=np.int64)
    wire = np.array([length for _, length in parts], dtype=np.int64)
    number = np.arange(len(parts), dtype=np.int64)
    origin = Origin(*(number + 10 * i for i in range(10)))
    return read_messages(np.frombuffer(buffer, dtype=np.uint8), starts, captured, wire, origin)


def types(batch: Batch, row: int = 0) -> list[int]:
    first = int(batch.messages.payload_first[row])
    return batch.payload_type[first : first + int(batch.messages.payload_count[row])].tolist()


def notifies(batch: Batch, row: int = 0) -> list[int]:
    first = int(batch.messages.notify_first[row])
    return batch.notify_type[first : first + int(batch.messages.notify_count[row])].tolist()


def notify(number: int, data: bytes = b"") -> tuple[int, bytes]:
    return 41, bytes([0, 0]) + number.to_bytes(2, "big") + data


def test_header_fields():
    data = message((33, SA), notify(16430), exchange=34, flags=0x08)
    m = read((data, len(data))).messages
    assert int(m.spi_i[0]).to_bytes(8, "big") == SPI_I
    assert int(m.spi_r[0]).to_bytes(8, "big") == SPI_R
    values = [int(c[0]) for c in (m.version, m.exchange, m.flags, m.message_id, m.length, m.wire, m.captured, m.status)]
    assert values == [0x20, 34, 0x08, 0, len(data), len(data), len(data), WHOLE]
    assert [int(c[0]) for c in (m.skf_number, m.skf_total, m.inner)] == [MISSING] * 3


def test_payloads_and_notifies_of_each_message_are_its_own():
    one = message((33, SA), (34, bytes(8)), notify(16388), notify(16430))
    two = message((46, bytes([35]) + bytes(40)))
    three = message(notify(14))
    batch = read((one, len(one)), (two, len(two)), (three, len(three)))
    assert [types(batch, row) for row in range(3)] == [[33, 34, 41, 41], [46], [41]]
    assert [notifies(batch, row) for row in range(3)] == [[16388, 16430], [], [14]]
    assert batch.messages.inner.tolist() == [MISSING, 35, MISSING]
    assert batch.clear == [one, b"", three]


def test_skf_numbers():
    data = message((53, bytes([35]) + bytes([0, 2, 0, 5]) + bytes(30)), exchange=35)
    m = read((data, len(data))).messages
    assert (int(m.skf_number[0]), int(m.skf_total[0]), int(m.inner[0])) == (2, 5, 35)


def test_where_the_message_came_from_is_kept():
    batch = read((message(), 28), (message(), 28))
    assert batch.messages.frame.tolist() == [0, 1]
    assert batch.messages.datagram.tolist() == [20, 21]
    assert batch.messages.complete.tolist() == [90, 91]


CHAIN = message((33, SA), (34, bytes(60)), notify(16430))
ENCRYPTED = message((46, bytes([35]) + bytes(100)))
CUTS = {
    "whole": (CHAIN, len(CHAIN), WHOLE),
    "cut by the capture": (CHAIN[:60], len(CHAIN), TRUNCATED),
    "cut at the end of a payload": (CHAIN[:44], len(CHAIN), TRUNCATED),
    "cut behind the header of SK": (ENCRYPTED[:40], len(ENCRYPTED), WHOLE),
    "longer than its datagram": (CHAIN[:60], 60, MALFORMED),
    "length below the header's": (message(length=27), 28, MALFORMED),
    "bytes behind the message": (CHAIN + bytes(8), len(CHAIN) + 8, WHOLE),
    "chain ends before the length": (message(notify(14), length=44) + bytes(8), 44, MALFORMED),
    "payload longer than the message": (message((41, bytes(4)))[:-6] + b"\xff\xff" + bytes(4), 36, MALFORMED),
}


@pytest.mark.parametrize("name", CUTS)
def test_status(name):
    data, wire, expected = CUTS[name]
    assert read((data, wire)).messages.status.tolist() == [expected]


def test_digest_covers_what_was_captured_of_the_message_and_nothing_behind_it():
    batch = read((CHAIN, len(CHAIN)), (CHAIN + b"tail", len(CHAIN) + 4), (CHAIN[:-1] + b"?", len(CHAIN)))
    own = int.from_bytes(blake2b(CHAIN, digest_size=8).digest(), "big")
    assert [int(d) == own for d in batch.messages.digest] == [True, True, False]


def test_encrypted_ikev1_is_not_walked():
    data = message((5, bytes(20)), version=0x10, flags=0x01)
    batch = read((data, len(data)))
    assert types(batch) == []
    assert batch.clear == [b""]


@settings(max_examples=80)
@given(st.lists(st.tuples(messages, st.integers(0, 20)), min_size=1, max_size=5))
def test_equal_to_the_parser_of_one_message(some):
    batch = read(*((data, len(data) + more) for data, more in some))
    for row, (data, more) in enumerate(some):
        one = IKE(data, wire_length=len(data) + more)
        assert int(batch.messages.length[row]) == one.length
        assert int(batch.messages.exchange[row]) == one.exchange
        if data[17] >> 4 == 2:
            assert types(batch, row) == [p.payload_type for p in one.payloads]


@pytest.mark.parametrize("capture", REAL)
def test_real_messages_as_tshark_reads_them(shared_captures, capture):
    found = captured_messages(shared_captures, capture)
    assert found
    batch = read(*((c.ike, c.wire_length) for c in found))
    for row, c in enumerate(found):
        assert f"{int(batch.messages.spi_i[row]):016x}" == c.truth["isakmp.ispi"]
        assert int(batch.messages.length[row]) == c.numbers("isakmp.length")[0]
        assert notifies(batch, row) == c.numbers("isakmp.notify.msgtype")
