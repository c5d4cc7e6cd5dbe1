"""Other IKE SAs of the same two hosts, in brief: what one attempt cannot show, its neighbours may.

Facts of all IKE SAs are worked out at once, from the columns, when the first of them asks for its neighbours; a
question then looks at a bounded number of them. A gateway's trace with 50,000 failing IKE SAs costs no more than that
many small look-ups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from analyzer.columns import MISSING, Bools, Ints, by_run
from analyzer.ike.message_columns import FLAG_INITIATOR, FLAG_RESPONSE
from analyzer.ike.registry import numbers
from analyzer.ike.tables import Wire
from analyzer.protocol import NAT_T_PORT
from analyzer.relate.seen.clear_payloads import having_notify

#: At most so many neighbours are told of one IKE SA; half of them at most share both addresses with it.
MAX_NEIGHBOURS = 64
#: With more attempts than this at one responder a trace is a gateway's, where one attempt explains another less.
MANY_ATTEMPTS = 20
#: Neighbours that are kept made, since the next IKE SA in time has mostly the same.
_KEPT = 4_096
_LATEST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another IKE SA that shares an address with the one that is looked at.

    Attributes
    ----------
    number, spi_i : int
        As of :class:`analyzer.relate.sa.IkeSa`.
    start, end : int
        Times of its first and last message, ns.
    start_earliest : int
        Before which it surely did not begin, ns: other than ``start`` where the date of its first message is damaged.
    initiator, initiator_port, responder, responder_port : str, int, str, int
        Ends of its first message.
    first_frame : int
        Frame of its first message.
    asked, answered : bool, bool
        Anything came from its initiator; from its responder.
    auth_sent, auth_answered : bool
        IKE_AUTH of its initiator is in the trace; of its responder likewise.
    init_answered : int or None
        When the first answer to its IKE_SA_INIT (or IKE_SESSION_RESUME) had come at the latest, ns; None when the trace
        shows none.
    heard_on_4500 : bool
        A message of it came from its responder's UDP port 4500.
    over_tcp : bool
        It began in TCP.
    redirected : bool
        An answer sends its initiator to another gateway (RFC 5685).
    """

    number: int
    spi_i: int
    start: int
    start_earliest: int
    end: int
    initiator: str
    initiator_port: int
    responder: str
    first_frame: int
    answered: bool
    auth_sent: bool
    auth_answered: bool
    asked: bool = True
    responder_port: int = 500
    init_answered: int | None = None
    heard_on_4500: bool = False
    over_tcp: bool = False
    redirected: bool = False


