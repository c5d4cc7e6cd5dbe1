"""What a capture holds besides IKE, counted chunk by chunk: the evidence for its own quality."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import MISSING, Gather, Ints
from analyzer.formats.records import NO_TIME, Chunk
from analyzer.links.columns import distinct
from analyzer.links.types import KNOWN
from analyzer.packets.datagram import Datagram
from analyzer.packets.ip_packet import IpPacket
from analyzer.packets.sieve import Ports, Selection
from analyzer.packets.tables import Census
from analyzer.packets.tunnel_columns import PROTOCOLS
from analyzer.protocol import AH, ESP, IPV6_FRAGMENT, IPV6_HEADER, UDP, UDP_HEADER

#: Ethernet and an IPv6 header; and all headers down to UDP with some tags. A packet cut behind them can be told.
_LINK_AND_IP, _HEADERS = 54, 94


def count(
    census: Census, fields: Gather, chunk: Chunk, links: NDArray[np.int32], ip: Ints, selection: Selection
) -> None:
    """Add a chunk to the census.

    Parameters
    ----------
    census : Census
        Is changed.
    fields, chunk, links, ip, selection
        The chunk, its link types, where its IP headers start (-1: none), and what was selected of it.
    """
    census.packets += len(chunk)
    census.ip_packets += int(np.count_nonzero(ip >= 0))
    census.snapped += int(np.count_nonzero(chunk.captured < chunk.wire))
    census.rejected += selection.rejected
    census.headless += _headless(fields, chunk, ip)
    kinds = distinct(links)
    census.link_types.update(kinds)
    for kind in kinds:
        if kind not in KNOWN:
            # Records of a capture file that hold no packet have no length, either.
            census.unknown_link += int(np.count_nonzero((links == kind) & (chunk.wire > 0)))
    if len(selection.later_fragments):
        if census.first_later_fragment == MISSING:
            census.first_later_fragment = chunk.first_frame + int(selection.later_fragments.min())
        census.later_fragments += len(selection.later_fragments)
    times = chunk.time[chunk.time != NO_TIME]
    if len(times):
        low, high = int(times.min()), int(times.max())
        census.first_time = low if census.first_time == MISSING else min(census.first_time, low)
        census.last_time = max(census.last_time, high)


def count_decoded(census: Census, packets: list[tuple[IpPacket, bytes]], outer: int, ports: Ports, frame: int) -> None:
    """Count a frame of which only the general decoder could tell what it is.

    Parameters
    ----------
    census : Census
        Is changed.
    packets : list of (IpPacket, bytes)
        What it found, the outermost first; with what is behind the headers of each.
    outer : int
        Offset of the IP header in the frame where the sieve saw one, else negative: then it is not yet counted as IP.
    ports, frame : Ports, int
        Where IKE is looked for; the frame's number.
    """
    census.ip_packets += outer < 0 and bool(packets)
    # Behind extension headers of IPv6 a filter sees nothing, unless they lead into a tunnel.
    if outer < 0 or any(packet.l3_offset > outer for packet, _ in packets):
        for packet, data in packets:
            _count_later(census, packet, frame)
            if _passes(packet, data, ports):
                return
    census.rejected += 1


def count_reassembled(census: Census, outer: Datagram, packet: IpPacket, data: bytes, ports: Ports) -> None:
    """Count a tunnel's packet that came in fragments by what it held, in the place of its fragments.

    Until it was whole they were fragments like others; now they say nothing of a filter.

    Parameters
    ----------
    census : Census
        Is changed.
    outer : Datagram
        The tunnel's packet.
    packet, data : IpPacket, bytes
        What it carried, and what is behind its headers.
    ports : Ports
        Where IKE is looked for.
    """
    pieces = [*outer.fragments, *outer.duplicates]
    four, protocol = pieces[0].ref.ip_version == 4, pieces[0].ref.protocol
    if not (four and protocol in PROTOCOLS):
        census.later_fragments -= sum(piece.offset > 0 for piece in pieces)
        if census.later_fragments <= 0:
            census.later_fragments, census.first_later_fragment = 0, MISSING
    _count_later(census, packet, outer.fragments[-1].frame)
    let_through, counted_so = _passes(packet, data, ports), four and protocol == UDP
    census.rejected += len(pieces) * (counted_so - let_through)


def _count_later(census: Census, packet: IpPacket, frame: int) -> None:
    if packet.fragment_offset:
        census.later_fragments += 1
        first = census.first_later_fragment
        census.first_later_fragment = frame if first == MISSING else min(first, frame)


def _passes(packet: IpPacket, data: bytes, ports: Ports) -> bool:
    """Whether a filter on the ports of IKE, and on ESP, lets it through, taken that it knows of fragments."""
    later = packet.fragment_offset > 0
    if packet.protocol != UDP:
        return packet.protocol in (ESP, AH) and not later
    known = {int.from_bytes(data[0:2], "big"), int.from_bytes(data[2:4], "big")} if len(data) >= 4 else set()
    return later or packet.mf or any(port in ports for port in known)


def _headless(fields: Gather, chunk: Chunk, ip_of: Ints) -> int:
    """Count packets cut before their addresses, fragment offset or UDP ports: what they were cannot be told."""
    rows = np.flatnonzero((chunk.captured < chunk.wire) & (chunk.captured < _HEADERS))
    if not len(rows):
        return 0
    located = ip_of[rows] >= 0
    ip = np.maximum(ip_of[rows], 0)
    six = fields.u8(ip) >> 4 == 6
    protocol = np.where(six, fields.u8(ip + 6), fields.u8(ip + 9))
    begin = ip + np.where(six, IPV6_HEADER, (fields.u8(ip) & 0x0F) * 4)
    room = chunk.start[rows] + chunk.captured[rows] - begin
    later = ~six & (fields.u16(ip + 6) & 0x1FFF > 0)
    short = (protocol == UDP) & ~later & (room < UDP_HEADER)
    short |= six & (protocol == IPV6_FRAGMENT) & (room < 8 + UDP_HEADER)
    return int(np.count_nonzero(np.where(located, short, chunk.captured[rows] < _LINK_AND_IP)))
