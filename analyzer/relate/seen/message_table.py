"""The messages of a capture by row: columns that views read one value at a time.

Columns are memory views of the NumPy arrays: a value costs no more than an element of a list, and no list is made.
What many SAs ask of each message (does it announce IKE fragmentation? does it take part in the negotiation?) is worked
out here for all of them at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.cached_property import cached_property
from analyzer.columns import MISSING, Bools, Ints
from analyzer.ike.message_columns import FLAG_INITIATOR, FLAG_RESPONSE
from analyzer.ike.registry import numbers
from analyzer.ike.tables import Wire
from analyzer.relate.seen.clear_payloads import having_notify, having_payload
from analyzer.relate.seen.features import features_of_messages

#: Stands for a value of the first packet where there is none: of no header field, and not ``MISSING``.
NO_PACKET = -2


class MessageTable:
    """Columns of the messages; see :class:`analyzer.ike.tables.Messages` for their meaning."""

    def __init__(self, wire: Wire) -> None:
        m = wire.messages
        self.wire = wire
        self.frame = m.frame.data
        self.time = m.time.data
        self.datagram = m.datagram.data
        self.src = m.src.data
        self.dst = m.dst.data
        self.sport = m.sport.data
        self.dport = m.dport.data
        self.spi_i = m.spi_i.data
        self.spi_r = m.spi_r.data
        self.version = m.version.data
        self.exchange = m.exchange.data
        self.message_id = m.message_id.data
        self.length = m.length.data
        self.complete = m.complete.data
        self.status = m.status.data
        self.skf_number = m.skf_number.data
        self.skf_total = m.skf_total.data
        self.inner = m.inner.data
        self.digest = m.digest.data
        self.notify_first = m.notify_first.data
        self.notify_count = m.notify_count.data
        self.notify_type = wire.notify_type.data
        self.payload_first = m.payload_first.data
        self.payload_count = m.payload_count.data
        self.payload_type = wire.payload_type.data
        self.payload_offset = wire.payload_offset.data
        self.payload_length = wire.payload_length.data
        self.fragments = wire.datagrams.fragments.data
        self.largest = wire.datagrams.largest.data
        self.first_fragment = wire.datagrams.first_fragment_length.data
        response: Bools = (m.flags & FLAG_RESPONSE) != 0
        initiator: Bools = (m.flags & FLAG_INITIATOR) != 0
        self.is_response = response.data
        self.is_initiator = initiator.data
        #: The exchange's request is the original initiator's: request and response carry opposite I and R flags.
        asked_by_initiator: Bools = initiator != response
        self.asked_by_initiator = asked_by_initiator.data
        #: The message carries IKEV2_FRAGMENTATION_SUPPORTED.
        self.announces = having_notify(wire, numbers.IKEV2_FRAGMENTATION_SUPPORTED).data
        #: It chooses or offers: SA and KE payloads. IKE_SESSION_RESUME has neither; a nonce shows that it is no error.
        takes_part: Bools = np.where(
            m.exchange == numbers.IKE_SESSION_RESUME,
            having_payload(wire, numbers.NONCE),
            having_payload(wire, numbers.SA) & having_payload(wire, numbers.KE),
        )
        self.takes_part = takes_part.data

    @cached_property
    def packet_rows(self) -> tuple[Ints, Ints]:
        """Packet rows sorted by datagram and time, and where each datagram begins among them."""
        datagram = self.wire.packets.datagram
        order = np.lexsort((self.wire.packets.time, datagram))
        return order, np.searchsorted(datagram[order], np.arange(len(self.fragments) + 1))

    @cached_property
    def features(self) -> memoryview:
        """For each message the features that it has (:class:`analyzer.relate.seen.features.Feature`), as a number."""
        return features_of_messages(self.wire).data

    @cached_property
    def first_direction(self) -> memoryview:
        """For each message the direction of its first packet; ``NO_PACKET`` over TCP."""
        return self._of_first_packet(self.wire.packets.direction)

    @cached_property
    def first_ttl(self) -> memoryview:
        """For each message the TTL of its first packet; ``NO_PACKET`` over TCP."""
        return self._of_first_packet(self.wire.packets.ttl)

    @cached_property
    def first_ip_id(self) -> memoryview:
        """For each message the IP identification of its first packet; ``NO_PACKET`` over TCP."""
        return self._of_first_packet(self.wire.packets.ip_id)

    def _of_first_packet(self, column: NDArray[Any]) -> memoryview:
        order, begins = self.packet_rows
        datagram = self.wire.messages.datagram
        found = np.full(len(datagram), NO_PACKET, dtype=np.result_type(column, np.int32))
        has_packet = np.flatnonzero(datagram != MISSING)
        has_packet = has_packet[begins[datagram[has_packet]] < begins[datagram[has_packet] + 1]]
        found[has_packet] = column[order[begins[datagram[has_packet]]]]
        return found.data
