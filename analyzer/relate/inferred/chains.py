"""Which IKE SAs are one connection: rekeyed, reauthenticated, redirected, or asked again with a cookie.

An IKE SA that follows another one is no new attempt, and one that the gateway rekeys is no connection from the gateway.
MOBIKE changes addresses within one IKE SA and needs nothing here. All IKE SAs are looked at together, by columns.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from analyzer.columns import MISSING, Bools, Ints, by_run, repeated
from analyzer.ike.message_columns import FLAG_INITIATOR, FLAG_RESPONSE
from analyzer.ike.registry import numbers
from analyzer.ike.tables import Wire
from analyzer.protocol import IKE_PORT, NAT_T_PORT
from analyzer.relate.seen.clear_payloads import having_notify, having_payload

#: How an IKE SA goes on from the one before it.
Link = Literal["rekeyed", "reauthenticated", "redirected", "retried"]

#: Exchanges with message ID 0 by which only an IKE SA begins that a rekeying made (RFC 7296 section 2.18).
_AFTER_REKEY = (numbers.CREATE_CHILD_SA, numbers.INFORMATIONAL)

_SECOND = 1_000_000_000
#: A client that is turned away (COOKIE, REDIRECT) comes again at once.
_TURNED_AWAY = 5 * _SECOND
#: REDIRECT in IKE_AUTH is encrypted; the new gateway is told of it (RFC 5685 section 5), when its name was looked up.
_REDIRECTED = 60 * _SECOND
#: RFC 7296 section 2.8.3: the new IKE SA is made and the old one deleted, or (break before make) the other way round.
_MAKE_BEFORE_BREAK, _BREAK_BEFORE_MAKE = 10 * _SECOND, 1 * _SECOND
#: Whoever closes an IKE SA sooner after its login gives it up, rather than to renew it.
_LIVED = 3 * _SECOND


@dataclass(frozen=True, slots=True)
class Chains:
    """Which IKE SA each one goes on from, by index; those that begin a connection are not in it.

    Examples
    --------
    >>> chains = Chains({1: (0, "rekeyed"), 2: (1, "rekeyed")})
    >>> chains.first(2), chains.first(5), chains.link(1)
    (0, 5, 'rekeyed')
    """

    before: Mapping[int, tuple[int, Link]]

    def first(self, index: int) -> int:
        """The IKE SA that began the connection, by its index."""
        while index in self.before:
            index = self.before[index][0]
        return index

    def link(self, index: int) -> Link | None:
        """How it goes on from the one before; None where it begins a connection."""
        return self.before[index][1] if index in self.before else None


def chains_of(wire: Wire, rows: Ints, begins: Ints) -> Chains:
    """Find the chains of a capture.

    Parameters
    ----------
    wire : Wire
        Tables of the capture.
    rows, begins : int64 arrays
        Rows of the messages SA by SA, and where each SA begins among them.
    """
    if len(begins) < 3:  # none, or one
        return Chains({})
    found: dict[int, tuple[int, Link]] = {}
    columns = _Columns(wire, rows, begins)
    for link, pairs in (
        ("rekeyed", _rekeyed(wire, columns)),
        ("retried", _retried(columns)),
        ("redirected", _redirected(columns)),
        ("reauthenticated", _reauthenticated(columns)),
    ):
        for before, after in pairs:
            # What comes later in the file begins nothing that is earlier: no circle, whatever the clock says.
            if before < after:
                found.setdefault(after, (before, link))  # type: ignore[arg-type]  # the four words are the links
    return Chains(found)


class _Columns:
    """What chains are told by, one value for each IKE SA."""

    def __init__(self, wire: Wire, rows: Ints, begins: Ints) -> None:
        m, starts = wire.messages, begins[:-1]
        first = rows[starts]
        outward = (m.flags[first] & FLAG_INITIATOR) != 0
        self.first = first
        #: Of each message the SA that it belongs to; none of a capture duplicate.
        self.owner = np.full(len(m.frame), MISSING, dtype=np.int64)
        self.owner[rows] = repeated(np.arange(len(starts)), np.diff(begins))
        self.start, self.end = m.time[first], m.time[rows[begins[1:] - 1]]
        self.initiator = np.where(outward, m.src[first], m.dst[first])
        self.responder = np.where(outward, m.dst[first], m.src[first])
        port = np.where(outward, m.sport[first], m.dport[first])
        #: The port that a NAT gave the client; 0 for its own, and in TCP.
        self.port = np.where((port == IKE_PORT) | (port == NAT_T_PORT) | (m.tcp[first] != 0), 0, port)
        self.ikev2 = m.version[first] >> 4 == 2
        kind, response = m.exchange[rows], (m.flags[rows] & FLAG_RESPONSE) != 0

        def any_of(which: Bools) -> Bools:
            of_sas: Bools = by_run(np.logical_or, which, starts)
            return of_sas

        def last_time(which: Bools) -> Ints:
            times: Ints = by_run(np.maximum, np.where(which, m.time[rows], MISSING), starts)
            return times

        answers = (kind == numbers.IKE_SA_INIT) & response
        turns_away = answers & ~having_payload(wire, numbers.SA)[rows]
        self.begins_anew = self.ikev2 & outward & (kind[starts] == numbers.IKE_SA_INIT) & ~response[starts]
        self.has_cookie = self.begins_anew & having_notify(wire, numbers.COOKIE)[first]
        self.was_redirected = self.begins_anew & having_notify(wire, numbers.REDIRECTED_FROM)[first]
        self.asked_for_cookie = any_of(turns_away & having_notify(wire, numbers.COOKIE)[rows])
        self.redirects = any_of(turns_away & having_notify(wire, numbers.REDIRECT)[rows])
        self.granted = last_time((kind == numbers.IKE_AUTH) & response)
        self.went_on = self.granted != MISSING
        #: The last request of each SA, where that is a Delete: what comes after it would speak against its end.
        place = by_run(np.maximum, np.where(~response, np.arange(len(rows)), MISSING), starts)
        closes = (place != MISSING) & (kind[place] == numbers.INFORMATIONAL) & (m.inner[rows][place] == numbers.D)
        self.closed = np.where(closes, m.time[rows[place]], MISSING)

    def following(self, *shared: Any) -> tuple[Ints, Ints]:
        """IKE SAs that begin anew, each with the one before it in time among those that share something."""
        members = np.flatnonzero(self.ikev2)
        order = members[np.lexsort([self.start[members], *(key[members] for key in shared)])]
        before, after = order[:-1], order[1:]
        same = self.begins_anew[after]
        for key in shared:
            same &= key[before] == key[after]
        return before[same], after[same]


Pairs = Iterator[tuple[int, int]]


def _pairs(which: Bools, before: Ints, after: Ints) -> Pairs:
    return zip(before[which].tolist(), after[which].tolist(), strict=True)


def _retried(c: _Columns) -> Pairs:
    """The cookie that a request returns was given to another IKE SA of the client, with another SPI."""
    before, after = c.following(c.port, c.responder, c.initiator)
    soon = c.start[after] - c.end[before] <= _TURNED_AWAY
    return _pairs(soon & c.asked_for_cookie[before] & ~c.went_on[before] & c.has_cookie[after], before, after)


def _redirected(c: _Columns) -> Pairs:
    """The client goes to another gateway: at once after a REDIRECT in the clear, or it says that it was redirected."""
    before, after = c.following(c.port, c.initiator)
    gap = c.start[after] - c.end[before]
    elsewhere = c.responder[before] != c.responder[after]
    in_clear = c.redirects[before] & ~c.went_on[before] & (gap <= _TURNED_AWAY)
    told = c.was_redirected[after] & (c.went_on | c.redirects)[before] & (gap <= _REDIRECTED)
    return _pairs(elsewhere & (in_clear | told), before, after)


def _reauthenticated(c: _Columns) -> Pairs:
    """The same client logs in anew, and the old IKE SA is deleted with it (RFC 7296 section 2.8.3)."""
    before, after = c.following(c.port, c.responder, c.initiator)
    closed, start = c.closed[before], c.start[after]
    lived = c.went_on[before] & (closed != MISSING) & (np.minimum(closed, start) - c.granted[before] >= _LIVED)
    replaced = (c.granted[after] != MISSING) & (closed > start) & (closed - c.granted[after] <= _MAKE_BEFORE_BREAK)
    renewed = (start >= closed) & (start - closed <= _BREAK_BEFORE_MAKE)
    return _pairs(lived & (replaced | renewed), before, after)


def _rekeyed(wire: Wire, c: _Columns) -> Pairs:
    """An IKE SA that begins within another one's CREATE_CHILD_SA has no IKE_SA_INIT of its own."""
    m = wire.messages
    made = np.flatnonzero((m.message_id[c.first] == 0) & np.isin(m.exchange[c.first], _AFTER_REKEY) & c.ikev2)
    if not len(made):
        return
    rekeyings: dict[object, list[int]] = defaultdict(list)
    for row in np.flatnonzero((m.exchange == numbers.CREATE_CHILD_SA) & (c.owner != MISSING)).tolist():
        for ends in _ends(m, row):
            rekeyings[ends].append(row)
    for index in made.tolist():
        row = int(c.first[index])
        for ends in _ends(m, row):
            rows = rekeyings[ends]
            place = bisect_left(rows, row)
            if place:
                yield int(c.owner[rows[place - 1]]), index
                break


def _ends(messages: Any, row: int) -> tuple[object, object]:
    """Both ends of a message with their ports, which tell clients behind one NAT apart; and without."""
    near = int(messages.src[row]), int(messages.sport[row])
    far = int(messages.dst[row]), int(messages.dport[row])
    hosts = near[0], far[0]
    return (min(near, far), max(near, far)), (min(hosts), max(hosts))
