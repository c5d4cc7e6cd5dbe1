"""Packets that are taken apart one at a time: IP fragments, TCP segments, ICMP errors, odd link layers.

What of other traffic is met on the way goes to :mod:`analyzer.packets.other_traffic`.

Their finished datagrams and messages wait here until the collector drains them, once a chunk. What needs dpkt is
imported when the first packet needs it: many a trace has none, and to import dpkt takes as long as to read a small one.
"""

from __future__ import annotations

from collections.abc import Callable

from analyzer.columns import MISSING
from analyzer.formats.records import NO_TIME, Chunk, Note
from analyzer.packets import udp_payload
from analyzer.packets.addresses import Addresses
from analyzer.packets.assembled import AssembledDatagram, AssembledMessage, Drained, EspPacket, PacketRow
from analyzer.packets.datagram import Datagram, Fragment
from analyzer.packets.ip_packet import IpPacket, ports_of
from analyzer.packets.other_traffic import OtherTraffic
from analyzer.packets.reassembly import Reassembler
from analyzer.packets.sieve import IPV6_EXTENSIONS, Ports
from analyzer.packets.tables import IcmpRow
from analyzer.packets.tcp_framing import TcpRecord
from analyzer.packets.tcp_streams import TcpStreams
from analyzer.packets.tunnel_columns import PROTOCOLS, UDP_PORTS
from analyzer.packets.tunnel_fragments import inside, is_tunnel_packet, may_hold_ike
from analyzer.protocol import AH, ESP, ICMP, ICMPV6, IKE_HEADER, NON_ESP_MARKER, TCP, UDP, UDP_HEADER

#: ICMP errors, and datagrams without their first fragment, that are kept; and fragments of the latter, all together.
MAX_ICMP = 10_000
MAX_ORPHANS = 10_000
MAX_ORPHAN_FRAGMENTS = 50_000
#: Tunnels in tunnels whose fragments are put together, each time.
MAX_NESTED = 4
#: Datagrams given up that wait for the end of their chunk; more are drained before it.
_MANY_GIVEN_UP = 2_000


