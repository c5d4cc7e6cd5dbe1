"""Tables of the wire in, IKE SAs out: duplicates left aside, messages grouped by initiator SPI."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from analyzer.columns import Bools, Ints
from analyzer.formats.records import Interface, Note
from analyzer.ike.collect import MAX_OF_SA
from analyzer.ike.message_columns import FLAG_RESPONSE
from analyzer.ike.registry import numbers
from analyzer.packets.sieve import NAT_T_PORT
from analyzer.packets.tables import MISSING, EspFlow, HandshakeRow, IcmpRow, Messages, Wire
from analyzer.relate.authentication import Authentication
from analyzer.relate.duplicates import duplicate_of
from analyzer.relate.facts import CaptureFacts
from analyzer.relate.heard import HeardFrom, LastHeard
from analyzer.relate.lazy import lazy
from analyzer.relate.message import Message
from analyzer.relate.mtu.surroundings import Surroundings
from analyzer.relate.neighbours import MANY_ATTEMPTS, Neighbour, Neighbourhood
from analyzer.relate.progress import ASKS_AGAIN
from analyzer.relate.sa import IkeSa
from analyzer.relate.settled import settled
from analyzer.relate.side import partners
from analyzer.relate.strays import strays
from analyzer.relate.table import MessageTable
from analyzer.relate.whose import Pair, owned

#: Exchanges with message ID 0 by which only an IKE SA begins that a rekeying made (RFC 7296 section 2.18).
_AFTER_REKEY = (numbers.CREATE_CHILD_SA, numbers.INFORMATIONAL)

#: Where IKE goes in TCP: its own port, and that of HTTPS, which passes most firewalls (RFC 9329 sections 2, 6).
TCP_PORTS = frozenset({4500, 443})

#: Remarks on packets that are not here to be read: an absence is then no evidence.
_AS_GOOD_AS_LOST = ("capture-lost-packets", "wifi-encrypted")

#: IKE lengths up to this go in one IP packet of less than 1,280 bytes, whatever the headers are.
_SURELY_SMALL = 1200

#: Captures with more IKE SAs than this do not keep the views of all of them: each is made when it is looked at.
KEPT = 2_000

Ends = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Related:
    """The IKE SAs of a capture, and what is known of the capture as a whole.

    ``plain_successes``: by index the SAs that succeeded beyond question, with their address numbers and start.
    """

    capture: CaptureFacts
    table: MessageTable
    sas: Sequence[IkeSa]
    duplicate_of: Ints
    plain_successes: dict[int, tuple[Pair, int]]


def relate(
    wire: Wire, notes: Sequence[Note] = (), interfaces: Sequence[Interface] = (), *, mtu: int | None = None
) -> Related:
    """Group messages into IKE SAs.

    Parameters
    ----------
    wire : Wire
        Tables of one capture.
    notes : sequence of Note
        The reader's remarks: lost packets, cut, damaged.
    interfaces : sequence of Interface
        For the capture filter, where the file records one.
    mtu : int, optional
        The path MTU as the user knows it, bytes.
    """
    copies = duplicate_of(wire)
    capture = _facts(wire, notes, interfaces, int(np.count_nonzero(copies != MISSING)), mtu)
    table = MessageTable(wire)
    sas = IkeSas(wire, table, capture, copies)
    plain = {index: (pair, start) for index, pair, start in sas.plain_successes()}
    return Related(capture, table, tuple(sas) if len(sas) <= KEPT else sas, copies, plain)


class IkeSas(Sequence[IkeSa]):
    """The IKE SAs of a capture in the order of appearance, each made anew when it is asked for."""

    def __init__(self, wire: Wire, table: MessageTable, capture: CaptureFacts, copies: Ints) -> None:
        self._table = table
        self._capture = capture
        self._rows, self._begins = _rows_by_sa(wire, copies)
        self._owned = owned(table, self._rows, self._begins)
        self._dropped = _dropped_messages(wire, copies)
        self._rekeying = _first_rekeying(wire)
        self._least_grants: dict[tuple[bytes, int | None], int] = {}
        self._flows = _flows_by_sa(wire, self._rows, self._begins)

    @lazy
    def _neighbourhood(self) -> Neighbourhood:
        return Neighbourhood(self._table.wire, self._rows, self._begins)

    def _neighbours(self, index: int) -> tuple[Neighbour, ...]:
        return self._neighbourhood.of(index)

    def _siblings(self, index: int) -> tuple[Neighbour, ...]:
        return self._neighbourhood.siblings_of(index)

    def plain_successes(self) -> Iterator[tuple[int, Pair, int]]:
        """Index, addresses and start of each SA that plainly succeeded (see :mod:`analyzer.relate.settled`)."""
        firsts = self._rows[self._begins[:-1]]
        good, short = settled(self._table.wire, self._rows, self._begins)
        m = self._table.wire.messages
        if self._dropped:
            of_rows = np.isin(self._rows, list(self._dropped))
            good &= ~np.logical_or.reduceat(of_rows, self._begins[:-1])
        good[_with_esp_one_way(self._flows)] = False
        # An attempt that its client repeats may have been left without a word; its own ESP tells that it was not.
        repeated = _has_company(m, firsts)
        # The trace may end before a client that lacks a large answer would ask again; likewise.
        of_rows = (m.time[self._rows] > self._capture.last - ASKS_AGAIN * 1e9) & (
            (m.length[self._rows] > _SURELY_SMALL) | (m.skf_total[self._rows] > 0)
        )
        repeated |= np.logical_or.reduceat(of_rows, self._begins[:-1])
        repeated[list(self._flows)] = False
        good &= ~repeated
        chosen = np.flatnonzero(good)
        src, dst = m.src[firsts[chosen]], m.dst[firsts[chosen]]
        pairs = zip(np.minimum(src, dst).tolist(), np.maximum(src, dst).tolist(), strict=True)
        columns = chosen.tolist(), pairs, m.time[firsts[chosen]].tolist(), short[chosen].tolist()
        for index, pair, start, may_be_short in zip(*columns, strict=True):
            if pair in self._owned.disturbed or (may_be_short and not self._has_room(index)):
                continue
            yield index, pair, start

    def _has_room(self, index: int) -> bool:
        """The last IKE_AUTH answer of an SA has room for a Child SA under its cipher suite."""
        table = self._table
        rows = self._rows[self._begins[index] : self._begins[index + 1]].tolist()
        answers = {table.exchange[row]: row for row in rows if table.is_response[row]}  # the last of each exchange type
        init = [Message(table, answers[kind]) for kind in (numbers.IKE_SA_INIT,) if kind in answers]
        last = Message(table, answers[numbers.IKE_AUTH])
        chosen = b"".join(body for m in init for body in m.payload_bodies(numbers.SA))
        key = chosen, last.inner_payload
        if key not in self._least_grants:
            self._least_grants[key] = Authentication((), init).least_grant(last.inner_payload)
        return not last.skf_total and last.length >= self._least_grants[key]

    def __len__(self) -> int:
        return len(self._begins) - 1

    @overload
    def __getitem__(self, index: int) -> IkeSa: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[IkeSa]: ...

    def __getitem__(self, index: int | slice) -> IkeSa | Sequence[IkeSa]:
        if isinstance(index, slice):
            return tuple(self._make(i) for i in range(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} IKE SAs, none of index {index}")
        return self._make(index % len(self))

    def __iter__(self) -> Iterator[IkeSa]:
        return map(self._make, range(len(self)))

    def _make(self, index: int) -> IkeSa:
        table = self._table
        rows = self._rows[self._begins[index] : self._begins[index + 1]].tolist()
        pairs = {_pair(table.src[row], table.dst[row]) for row in rows}
        first = rows[0]
        begins_anew = table.message_id[first] == 0 and table.exchange[first] in _AFTER_REKEY
        errors = self._owned.icmp.get(index, ())
        return IkeSa(
            index,
            self._capture,
            tuple([Message(table, row) for row in rows]),
            flows=tuple(self._flows.get(index, ())),
            icmp=tuple([error for error, _ in errors]),
            icmp_about=_by_message(errors),
            orphans=tuple(self._owned.orphans.get(index, ())),
            dropped={row: self._dropped[row] for row in rows if row in self._dropped} if self._dropped else {},
            neighbours_of=self._neighbours,
            siblings_of=self._siblings,
            rekeyed=begins_anew and any(self._rekeying.get(p, first) < first for p in pairs),
        )


def pair_of(sa: IkeSa) -> Pair:
    """The address numbers of an SA's first message, the smaller first."""
    return _pair(*sa.messages[0].address_numbers)


