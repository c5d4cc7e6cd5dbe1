"""What is known of the capture as a whole."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from analyzer.formats.records import Interface, Note
from analyzer.ike.tables import Wire
from analyzer.packets.tables import EchoRow, HandshakeRow, IcmpRow, NameRow
from analyzer.protocol import IKE_PORT, NAT_T_PORT
from analyzer.relate.seen.host_pair import HostPair
from analyzer.relate.seen.last_heard import HeardFrom, LastHeard
from analyzer.relate.seen.lookups import LookupsByHost
from analyzer.relate.seen.misdelivered_answers import MisdeliveredAnswer, misdelivered_answers
from analyzer.relate.seen.partners import partners
from analyzer.relate.seen.pings import PingSweep, ping_sweeps
from analyzer.relate.seen.tcp_handshakes import SegmentSizes, segment_sizes

#: Where IKE goes in TCP: its own port, and that of HTTPS, which passes most firewalls (RFC 9329 sections 2, 6).
TCP_PORTS = frozenset({4500, 443})

#: Remarks on packets that are not here to be read: an absence is then no evidence.
_AS_GOOD_AS_LOST = ("capture-lost-packets", "wifi-encrypted")

#: A filter that asks for ports, which only the first fragment carries; and one that lets later fragments pass as well.
_ASKS_FOR_PORTS = re.compile(r"\bport(range)?\b|\budp\s*\[|BPF program")
_PASSES_FRAGMENTS = re.compile(r"\bip\s*\[\s*6|\bip6 proto 44\b|\bip6\s*\[\s*6\s*\]")


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """What is known of the capture as a whole, for rules that must know what it can show.

    Attributes
    ----------
    first, last : int
        Times of the first and last packet, ns; ``MISSING`` without any.
    later_fragments : int
        IP fragments with an offset above 0, of any flow: if there is one, no port filter was in the way.
    rejected : int
        Packets that a filter on the IKE ports would not have let through.
    lost_packets : str
        How packets came to be missing (lost by the capturing host, cut to nothing), as a clause; empty when none are.
    cut, damaged : bool
        The file ends in mid-packet; it is damaged, and packets may be missing from it.
    duplicates : int
        Messages seen more than once by the capture itself.
    heard_on_4500 : set of str
        Addresses that sent anything at all from UDP port 4500.
    last_heard : mapping of (str, int) to int
        When an address last sent anything from its UDP port 500 or 4500, ns.
    given_mtu : int or None
        The path MTU as the user knows it, bytes.
    echoes, handshakes, names : tuples of EchoRow, HandshakeRow, NameRow
        What pings, TCP handshakes and DNS responses beside IKE tell, in the order of capture; bounded.
    tcp_tries : mapping of (str, str) to tuple of HandshakeRow
        Handshakes with TCP port 4500 or 443, where IKE goes when UDP does not (RFC 9329), by client and server; each
        in time.
    partners : mapping of str to frozenset of str
        Hosts with which an address is seen to talk in those; a few for each.
    one_way_tcp : int
        Pairs of hosts between which TCP under way is seen in one direction only; 0 if anything goes both ways.
    ports : tuple of int
        UDP ports on which IKE was looked for.
    ike_elsewhere : mapping of int to int
        Packets that look like IKE on other ports, by port; counted as long as there is no IKE.
    misdelivered_answers : tuple of MisdeliveredAnswer
        IKE_SA_INIT responses that went to a host which did not ask; bounded.
    ping_sweeps : mapping of (str, str) to PingSweep
        What became of pings with DF, by who asks and who is asked.
    segment_sizes : mapping of str to SegmentSizes
        What TCP handshakes announce, by the host that began them.
    esp_from_4500 : mapping of (int, int) to int
        When the last ESP in UDP came: by the numbers of source and destination.
    ike_from_4500 : set of (int, int)
        Between which hosts, source first, IKE came behind the non-ESP marker; known only where there is ESP.
    lookups : LookupsByHost
        What hosts asked for beside IKE: TCP connections that nobody answered, names.
    place : callable
        Gives for a frame its place in time among the others, which may be another than that in the file.
    """

    first: int
    last: int
    later_fragments: int
    rejected: int
    snapped: int
    lost_packets: str
    cut: bool
    damaged: bool
    capture_filter: str
    duplicates: int
    packets: int
    ike_messages: int
    esp: int
    keepalives: int
    unknown_link: int
    unreadable_udp: int
    icmp: tuple[IcmpRow, ...]
    heard_on_4500: Set[str] = frozenset()
    given_mtu: int | None = None
    echoes: tuple[EchoRow, ...] = ()
    handshakes: tuple[HandshakeRow, ...] = ()
    names: tuple[NameRow, ...] = ()
    last_heard: Mapping[tuple[str, int], int] = field(default_factory=dict)
    tcp_tries: Mapping[tuple[str, str], tuple[HandshakeRow, ...]] = field(default_factory=dict)
    partners: Mapping[str, frozenset[str]] = field(default_factory=dict)
    one_way_tcp: int = 0
    ports: tuple[int, ...] = (IKE_PORT, NAT_T_PORT)
    ike_elsewhere: Mapping[int, int] = field(default_factory=dict)
    misdelivered_answers: tuple[MisdeliveredAnswer, ...] = ()
    ping_sweeps: Mapping[tuple[str, str], PingSweep] = field(default_factory=dict)
    segment_sizes: Mapping[str, SegmentSizes] = field(default_factory=dict)
    esp_from_4500: Mapping[tuple[int, int], int] = field(default_factory=dict)
    ike_from_4500: Set[tuple[int, int]] = frozenset()
    lookups: LookupsByHost = field(default_factory=LookupsByHost)
    place: Callable[[int], int] = int

    @property
    def hides_later_fragments(self) -> bool:
        """Nothing proves that IP fragments beyond the first could reach this capture.

        Source: docs/domain/filtered-captures.md.
        """
        return self.later_fragments == 0

    @property
    def filter_hides_fragments(self) -> bool:
        """The file records a filter that asks for ports and makes no exception for fragments.

        Source: docs/domain/ip-fragments.md.
        """
        asks = bool(_ASKS_FOR_PORTS.search(self.capture_filter))
        return asks and not _PASSES_FRAGMENTS.search(self.capture_filter)

    @property
    def looks_filtered(self) -> bool:
        """Nothing in it would have been rejected by a filter on the IKE ports, or the file says so itself."""
        return self.filter_hides_fragments or (self.rejected == 0 and self.hides_later_fragments)

    @property
    def why_fragments_are_hidden(self) -> str:
        """Why IP fragments beyond the first may have been there unseen, as a clause; empty when they would be seen.

        The first that holds of docs/domain/filtered-captures.md: a later fragment of any flow refutes it; the recorded
        filter; nothing in the capture that a filter on the ports would reject; and where there is, the way it was
        saved.
        """
        if not self.hides_later_fragments:
            return ""
        if self.filter_hides_fragments:
            return f'the file says that it was taken with the filter "{self.capture_filter}"'
        if self.looks_filtered:
            return "nothing but traffic on the IKE ports is in it"
        return "no IP fragment beyond the first of any flow is in it"


def facts_of(
    wire: Wire, notes: Sequence[Note], interfaces: Sequence[Interface], duplicates: int, mtu: int | None
) -> CaptureFacts:
    """What is known of a capture as a whole.

    Parameters
    ----------
    wire : Wire
        Its tables.
    notes : sequence of Note
        The reader's remarks: lost packets, cut, damaged.
    interfaces : sequence of Interface
        For the capture filter, where the file records one.
    duplicates : int
        Messages that the capture holds more than once.
    mtu : int or None
        The path MTU as the user knows it, bytes.
    """
    census = wire.census
    heard = LastHeard(wire)
    ids = {note.id for note in notes}
    return CaptureFacts(
        first=census.first_time,
        last=census.last_time,
        later_fragments=census.later_fragments,
        rejected=census.rejected,
        snapped=census.snapped,
        lost_packets="; ".join(note.detail.rstrip(".") for note in notes if note.id in _AS_GOOD_AS_LOST),
        cut="capture-cut" in ids,
        damaged=any(note.id == "capture-damaged" and note.hides for note in notes),
        capture_filter=next((i.filter for i in interfaces if i.filter), ""),
        duplicates=duplicates,
        packets=census.packets,
        ike_messages=len(wire.messages.frame),
        esp=census.esp,
        keepalives=census.keepalives,
        unknown_link=census.unknown_link,
        unreadable_udp=census.unreadable_udp,
        icmp=tuple(wire.icmp),
        heard_on_4500=HeardFrom(heard, NAT_T_PORT),
        last_heard=heard,
        given_mtu=mtu,
        echoes=tuple(wire.echoes),
        handshakes=tuple(wire.handshakes),
        names=tuple(wire.names),
        tcp_tries=_tcp_tries(wire),
        partners=partners(wire),
        one_way_tcp=census.one_way_tcp,
        ports=census.ports,
        ike_elsewhere=census.ike_elsewhere,
        misdelivered_answers=misdelivered_answers(wire),
        ping_sweeps=ping_sweeps(wire.echoes, census.last_time),
        segment_sizes=segment_sizes(wire.handshakes),
        esp_from_4500=_last_esp(wire),
        ike_from_4500=_marked_ike(wire),
        lookups=LookupsByHost(wire.handshakes, wire.names),
        place=wire.place,
    )


def _tcp_tries(wire: Wire) -> dict[tuple[str, str], tuple[HandshakeRow, ...]]:
    """TCP handshakes with the ports of IKE over TCP, by client and server, each in time."""
    found: dict[tuple[str, str], list[HandshakeRow]] = defaultdict(list)
    for row in wire.handshakes:
        backward = row.is_answer or row.is_reset
        client, server, port = (row.dst, row.src, row.sport) if backward else (row.src, row.dst, row.dport)
        if port in TCP_PORTS:
            found[client, server].append(row)
    return {ends: tuple(sorted(rows, key=lambda row: row.time)) for ends, rows in found.items()}


def _last_esp(wire: Wire) -> dict[HostPair, int]:
    """When the last ESP in UDP 4500 came, by source and destination."""
    found: dict[HostPair, int] = {}
    for f in wire.flows:
        if f.spi and NAT_T_PORT in (f.sport, f.dport):
            found[f.src, f.dst] = max(f.last, found.get((f.src, f.dst), f.last))
    return found


def _marked_ike(wire: Wire) -> frozenset[HostPair]:
    """Source and destination of IKE behind the non-ESP marker; asked only where there is ESP."""
    if not wire.flows:
        return frozenset()
    m = wire.messages
    marked = (m.nat_t > 0) & (m.tcp == 0)
    pairs = np.unique(m.src[marked].astype(np.int64) << 32 | m.dst[marked])
    return frozenset((pair >> 32, pair & 0xFFFFFFFF) for pair in pairs.tolist())
