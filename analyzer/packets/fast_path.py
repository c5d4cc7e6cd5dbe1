"""Packets that are read as columns, all of a chunk at once: plain UDP on the ports of IKE, and native ESP.

ESP and keepalives are counted. What may be IKE is given with its packets and datagrams, ready for the tables. Whatever
is odd goes the slow way (:mod:`analyzer.packets.slow_path`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analyzer.columns import MISSING, Gather, Ints, table_of
from analyzer.formats.records import Chunk
from analyzer.packets import udp_payload
from analyzer.packets.addresses import Addresses
from analyzer.packets.assembled import Origin
from analyzer.packets.esp_flows import EspFlows
from analyzer.packets.ip_columns import address_numbers, ip_ends
from analyzer.packets.tables import Census, Datagrams, Packets
from analyzer.protocol import AH, ESP_HEADER, IKE_HEADER, NON_ESP_MARKER, UDP, UDP_HEADER


@dataclass(frozen=True, slots=True, eq=False)
class PlainMessages:
    """What may be IKE messages, each in a packet of its own.

    Attributes
    ----------
    start, captured, wire : int64 arrays
        Offset of each IKE header in the buffer, bytes captured from there, bytes on the wire from there.
    origin : Origin
        Where they came from.
    packets, datagrams : Packets, Datagrams
        A row for each.
    """

    start: Ints
    captured: Ints
    wire: Ints
    origin: Origin
    packets: Packets
    datagrams: Datagrams


class FastPath:
    """Takes the packets of chunks that need no second look.

    Parameters
    ----------
    addresses, census, flows : Addresses, Census, EspFlows
        Of the capture; shared with the collector, and added to.
    """

    def __init__(self, addresses: Addresses, census: Census, flows: EspFlows) -> None:
        self._addresses, self._census, self._flows = addresses, census, flows

    def native_esp(self, fields: Gather, chunk: Chunk, ip_of: Ints, rows: Ints) -> None:
        """Count ESP and AH without UDP: rows of the chunk whose IP headers start at ``ip_of``."""
        if not len(rows):
            return
        length, payload, _ = ip_ends(fields, chunk, rows, ip_of[rows])
        # What the frame holds behind the IP packet is padding, no SPI.
        real = ip_of[rows] + length - payload >= ESP_HEADER
        rows, length, payload = rows[real], length[real], payload[real]
        ip = ip_of[rows]
        version = fields.u8(ip) >> 4
        src, dst = address_numbers(self._addresses, fields, ip, version)
        # The SPI of AH stands behind its first word (RFC 4302 section 2); AH over IPv6 is for the general decoder.
        ah = (version == 4) & (fields.u8(ip + 9) == AH)
        none = np.zeros(len(rows), dtype=np.int64)
        self._census.esp += len(rows)
        self._flows.add(
            src, dst, none, none, fields.u32(payload + 4 * ah), length, chunk.time[rows], chunk.first_frame + rows
        )

    def udp(self, fields: Gather, chunk: Chunk, ip_of: Ints, rows: Ints, datagram: int) -> PlainMessages | None:
        """Take whole UDP packets on the ports of IKE: count ESP and keepalives, give what may be IKE.

        Parameters
        ----------
        fields, chunk, ip_of, rows
            The chunk, where its IP headers start, and which of its packets.
        datagram : int
            Number of the next datagram.
        """
        if not len(rows):
            return None
        ip = ip_of[rows]
        ip_length, udp, version = ip_ends(fields, chunk, rows, ip)
        sport, dport = fields.u16(udp), fields.u16(udp + 2)
        payload = udp + UDP_HEADER
        room = ip + ip_length - payload
        stated = fields.u16(udp + 4) - UDP_HEADER
        wire = np.maximum(np.where((stated >= 0) & (stated <= room), stated, room), 0)
        captured = np.clip(chunk.start[rows] + chunk.captured[rows] - payload, 0, wire)
        kinds = udp_payload.classify(fields, payload, captured, wire, sport, dport)
        src, dst = address_numbers(self._addresses, fields, ip, version)
        time, frame = chunk.time[rows], chunk.first_frame + rows
        for kind in (udp_payload.ESP, udp_payload.KEEPALIVE):
            some = np.flatnonzero(kinds == kind)
            is_esp = kind == udp_payload.ESP
            spi = fields.u32(payload[some]) if is_esp else np.zeros(len(some), dtype=np.int64)
            self._census.esp += len(some) * is_esp
            self._census.keepalives += len(some) * (not is_esp)
            self._flows.add(
                src[some], dst[some], sport[some], dport[some], spi, ip_length[some], time[some], frame[some]
            )
        other = kinds == udp_payload.OTHER
        self._census.unreadable_udp += int(np.count_nonzero(other))
        cut_early = other & (captured < np.minimum(wire, NON_ESP_MARKER + IKE_HEADER))
        self._census.headless += int(np.count_nonzero(cut_early))
        ike = np.flatnonzero((kinds == udp_payload.IKE) | (kinds == udp_payload.IKE_BEHIND_MARKER))
        if not len(ike):
            return None
        marker = np.where(kinds[ike] == udp_payload.IKE_BEHIND_MARKER, NON_ESP_MARKER, 0)
        at, four = ip[ike], version[ike] == 4
        flags = np.where(four, fields.u16(at + 6), 0)
        none = np.full(len(ike), MISSING, dtype=np.int64)
        no, yes = np.zeros(len(ike), dtype=np.int64), np.ones(len(ike), dtype=np.int64)
        picked, number = rows[ike], datagram + np.arange(len(ike), dtype=np.int64)
        packets = table_of(
            Packets,
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
            datagram=number,
            dropped=chunk.host_dropped[picked].astype(np.int64),
        )
        origin = Origin(
            frame=frame[ike],
            time=time[ike],
            datagram=number,
            src=src[ike],
            dst=dst[ike],
            sport=sport[ike],
            dport=dport[ike],
            nat_t=(marker > 0).astype(np.int64),
            tcp=no,
            complete=yes,
        )
        return PlainMessages(
            start=payload[ike] + marker,
            captured=captured[ike] - marker,
            wire=wire[ike] - marker,
            origin=origin,
            packets=packets,
            datagrams=table_of(Datagrams, yes, yes, no, none, ip_length[ike]),
        )