def _pair(a: int, b: int) -> Pair:
    return (a, b) if a < b else (b, a)


def _ends(src: int, sport: int, dst: int, dport: int) -> Ends:
    """The two ends of a flow, whichever way it goes."""
    return ((src, sport), (dst, dport)) if (src, sport) < (dst, dport) else ((dst, dport), (src, sport))


def _rows_by_sa(wire: Wire, copies: Ints) -> tuple[Ints, Ints]:
    """Rows of the messages, SA by SA in the order of appearance, and where each SA begins among them."""
    m = wire.messages
    rows = np.flatnonzero(copies == MISSING)
    if not len(rows):
        return rows, np.zeros(1, dtype=np.int64)
    order = rows[np.lexsort((rows, m.version[rows] >> 4, m.spi_i[rows]))]
    spi, major = m.spi_i[order], m.version[order] >> 4
    begins = np.flatnonzero(np.r_[True, (spi[1:] != spi[:-1]) | (major[1:] != major[:-1])])
    sizes = np.diff(np.r_[begins, len(order)])
    appearance = np.argsort(order[begins], kind="stable")
    begins, sizes = begins[appearance], np.minimum(sizes, MAX_OF_SA)[appearance]
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    # The rows of each SA go from their place by SPI to that by appearance.
    return order[np.arange(bounds[-1]) + np.repeat(begins - bounds[:-1], sizes)], bounds