class Neighbourhood:
    """The neighbours of every IKE SA (of IKEv2) of a capture.

    Parameters
    ----------
    wire : Wire
        Tables of the capture.
    rows, begins : int64 arrays
        Rows of the messages SA by SA, and where each SA begins among them.
    """

    def __init__(self, wire: Wire, rows: Ints, begins: Ints) -> None:
        self._wire = wire
        m, first = wire.messages, rows[begins[:-1]]
        outward = (m.flags[first] & FLAG_INITIATOR) != 0
        self._first = first
        self._start, self._end = m.time[first], m.time[rows[begins[1:] - 1]]
        earliest, latest = _bounds(wire)
        self._start_earliest = earliest[first]
        self._initiator = np.where(outward, m.src[first], m.dst[first])
        self._responder = np.where(outward, m.dst[first], m.src[first])
        self._ports = (
            np.where(outward, m.sport[first], m.dport[first]),
            np.where(outward, m.dport[first], m.sport[first]),
        )
        kind, by_initiator = m.exchange[rows], (m.flags[rows] & FLAG_INITIATOR) != 0
        response = (m.flags[rows] & FLAG_RESPONSE) != 0
        opens = (kind == numbers.IKE_SA_INIT) | (kind == numbers.IKE_SESSION_RESUME)
        auth = kind == numbers.IKE_AUTH

        def any_of(which: Bools) -> Bools:
            found: Bools = by_run(np.logical_or, which, begins[:-1])
            return found

        self._asked, self._answered = any_of(by_initiator), any_of(~by_initiator)
        self._auth_sent, self._auth_answered = any_of(auth & by_initiator), any_of(auth & ~by_initiator)
        self._heard_on_4500 = any_of(~by_initiator & (m.sport[rows] == NAT_T_PORT) & (m.tcp[rows] == 0))
        self._over_tcp = m.tcp[first] != 0
        self._redirected = any_of(having_notify(wire, numbers.REDIRECT)[rows] & response)
        answers = np.where(opens & response & ~by_initiator, latest[rows], _LATEST)
        self._init_answered = by_run(np.minimum, answers, begins[:-1])
        ikev2 = np.flatnonzero(m.version[first] >> 4 == 2)
        #: Three ways to be near: same two hosts, same responder, same initiator; in each the SAs by time.
        self._ways = (
            _Way(ikev2, self._start, self._responder, self._initiator),
            _Way(ikev2, self._start, self._responder),
            _Way(ikev2, self._start, self._initiator),
        )
        self._made: dict[int, Neighbour] = {}

    def of(self, index: int) -> tuple[Neighbour, ...]:
        """Neighbours of one IKE SA, in the order of their start.

        Those between the same two hosts come first, up to half of the bound; the others are the nearest in time.
        """
        return tuple(map(self._neighbour, self._chosen(index)))

    def siblings_of(self, index: int) -> tuple[Neighbour, ...]:
        """Those of the neighbours that are between the same two hosts; none are made where there is no other."""
        if self._ways[0].is_alone(index):
            return ()
        ends = self._initiator[index], self._responder[index]
        chosen = [i for i in self._chosen(index) if (self._initiator[i], self._responder[i]) == ends]
        return tuple(map(self._neighbour, chosen))

    def _chosen(self, index: int) -> list[int]:
        same_pair, *others = self._ways
        half = MAX_NEIGHBOURS // 2
        chosen = self._nearest(index, same_pair.around(index, half), half)
        rest = dict.fromkeys([i for way in others for i in way.around(index, MAX_NEIGHBOURS)])
        for i in chosen:
            rest.pop(i, None)
        chosen += self._nearest(index, list(rest), MAX_NEIGHBOURS - len(chosen))
        return sorted(chosen, key=self._start.data.__getitem__)

    def _nearest(self, index: int, candidates: list[int], count: int) -> list[int]:
        """The nearest in time to the start of an SA among others, at most ``count``."""
        start = self._start.data
        moment = start[index]
        return sorted(candidates, key=lambda i: abs(start[i] - moment))[:count]

    def _neighbour(self, index: int) -> Neighbour:
        made = self._made.get(index)
        if made is None:
            if len(self._made) >= _KEPT:
                self._made.clear()
            made = self._made[index] = self._make(index)
        return made

    def _make(self, index: int) -> Neighbour:
        text, messages, row = self._wire.addresses.text, self._wire.messages, int(self._first[index])
        answered_at = int(self._init_answered[index])
        return Neighbour(
            number=index + 1,
            spi_i=int(messages.spi_i[row]),
            start=int(self._start[index]),
            start_earliest=int(self._start_earliest[index]),
            end=int(self._end[index]),
            initiator=text(int(self._initiator[index])),
            initiator_port=int(self._ports[0][index]),
            responder=text(int(self._responder[index])),
            first_frame=int(messages.frame[row]),
            answered=bool(self._answered[index]),
            auth_sent=bool(self._auth_sent[index]),
            auth_answered=bool(self._auth_answered[index]),
            asked=bool(self._asked[index]),
            responder_port=int(self._ports[1][index]),
            init_answered=None if answered_at == _LATEST else answered_at,
            heard_on_4500=bool(self._heard_on_4500[index]),
            over_tcp=bool(self._over_tcp[index]),
            redirected=bool(self._redirected[index]),
        )


def _bounds(wire: Wire) -> tuple[Ints, Ints]:
    """For each message the times between which it came: its own time twice, unless its date is damaged."""
    time = wire.messages.time
    if not wire.misdated:
        return time, time
    earliest, latest = time.copy(), time.copy()
    for row in np.flatnonzero(np.isin(wire.messages.frame, list(wire.misdated))).tolist():
        earliest[row], latest[row] = wire.misdated[int(wire.messages.frame[row])]
    return earliest, latest


class _Way:
    """IKE SAs that share something, side by side and in the order of time."""

    def __init__(self, members: Ints, start: Ints, *shared: Any) -> None:
        order = members[np.lexsort([start[members], *(key[members] for key in shared)])]
        differs = np.zeros(max(len(order) - 1, 0), dtype=np.bool_)
        for key in shared:
            differs |= key[order[1:]] != key[order[:-1]]
        #: Where each group begins and ends, and at which place each SA stands.
        group = np.concatenate([[0], np.cumsum(differs)]) if len(order) else np.zeros(0, dtype=np.int64)
        edges = np.concatenate([[0], np.flatnonzero(differs) + 1, [len(order)]])
        self._order = order
        self._lower, self._upper = edges[group], edges[group + 1]
        self._place = np.full(len(start), MISSING, dtype=np.int64)
        self._place[order] = np.arange(len(order))

    def is_alone(self, index: int) -> bool:
        """No other SA shares it with this one."""
        place = self._place[index]
        return bool(place == MISSING or self._upper[place] - self._lower[place] == 1)

    def around(self, index: int, count: int) -> list[int]:
        """The SAs that share it with this one, at most ``count`` before and ``count`` after it in time."""
        place = int(self._place[index])
        if place == MISSING:
            return []
        lower = max(int(self._lower[place]), place - count)
        upper = min(int(self._upper[place]), place + count + 1)
        return [*self._order[lower:place].tolist(), *self._order[place + 1 : upper].tolist()]
