"""Records whose date is damaged: they are packets, but their date says nothing.

A machine without a clock of its own begins in 1970 and jumps to today once it has asked for the time; a capture may
hold days, or a packet of each week. So a jump alone says nothing. It is decided by weight: a record is *lone* if it is
more than :data:`FAR` from each of the two records before it and the two behind it, and two of those are no further than
that from each other. Two records that agree with one another are no damage.

A lone record keeps its bytes (it may be IKE). Its date counts for nothing: not for the first or last time, no gap, no
wait. It came between its neighbours, so the middle between them is taken for its time, and both are remembered: what
must have been "at the same time" must have been so by either. Of a file with more than :data:`MANY` of them no time is
relied on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np

from analyzer.columns import Bools, Ints
from analyzer.formats.file_reader import NEAR
from analyzer.formats.records import NO_TIME, Chunk, Note

#: How far apart records of one capture may lie, ns.
FAR = NEAR * 1_000_000_000

#: Lone records whose bounds are remembered.
MANY = 1_000

#: Records on either side that are asked.
_ASIDE = 2


class Dates:
    """Gives lone records of the chunks that pass through a time between their neighbours.

    Examples
    --------
    >>> second, day = 10**9, 86_400 * 10**9
    >>> lone(np.array([20_000 * day, 20_000 * day + second, 0, 20_000 * day + 2 * second, 20_001 * day])).tolist()
    [False, False, True, False, False]
    >>> lone(np.array([0, second, 20_000 * day, 20_000 * day + second])).any()
    np.False_
    >>> between(np.array([10, 20, 20_000 * day, 40, 50]), 2)
    (20, 40)
    """

    def __init__(self) -> None:
        self.notes: list[Note] = []
        #: For the frames of the first lone records the times between which they came, ns.
        self.bounds: dict[int, tuple[int, int]] = {}
        self._before: Ints = np.full(_ASIDE, NO_TIME)
        self._held: list[Chunk] = []  # copies of records that those behind them decide on
        self._count = 0

    def steady(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """The same records; ``notes`` is complete when they end."""
        for chunk in chunks:
            if self._held or _jumps(np.concatenate((self._before, chunk.time))):
                yield from self._decided(chunk)
            else:
                self._before = _last(self._before, chunk.time)
                yield chunk
        yield from self._given(self._held, self._joined(self._held))
        if self._count:
            more = f" (the first of {self._count} such records)" if self._count > 1 else ""
            first = next(iter(self.bounds))
            what = f"the date of packet {first}{more} is far from all around it: taken to have come in between"
            self.notes.append(Note("capture-damaged", what, first, hides=self._count > MANY))

    def _decided(self, chunk: Chunk) -> Iterator[Chunk]:
        """The records on which is decided now; those on which those behind the chunk decide are kept."""
        parts = [*self._held, chunk]
        times = self._joined(parts)
        # At the end, what is near to none so far may be near to what follows.
        end = len(times) - _ASIDE
        doubt = np.flatnonzero(_apart(times)[_ASIDE:])
        doubt = doubt[doubt >= end - _ASIDE]
        count = int(doubt[0]) if len(doubt) else end
        self._held, given, at = [], [], 0
        for part in parts:
            inside = min(max(count - at, 0), len(part))
            given.append(part.part(0, inside))
            if inside < len(part):
                self._held.append(part.part(inside, len(part)).copied())
            at += len(part)
        self._before = _last(self._before, times[_ASIDE : _ASIDE + count])
        yield from self._given(given, times)

    def _joined(self, parts: list[Chunk]) -> Ints:
        return np.concatenate((self._before, *(part.time for part in parts)))

    def _given(self, parts: list[Chunk], times: Ints) -> Iterator[Chunk]:
        """Records on which is decided; ``times`` are theirs, with what stands before and behind them."""
        is_lone, at = lone(times), _ASIDE
        for part in parts:
            rows = np.flatnonzero(is_lone[at : at + len(part)])
            if len(rows):
                bounds = [between(times, at + row) for row in rows.tolist()]
                for row, bound in zip(rows[: max(MANY - self._count, 0)].tolist(), bounds, strict=False):
                    self.bounds[part.first_frame + row] = bound
                self._count += len(rows)
                part.time = part.time.copy()
                part.time[rows] = [(earliest + latest) // 2 for earliest, latest in bounds]
            at += len(part)
            if len(part):
                yield part


def lone(times: Ints) -> Bools:
    """Which records are lone among all that there are, in their order."""
    around = _around(times)
    agree = [_near(a, b) for a, b in combinations(around, 2)]
    found: Bools = _apart(times) & np.logical_or.reduce(agree)
    return found


def between(times: Ints, row: int) -> tuple[int, int]:
    """Times of the neighbours between which a lone record came; the first record and the last one have only one."""
    around: list[int] = times[max(row - _ASIDE, 0) : row + _ASIDE + 1].tolist()
    at = min(row, _ASIDE)
    others = [around[:i] + around[i + 1 :] for i in range(len(around))]
    sound = [any(_is_near(time, other) for other in rest) for time, rest in zip(around, others, strict=True)]
    before = [time for time, is_sound in zip(around[:at], sound[:at], strict=True) if is_sound]
    behind = [time for time, is_sound in zip(around[at:], sound[at:], strict=True) if is_sound]
    near = (*before[-1:], *behind[:1])
    return (near[0], near[-1]) if _is_near(near[0], near[-1]) else (near[0], near[0])


def _is_near(a: int, b: int) -> bool:
    return NO_TIME not in (a, b) and abs(a - b) <= FAR


def _apart(times: Ints) -> Bools:
    """Which records have a time, and none of those around that has one is near."""
    found: Bools = (times != NO_TIME) & ~np.logical_or.reduce([_near(times, other) for other in _around(times)])
    return found


def _around(times: Ints) -> list[Ints]:
    """For each record the times of those on either side; ``NO_TIME`` beyond the ends."""
    none = np.full(_ASIDE, NO_TIME)
    wide = np.concatenate((none, times, none))
    return [wide[_ASIDE + by : _ASIDE + by + len(times)] for by in range(-_ASIDE, _ASIDE + 1) if by]


def _near(a: Ints, b: Ints) -> Bools:
    # Halves, whose difference always fits.
    near: Bools = (np.abs((a >> 1) - (b >> 1)) <= FAR >> 1) & (a != NO_TIME) & (b != NO_TIME)
    return near


def _jumps(times: Ints) -> bool:
    return not _near(times[1:], times[:-1]).all()


def _last(before: Ints, times: Ints) -> Ints:
    return np.concatenate((before, times[-_ASIDE:]))[-_ASIDE:]
