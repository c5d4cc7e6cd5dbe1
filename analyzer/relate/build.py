"""Tables of the wire in, IKE SAs out: duplicates left aside, messages grouped by initiator SPI."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analyzer.capture.gather import Ints
from analyzer.capture.records import Interface, Note
from analyzer.capture.select import NAT_T_PORT
from analyzer.relate.duplicates import duplicate_of
from analyzer.relate.sa import IkeSa
from analyzer.relate.views import CaptureFacts, Message, MessageTable
from analyzer.wire.registry import numbers
from analyzer.wire.tables import MISSING, EspFlow, IcmpRow, Wire

#: Exchanges with message ID 0 by which only an IKE SA begins that a rekeying made (RFC 7296 section 2.18).
_AFTER_REKEY = (numbers.CREATE_CHILD_SA, numbers.INFORMATIONAL)

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Related:
    """The IKE SAs of a capture, and what is known of the capture as a whole."""

    capture: CaptureFacts
    table: MessageTable
    sas: tuple[IkeSa, ...]
    duplicate_of: Ints


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
    flows, icmp, orphans = _by_pair(wire)
    rekeyable: set[Pair] = set()
    sas: list[IkeSa] = []
    for number, rows in enumerate(_rows_by_sa(wire, copies)):
        messages = tuple(Message(table, row) for row in rows)
        pairs = frozenset(_pair(table.src[row], table.dst[row]) for row in rows)
        first = messages[0]
        begins_anew = first.message_id == 0 and first.exchange in _AFTER_REKEY
        sas.append(
            IkeSa(
                number,
                capture,
                messages,
                pairs=pairs,
                icmp=tuple(i for p in pairs for i in icmp.get(p, ()) if i.time >= first.time),
                orphans=tuple(o for p in pairs for o in orphans.get(p, ())),
                rekeyed=begins_anew and not pairs.isdisjoint(rekeyable),
            )
        )
        if any(m.exchange == numbers.CREATE_CHILD_SA for m in messages):
            rekeyable |= pairs
    _share_out_flows(sas, flows)
    return Related(capture, table, tuple(sas), copies)


def _share_out_flows(sas: list[IkeSa], flows: dict[Pair, list[EspFlow]]) -> None:
    """Give each ESP flow to the IKE SA that made it: the last one between its addresses that had answered IKE_AUTH.

    Where none had (the answer is not in the trace), to the last one that had begun.
    """
    if not flows:
        return
    by_pair: dict[Pair, list[tuple[int, int, IkeSa]]] = defaultdict(list)
    for sa in sas:
        for pair in sa.pairs & flows.keys():
            by_pair[pair].append((sa.start, sa.answered_auth_at, sa))
    for pair, candidates in by_pair.items():
        for flow in flows[pair]:
            ready = [(at, sa.number, sa) for _, at, sa in candidates if at and at <= flow.first]
            begun = [(at, sa.number, sa) for at, _, sa in candidates if at <= flow.first]
            if ready or begun:
                owner = max(ready or begun, key=lambda c: c[:2])[2]
                owner.flows = (*owner.flows, flow)


def _pair(a: int, b: int) -> Pair:
    return (a, b) if a < b else (b, a)


def _rows_by_sa(wire: Wire, copies: Ints) -> list[list[int]]:
    """Rows of each IKE SA, SAs and rows in the order of appearance."""
    m = wire.messages
    rows = np.flatnonzero(copies == MISSING)
    if not len(rows):
        return []
    order = rows[np.lexsort((rows, m.version[rows] >> 4, m.spi_i[rows]))]
    spi, major = m.spi_i[order], m.version[order] >> 4
    cuts = np.flatnonzero((spi[1:] != spi[:-1]) | (major[1:] != major[:-1])) + 1
    groups = [g.tolist() for g in np.split(order, cuts)]
    return sorted(groups, key=lambda g: g[0])


def _by_pair(
    wire: Wire,
) -> tuple[dict[Pair, list[EspFlow]], dict[Pair, list[IcmpRow]], dict[Pair, list[tuple[int, str, str]]]]:
    """ESP flows, ICMP errors and orphan fragments by the two addresses that they concern."""
    flows: dict[Pair, list[EspFlow]] = defaultdict(list)
    for flow in wire.flows:
        flows[_pair(flow.src, flow.dst)].append(flow)
    icmp: dict[Pair, list[IcmpRow]] = defaultdict(list)
    for row in wire.icmp:
        if row.quoted_src != MISSING:
            icmp[_pair(row.quoted_src, row.quoted_dst)].append(row)
    orphans: dict[Pair, list[tuple[int, str, str]]] = defaultdict(list)
    p = wire.packets
    text = wire.addresses.text
    later = np.flatnonzero(p.fragment_offset > 0).tolist()
    named = set(wire.messages.datagram.tolist()) if later else set()
    for i in later:
        if int(p.datagram[i]) not in named:
            src, dst = int(p.src[i]), int(p.dst[i])
            orphans[_pair(src, dst)].append((int(p.frame[i]), text(src), text(dst)))
    return flows, icmp, orphans


def _facts(wire: Wire, notes: Sequence[Note], interfaces: Sequence[Interface], duplicates: int, mtu: int | None) -> CaptureFacts:
    census = wire.census
    ids = {note.id for note in notes}
    return CaptureFacts(
        first=census.first_time,
        last=census.last_time,
        later_fragments=census.later_fragments,
        rejected=census.rejected,
        snapped=census.snapped,
        lost_packets="capture-lost-packets" in ids,
        cut="capture-cut" in ids,
        damaged="capture-damaged" in ids,
        capture_filter=next((i.filter for i in interfaces if i.filter), ""),
        duplicates=duplicates,
        packets=census.packets,
        ike_messages=len(wire.messages.frame),
        esp=census.esp,
        keepalives=census.keepalives,
        unknown_link=census.unknown_link,
        unreadable_udp=census.unreadable_udp,
        icmp=tuple(wire.icmp),
        heard_on_4500=_heard_on_4500(wire),
        given_mtu=mtu,
    )


def _heard_on_4500(wire: Wire) -> frozenset[str]:
    m = wire.messages
    speakers = set(np.unique(m.src[m.sport == NAT_T_PORT]).tolist())
    speakers |= {f.src for f in wire.flows if f.sport == NAT_T_PORT}
    return frozenset(map(wire.addresses.text, speakers))