def _by_message(errors: Iterable[tuple[IcmpRow, int]]) -> dict[int, list[IcmpRow]]:
    """ICMP errors that quote a message, by its row."""
    found: dict[int, list[IcmpRow]] = defaultdict(list)
    for error, row in errors:
        if row != MISSING:
            found[row].append(error)
    return dict(found)


def _dropped_messages(wire: Wire, copies: Ints) -> dict[int, tuple[int, ...]]:
    """Messages of which the capturing host dropped a packet itself, by row, with the frames that say so.

    A host that records drops (pktmon) often holds the packet twice, on its way and where it ended (domain.md 8.5): what
    is said of a copy counts for the message.
    """
    dropped = np.flatnonzero(wire.packets.dropped > 0)
    frames: dict[int, list[int]] = defaultdict(list)
    for i in dropped.tolist():
        frames[int(wire.packets.datagram[i])].append(int(wire.packets.frame[i]))
    found: dict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(np.isin(wire.messages.datagram, list(frames))).tolist():
        origin = row if copies[row] == MISSING else int(copies[row])
        found[origin] += frames[int(wire.messages.datagram[row])]
    return {row: tuple(sorted(told)) for row, told in found.items()}


def _first_rekeying(wire: Wire) -> dict[Pair, int]:
    """For two addresses the first row at which a CREATE_CHILD_SA went between them."""
    found: dict[Pair, int] = {}
    for row in np.flatnonzero(wire.messages.exchange == numbers.CREATE_CHILD_SA).tolist():
        found.setdefault(_pair(int(wire.messages.src[row]), int(wire.messages.dst[row])), row)
    return found


