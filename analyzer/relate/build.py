"""Tables of the wire in, IKE SAs out: duplicates left aside, messages grouped by initiator and its SPI."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from analyzer.cached_property import cached_property
from analyzer.columns import MISSING, Ints
from analyzer.formats.records import Interface, Note
from analyzer.ike.tables import Wire
from analyzer.packets.tables import IcmpRow
from analyzer.relate.inferred.chains import Chains, chains_of
from analyzer.relate.inferred.plain_success import plain_successes
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.attribution import attribute
from analyzer.relate.seen.capture_facts import CaptureFacts, facts_of
from analyzer.relate.seen.duplicates import duplicate_of
from analyzer.relate.seen.esp_attribution import esp_flows_by_sa
from analyzer.relate.seen.host_drops import dropped_messages
from analyzer.relate.seen.host_pair import Client, client, host_pair
from analyzer.relate.seen.message import Message
from analyzer.relate.seen.message_table import MessageTable
from analyzer.relate.seen.neighbours import Neighbour, Neighbourhood
from analyzer.relate.seen.rows_by_sa import rows_by_sa

#: Captures with more IKE SAs than this do not keep the views of all of them: each is made when it is looked at.
KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Related:
    """The IKE SAs of a capture, and what is known of the capture as a whole.

    ``plain_successes``: by index the SAs that succeeded beyond question, with their client and start.
    ``chains``: which IKE SAs are one connection.
    """

    capture: CaptureFacts
    table: MessageTable
    sas: Sequence[IkeSa]
    duplicate_of: Ints
    plain_successes: dict[int, tuple[Client, int]]
    chains: Chains


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
    capture = facts_of(wire, notes, interfaces, int(np.count_nonzero(copies != MISSING)), mtu)
    table = MessageTable(wire)
    sas = IkeSas(wire, table, capture, copies)
    plain = {index: (who, start) for index, who, start in sas.plain_successes()}
    return Related(capture, table, tuple(sas) if len(sas) <= KEPT else sas, copies, plain, sas.chains)


class IkeSas(Sequence[IkeSa]):
    """The IKE SAs of a capture in the order of appearance, each made anew when it is asked for."""

    def __init__(self, wire: Wire, table: MessageTable, capture: CaptureFacts, copies: Ints) -> None:
        self._table = table
        self._capture = capture
        self._rows, self._begins = rows_by_sa(wire, copies)
        self._attribution = attribute(table, self._rows, self._begins)
        self._dropped = dropped_messages(wire, copies)
        self.chains = chains_of(wire, self._rows, self._begins)
        self._flows = esp_flows_by_sa(wire, self._rows, self._begins)

    @cached_property
    def _neighbourhood(self) -> Neighbourhood:
        return Neighbourhood(self._table.wire, self._rows, self._begins)

    def _neighbours(self, index: int) -> tuple[Neighbour, ...]:
        return self._neighbourhood.of(index)

    def _siblings(self, index: int) -> tuple[Neighbour, ...]:
        return self._neighbourhood.siblings_of(index)

    @cached_property
    def _ikev2_pairs(self) -> Ints:
        """Hosts between which IKEv2 goes, each pair as one number, in order."""
        m = self._table.wire.messages
        of_two = np.flatnonzero(m.version >> 4 == 2)
        src, dst = m.src[of_two].astype(np.int64), m.dst[of_two].astype(np.int64)
        pairs: Ints = np.unique(np.minimum(src, dst) << 32 | np.maximum(src, dst))
        return pairs

    def _speak_ikev2(self, a: int, b: int) -> bool:
        near, far = host_pair(a, b)
        pair = near << 32 | far
        at = int(np.searchsorted(self._ikev2_pairs, pair))
        return at < len(self._ikev2_pairs) and int(self._ikev2_pairs[at]) == pair

    def plain_successes(self) -> Iterator[tuple[int, Client, int]]:
        """Index, client and start of each plain success (see :mod:`analyzer.relate.inferred.plain_success`)."""
        return plain_successes(
            self._table,
            self._rows,
            self._begins,
            flows=self._flows,
            dropped=self._dropped,
            disturbed=self._attribution.disturbed,
            end=self._capture.last,
        )

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
        errors = self._attribution.icmp.get(index, ())
        return IkeSa(
            index,
            self._capture,
            tuple([Message(table, row) for row in rows]),
            flows=tuple(self._flows.get(index, ())),
            icmp=tuple([error for error, _ in errors]),
            icmp_by_message=_by_message(errors),
            speak_ikev2=self._speak_ikev2,
            orphans=tuple(self._attribution.orphans.get(index, ())),
            dropped={row: self._dropped[row] for row in rows if row in self._dropped} if self._dropped else {},
            neighbours_of=self._neighbours,
            siblings_of=self._siblings,
            rekeyed=self.chains.link(index) == "rekeyed",
        )


def client_of(sa: IkeSa) -> Client:
    """Who began an SA, as far as its first message tells."""
    first = sa.messages[0]
    port = first.sport if first.is_initiator else first.dport
    return client(host_pair(*first.address_numbers), port, over_tcp=first.over_tcp)


def _by_message(errors: Iterable[tuple[IcmpRow, int]]) -> dict[int, list[IcmpRow]]:
    """ICMP errors that quote a message, by its row."""
    found: dict[int, list[IcmpRow]] = defaultdict(list)
    for error, row in errors:
        if row != MISSING:
            found[row].append(error)
    return dict(found)
