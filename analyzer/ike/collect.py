"""Chunks of packets in, tables of IKE out: the one pass over the capture.

Plain UDP packets are read as columns; fragments, TCP segments, ICMP errors and odd link layers one at a time. Both ways
end in the same function that reads IKE messages. What other traffic tells is collected beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import MISSING, Gather, Ints, stack, table_of, take
from analyzer.formats.records import Chunk, Interface, Note
from analyzer.ike.elsewhere import count_elsewhere
from analyzer.ike.message_columns import Batch, read_messages
from analyzer.ike.message_queue import MessageQueue
from analyzer.ike.tables import Messages, Wire
from analyzer.links.columns import cooked_directions, locate_ip
from analyzer.links.types import KNOWN
from analyzer.packets.addresses import MAX_ADDRESSES, Addresses
from analyzer.packets.assembled import AssembledDatagram, EspPacket, Origin, PacketRow
from analyzer.packets.census import count, count_decoded, count_reassembled
from analyzer.packets.directions import Directions
from analyzer.packets.esp_flows import EspFlows
from analyzer.packets.fast_path import FastPath
from analyzer.packets.ip_columns import ipv4_headers
from analyzer.packets.link_fit import LinkTypes
from analyzer.packets.sieve import Ports, Selection, select
from analyzer.packets.slow_path import SlowPath
from analyzer.packets.tables import Census, Datagrams, Packets
from analyzer.packets.time_order import Order
from analyzer.protocol import UDP

#: IKE messages kept, and bytes of those that can be read without keys; a capture with more gets a note, and what came
#: first is analysed.
MAX_MESSAGES = 1_000_000
MAX_CLEAR = 128 << 20
#: Messages of one IKE SA that are looked into, the first ones: a check every ten seconds makes so many in a week.
MAX_OF_SA = 100_000

#: IKE messages in a chunk that are worth a reading of their own; fewer wait for more.
_WORTH_READING = 200


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
        self.census = Census(ports=ports.numbers)
        self.over_limit = 0
        self.beyond_of_sa = 0
        self._link_types = LinkTypes()
        self._flows = EspFlows()
        self._fast_path = FastPath(self.addresses, self.census, self._flows)
        self._directions = Directions()
        self._order = Order()
        # Not a method of its own: what refers to itself stays in memory until the collector comes.
        self._slow_path = SlowPath(ports, self.addresses, partial(_count_esp, self.census, self._flows))
        self._packets: list[Packets] = []
        self._datagrams: list[Datagrams] = []
        self._datagram_count = 0
        self._batches: list[Batch] = []
        self._queue = MessageQueue()
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
        self._directions.add(fields, chunk.first_frame, located.offset, chunk.start + chunk.captured)
        self._fast_path.native_esp(fields, chunk, located.offset, selection.esp)
        self._plain_udp(fields, chunk, located.offset, selection.udp)
        if not self._message_count:
            count_elsewhere(self.census.ike_elsewhere, fields, located.offset, chunk.start + chunk.captured, self.ports)
        self._odd(fields, chunk, links, located.offset, selection)
        self._slow_path.other_traffic.take_many(fields, chunk, located.offset, selection.other_traffic)
        self._take_assembled()
        if self._queue.is_full:
            self._read_queue()

    def finish(self) -> Wire:
        """Close what is still open and give the tables: packets by frame, all else by when it was complete."""
        for part, links in self._link_types.rest():
            self._take(part, links)
        self._slow_path.flush()
        self._take_assembled()
        self._read_queue()
        self._keep_orphans()
        self.census.evicted = self._slow_path.evicted
        self.census.one_way_tcp = self._directions.one_way_tcp
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
        other_traffic = self._slow_path.other_traffic
        packets = take(packets, np.argsort(packets.frame, kind="stable"))
        over_tcp = messages.datagram == MISSING
        known = [(row.frame, row.time) for row in self._slow_path.icmp]
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
            icmp=self._order.sorted(self._slow_path.icmp),
            census=self.census,
            echoes=self._order.sorted(other_traffic.echoes),
            handshakes=self._order.sorted(other_traffic.handshakes),
            names=self._order.sorted(other_traffic.names),
            place=places,
        )

    def notes(self) -> list[Note]:
        """What the collector had to leave out; complete after :meth:`finish`."""
        notes = [*self._link_types.notes(), *self._order.notes(), *self._slow_path.notes]
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
        if self._slow_path.evicted:
            notes.append(
                Note(
                    "analysis-limit",
                    f"{self._slow_path.evicted:,} incomplete datagrams were given up (fragment flood).",
                )
            )
        headless = self.census.headless + self._slow_path.headless
        if headless:
            detail = f"{headless:,} packets were cut so short that what they carried cannot be told: as good as lost"
            notes.append(Note("capture-lost-packets", detail))
        if self._slow_path.torn:
            what = "packets of tunnels came in IP fragments that are not all here: what they carried cannot be told"
            notes.append(Note("capture-lost-packets", f"{self._slow_path.torn:,} {what}"))
        if self._slow_path.encrypted:
            detail = f"{self._slow_path.encrypted:,} Wi-Fi frames are encrypted: what they carried cannot be seen"
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

    def _plain_udp(self, fields: Gather, chunk: Chunk, ip_of: Ints, rows: Ints) -> None:
        found = self._fast_path.udp(fields, chunk, ip_of, rows, self._datagram_count)
        if found is None or not self._room_for(len(found.start)):
            return
        count = len(found.start)
        self._datagram_count += count
        self._packets.append(found.packets)
        self._datagrams.append(found.datagrams)
        if count >= _WORTH_READING:
            self._read_queue()
            self._keep(read_messages(fields.buffer, found.start, found.captured, found.wire, found.origin))
        else:
            ends = (found.start + found.captured).tolist()
            view = fields.buffer.data
            messages = [bytes(view[a:b]) for a, b in zip(found.start.tolist(), ends, strict=True)]
            self._queue.add(messages, found.wire, found.origin)
            self._message_count += count

    # -- packets that are taken one at a time --------------------------------------------------------------------------

    def _odd(self, fields: Gather, chunk: Chunk, links: NDArray[np.int32], ip_of: Ints, selection: Selection) -> None:
        """Plain IPv4 fragments have their headers read together; all else goes through the general decoder."""
        rows, undecided = selection.odd, set(selection.undecided.tolist())
        ip = np.maximum(ip_of[rows], 0)
        plain = (ip_of[rows] >= 0) & (fields.u8(ip) >> 4 == 4) & (fields.u8(ip) & 0x0F >= 5)
        plain &= (fields.u8(ip + 9) == UDP) & (fields.u16(ip + 2) > 0)
        headers = iter(ipv4_headers(fields, chunk, rows[plain], ip[plain]))
        for row, is_plain in zip(rows.tolist(), plain.tolist(), strict=True):
            if self._slow_path.is_flooded:
                self._take_assembled(given_up_only=True)
                self._read_queue()
            if not is_plain:
                packets = self._slow_path.add(chunk, row, int(links[row]))
                if row in undecided:
                    outer = int(ip_of[row] - chunk.start[row])
                    count_decoded(self.census, packets, outer, self.ports, chunk.first_frame + row)
                continue
            packet = next(headers)
            start = int(chunk.start[row])
            end = start + min(int(chunk.captured[row]), packet.payload_offset + packet.payload_length)
            self._slow_path.take(chunk, row, packet, chunk.buffer[start + packet.payload_offset : end].tobytes())

    # -- what came one at a time -------------------------------------------------------------------------------------

    def _take_assembled(self, *, given_up_only: bool = False) -> None:
        """Move the finished datagrams and messages of the one-at-a-time path into the tables."""
        drained = self._slow_path.drain(given_up_only=given_up_only)
        for unwrapped in self._slow_path.unwrapped:
            count_reassembled(self.census, *unwrapped, self.ports)
        self._slow_path.unwrapped.clear()
        assembled = drained.messages
        if not assembled or not self._room_for(len(assembled)):
            return
        base = self._datagram_count
        self._keep_datagrams(drained.datagrams)
        for i, message in enumerate(assembled, self._message_count):
            if len(message.frames) > 1:
                self._message_frames[i] = message.frames
                self._ended[i] = message.ended

        def column(values: Iterable[int]) -> Ints:
            return np.fromiter(values, dtype=np.int64, count=len(assembled))

        origin = Origin(
            frame=column(m.frames[-1] for m in assembled),
            time=column(m.time for m in assembled),
            datagram=column(MISSING if m.datagram == MISSING else base + m.datagram for m in assembled),
            src=column(m.src for m in assembled),
            dst=column(m.dst for m in assembled),
            sport=column(m.sport for m in assembled),
            dport=column(m.dport for m in assembled),
            nat_t=column(m.nat_t for m in assembled),
            tcp=column(m.tcp for m in assembled),
            complete=column(m.complete for m in assembled),
        )
        self._queue.add([m.data for m in assembled], column(m.wire for m in assembled), origin)
        self._message_count += len(assembled)

    def _keep_datagrams(self, datagrams: list[AssembledDatagram]) -> None:
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
            for row in d.rows:
                # Ports are known for the whole datagram, but only the fragment at offset 0 carries them.
                ports = (d.sport, d.dport) if row.fragment_offset == 0 else (MISSING, MISSING)
                rows.append((*row, *ports, base + i))
        columns = zip((*PacketRow._fields, "sport", "dport", "datagram"), np.array(rows, dtype=np.int64).T, strict=True)
        self._packets.append(table_of(Packets, **dict(columns)))
        table = [(d.fragments, d.complete, d.overlap, d.first_fragment_length, d.largest) for d in datagrams]
        self._datagrams.append(table_of(Datagrams, *np.array(table, dtype=np.int64).T))

    def _keep_orphans(self) -> None:
        """Fragments without a first one belong to IKE only if their addresses speak IKE."""
        if not self._slow_path.orphans:
            return
        pairs = {(int(s), int(d)) for b in self._batches for s, d in _pairs(b.messages)}
        self._keep_datagrams([o for o in self._slow_path.orphans if (o.src, o.dst) in pairs or (o.dst, o.src) in pairs])

    # -- the growing tables ------------------------------------------------------------------------------------------

    def _room_for(self, count: int) -> bool:
        if self._message_count + count <= MAX_MESSAGES and self._clear_bytes <= MAX_CLEAR:
            return True
        self.over_limit += count
        return False

    def _read_queue(self) -> None:
        batch = self._queue.read()
        if batch is not None:
            self._store(batch)

    def _keep(self, batch: Batch) -> None:
        self._store(batch)
        self._message_count += len(batch.messages.frame)

    def _store(self, batch: Batch) -> None:
        self._batches.append(batch)
        self._clear_bytes += sum(map(len, batch.clear))


def _count_esp(census: Census, flows: EspFlows, packet: EspPacket) -> None:
    """Count a single ESP packet or keepalive."""
    if packet.is_keepalive:
        census.keepalives += 1
    else:
        census.esp += 1
    *columns, _ = packet
    flows.add(*(np.array([value], dtype=np.int64) for value in columns))


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