def _flows_by_sa(wire: Wire, rows: Ints, begins: Ints) -> dict[int, list[EspFlow]]:
    """Give each ESP flow to the IKE SA that made it: the last one that had answered IKE_AUTH when it began.

    That is looked for between the same addresses and ports (two clients behind one NAT differ in the port only), then
    between the same addresses. Where no answer is in the trace, the last one that had sent IKE_AUTH, or begun, has it.
    """
    found: dict[int, list[EspFlow]] = defaultdict(list)
    if not wire.flows or not len(rows):
        return found
    m = wire.messages
    of_sa = np.repeat(np.arange(len(begins) - 1), np.diff(begins))
    auth = m.exchange[rows] == numbers.IKE_AUTH
    answers = auth & ((m.flags[rows] & FLAG_RESPONSE) != 0)
    first = np.zeros(len(rows), dtype=np.bool_)
    first[begins[:-1]] = True
    # The surest way to find the owner comes first; each is a list of (time, SA) by ends or by addresses.
    ways: list[tuple[Bools, bool, dict[Ends | Pair, list[tuple[int, int]]]]] = [
        (answers, True, defaultdict(list)),
        (auth, True, defaultdict(list)),
        (answers, False, defaultdict(list)),
        (first, False, defaultdict(list)),
    ]
    for chosen, by_ends, moments in ways:
        for i in np.flatnonzero(chosen).tolist():
            row = int(rows[i])
            src, dst = int(m.src[row]), int(m.dst[row])
            key = _ends(src, int(m.sport[row]), dst, int(m.dport[row])) if by_ends else _pair(src, dst)
            moments[key].append((int(m.time[row]), int(of_sa[i])))
        for times in moments.values():
            times.sort()
    for flow in wire.flows:
        for _, by_ends, moments in ways:
            key = _ends(flow.src, flow.sport, flow.dst, flow.dport) if by_ends else _pair(flow.src, flow.dst)
            times = moments.get(key, [])
            at = bisect_right(times, (flow.first, len(begins)))
            if at:
                found[times[at - 1][1]].append(flow)
                break
    return found


def _has_company(messages: Messages, firsts: Ints) -> Bools:
    """For each IKE SA that its initiator began: is there another between the same hosts, and few at its responder?"""
    near, far = np.sort(np.stack((messages.src[firsts], messages.dst[firsts])), axis=0)
    _, pair, pairs = np.unique(near.astype(np.int64) << 32 | far, return_inverse=True, return_counts=True)
    responder = messages.dst[firsts]
    company: Bools = (pairs[pair] > 1) & (np.bincount(responder)[responder] <= MANY_ATTEMPTS + 1)
    return company


def _with_esp_one_way(flows: dict[int, list[EspFlow]]) -> list[int]:
    """Indices of the IKE SAs whose ESP comes from one address only."""
    return [index for index, found in flows.items() if len({flow.src for flow in found if flow.spi}) == 1]


def _facts(
    wire: Wire, notes: Sequence[Note], interfaces: Sequence[Interface], duplicates: int, mtu: int | None
) -> CaptureFacts:
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
        strays=strays(wire),
        surroundings=Surroundings.of(wire.echoes, wire.handshakes, census.last_time),
        esp_from_4500=_last_esp(wire),
        ike_from_4500=_last_ike(wire),
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


def _last_esp(wire: Wire) -> dict[Pair, int]:
    """When the last ESP in UDP 4500 came, by source and destination."""
    found: dict[Pair, int] = {}
    for f in wire.flows:
        if f.spi and NAT_T_PORT in (f.sport, f.dport):
            found[f.src, f.dst] = max(f.last, found.get((f.src, f.dst), f.last))
    return found


def _last_ike(wire: Wire) -> dict[Pair, int]:
    """The same for IKE behind the non-ESP marker; asked only where there is ESP."""
    if not wire.flows:
        return {}
    m = wire.messages
    marked = np.flatnonzero((m.nat_t > 0) & (m.tcp == 0))
    order = marked[np.lexsort((m.time[marked], m.dst[marked], m.src[marked]))]
    src, dst = m.src[order], m.dst[order]
    last = np.flatnonzero(np.r_[(src[1:] != src[:-1]) | (dst[1:] != dst[:-1]), np.ones(min(len(order), 1), np.bool_)])
    pairs = zip(src[last].tolist(), dst[last].tolist(), strict=True)
    return dict(zip(pairs, m.time[order[last]].tolist(), strict=True))
