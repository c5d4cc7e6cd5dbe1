"""Of the verdicts of many IKE SAs the one of the capture, and what is counted.

What repeats is one trouble: the attempts of one client, each within a minute of the one before. A trouble is past when
the same client succeeded later; the verdict of the capture is the cause that most clients share whose trouble stands.
A flood makes hundreds of thousands of IKE SAs: eight numbers are kept of each, and all is decided by columns.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np

from analyzer.columns import Bools, Ints, by_run
from analyzer.ike.registry import numbers
from analyzer.relate.build import Related, client_of
from analyzer.relate.sa import IkeSa
from analyzer.rules.catalogue import causes
from analyzer.rules.model import CANNOT_TELL, FAILED, Confidence, Severity, Verdict
from analyzer.rules.overview.values import Counted, Overview

#: Whoever asks again within this time of the last try still has the same trouble, ns.
ONE_TROUBLE = 60_000_000_000

#: Clients named beside the example.
MOST_OTHERS = 12

#: With which an IKE SA begins that is no other one's successor.
_BEGINS = (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)


class Kind(NamedTuple):
    """What verdicts are counted by; ``order`` is the place of the cause in the catalogue."""

    severity: int
    confidence: int
    order: int
    id: str
    exit_status: int


def overview_of(
    related: Related, verdict_of: Callable[[IkeSa], Verdict], among: Sequence[int] | None = None
) -> Overview:
    """Count the verdicts of a capture's IKE SAs.

    Parameters
    ----------
    related : Related
        The capture.
    verdict_of : callable
        Gives the verdict of an IKE SA.
    among : sequence of int, optional
        Only these IKE SAs, by index.
    """
    chosen = range(len(related.sas)) if among is None else among
    if not chosen:
        return Overview((), 0, 0, 0, {}, None, (), (), (), None, 0)
    return _Rows(related, verdict_of, chosen).overview()


class _Rows:
    """One row for each IKE SA, client by client and in the order of their start."""

    def __init__(self, related: Related, verdict_of: Callable[[IkeSa], Verdict], among: Iterable[int]) -> None:
        self._sas, self._verdict_of = related.sas, verdict_of
        kinds: dict[Kind, int] = {}
        columns = tuple(array("q") for _ in range(8))
        for index in among:
            row = self._row(related, verdict_of, index, kinds)
            for column, value in zip(columns, row, strict=True):
                column.append(value)
        near, far, port, start, end, kind, anew, place = (np.frombuffer(c, dtype=np.int64) for c in columns)
        by_client = np.lexsort((place, start, port, far, near))
        near, far, port = near[by_client], far[by_client], port[by_client]
        new = np.zeros(len(by_client), dtype=np.bool_)
        new[:1] = True
        new[1:] = (near[1:] != near[:-1]) | (far[1:] != far[:-1]) | (port[1:] != port[:-1])
        self.client = np.cumsum(new) - 1
        self.begins = np.flatnonzero(new)
        self.start, self.end, self.index = start[by_client], end[by_client], place[by_client]
        self.begins_anew = anew[by_client] != 0
        self.connections = len(place) - len(related.chains.before.keys() & set(place.tolist()))
        # Kinds are numbered by gravity, so the smallest number is the gravest.
        self.kinds = sorted(kinds)
        gravity = {of: number for number, of in enumerate(self.kinds)}
        self.kind = np.array([gravity[of] for of in kinds], dtype=np.int64)[kind[by_client]]
        self.status = np.array([of.exit_status for of in self.kinds], dtype=np.int64)[self.kind]

    def __len__(self) -> int:
        return len(self.index)

    @staticmethod
    def _row(
        related: Related, verdict_of: Callable[[IkeSa], Verdict], index: int, kinds: dict[Kind, int]
    ) -> tuple[int, ...]:
        first = related.chains.first(index)
        settled = related.plain_successes.get(index) if first == index else None
        if settled is not None:
            (near_far, port), start = settled
            kind, end, anew = _plain(), start, True
        else:
            sa = related.sas[index]
            near_far, port = client_of(sa if first == index else related.sas[first])
            kind, start, end = _kind(verdict_of(sa)), sa.start, sa.end
            anew = sa.messages[0].exchange in _BEGINS
        return *near_far, port, start, end, kinds.setdefault(kind, len(kinds)), int(anew), index

    def overview(self) -> Overview:
        failing, cause = self._failing()
        # Nobody asks what else could not be told of a client that fails, or that connected in this trace. That an older
        # connection stands says nothing about an attempt.
        settled = self._of_clients(failing | (self.is_healthy & self.begins_anew))
        undecided = self._one_of_each_client(self.stands & (self.status == CANNOT_TELL) & self.begins_anew & ~settled)
        healthy = self._one_of_each_client(self.is_healthy & ~self._of_clients(failing | undecided))
        decides = self._decides(failing & (self.ids == cause), healthy, undecided)
        return Overview(
            tally=self._tally(),
            sas=len(self),
            clients=len(self.begins),
            connections=self.connections,
            attempt_of=self._attempts(),
            decides=decides,
            turn=self._turn(decides, is_failing=bool(failing.any())),
            turned=self._turned(is_failing=bool(failing.any())),
            failing=self._indices(self._one_of_each_client(failing & (self.ids == cause))),
            healthy=self._indices(healthy),
            undecided=self._indices(undecided),
        )

    @cached_property
    def is_healthy(self) -> Bools:
        return self._bools(self.status == 0)

    @cached_property
    def ids(self) -> Ints:
        """The cause, as its place in the catalogue."""
        return np.array([of.order for of in self.kinds], dtype=np.int64)[self.kind]

    @cached_property
    def stands(self) -> Bools:
        """It did not succeed, and no later IKE SA of the same client did.

        What began before the trace, however it began, is no later success.
        """
        successes = np.where(self.is_healthy & self.begins_anew, self.start, np.iinfo(np.int64).min)
        last = by_run(np.maximum, successes, self.begins)[self.client]
        return self._bools(~self.is_healthy & (self.start >= last))

    @cached_property
    def trouble(self) -> Ints:
        """Which trouble it is of: a number that rows of one share."""
        tries = ~self.is_healthy & self.begins_anew
        again = np.zeros(len(self), dtype=np.bool_)
        again[1:] = tries[1:] & tries[:-1] & (self.client[1:] == self.client[:-1])
        again[1:] &= self.start[1:] - self.end[:-1] <= ONE_TROUBLE
        numbers_: Ints = np.cumsum(~again) - 1
        return numbers_

    @cached_property
    def _first_of_trouble(self) -> Ints:
        return np.flatnonzero(np.r_[True, self.trouble[1:] != self.trouble[:-1]])

    def _attempts(self) -> dict[int, int]:
        first = self.index[self._first_of_trouble][self.trouble]
        again = np.flatnonzero(first != self.index)
        return dict(zip(self.index[again].tolist(), first[again].tolist(), strict=True))

    def _failing(self) -> tuple[Bools, int]:
        """Rows of which each is the gravest of a trouble that stands, and the cause that most of their clients share.

        Of equally many clients: the gravest and surest cause.
        """
        gravest = by_run(np.minimum, self.kind, self._first_of_trouble)[self.trouble]
        failing = self._bools(self.stands & (self.status == FAILED) & (self.kind == gravest))
        shared = [
            (-len(np.unique(self.client[of])), int(self.kind[of].min()), cause)
            for cause in np.unique(self.ids[failing]).tolist()
            if (of := failing & (self.ids == cause)).any()
        ]
        return failing, min(shared, default=(0, 0, 0))[-1]

    def _decides(self, failing: Bools, healthy: Bools, undecided: Bools) -> int:
        """The IKE SA whose verdict is the capture's.

        A success outranks what cannot be told, which often is a session that began before the trace, unless the
        attempts that cannot be told are those of more clients than succeeded.
        """
        if failing.any():
            return self._gravest(failing, self.kind)
        if undecided.sum() > healthy.sum():
            kinds, clients = np.unique(self.kind[undecided], return_counts=True)
            return self._gravest(undecided & (self.kind == kinds[np.argmax(clients)]), self.kind)
        if self.is_healthy.any():
            # Of several successes the first is told, however sure each is.
            severity = np.array([of.severity for of in self.kinds], dtype=np.int64)[self.kind]
            return self._gravest(self.is_healthy, severity * (len(self.kinds) + 1000) + self.ids)
        return self._gravest(~self.is_healthy, self.kind)

    def _gravest(self, rows: Bools, gravity: Ints) -> int:
        """Of some rows the gravest (the smallest number), of equals the first in the capture; by its index."""
        least = gravity[rows].min()
        return int(self.index[rows & (gravity == least)].min())

    def _tally(self) -> tuple[Counted, ...]:
        groups: dict[tuple[str, int], list[int]] = {}
        for number, kind in enumerate(self.kinds):
            groups.setdefault((kind.id, kind.severity), []).append(number)
        return tuple([self._counted(kinds) for kinds in groups.values()])

    def _counted(self, kinds: list[int]) -> Counted:
        surest = self.kinds[kinds[0]]
        rows = self._bools(np.isin(self.kind, kinds))
        example = self._gravest(rows, self.kind)
        whose = self.client[np.flatnonzero(self.index == example)[0]]
        others = self._indices(self._one_of_each_client(rows & (self.client != whose)))
        return Counted(
            id=surest.id,
            severity=tuple(Severity)[surest.severity],
            confidence=self._verdict_of(self._sas[example]).confidence,
            exit_status=surest.exit_status,
            sas=int(rows.sum()),
            clients=len(np.unique(self.client[rows])),
            past=int((rows & ~self.is_healthy & ~self.stands).sum()),
            example=example,
            others=others[:MOST_OTHERS],
        )

    def _turn(self, decides: int, *, is_failing: bool) -> tuple[int, int] | None:
        """Rows are in the order of time within a client."""
        if is_failing:
            place = int(np.flatnonzero(self.index == decides)[0])
            of_client = self._bools(self.client == self.client[place])
            before = np.flatnonzero(of_client & self.is_healthy & (self.start < self.start[place]))
            if not len(before):
                return None
            after = np.flatnonzero(of_client & self.stands & (self.status == FAILED))
            after = after[after > before[-1]]
            return (int(self.index[before[-1]]), int(self.index[after[0]])) if len(after) else None
        failed = self._bools((self.status == FAILED) & ~self.stands)
        turns = np.flatnonzero(failed[:-1] & self.is_healthy[1:] & (self.client[1:] == self.client[:-1]))
        return (int(self.index[turns[0]]), int(self.index[turns[0] + 1])) if len(turns) else None

    def _turned(self, *, is_failing: bool) -> int:
        fails, same = self._bools(self.status == FAILED), self.client[1:] == self.client[:-1]
        if is_failing:
            turns = same & self.is_healthy[:-1] & fails[1:] & self.stands[1:]
        else:
            turns = same & fails[:-1] & self.is_healthy[1:]
        return len(np.unique(self.client[1:][turns]))

    def _of_clients(self, rows: Bools) -> Bools:
        """All rows of the clients of some."""
        return self._bools(by_run(np.logical_or, rows, self.begins)[self.client])

    def _one_of_each_client(self, rows: Bools) -> Bools:
        """The first of each client."""
        places = np.flatnonzero(rows)
        _, first = np.unique(self.client[places], return_index=True)
        chosen = np.zeros(len(self), dtype=np.bool_)
        chosen[places[first]] = True
        return chosen

    def _indices(self, rows: Bools) -> tuple[int, ...]:
        return tuple(sorted(self.index[rows].tolist()))

    @staticmethod
    def _bools(values: Any) -> Bools:
        found: Bools = values
        return found


def _plain() -> Kind:
    """That of every plain success (a property test holds it to the rules), but for how sure it is: nobody looked."""
    return Kind(Severity.INFORMATION.rank, Confidence.STRONG.rank, _orders()[PLAIN_SUCCESS], PLAIN_SUCCESS, 0)


#: The verdict of every plain success (:mod:`analyzer.relate.inferred.plain_success`).
PLAIN_SUCCESS = "connected-ok"


def _kind(verdict: Verdict) -> Kind:
    order = _orders().get(verdict.id, _NO_RULE)
    return Kind(verdict.severity.rank, verdict.confidence.rank, order, verdict.id, verdict.exit_status)


#: Behind all causes of the catalogue: what no rule says.
_NO_RULE = 999


@cache
def _orders() -> dict[str, int]:
    return {cause.id: cause.order for cause in causes().values()}
