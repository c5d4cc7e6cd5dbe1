"""The messages of a capture by row: columns that views read one value at a time.

Columns are memory views of the NumPy arrays: a value costs no more than an element of a list, and no list is made.
What many SAs ask of each message (does it announce IKE fragmentation? does it take part in the negotiation?) is worked
out here for all of them at once.
"""

from __future__ import annotations

import numpy as np

from analyzer.capture.gather import Bools, Ints
from analyzer.relate.lazy import lazy
from analyzer.wire.messages import FLAG_INITIATOR, FLAG_RESPONSE
from analyzer.wire.registry import numbers
from analyzer.wire.tables import Wire


class MessageTable:
    """Columns of the messages; see :class:`analyzer.wire.tables.Messages` for their meaning."""

    def __init__(self, wire: Wire) -> None:
        m = wire.messages
        self.wire = wire
        self.frame = memoryview(m.frame)
        self.time = memoryview(m.time)
        self.datagram = memoryview(m.datagram)
        self.src = memoryview(m.src)
        self.dst = memoryview(m.dst)
        self.sport = memoryview(m.sport)
        self.dport = memoryview(m.dport)
        self.spi_i = memoryview(m.spi_i)
        self.spi_r = memoryview(m.spi_r)
        self.version = memoryview(m.version)
        self.exchange = memoryview(m.exchange)
        self.message_id = memoryview(m.message_id)
        self.length = memoryview(m.length)
        self.complete = memoryview(m.complete)
        self.status = memoryview(m.status)
        self.skf_number = memoryview(m.skf_number)
        self.skf_total = memoryview(m.skf_total)
        self.inner = memoryview(m.inner)
        self.digest = memoryview(m.digest)
        self.notify_first = memoryview(m.notify_first)
        self.notify_count = memoryview(m.notify_count)
        self.fragments = memoryview(wire.datagrams.fragments)
        self.largest = memoryview(wire.datagrams.largest)
        self.first_fragment = memoryview(wire.datagrams.first_fragment_length)
        response: Bools = (m.flags & FLAG_RESPONSE) != 0
        initiator: Bools = (m.flags & FLAG_INITIATOR) != 0
        self.is_response = memoryview(response)
        self.is_initiator = memoryview(initiator)
        #: The exchange's request is the original initiator's: request and response carry opposite I and R flags.
        self.asked_by_initiator = memoryview(initiator != response)
        #: The message carries IKEV2_FRAGMENTATION_SUPPORTED.
        self.announces = memoryview(having_notify(wire, numbers.IKEV2_FRAGMENTATION_SUPPORTED))
        #: It chooses or offers: SA and KE payloads (IKE_SESSION_RESUME has neither; its nonce shows that it is no error).
        self.takes_part = memoryview(
            np.where(
                m.exchange == numbers.IKE_SESSION_RESUME,
                having_payload(wire, numbers.NONCE),
                having_payload(wire, numbers.SA) & having_payload(wire, numbers.KE),
            )
        )

    @lazy
    def packet_rows(self) -> tuple[Ints, Ints]:
        """Packet rows sorted by datagram, and where each datagram begins among them."""
        datagram = self.wire.packets.datagram
        order = np.argsort(datagram, kind="stable")
        return order, np.searchsorted(datagram[order], np.arange(len(self.fragments) + 1))


def having_payload(wire: Wire, kind: int) -> Bools:
    """For each message: does it hold a clear payload of this type?"""
    return _having(wire.payload_type == kind, wire.messages.payload_first, wire.messages.payload_count)


def having_notify(wire: Wire, kind: int) -> Bools:
    """For each message: does it hold a clear Notify of this type?"""
    return _having(wire.notify_type == kind, wire.messages.notify_first, wire.messages.notify_count)


def _having(hits: Bools, first: Ints, count: Ints) -> Bools:
    """Which messages have at least one hit among their ``count`` elements from ``first`` on."""
    before = np.concatenate([[0], np.cumsum(hits)])
    found: Bools = before[first + count] > before[first]
    return found
