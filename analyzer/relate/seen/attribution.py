"""Whose an ICMP error is, or an IP fragment that came without its first one: of one IKE SA, though it names none.

Each of them is about one packet, and a packet is of one IKE SA. An ICMP error quotes its packet: it means the last one
before it that has the quoted initiator SPI, else the IP identification and ports, else the ports. A later fragment
names two hosts and no more: it is of the IKE SA on which they were heard last. So nothing is told twice, however many
IKE SAs of two hosts alternate, and all of it is found by a few sorts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analyzer.columns import MISSING, Bools, Ints, repeated
from analyzer.ike.tables import Wire
from analyzer.packets.tables import IcmpRow
from analyzer.protocol import TCP, UDP
from analyzer.relate.seen.host_pair import HostPair, host_pair
from analyzer.relate.seen.message_table import MessageTable
from analyzer.relate.seen.orphan_fragments import Orphan


@dataclass(frozen=True, slots=True)
class Attribution:
    """What belongs to each IKE SA, by its index.

    Attributes
    ----------
    icmp : dict of int to list of (IcmpRow, int)
        ICMP errors in the order of capture, each with the row of the message that it quotes; ``MISSING`` where it
        quotes another packet of the same hosts, as ESP.
    orphans : dict of int to list of Orphan
        Later fragments of datagrams whose first fragment is not in the capture, in the order of capture; copies once.
    disturbed : set of HostPair
        Addresses, the smaller number first, between which there is either, whosever it is.
    """

    icmp: dict[int, list[tuple[IcmpRow, int]]]
    orphans: dict[int, list[Orphan]]
    disturbed: frozenset[HostPair]


def attribute(table: MessageTable, rows: Ints, begins: Ints) -> Attribution:
    """Give each ICMP error and each lone later fragment to the IKE SA that it is of.

    Parameters
    ----------
    table : MessageTable
        Messages of the capture.
    rows, begins : int64 arrays
        Rows of the messages SA by SA, and where each SA begins among them.
    """
    wire = table.wire
    errors = [row for row in wire.icmp if row.quoted_src != MISSING]
    lone = _lone_fragments(wire)
    p = wire.packets
    ends = [(row.quoted_src, row.quoted_dst) for row in errors]
    ends += zip(p.src[lone].tolist(), p.dst[lone].tolist(), strict=True)
    disturbed = frozenset(host_pair(*pair) for pair in ends)
    if not disturbed or not len(rows):
        return Attribution({}, {}, disturbed)
    number = repeated(np.arange(len(begins) - 1), np.diff(begins))
    chosen = np.flatnonzero(_between(disturbed, wire.messages.src[rows], wire.messages.dst[rows]))
    if not len(chosen):  # all of it is between hosts of which no IKE is here
        return Attribution({}, {}, disturbed)
    rows, number = rows[chosen], number[chosen]
    messages = _of_messages(table, rows)
    return Attribution(
        _owners_of_errors(errors, messages, wire, rows, number),
        _owners_of_fragments(wire, lone, messages, number),
        disturbed,
    )


#: Columns by name, all of one length.
_Columns = dict[str, Any]


def _of_messages(table: MessageTable, rows: Ints) -> _Columns:
    m, wide = table.wire.messages, np.int64
    src, dst = m.src[rows].astype(wide), m.dst[rows].astype(wide)
    datagrams = table.wire.datagrams
    # The row behind the last is that of what has no datagram.
    cut = (np.r_[datagrams.fragments, 1][m.datagram[rows]] > 1) | (m.complete[rows] != 1)
    return {
        "place": _places(table.wire, m.frame[rows]),
        "src": src,
        "dst": dst,
        "near": np.minimum(src, dst),
        "far": np.maximum(src, dst),
        "sport": m.sport[rows].astype(wide),
        "dport": m.dport[rows].astype(wide),
        "protocol": np.where(m.tcp[rows] > 0, TCP, UDP).astype(wide),
        "ip_id": np.asarray(table.first_ip_id, dtype=wide)[rows],
        "cut": cut.astype(wide),
        "spi": m.spi_i[rows],
    }


def _of_errors(wire: Wire, errors: Sequence[IcmpRow]) -> _Columns:
    def column(values: Sequence[int | None]) -> Ints:
        return np.array([MISSING if value is None else value for value in values], dtype=np.int64)

    quoted = [row.error.quoted for row in errors]
    src, dst = column([row.quoted_src for row in errors]), column([row.quoted_dst for row in errors])
    offset = column([q.fragment_offset if q is not None else None for q in quoted])
    spi = [int.from_bytes(q.spi_i, "big") if q is not None and q.spi_i is not None else 0 for q in quoted]
    return {
        "place": column([wire.place(row.frame) for row in errors]),
        "src": src,
        "dst": dst,
        "near": np.minimum(src, dst),
        "far": np.maximum(src, dst),
        "sport": column([q.sport if q is not None else None for q in quoted]),
        "dport": column([q.dport if q is not None else None for q in quoted]),
        "protocol": column([q.protocol if q is not None else None for q in quoted]),
        "ip_id": column([q.ip_id if q is not None else None for q in quoted]),
        "cut": (offset > 0).astype(np.int64),
        "spi": np.array(spi, dtype=np.uint64),
    }


#: What the quoted packet and a message have in common, the surest first. Behind the last nothing names the message.
_WITH_PORTS = (
    ("src", "dst", "protocol", "sport", "dport", "ip_id"),
    ("src", "dst", "protocol", "sport", "dport"),
    # A NAT between here and there may have changed the client's port.
    ("src", "dst", "protocol", "dport"),
)
#: A quote without ports is of a later fragment, or short.
_WITHOUT_PORTS = (("src", "dst", "protocol", "cut", "ip_id"), ("src", "dst", "protocol", "cut"))
_HOSTS = ("near", "far")


def _owners_of_errors(
    errors: Sequence[IcmpRow], messages: _Columns, wire: Wire, rows: Ints, number: Ints
) -> dict[int, list[tuple[IcmpRow, int]]]:
    quoted = _of_errors(wire, errors)
    # The initiator SPIs of all messages, wherever they go.
    named: Bools = (quoted["spi"] != 0) & np.isin(quoted["spi"], wire.messages.spi_i)
    # It quotes an IKE SA that is not in the trace: none of those that are sent the packet.
    foreign: Bools = (quoted["spi"] != 0) & ~named
    ports: Bools = quoted["dport"] != MISSING
    identified = quoted["ip_id"] > 0
    owner, message = np.full((2, len(errors)), MISSING, dtype=np.int64)
    for those, spi in ((named, ("spi",)), (~named, ())):
        for way in (*_WITH_PORTS, *_WITHOUT_PORTS, _HOSTS):
            fits = those & (owner == MISSING)
            if way != _HOSTS:
                fits &= ~foreign & (ports == ("dport" in way))
            if "ip_id" in way:
                fits &= identified
            asked = np.flatnonzero(fits)
            found = _last_before(messages, quoted, asked, (*spi, *way))
            asked, found = asked[found != MISSING], found[found != MISSING]
            owner[asked] = number[found]
            if way != _HOSTS:
                message[asked] = rows[found]
    # A message may not be in the trace, or far from its place: an SPI names its IKE SA even before there is one.
    asked = np.flatnonzero(named & (owner == MISSING))
    found = _last_before(_backward(messages), _backward(quoted), asked, ("spi", *_HOSTS))
    owner[asked] = np.where(found != MISSING, number[found], MISSING)
    told: dict[int, list[tuple[IcmpRow, int]]] = defaultdict(list)
    for row, sa, about in zip(errors, owner.tolist(), message.tolist(), strict=True):
        if sa != MISSING:
            told[sa].append((row, about))
    return dict(told)


def _lone_fragments(wire: Wire) -> Ints:
    """Rows of the later fragments of datagrams without a first one in the packets table, in order; copies once."""
    p = wire.packets
    later = np.flatnonzero(p.fragment_offset > 0)
    alone = later[~np.isin(p.datagram[later], wire.messages.datagram)]
    places = np.stack([p.datagram[alone], p.fragment_offset[alone]])
    once = alone[np.unique(places, axis=1, return_index=True)[1]]
    order: Ints = once[np.lexsort((once, _places(wire, p.frame[once])))]
    return order


def _places(wire: Wire, frames: Any) -> Ints:
    """What came before what: frames may be out of order in the file."""
    return np.array([wire.place(frame) for frame in frames.tolist()], dtype=np.int64)


def _owners_of_fragments(wire: Wire, lone: Ints, messages: _Columns, number: Ints) -> dict[int, list[Orphan]]:
    p, text = wire.packets, wire.addresses.text
    src, dst = p.src[lone].astype(np.int64), p.dst[lone].astype(np.int64)
    when = {"place": _places(wire, p.frame[lone]), "near": np.minimum(src, dst), "far": np.maximum(src, dst)}
    found = _last_before(messages, when, np.arange(len(lone)), _HOSTS)
    told: dict[int, list[Orphan]] = defaultdict(list)
    for place in np.flatnonzero(found != MISSING).tolist():
        orphan = Orphan(int(p.frame[lone[place]]), text(int(src[place])), text(int(dst[place])))
        told[int(number[found[place]])].append(orphan)
    return dict(told)


def _between(pairs: frozenset[HostPair], src: Any, dst: Any) -> Bools:
    """Which messages go between two addresses that are among some pairs."""
    wanted = np.array(sorted(near << 32 | far for near, far in pairs), dtype=np.int64)
    which: Bools = np.isin(np.minimum(src, dst).astype(np.int64) << 32 | np.maximum(src, dst), wanted)
    return which


def _backward(columns: _Columns) -> _Columns:
    return columns | {"place": -columns["place"]}


def _last_before(messages: _Columns, others: _Columns, asked: Ints, shared: tuple[str, ...]) -> Ints:
    """For each of some others the place of the last message before it that shares some columns; else ``MISSING``."""
    if not len(asked):
        return asked
    count = len(messages["place"])
    columns = [np.concatenate((messages[name], others[name][asked])) for name in (*shared, "place")]
    # The last key is the first to sort by; of equal ones messages stay in front.
    order = np.lexsort(columns[::-1])
    at = np.arange(len(order))
    begins = np.zeros(len(order), dtype=np.bool_)
    for column in columns[: len(shared)]:
        begins[1:] |= column[order[1:]] != column[order[:-1]]
    begins[0] = True
    group = np.maximum.accumulate(np.where(begins, at, 0))
    last = np.maximum.accumulate(np.where(order < count, at, MISSING))
    result = np.full(len(asked), MISSING, dtype=np.int64)
    hit = np.flatnonzero((order >= count) & (last >= group))
    result[order[hit] - count] = order[last[hit]]
    return result
