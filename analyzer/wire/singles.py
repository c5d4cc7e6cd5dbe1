"""Packets that are taken apart one at a time: IP fragments, TCP segments, ICMP errors, odd link layers.

Their finished datagrams and messages wait here until the collector drains them, once a chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from analyzer.capture.gather import Gather
from analyzer.capture.records import SLACK, Chunk
from analyzer.capture.select import ESP, ICMP, ICMPV6, TCP, UDP, Ports
from analyzer.wire import natt
from analyzer.wire.decode import IpPacket, decode
from analyzer.wire.icmp import parse_error
from analyzer.wire.reassembly import Datagram, Fragment, Reassembler
from analyzer.wire.tables import MISSING, Addresses, IcmpRow
from analyzer.wire.tcp import TcpStreams

#: ICMP errors, and datagrams without their first fragment, that are kept.
MAX_ICMP = 10_000
MAX_ORPHANS = 10_000

_UDP_HEADER = 8

#: A row of the packets table without its datagram, in the order of the table's columns.
PacketRow = tuple[int, ...]


@dataclass(slots=True)
class Loose:
    """An IKE message put together from one or more packets, waiting to be read with the others of its chunk.

    ``datagram`` is the index of its datagram among those drained with it; ``MISSING`` over TCP.
    """

    data: bytes
    wire: int
    frames: tuple[int, ...]
    time: int
    datagram: int
    src: int
    dst: int
    sport: int
    dport: int
    nat_t: bool
    tcp: bool
    complete: bool


@dataclass(slots=True)
class LooseDatagram:
    """A datagram with the packets that carried it (``duplicates`` last), ready for the tables."""

    rows: list[PacketRow]
    frames: tuple[int, ...]
    fragments: int
    complete: bool
    overlap: bool
    missing: tuple[tuple[int, int], ...]
    first_fragment_length: int
    largest: int
    sport: int
    dport: int
    src: int
    dst: int


@dataclass(slots=True)
class Drained:
    """What was finished since the last time."""

    datagrams: list[LooseDatagram] = field(default_factory=list)
    messages: list[Loose] = field(default_factory=list)


#: Counts an ESP packet or keepalive: source, destination, ports, SPI, IP length, time, frame, is it a keepalive.
CountEsp = Callable[[int, int, int, int, int, int, int, int, bool], None]


class Singles:
    """Takes odd packets one at a time.

    Parameters
    ----------
    ports : Ports
        Where IKE is looked for.
    addresses : Addresses
        Shared with the collector.
    count_esp : CountEsp
        Called for each ESP packet and keepalive met on the way.
    """

    def __init__(self, ports: Ports, addresses: Addresses, count_esp: CountEsp) -> None:
        self.icmp: list[IcmpRow] = []
        #: Incomplete datagrams whose first fragment never came: whose they are is decided when all peers are known.
        self.orphans: list[LooseDatagram] = []
        self._ports = ports
        self._addresses = addresses
        self._count_esp = count_esp
        self._reassembler = Reassembler()
        self._streams = TcpStreams()
        self._drained = Drained()

    @property
    def evicted(self) -> int:
        """Datagrams given up because a limit was reached."""
        return self._reassembler.evicted

    def drain(self) -> Drained:
        """Give what is finished, and forget it."""
        drained, self._drained = self._drained, Drained()
        return drained

    def flush(self) -> None:
        """The capture is over: what is incomplete stays incomplete."""
        for datagram in self._reassembler.flush():
            self._datagram(datagram)

    def add(self, chunk: Chunk, row: int, link_type: int) -> None:
        """Take one packet of a chunk."""
        start = int(chunk.start[row])
        raw = chunk.buffer[start : start + int(chunk.captured[row])].tobytes()
        packet = decode(link_type, raw)
        if packet is None:
            return
        data = raw[packet.payload_offset : packet.payload_offset + packet.payload_length]
        if packet.protocol == UDP:
            self._udp(self._fragment_of(chunk, row, packet, data), packet)
        elif packet.mf or packet.fragment_offset > 0:
            return
        elif packet.protocol == ESP and len(data) >= 8:
            self._esp(packet, 0, 0, data, int(chunk.time[row]), chunk.first_frame + row)
        elif packet.protocol == TCP:
            self._tcp(chunk, row, packet, data)
        elif packet.protocol in (ICMP, ICMPV6):
            self._icmp_error(chunk, row, packet, data)

    # -- UDP, whole or in fragments ----------------------------------------------------------------------------------

    def _fragment_of(self, chunk: Chunk, row: int, packet: IpPacket, data: bytes) -> Fragment:
        return Fragment(
            frame=chunk.first_frame + row,
            time=int(chunk.time[row]),
            offset=packet.fragment_offset,
            length=packet.payload_length,
            more=packet.mf,
            ip_length=packet.ip_length,
            data=data,
            ref=self._row(chunk, row, packet),
        )

    def _row(self, chunk: Chunk, row: int, packet: IpPacket) -> PacketRow:
        return (
            chunk.first_frame + row,
            int(chunk.time[row]),
            int(chunk.interface[row]),
            int(chunk.direction[row]),
            self._addresses.number(packet.src),
            self._addresses.number(packet.dst),
            packet.ip_version,
            MISSING if packet.ip_id is None else packet.ip_id,
            MISSING if packet.df is None else int(packet.df),
            int(packet.mf),
            packet.fragment_offset,
            packet.ttl,
            packet.ip_length,
            int(chunk.captured[row]),
            int(chunk.wire[row]),
            packet.protocol,
            int(chunk.host_dropped[row]),
        )

    def _udp(self, fragment: Fragment, packet: IpPacket) -> None:
        key = (packet.src, packet.dst, packet.protocol, packet.ip_id)
        alone = fragment.offset == 0 and not fragment.more
        if fragment.offset == 0 and len(fragment.data) >= 4:
            sport, dport = _ports(fragment.data)
            if sport not in self._ports and dport not in self._ports:
                if not alone:
                    self._reassembler.discard(key)
                return
            if self._is_esp(fragment, sport, dport):
                self._esp(packet, sport, dport, fragment.data[_UDP_HEADER:], fragment.time, fragment.frame)
                if not alone:
                    self._reassembler.discard(key)
                return
        if alone:
            self._finished([fragment], [], fragment.data, fragment.length, (), overlap=False)
            return
        done = self._reassembler.add(key, fragment)
        if done is not None:
            self._datagram(done)

    def _is_esp(self, first: Fragment, sport: int, dport: int) -> bool:
        """ESP in UDP, also where only the first of several fragments is at hand."""
        data = first.data[_UDP_HEADER:]
        length = first.length - _UDP_HEADER
        return len(data) >= 4 and _kind(data, length, sport, dport) == natt.ESP

    def _esp(self, packet: IpPacket, sport: int, dport: int, data: bytes, time: int, frame: int) -> None:
        src, dst = self._addresses.number(packet.src), self._addresses.number(packet.dst)
        spi = int.from_bytes(data[:4], "big")
        self._count_esp(src, dst, sport, dport, spi, packet.ip_length, time, frame, False)

    def _datagram(self, datagram: Datagram) -> None:
        total = datagram.total
        length = total if total is not None else max(f.offset + f.length for f in datagram.fragments)
        self._finished(
            datagram.fragments, datagram.duplicates, datagram.data, length, datagram.missing, overlap=datagram.overlap
        )

    def _finished(
        self,
        fragments: list[Fragment],
        duplicates: list[Fragment],
        data: bytes,
        length: int,
        missing: tuple[tuple[int, int], ...],
        *,
        overlap: bool,
    ) -> None:
        """A datagram that is whole, or will not become so any more."""
        rows = [_as_row(f) for f in fragments]
        first = next((f for f in fragments if f.offset == 0), None)
        sport, dport = _ports(data) if len(data) >= 4 else (MISSING, MISSING)
        datagram = LooseDatagram(
            rows=rows + [_as_row(f) for f in duplicates],
            frames=tuple(f.frame for f in fragments),
            fragments=len(fragments),
            complete=not missing,
            overlap=overlap,
            missing=missing,
            first_fragment_length=first.ip_length if first is not None and first.more else MISSING,
            largest=max(f.ip_length for f in fragments),
            sport=sport,
            dport=dport,
            src=rows[0][4],
            dst=rows[0][5],
        )
        if sport == MISSING:
            if len(self.orphans) < MAX_ORPHANS:
                self.orphans.append(datagram)
            return
        body = data[_UDP_HEADER:]
        wire = _udp_payload_length(data, length, complete=not missing)
        kind = _kind(body[:wire], wire, sport, dport)
        if kind == natt.KEEPALIVE:
            size = fragments[0].ip_length
            self._count_esp(
                datagram.src, datagram.dst, sport, dport, 0, size, fragments[0].time, fragments[0].frame, True
            )
        if kind not in (natt.IKE, natt.IKE_BEHIND_MARKER):
            return
        marker = natt.MARKER if kind == natt.IKE_BEHIND_MARKER else 0
        self._drained.datagrams.append(datagram)
        self._drained.messages.append(
            Loose(
                data=body[marker:wire],
                wire=wire - marker,
                frames=datagram.frames,
                time=min(f.time for f in fragments),
                datagram=len(self._drained.datagrams) - 1,
                src=datagram.src,
                dst=datagram.dst,
                sport=sport,
                dport=dport,
                nat_t=marker > 0,
                tcp=False,
                complete=not missing,
            )
        )

    # -- TCP and ICMP ------------------------------------------------------------------------------------------------

    def _tcp(self, chunk: Chunk, row: int, packet: IpPacket, data: bytes) -> None:
        if len(data) < 20:
            return
        sport, dport = _ports(data)
        header = (data[12] >> 4) * 4
        if header < 20:
            return
        flow = (packet.src, packet.dst, sport, dport)
        records = self._streams.add(
            flow,
            int.from_bytes(data[4:8], "big"),
            data[header:],
            syn=bool(data[13] & 0x02),
            fin_rst=bool(data[13] & 0x05),
            frame=chunk.first_frame + row,
            time=int(chunk.time[row]),
            lost=max(packet.payload_length - max(len(data), header), 0),
        )
        src, dst = self._addresses.number(packet.src), self._addresses.number(packet.dst)
        for record in records:
            if record.kind == "ike" and len(record.data) >= natt.HEADER:
                self._drained.messages.append(
                    Loose(
                        data=record.data,
                        wire=record.wire_length,
                        frames=record.frames,
                        time=record.time,
                        datagram=MISSING,
                        src=src,
                        dst=dst,
                        sport=sport,
                        dport=dport,
                        nat_t=True,
                        tcp=True,
                        complete=True,
                    )
                )
            elif record.kind in ("esp", "keepalive"):
                keepalive = record.kind == "keepalive"
                spi = 0 if keepalive else int.from_bytes(record.data[:4], "big")
                frame = record.frames[-1]
                self._count_esp(src, dst, sport, dport, spi, packet.ip_length, record.time, frame, keepalive)

    def _icmp_error(self, chunk: Chunk, row: int, packet: IpPacket, data: bytes) -> None:
        error = parse_error(packet.ip_version, data)
        if error is None or len(self.icmp) >= MAX_ICMP:
            return
        number = self._addresses.number
        quoted = error.quoted
        about = (number(quoted.src), number(quoted.dst)) if quoted is not None else (MISSING, MISSING)
        self.icmp.append(
            IcmpRow(chunk.first_frame + row, int(chunk.time[row]), number(packet.src), *about, error)
        )


def _as_row(fragment: Fragment) -> PacketRow:
    row = fragment.ref
    assert isinstance(row, tuple)
    return row


def _ports(header: bytes) -> tuple[int, int]:
    return int.from_bytes(header[0:2], "big"), int.from_bytes(header[2:4], "big")


def _udp_payload_length(data: bytes, length: int, *, complete: bool) -> int:
    """By the UDP header where it is sane, else what IP carried. What is missing of a datagram only UDP can tell."""
    room = max(length - _UDP_HEADER, 0)
    stated = int.from_bytes(data[4:6], "big") - _UDP_HEADER if len(data) >= 6 else room
    return stated if 0 <= stated <= room or (stated > room and not complete) else room


def _kind(body: bytes, length: int, sport: int, dport: int) -> int:
    fields = Gather(np.frombuffer(body + bytes(SLACK), dtype=np.uint8))
    one = [np.array([value], dtype=np.int64) for value in (0, min(len(body), length), length, sport, dport)]
    return int(natt.classify(fields, *one)[0])