class SlowPath:
    """Takes odd packets one at a time.

    Parameters
    ----------
    ports : Ports
        Where IKE is looked for.
    addresses : Addresses
        Shared with the collector.
    count_esp : callable
        Is told of each ESP packet and keepalive met on the way.
    """

    def __init__(self, ports: Ports, addresses: Addresses, count_esp: Callable[[EspPacket], None]) -> None:
        self.icmp: list[IcmpRow] = []
        self.other_traffic = OtherTraffic(ports, addresses)
        #: Incomplete datagrams whose first fragment never came: whose they are is decided when all peers are known.
        self.orphans: list[AssembledDatagram] = []
        self._orphan_fragments = self._orphans_left_out = 0
        self._icmp_left_out = 0
        #: Datagrams on the IKE ports cut before the IKE header ends.
        self.headless = 0
        #: Packets of tunnels in fragments, some of which are not in the capture, that may have held IKE.
        self.torn = 0
        #: Wi-Fi frames whose content is encrypted.
        self.encrypted = 0
        self._ports = ports
        self._addresses = addresses
        self._count_esp = count_esp
        self._reassembler = Reassembler()
        self._streams = TcpStreams()
        self._complete: list[Datagram] = []
        self._is_over = False
        self._drained = Drained()
        #: Packets of tunnels that came in fragments, since the last time: with what each carried.
        self.unwrapped: list[tuple[Datagram, IpPacket, bytes]] = []

    @property
    def evicted(self) -> int:
        """Datagrams and TCP connections given up because a limit was reached."""
        given_up = self._reassembler.evicted + self._reassembler.forgotten + self._streams.evicted
        return given_up + self._orphans_left_out

    @property
    def notes(self) -> list[Note]:
        """Remarks on TCP streams that broke the framing rules, and on ICMP errors beyond the limit."""
        if not self._icmp_left_out:
            return self._streams.notes
        left_out = f"{self._icmp_left_out:,} ICMP errors beyond the first {MAX_ICMP:,} were not analysed."
        return [*self._streams.notes, Note("analysis-limit", left_out)]

    @property
    def is_flooded(self) -> bool:
        """So many datagrams were given up that they are better drained at once."""
        return self._reassembler.given_up >= _MANY_GIVEN_UP

    def drain(self, *, given_up_only: bool = False) -> Drained:
        """Give what is finished, and forget it; of datagrams perhaps those only that were given up."""
        if not given_up_only:
            # Not before, since repeats of a fragment still join a datagram that is complete already.
            complete, self._complete = self._complete, []
            for datagram in complete:
                if not self._is_over and self._reassembler.awaits_repeats(datagram):
                    self._complete.append(datagram)
                else:
                    self._datagram(datagram)
        for datagram in self._reassembler.drain():
            self._datagram(datagram)
        drained, self._drained = self._drained, Drained()
        return drained

    def flush(self) -> None:
        """The capture is over: what is incomplete stays incomplete."""
        self._is_over = True
        self._complete += self._reassembler.flush()
        self._tcp_records(self._streams.flush())

    def add(self, chunk: Chunk, row: int, link_type: int) -> list[tuple[IpPacket, bytes]]:
        """Take one frame of a chunk; the packets in it, each with what was captured behind its headers."""
        from analyzer.links.wifi import is_encrypted
        from analyzer.packets.ip_headers import decode_each

        start = int(chunk.start[row])
        raw = chunk.buffer[start : start + int(chunk.captured[row])].tobytes()
        packets = [
            (p, raw[p.payload_offset : p.payload_offset + p.payload_length]) for p in decode_each(link_type, raw)
        ]
        for packet, data in packets:
            self.take(chunk, row, packet, data)
        if not packets:
            self.encrypted += is_encrypted(link_type, raw)
        return packets

    def take(self, chunk: Chunk, row: int, packet: IpPacket, data: bytes) -> None:
        """Take one packet whose headers are read already; ``data`` is what was captured behind them."""
        done = self._take(chunk, row, packet, data)
        for _ in range(MAX_NESTED):
            inner = None if done is None else inside(done)
            if done is None or inner is None:
                break
            self.unwrapped.append((done, *inner))
            done = self._take(chunk, row, *inner)
        if done is not None:
            self._complete.append(done)

    def _take(self, chunk: Chunk, row: int, packet: IpPacket, data: bytes) -> Datagram | None:
        """As :meth:`take`; the datagram that the packet completes, if it is a fragment."""
        fragment = packet.mf or packet.fragment_offset > 0
        extended = packet.ip_version == 6 and packet.protocol in IPV6_EXTENSIONS
        if not fragment:
            self.other_traffic.take(chunk, row, packet, data)
        if packet.protocol == UDP or (fragment and (extended or packet.protocol in PROTOCOLS)):
            return self._piece(self._fragment_of(chunk, row, packet, data), packet)
        if packet.protocol in (ESP, AH) and packet.fragment_offset == 0 and len(data) >= 8:
            # The SPI of AH stands behind its first word (RFC 4302 section 2).
            spi_first = data[4:] if packet.protocol == AH else data
            self._esp(packet, 0, 0, spi_first, int(chunk.time[row]), chunk.first_frame + row)
        elif fragment:
            return None
        elif packet.protocol == TCP:
            self._tcp(chunk, row, packet, data)
        elif packet.protocol == (ICMP if packet.ip_version == 4 else ICMPV6):
            self._icmp_error(chunk, row, packet, data)
        return None

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
        return PacketRow(
            frame=chunk.first_frame + row,
            time=int(chunk.time[row]),
            interface=int(chunk.interface[row]),
            direction=int(chunk.direction[row]),
            src=self._addresses.number(packet.src),
            dst=self._addresses.number(packet.dst),
            ip_version=packet.ip_version,
            ip_id=MISSING if packet.ip_id is None else packet.ip_id,
            df=MISSING if packet.df is None else int(packet.df),
            mf=int(packet.mf),
            fragment_offset=packet.fragment_offset,
            ttl=packet.ttl,
            ip_length=packet.ip_length,
            captured=int(chunk.captured[row]),
            wire=int(chunk.wire[row]),
            protocol=packet.protocol,
            dropped=int(chunk.host_dropped[row]),
        )

    def _piece(self, fragment: Fragment, packet: IpPacket) -> Datagram | None:
        """UDP, whole or a fragment; or a fragment of a tunnel's packet. The datagram that it completes."""
        key = (packet.src, packet.dst, packet.protocol, packet.ip_id)
        alone = fragment.offset == 0 and not fragment.more
        if fragment.offset == 0 and packet.protocol == UDP and len(fragment.data) >= 4:
            sport, dport = ports_of(fragment.data)
            wanted = sport in self._ports or dport in self._ports
            kind = _kind_of_first(fragment, sport, dport) if wanted else udp_payload.OTHER
            if kind == udp_payload.ESP:
                self._esp(packet, sport, dport, fragment.data[UDP_HEADER:], fragment.time, fragment.frame)
            self.headless += wanted and kind == udp_payload.OTHER and _is_cut_early(fragment)
            wanted = wanted and kind != udp_payload.ESP
            is_tunnel = fragment.more and dport in UDP_PORTS
            if not wanted and not (is_tunnel and may_hold_ike(UDP, fragment.data, self._ports)):
                if not alone:
                    self._reassembler.discard(key, fragment)
                return None
        elif (
            fragment.offset == 0
            and packet.protocol in PROTOCOLS
            and not may_hold_ike(packet.protocol, fragment.data, self._ports)
        ):
            self._reassembler.discard(key, fragment)
            return None
        if alone:
            if len(fragment.data) >= UDP_HEADER:
                self._finished([fragment], [], fragment.data, fragment.length, (), overlap=False)
            return None
        return self._reassembler.add(key, fragment)

    def _esp(self, packet: IpPacket, sport: int, dport: int, data: bytes, time: int, frame: int) -> None:
        src, dst = self._addresses.number(packet.src), self._addresses.number(packet.dst)
        spi = int.from_bytes(data[:4], "big")
        self._count_esp(EspPacket(src, dst, sport, dport, spi, packet.ip_length, time, frame, is_keepalive=False))

    def _datagram(self, datagram: Datagram) -> None:
        total = datagram.total
        length = total if total is not None else max(f.offset + f.length for f in datagram.fragments)
        data = datagram.data
        protocol = datagram.fragments[0].ref.protocol
        if not datagram.complete and is_tunnel_packet(protocol, data):
            self.torn += 1
            return
        if protocol != UDP:
            # Destination options may stand behind an IPv6 fragment header (RFC 8200 section 4.1).
            from analyzer.packets.ip_headers import skip_extension_headers

            protocol, at = skip_extension_headers(protocol, data)
            if protocol != UDP and datagram.first_fragment is not None:
                return
            data, length = data[at:], length - at
        self._finished(
            datagram.fragments, datagram.duplicates, data, length, datagram.missing, overlap=datagram.overlap
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
        rows = [f.ref for f in fragments]
        first = next((f for f in fragments if f.offset == 0), None)
        sport, dport = ports_of(data) if len(data) >= 4 else (MISSING, MISSING)
        datagram = AssembledDatagram(
            rows=rows + [f.ref for f in duplicates],
            frames=tuple(f.frame for f in fragments),
            fragments=len(fragments),
            complete=not missing,
            overlap=overlap,
            missing=missing,
            first_fragment_length=first.ip_length if first is not None and first.more else MISSING,
            largest=max(f.ip_length for f in fragments),
            sport=sport,
            dport=dport,
            src=rows[0].src,
            dst=rows[0].dst,
        )
        if sport == MISSING:
            if len(self.orphans) < MAX_ORPHANS and self._orphan_fragments + len(datagram.rows) <= MAX_ORPHAN_FRAGMENTS:
                self.orphans.append(datagram)
                self._orphan_fragments += len(datagram.rows)
            else:
                self._orphans_left_out += 1
            return
        body = data[UDP_HEADER:]
        wire = _udp_payload_length(data, length, complete=not missing)
        kind = udp_payload.classify_one(body[:wire], wire, sport, dport)
        if kind == udp_payload.KEEPALIVE:
            size = fragments[0].ip_length
            time, frame = fragments[0].time, fragments[0].frame
            ends = datagram.src, datagram.dst, sport, dport
            self._count_esp(EspPacket(*ends, 0, size, time, frame, is_keepalive=True))
        if kind not in (udp_payload.IKE, udp_payload.IKE_BEHIND_MARKER):
            return
        marker = NON_ESP_MARKER if kind == udp_payload.IKE_BEHIND_MARKER else 0
        self._drained.datagrams.append(datagram)
        self._drained.messages.append(
            AssembledMessage(
                data=body[marker:wire],
                wire=wire - marker,
                frames=datagram.frames,
                time=min((f.time for f in fragments if f.time != NO_TIME), default=NO_TIME),
                ended=max(f.time for f in fragments),
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
        sport, dport = ports_of(data)
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
        self._tcp_records(records)

    def _tcp_records(self, records: list[TcpRecord]) -> None:
        for record in records:
            src, dst = self._addresses.number(record.flow[0]), self._addresses.number(record.flow[1])
            sport, dport = record.flow[2:]
            if record.kind == "ike" and len(record.data) >= IKE_HEADER:
                self._drained.messages.append(
                    AssembledMessage(
                        data=record.data,
                        wire=record.wire_length,
                        frames=record.frames,
                        time=record.time,
                        ended=record.time,
                        datagram=MISSING,
                        src=src,
                        dst=dst,
                        sport=sport,
                        dport=dport,
                        nat_t=True,
                        tcp=True,
                        complete=record.complete,
                    )
                )
            elif record.kind in ("esp", "keepalive") and record.frames:
                keepalive = record.kind == "keepalive"
                spi = 0 if keepalive else int.from_bytes(record.data[:4], "big")
                size = record.wire_length
                ends = src, dst, sport, dport
                self._count_esp(EspPacket(*ends, spi, size, record.time, record.frames[-1], keepalive))

    def _icmp_error(self, chunk: Chunk, row: int, packet: IpPacket, data: bytes) -> None:
        from analyzer.packets.icmp import parse_error

        error = parse_error(packet.ip_version, data)
        if error is None:
            return
        if len(self.icmp) >= MAX_ICMP:
            self._icmp_left_out += 1
            return
        number = self._addresses.number
        quoted = error.quoted
        about = (number(quoted.src), number(quoted.dst)) if quoted is not None else (MISSING, MISSING)
        self.icmp.append(IcmpRow(chunk.first_frame + row, int(chunk.time[row]), number(packet.src), *about, error))


def _kind_of_first(first: Fragment, sport: int, dport: int) -> int:
    """What the datagram is, also where only the first of several fragments is at hand."""
    length = _udp_payload_length(first.data, first.length, complete=not first.more)
    return udp_payload.classify_one(first.data[UDP_HEADER:][:length], length, sport, dport)


def _is_cut_early(first: Fragment) -> bool:
    """Cut by the capture before an IKE header would end, but behind the UDP header."""
    wanted = UDP_HEADER + NON_ESP_MARKER + IKE_HEADER
    return UDP_HEADER <= len(first.data) < min(first.length, wanted)


def _udp_payload_length(data: bytes, length: int, *, complete: bool) -> int:
    """By the UDP header where it is sane, else what IP carried. What is missing of a datagram only UDP can tell."""
    room = max(length - UDP_HEADER, 0)
    stated = int.from_bytes(data[4:6], "big") - UDP_HEADER if len(data) >= 6 else room
    return stated if 0 <= stated <= room or (stated > room and not complete) else room
