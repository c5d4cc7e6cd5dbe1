"""Messages that wait are read as if each had been read at once."""

from __future__ import annotations

import numpy as np
import pytest

from analyzer.ike import message_queue
from analyzer.ike.message_queue import MessageQueue
from analyzer.packets.assembled import Origin


def header(spi: int, length: int = 28) -> bytes:
    """An IKE_SA_INIT request without payloads (RFC 7296 section 3.1)."""
    fields = spi.to_bytes(8, "big") + bytes(8) + bytes([0, 0x20, 34, 0x08]) + bytes(4) + length.to_bytes(4, "big")
    return fields + bytes(length - 28)


def origin(*frames: int) -> Origin:
    return Origin(*(np.array(frames, dtype=np.int64) for _ in range(10)))


def lengths(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_nothing_waits_at_first():
    assert MessageQueue().read() is None
    assert not MessageQueue().is_full


def test_they_come_out_in_the_order_of_adding_and_once():
    queue = MessageQueue()
    queue.add([header(7), header(8)], lengths(28, 28), origin(1, 2))
    queue.add([header(9)], lengths(28), origin(5))
    batch = queue.read()
    assert batch is not None
    assert batch.messages.spi_i.tolist() == [7, 8, 9]
    assert batch.messages.frame.tolist() == [1, 2, 5]
    assert queue.read() is None


def test_a_message_cut_by_the_capture_does_not_read_into_the_next():
    queue = MessageQueue()
    queue.add([header(7, 60)[:40], header(8)], lengths(60, 28), origin(1, 2))
    batch = queue.read()
    assert batch is not None
    assert batch.messages.captured.tolist() == [40, 28]
    assert batch.messages.length.tolist() == [60, 28]


@pytest.mark.parametrize(("limit", "value"), [("ENOUGH", 2), ("MAX_BYTES", 56)])
def test_enough_is_enough(monkeypatch, limit, value):
    monkeypatch.setattr(message_queue, limit, value)
    queue = MessageQueue()
    queue.add([header(7)], lengths(28), origin(1))
    assert not queue.is_full
    queue.add([header(8)], lengths(28), origin(2))
    assert queue.is_full
    queue.read()
    assert not queue.is_full
