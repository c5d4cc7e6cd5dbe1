"""One IKE message as rules and reports see it.

A view is two words (table and row); its properties look the values up when asked, so that half a million of them cost
little.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from analyzer.columns import MISSING, Ints
from analyzer.ike.from_columns import ike_of
from analyzer.ike.message_columns import MALFORMED, TRUNCATED, WHOLE
from analyzer.ike.registry import numbers
from analyzer.packets.tables import Packets
from analyzer.protocol import IPV4_HEADER, IPV6_FRAGMENT_HEADER, IPV6_HEADER, NON_ESP_MARKER, UDP_HEADER
from analyzer.relate.seen.message_table import NO_PACKET, MessageTable

if TYPE_CHECKING:
    from analyzer.ike.message import IKE

#: Bytes in front of IKE: without options in IPv4; IPv6 and its fragment header; UDP; the non-ESP marker.

#: Most bytes of a datagram, whatever the IKE header claims (RFC 768: a 16-bit length).
_LONGEST_DATAGRAM = 65_535


class Message:
    """One IKE message (an SKF fragment is one), as a view of a row."""

    __slots__ = ("_t", "row")

    def __init__(self, table: MessageTable, row: int) -> None:
        self._t = table
        self.row = row

    def __repr__(self) -> str:
        return f"<Message frame {self.frame} exchange {self.exchange} id {self.message_id} {self.length} bytes>"

    @property
    def frame(self) -> int:
        """Frame that completes the message."""
        return self._t.frame[self.row]

    @property
    def frames(self) -> tuple[int, ...]:
        """All frames that carry it, in the order of arrival."""
        many = self._t.wire.message_frames.get(self.row)
        return many if many is not None else (self._t.frame[self.row],)

    @property
    def time(self) -> int:
        """Capture time of its first packet, ns."""
        return self._t.time[self.row]

    @property
    def time_bounds(self) -> tuple[int, int]:
        """Between which times its last packet came, ns: twice its own, unless the date of that packet is damaged."""
        return self._t.wire.misdated.get(self.frame, (self.time, self.time))

    @property
    def src(self) -> str:
        return self._t.wire.addresses.text(self._t.src[self.row])

    @property
    def dst(self) -> str:
        return self._t.wire.addresses.text(self._t.dst[self.row])

    @property
    def sport(self) -> int:
        return self._t.sport[self.row]

    @property
    def dport(self) -> int:
        return self._t.dport[self.row]

    @property
    def nat_t(self) -> bool:
        """Behind the non-ESP marker (RFC 7296 section 2.23)."""
        return bool(self._t.wire.messages.nat_t[self.row])

    @property
    def over_tcp(self) -> bool:
        return bool(self._t.wire.messages.tcp[self.row])

    @property
    def spi_i(self) -> int:
        return self._t.spi_i[self.row]

    @property
    def spi_r(self) -> int:
        return self._t.spi_r[self.row]

    @property
    def version(self) -> int:
        """Major version."""
        return self._t.version[self.row] >> 4

    @property
    def exchange(self) -> int:
        return self._t.exchange[self.row]

    @property
    def is_response(self) -> bool:
        return bool(self._t.is_response[self.row])

    @property
    def is_initiator(self) -> bool:
        """Sent by the original initiator of the IKE SA (I flag)."""
        return bool(self._t.is_initiator[self.row])

    @property
    def exchange_key(self) -> tuple[int, int, int]:
        """What the messages of one exchange share: asked by the original initiator, exchange type, message ID."""
        t, row = self._t, self.row
        return t.asked_by_initiator[row], t.exchange[row], t.message_id[row]

    @property
    def message_id(self) -> int:
        return self._t.message_id[self.row]

    @property
    def length(self) -> int:
        """Length field of the IKE header, bytes."""
        return self._t.length[self.row]

    @property
    def skf_number(self) -> int:
        """Fragment number, 0 when this is no SKF message."""
        return max(self._t.skf_number[self.row], 0)

    @property
    def skf_total(self) -> int:
        """Total fragments, 0 when this is no SKF message."""
        return max(self._t.skf_total[self.row], 0)

    @property
    def inner_payload(self) -> int | None:
        """Clear next-payload byte of SK or SKF: type of the first payload inside. None when not encrypted."""
        inner = self._t.inner[self.row]
        return None if inner == MISSING else inner

    @property
    def complete(self) -> bool:
        """All IP fragments were seen."""
        return bool(self._t.complete[self.row])

    @property
    def clear_complete(self) -> bool:
        """All payloads outside encryption were captured and could be read."""
        return self.complete and self._t.status[self.row] == WHOLE

    @property
    def is_cut_by_capture(self) -> bool:
        """The capture kept too few bytes of its packet to read all clear payloads."""
        return self.complete and self._t.status[self.row] == TRUNCATED

    @property
    def is_malformed(self) -> bool:
        return self._t.status[self.row] == MALFORMED

    @property
    def announces_fragmentation(self) -> bool:
        """It carries IKEV2_FRAGMENTATION_SUPPORTED in the clear."""
        return bool(self._t.announces[self.row])

    @property
    def takes_part(self) -> bool:
        """It negotiates (SA and KE payloads), rather than only refusing or demanding something."""
        return bool(self._t.takes_part[self.row])

    @property
    def features(self) -> int:
        """What is in it (:class:`analyzer.relate.seen.features.Feature`), as a number."""
        return self._t.features[self.row]

    @property
    def payloads(self) -> tuple[int, ...]:
        """Clear payload types, in order."""
        first = self._t.payload_first[self.row]
        return tuple(self._t.payload_type[first : first + self._t.payload_count[self.row]])

    @property
    def notifies(self) -> tuple[int, ...]:
        """Clear notify message types, in order."""
        first = self._t.notify_first[self.row]
        return tuple(self._t.notify_type[first : first + self._t.notify_count[self.row]])

    @property
    def ip_fragments(self) -> int:
        """Distinct IP fragments seen (1: one packet)."""
        datagram = self._t.datagram[self.row]
        return 1 if datagram == MISSING else self._t.fragments[datagram]

    @property
    def ip_pieces(self) -> int:
        """IP packets that it was cut into (1: none was cut), those that are not in the trace included.

        Of a message that is there in part: as many as its length takes at the size of the first fragment, and at the
        least one more than was seen.
        """
        seen = self.ip_fragments
        if self.complete:
            return seen
        first = self.first_fragment_length
        if first is None:
            return seen + 1
        room = first - (IPV6_HEADER + IPV6_FRAGMENT_HEADER if ":" in self.src else IPV4_HEADER)
        octets = min(UDP_HEADER + (NON_ESP_MARKER if self.nat_t else 0) + self.length, _LONGEST_DATAGRAM)
        return max(-(-octets // room) if room > 0 else 0, seen + 1)

    @property
    def is_ip_fragmented(self) -> bool:
        return self.ip_fragments > 1 or not self.complete

    @property
    def largest_ip_packet(self) -> int:
        """Largest IP packet that carried it, bytes; 0 over TCP."""
        datagram = self._t.datagram[self.row]
        return 0 if datagram == MISSING else self._t.largest[datagram]

    @property
    def first_fragment_length(self) -> int | None:
        """IP length of the fragment at offset 0; None when whole or not seen."""
        datagram = self._t.datagram[self.row]
        length = MISSING if datagram == MISSING else self._t.first_fragment[datagram]
        return None if length == MISSING else length

    @property
    def packets(self) -> Ints:
        """Rows of its packets in the packets table."""
        datagram = self._t.datagram[self.row]
        if datagram == MISSING:
            return np.empty(0, dtype=np.int64)
        order, begins = self._t.packet_rows
        return order[begins[datagram] : begins[datagram + 1]]

    @property
    def ip_sizes(self) -> tuple[int, ...]:
        """Sizes of the IP packets that carried it, in the order of arrival, bytes."""
        return tuple(self._t.wire.packets.ip_length[self.packets].tolist())

    @property
    def ttls(self) -> tuple[int, ...]:
        """TTL or hop limit of each packet that carried it."""
        packets = self.packets
        ttl = self._t.wire.packets.ttl
        return (int(ttl[packets[0]]),) if len(packets) == 1 else tuple(ttl[packets].tolist())

    @property
    def first_ttl(self) -> int | None:
        """TTL or hop limit of its first packet; None over TCP."""
        ttl: int = self._t.first_ttl[self.row]
        return None if ttl == NO_PACKET else ttl

    @property
    def first_direction(self) -> int | None:
        """Which way its first packet passed the capturing host (``DIRECTION_IN`` ...); None over TCP."""
        direction: int = self._t.first_direction[self.row]
        return None if direction == NO_PACKET else direction

    @property
    def ip_id(self) -> int:
        """IP identification of its first packet; 0 where there is none (IPv6 in one packet, TCP)."""
        packets = self.packets
        return max(int(self._t.wire.packets.ip_id[packets[0]]), 0) if len(packets) else 0

    @property
    def packet_table(self) -> Packets:
        """The table that :attr:`packets` are rows of."""
        return self._t.wire.packets

    @property
    def captured(self) -> int:
        """Bytes of the IKE message that the capture kept."""
        return int(self._t.wire.messages.captured[self.row])

    @property
    def address_numbers(self) -> tuple[int, int]:
        """Source and destination as numbers of :class:`analyzer.packets.addresses.Addresses`."""
        return self._t.src[self.row], self._t.dst[self.row]

    def address_text(self, number: int) -> str:
        """Text of an address number of the same capture."""
        return self._t.wire.addresses.text(number)

    @property
    def digest(self) -> int:
        return self._t.digest[self.row]

    def payload_bodies(self, kind: int) -> list[bytes]:
        """What follows the generic header of each clear payload of a type, as far as it was captured."""
        data = self._t.wire.clear[self.row]
        return [data[at + 4 : at + length] for payload, at, length in self._payload_places() if payload == kind]

    def notify_data(self, kind: int) -> list[bytes]:
        """Data of each clear Notify payload of a type (IKEv2: after protocol, SPI size, type and SPI)."""
        data, wanted = self._t.wire.clear[self.row], kind.to_bytes(2, "big")
        return [
            data[min(at + 8 + data[at + 5], at + length) : at + length]
            for payload, at, length in self._payload_places()
            if payload == numbers.N and length >= 8 and data[at + 6 : at + 8] == wanted
        ]

    def _payload_places(self) -> Iterator[tuple[int, int, int]]:
        """Type, offset in the message and length of each clear payload."""
        t, first = self._t, self._t.payload_first[self.row]
        rows = slice(first, first + t.payload_count[self.row])
        return zip(t.payload_type[rows], t.payload_offset[rows], t.payload_length[rows], strict=True)

    @property
    def ike(self) -> IKE:
        """The message taken apart, as far as it can be read without keys (:mod:`analyzer.ike.from_columns`)."""
        return ike_of(self._t.wire, self.row)
