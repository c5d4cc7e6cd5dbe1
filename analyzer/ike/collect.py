"""Chunks of packets in, tables of IKE out: the one pass over the capture.

Plain UDP packets are read as columns; fragments, TCP segments, ICMP errors and odd link layers one at a time. Both ways
end in the same function that reads IKE messages. What other traffic tells is collected beside (bystanders).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import Gather, Ints
from analyzer.formats.records import Chunk, Interface, Note
from analyzer.ike.message_columns import Batch, Origin, read_messages
from analyzer.ike.message_queue import Waiting
from analyzer.packets import udp_payload
from analyzer.packets.assembled import FRAGMENT_OFFSET, LooseDatagram
from analyzer.packets.census import count, count_reassembled, count_unlocated
from analyzer.packets.directions import Conversations
from analyzer.packets.esp_flows import Flows
from analyzer.packets.ip_columns import address_numbers, ip_ends, ipv4_headers
from analyzer.packets.link_columns import KNOWN, cooked_directions, locate_ip
from analyzer.packets.link_fit import LinkTypes
from analyzer.packets.order import Order
from analyzer.packets.sieve import AH, UDP, Ports, select
from analyzer.packets.slow_path import Singles
from analyzer.packets.tables import (
    MAX_ADDRESSES,
    MISSING,
    Addresses,
    Census,
    Datagrams,
    Messages,
    Packets,
    Wire,
    narrowed,
    stack,
    take,
)

#: IKE messages kept, and bytes of those that can be read without keys; a capture with more gets a note, and what came
#: first is analysed.
MAX_MESSAGES = 1_000_000
MAX_CLEAR = 128 << 20
#: Messages of one IKE SA that are looked into, the first ones: a check every ten seconds makes so many in a week.
MAX_OF_SA = 100_000

#: IKE messages in a chunk that are worth a reading of their own; fewer wait for more.
_WORTH_READING = 200

_UDP_HEADER, _ESP_HEADER = 8, 8


class Collector:
    """Feed it the chunks of a capture in order, then ask for the tables.

    Parameters
    ----------
    ports : Ports
        Where IKE is looked for.
    """

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.addresses = Addresses()
        self.census = Census()
        self.over_limit = 0
        self.beyond_of_sa = 0
        self._link_types = LinkTypes()
        self._flows = Flows()
        self._conversations = Conversations()
        self._order = Order()
        # Not a method of its own: what refers to itself stays in memory until the collector comes.
        self._singles = Singles(ports, self.addresses, partial(_count_esp, self.census, self._flows))
        self._packets: list[Packets] = []
        self._datagrams: list[Datagrams] = []
        self._datagram_count = 0
        self._batches: list[Batch] = []
        self._waiting = Waiting()
        self._message_count = 0
        self._clear_bytes = 0
        self._datagram_frames: dict[int, tuple[int, ...]] = {}
        self._datagram_missing: dict[int, tuple[tuple[int, int], ...]] = {}
        self._message_frames: dict[int, tuple[int, ...]] = {}
        self._ended: dict[int, int] = {}
        self._holes: dict[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]] = {}

    def feed(self, chunk: Chunk, interfaces: Sequence[Interface]) -> None:
        """Take what matters out of one chunk; the chunk's buffer is not kept."""
        for part, links in self._link_types.ready(chunk, interfaces):
            self._take(part, links)

    def _take(self, chunk: Chunk, links: NDArray[np.int32]) -> None:
        """Take what matters out of packets whose link types are known."""
        self._order.add(chunk.first_frame, chunk.time)
        fields = Gather(chunk.buffer)
        chunk.direction = cooked_directions(fields, chunk.start, chunk.captured, links, chunk.direction)
        located = locate_ip(fields, chunk.start, chunk.captured, links)
        selection = select(fields, located, chunk.start + chunk.captured, self.ports)
        count(self.census, fields, chunk, links, located.offset, selection)
        self._conversations.add(fields, chunk.first_frame, located.offset, chunk.start + chunk.captured)
        self._native_esp(fields, chunk, located.offset, selection.esp)
        self._plain_udp(fields, chunk, located.offset, selection.udp)
        self._odd(fields, chunk, links, located.offset, selection.odd)
        self._singles.bystanders.take_many(fields, chunk, located.offset, selection.bystanders)
        self._take_singles()
        if self._waiting.is_full:
            self._read_waiting()

    def finish(self) -> Wire:
        """Close what is still open and give the tables: packets by frame, all else by when it was complete."""
        for part, links in self._link_types.rest():
            self._take(part, links)
        self._singles.flush()
        self._take_singles()
        self._read_waiting()
        self._keep_orphans()
        self.census.evicted = self._singles.evicted
        self.census.one_way_tcp = self._conversations.one_way_tcp
        payload_type = _concatenated([b.payload_type for b in self._batches], np.uint8)
        payload_offset = _concatenated([b.payload_offset for b in self._batches], np.uint32)
        payload_length = _concatenated([b.payload_length for b in self._batches], np.uint32)
        notify_type = _concatenated([b.notify_type for b in self._batches], np.uint16)
        clear = [c for b in self._batches for c in b.clear]
        messages = stack(Messages, _rebased(self._batches))
        self._batches.clear()
        if len(messages.spi_i) > MAX_OF_SA:
            sizes = np.unique(messages.spi_i, return_counts=True)[1]
            self.beyond_of_sa = int(np.maximum(sizes - MAX_OF_SA, 0).sum())
        ended = messages.time.copy()
        ended[list(self._ended)] = list(self._ended.values())
        order = self._order.of(messages.frame, ended)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        packets = stack(Packets, self._packets)
        self._packets.clear()
        bystanders = self._singles.bystanders
        packets = take(packets, np.argsort(packets.frame, kind="stable"))
        over_tcp = messages.datagram == MISSING
        known = [(row.frame, row.time) for row in self._singles.icmp]
        columns = np.array([*zip(*known, strict=True)] or [(), ()], dtype=np.int64)
        places = self._order.places(
            np.concatenate((packets.frame, messages.frame[over_tcp], columns[0])),
            np.concatenate((packets.time, messages.time[over_tcp], columns[1])),
        )
        return Wire(
            addresses=self.addresses,
            packets=packets,
            datagrams=stack(Datagrams, self._datagrams),
            datagram_frames=self._datagram_frames,
            datagram_missing=self._datagram_missing,
            message_frames={int(place[row]): frames for row, frames in self._message_frames.items()},
            messages=take(messages, order),
            payload_type=payload_type,
            payload_offset=payload_offset,
            payload_length=payload_length,
            notify_type=notify_type,
            clear=[clear[i] for i in order.tolist()],
            flows=self._flows.all(by_time=not self._order.goes_back),
            icmp=self._order.sorted(self._singles.icmp),
            census=self.census,
            echoes=self._order.sorted(bystanders.echoes),
            handshakes=self._order.sorted(bystanders.handshakes),
            names=self._order.sorted(bystanders.names),
            place=places,
        )

    def notes(self) -> list[Note]:
        """What the collector had to leave out; complete after :meth:`finish`."""
        notes = [*self._link_types.notes(), *self._order.notes(), *self._singles.notes]
        if self.over_limit:
            notes.append(
                Note(
                    "analysis-limit",
                    f"{self.over_limit:,} IKE messages were not analysed: {MAX_MESSAGES:,} are, or "
                    f"{MAX_CLEAR >> 20} MiB of them.",
                )
            )
        if self.beyond_of_sa:
            detail = f"{self.beyond_of_sa:,} IKE messages were not analysed: {MAX_OF_SA:,} of one IKE SA are."
            notes.append(Note("analysis-limit", detail))
        if self._flows.beyond_limit:
            notes.append(
                Note(
                    "analysis-limit",
                    f"{self._flows.beyond_limit:,} ESP packets of further SPIs were not counted by flow.",
                )
            )
        if self._singles.evicted:
            notes.append(
                Note(
                    "analysis-limit", f"{self._singles.evicted:,} incomplete datagrams were given up (fragment flood)."
                )
            )
        headless = self.census.headless + self._singles.headless
        if headless:
            detail = f"{headless:,} packets were cut so short that what they carried cannot be told: as good as lost"
            notes.append(Note("capture-lost-packets", detail))
        if self._singles.torn:
            what = "packets of tunnels came in IP fragments that are not all here: what they carried cannot be told"
            notes.append(Note("capture-lost-packets", f"{self._singles.torn:,} {what}"))
        if self._singles.encrypted:
            detail = f"{self._singles.encrypted:,} Wi-Fi frames are encrypted: what they carried cannot be seen"
            notes.append(Note("wifi-encrypted", detail))
        if len(self.addresses) > MAX_ADDRESSES:
            notes.append(Note("analysis-limit", f"Addresses beyond the first {MAX_ADDRESSES:,} are shown as 0.0.0.0."))
        unknown = sorted(self.census.link_types - KNOWN)
        if self.census.unknown_link:
            numbers = ", ".join(map(str, unknown))
            notes.append(
                Note(
                    "link-type-unknown",
                    f"{self.census.unknown_link:,} packets have a link type that is not understood ({numbers}).",
                )
            )
        return notes

    # -- packets that are read as columns ----------------------------------------------------------------------------

    def _native_esp(self, fields: Gather, chunk: Chunk, ip_of: Ints, rows: Ints) -> None:
        if not len(rows):
            return
        length, payload, _ = ip_ends(fields, chunk, rows, ip_of[rows])
        # What the frame holds behind the IP packet is padding, no SPI.
        real = ip_of[rows] + length - payload >= _ESP_HEADER
        rows, length, payload = rows[real], length[real], payload[real]
        ip = ip_of[rows]
        version = fields.u8(ip) >> 4
        src, dst = address_numbers(self.addresses, fields, ip, version)
        # The SPI of AH stands behind its first word (RFC 4302 section 2); AH over IPv6 is for the general decoder.
        ah = (version == 4) & (fields.u8(ip + 9) == AH)
        none = np.zeros(len(rows), dtype=np.int64)
        self.census.esp += len(rows)
        self._flows.add(
            src, dst, none, none, fields.u32(payload + 4 * ah), length, chunk.time[rows], chunk.first_frame + rows
        )

    def _plain_udp(self, fields: Gather, chunk: Chunk, ip_of: Ints, rows: Ints) -> None:
        if not len(rows):
            return
        ip = ip_of[rows]
        ip_length, udp, version = ip_ends(fields, chunk, rows, ip)
        sport, dport = fields.u16(udp), fields.u16(udp + 2)
        payload = udp + _UDP_HEADER
        room = ip + ip_length - payload
        stated = fields.u16(udp + 4) - _UDP_HEADER
        wire = np.maximum(np.where((stated >= 0) & (stated <= room), stated, room), 0)
        captured = np.clip(chunk.start[rows] + chunk.captured[rows] - payload, 0, wire)
        kinds = udp_payload.classify(fields, payload, captured, wire, sport, dport)
        src, dst = address_numbers(self.addresses, fields, ip, version)
        time, frame = chunk.time[rows], chunk.first_frame + rows
        for kind in (udp_payload.ESP, udp_payload.KEEPALIVE):
            some = np.flatnonzero(kinds == kind)
            spi = fields.u32(payload[some]) if kind == udp_payload.ESP else np.zeros(len(some), dtype=np.int64)
            if kind == udp_payload.ESP:
                self.census.esp += len(some)
            else:
                self.census.keepalives += len(some)
            self._flows.add(
                src[some], dst[some], sport[some], dport[some], spi, ip_length[some], time[some], frame[some]
            )
        self.census.unreadable_udp += int(np.count_nonzero(kinds == udp_payload.OTHER))
        cut_early = (kinds == udp_payload.OTHER) & (
            captured < np.minimum(wire, udp_payload.MARKER + udp_payload.HEADER)
        )
        self.census.headless += int(np.count_nonzero(cut_early))
        ike = np.flatnonzero((kinds == udp_payload.IKE) | (kinds == udp_payload.IKE_BEHIND_MARKER))
        if not len(ike) or not self._room_for(len(ike)):
            return
        marker = np.where(kinds[ike] == udp_payload.IKE_BEHIND_MARKER, udp_payload.MARKER, 0)
        datagram = self._datagram_count + np.arange(len(ike), dtype=np.int64)
        self._datagram_count += len(ike)
        at, four = ip[ike], version[ike] == 4
        flags = np.where(four, fields.u16(at + 6), 0)
        none = np.full(len(ike), MISSING, dtype=np.int64)
        no, yes = np.zeros(len(ike), dtype=np.int64), np.ones(len(ike), dtype=np.int64)
        picked = rows[ike]
        self._packets.append(
            _packets(
                frame=frame[ike],
                time=time[ike],
                interface=chunk.interface[picked].astype(np.int64),
                direction=chunk.direction[picked].astype(np.int64),
                src=src[ike],
                dst=dst[ike],
                ip_version=version[ike],
                ip_id=np.where(four, fields.u16(at + 4), MISSING),
                df=np.where(four, (flags >> 14) & 1, MISSING),
                mf=no,
                fragment_offset=no,
                ttl=np.where(four, fields.u8(at + 8), fields.u8(at + 7)),
                ip_length=ip_length[ike],
                captured=chunk.captured[picked],
                wire=chunk.wire[picked],
                protocol=np.full(len(ike), UDP, dtype=np.int64),
                sport=sport[ike],
                dport=dport[ike],
                datagram=datagram,
                dropped=chunk.host_dropped[picked].astype(np.int64),
            )
        )
        self._datagrams.append(_datagrams(yes, yes, no, none, ip_length[ike]))
        origin = Origin(
            frame[ike], time[ike], datagram, src[ike], dst[ike], sport[ike], dport[ike], (marker > 0).astype(np.int64),
            no, yes,
        )  # fmt: skip
        start, available, length = payload[ike] + marker, captured[ike] - marker, wire[ike] - marker
        if len(ike) >= _WORTH_READING:
            self._read_waiting()
            self._keep(read_messages(fields.buffer, start, available, length, origin))
        else:
            ends = (start + available).tolist()
            view = fields.buffer.data
            self._waiting.add([bytes(view[a:b]) for a, b in zip(start.tolist(), ends, strict=True)], length, origin)
            self._message_count += len(ike)

    # -- packets that are taken one at a time --------------------------------------------------------------------------

    def _odd(self, fields: Gather, chunk: Chunk, links: NDArray[np.int32], ip_of: Ints, rows: Ints) -> None:
        """Plain IPv4 fragments have their headers read together; all else goes through the general decoder."""
        ip = np.maximum(ip_of[rows], 0)
        plain = (ip_of[rows] >= 0) & (fields.u8(ip) >> 4 == 4) & (fields.u8(ip) & 0x0F >= 5)
        plain &= (fields.u8(ip + 9) == UDP) & (fields.u16(ip + 2) > 0)
        headers = iter(ipv4_headers(fields, chunk, rows[plain], ip[plain]))
        for row, is_plain in zip(rows.tolist(), plain.tolist(), strict=True):
            if self._singles.is_flooded:
                self._take_singles(given_up_only=True)
                self._read_waiting()
            if not is_plain:
                packets = self._singles.add(chunk, row, int(links[row]))
                outer = int(ip_of[row] - chunk.start[row])
                # Behind the extension headers of IPv6 may be a tunnel: only now its packet is there to be counted.
                inside = outer >= 0 and any(packet.l3_offset > outer for packet, _ in packets)
                self.census.ip_packets -= inside
                if outer < 0 or inside:
                    count_unlocated(self.census, packets, self.ports, chunk.first_frame + row)
                continue
            packet = next(headers)
            start = int(chunk.start[row])
            end = start + min(int(chunk.captured[row]), packet.payload_offset + packet.payload_length)
            self._singles.take(chunk, row, packet, chunk.buffer[start + packet.payload_offset : end].tobytes())

    # -- what came one at a time -------------------------------------------------------------------------------------

    def _take_singles(self, *, given_up_only: bool = False) -> None:
        """Move the finished datagrams and messages of the one-at-a-time path into the tables."""
        drained = self._singles.drain(given_up_only=given_up_only)
        for unwrapped in self._singles.unwrapped:
            count_reassembled(self.census, *unwrapped, self.ports)
        self._singles.unwrapped.clear()
        loose = drained.messages
        if not loose or not self._room_for(len(loose)):
            return
        base = self._datagram_count
        self._keep_datagrams(drained.datagrams)
        for i, message in enumerate(loose, self._message_count):
            if len(message.frames) > 1:
                self._message_frames[i] = message.frames
                self._ended[i] = message.ended

        def column(values: Iterable[int]) -> Ints:
            return np.fromiter(values, dtype=np.int64, count=len(loose))

        origin = Origin(
            frame=column(m.frames[-1] for m in loose),
            time=column(m.time for m in loose),
            datagram=column(MISSING if m.datagram == MISSING else base + m.datagram for m in loose),
            src=column(m.src for m in loose),
            dst=column(m.dst for m in loose),
            sport=column(m.sport for m in loose),
            dport=column(m.dport for m in loose),
            nat_t=column(m.nat_t for m in loose),
            tcp=column(m.tcp for m in loose),
            complete=column(m.complete for m in loose),
        )
        self._waiting.add([m.data for m in loose], column(m.wire for m in loose), origin)
        self._message_count += len(loose)

    def _keep_datagrams(self, datagrams: list[LooseDatagram]) -> None:
        if not datagrams:
            return
        base = self._datagram_count
        self._datagram_count += len(datagrams)
        rows = []
        for i, d in enumerate(datagrams):
            if len(d.rows) > 1:
                self._datagram_frames[base + i] = d.frames
            if d.missing:
                # Of a flood all lack the same: that is kept once.
                self._datagram_missing[base + i] = self._holes.setdefault(d.missing, d.missing)
            for r in d.rows:
                # Ports are known for the whole datagram, but only the fragment at offset 0 carries them.
                ports = (d.sport, d.dport) if r[FRAGMENT_OFFSET] == 0 else (MISSING, MISSING)
                *columns, dropped = r
                rows.append((*columns, *ports, base + i, dropped))
        self._packets.append(_packets(*np.array(rows, dtype=np.int64).T))
        table = [(d.fragments, d.complete, d.overlap, d.first_fragment_length, d.largest) for d in datagrams]
        self._datagrams.append(_datagrams(*np.array(table, dtype=np.int64).T))

    def _keep_orphans(self) -> None:
        """Fragments without a first one belong to IKE only if their addresses speak IKE."""
        if not self._singles.orphans:
            return
        pairs = {(int(s), int(d)) for b in self._batches for s, d in _pairs(b.messages)}
        self._keep_datagrams([o for o in self._singles.orphans if (o.src, o.dst) in pairs or (o.dst, o.src) in pairs])

    # -- the growing tables ------------------------------------------------------------------------------------------

    def _room_for(self, count: int) -> bool:
        if self._message_count + count <= MAX_MESSAGES and self._clear_bytes <= MAX_CLEAR:
            return True
        self.over_limit += count
        return False

    def _read_waiting(self) -> None:
        batch = self._waiting.read()
        if batch is not None:
            self._store(batch)

    def _keep(self, batch: Batch) -> None:
        self._store(batch)
        self._message_count += len(batch.messages.frame)

    def _store(self, batch: Batch) -> None:
        self._batches.append(batch)
        self._clear_bytes += sum(map(len, batch.clear))


def _count_esp(census: Census, flows: Flows, *one: int) -> None:
    """Count a single ESP packet or keepalive (see :data:`analyzer.packets.slow_path.CountEsp`)."""
    *columns, keepalive = one
    if keepalive:
        census.keepalives += 1
    else:
        census.esp += 1
    flows.add(*(np.array([value], dtype=np.int64) for value in columns))


def _packets(*columns: Any, **named: Any) -> Packets:
    return narrowed(Packets(*columns, **named))


def _datagrams(*columns: Any) -> Datagrams:
    return narrowed(Datagrams(*columns))


def _pairs(messages: Messages) -> NDArray[np.int64]:
    return np.unique(np.stack([messages.src, messages.dst], axis=1), axis=0)


def _concatenated(parts: list[Any], kind: Any) -> Any:
    return np.concatenate(parts) if parts else np.empty(0, dtype=kind)


def _rebased(batches: list[Batch]) -> list[Messages]:
    """Payload and notify positions of each batch, moved to where its part lies in the whole."""
    payloads = notifies = 0
    for batch in batches:
        batch.messages.payload_first += payloads
        batch.messages.notify_first += notifies
        payloads += len(batch.payload_type)
        notifies += len(batch.notify_type)
    return [b.messages for b in batches]
