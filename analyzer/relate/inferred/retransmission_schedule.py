"""Which known schedule of retransmissions a sender follows: a hint with its distance (docs/domain/retransmission.md).

People change these settings, and several products share one schedule, so a match never is an identity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from analyzer.formats.records import NO_TIME
from analyzer.ike.registry import rows
from analyzer.relate.seen.exchange import Exchange

#: A gap may differ from the schedule by this, s, or by this share of it, whichever is more
#: (docs/domain/retransmission.md).
_TOLERANCE, _SHARE = 0.1, 0.1
#: Fewer gaps fit too many schedules.
FEWEST_GAPS = 2
#: No known schedule is longer.
_MOST_GAPS = 12


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a product sends a request again.

    Attributes
    ----------
    product : str
        Key of :mod:`analyzer.remedies`.
    name : str
        Whose it is, as a clause.
    gaps : tuple of float
        Seconds between successive sendings, from the first on.
    alone : bool
        Well enough known, and rare enough, to be a hint by itself.
    """

    product: str
    name: str
    gaps: tuple[float, ...]
    alone: bool


@dataclass(frozen=True, slots=True)
class ScheduleMatch:
    """A schedule that the gaps of a trace fit; ``distance`` is the largest difference of a gap, s."""

    schedule: Schedule
    distance: float


@cache
def schedules() -> tuple[Schedule, ...]:
    """Every known schedule.

    Examples
    --------
    >>> schedules()[0].product, schedules()[0].gaps[:2]
    ('strongswan', (4.0, 7.2))
    """
    return tuple(
        Schedule(row["product"], row["name"], tuple(map(float, row["gaps"].split())), row["alone"] == "yes")
        for row in rows("retransmit_schedules")
    )


def retransmission_gaps(exchange: Exchange) -> tuple[float, ...]:
    """Seconds between the sendings of a request; none when a time is not known."""
    times = exchange.times[: _MOST_GAPS + 1]
    if NO_TIME in times:
        return ()
    return tuple((later - earlier) / 1e9 for earlier, later in pairwise(times))


def matching_schedules(seen: Sequence[float]) -> tuple[ScheduleMatch, ...]:
    """Schedules that the gaps follow from their beginning, the closest first.

    Parameters
    ----------
    seen : sequence of float
        Gaps between successive sendings, s, from the first sending on; at least two. Where no
        schedule fits as it is, one sending may be missing from the trace: its two gaps are then seen as one.

    Examples
    --------
    >>> [m.schedule.product for m in matching_schedules([4.01, 7.19])]
    ['strongswan']
    >>> [m.schedule.product for m in matching_schedules([4.0, 20.16])]  # the second retransmission is missing
    ['strongswan']
    >>> matching_schedules([4.0]), matching_schedules([10.0, 10.0])
    ((), ())
    """
    if not FEWEST_GAPS <= len(seen) <= _MOST_GAPS:
        return ()
    found = _fitting(seen, _whole) or _fitting(seen, _one_missing)
    return tuple(sorted(found, key=lambda m: m.distance))


#: Gaps as a trace shows them when all sendings, or all but one, are in it.
_Ways = Callable[[tuple[float, ...], int], Iterable[tuple[float, ...]]]


def _whole(due: tuple[float, ...], _count: int) -> Iterable[tuple[float, ...]]:
    return (due,)


def _one_missing(due: tuple[float, ...], count: int) -> Iterable[tuple[float, ...]]:
    """The sending that parts gap k from gap k + 1 is not there."""
    return ((*due[:k], due[k] + due[k + 1], *due[k + 2 :]) for k in range(min(count, len(due) - 1)))


def _fitting(seen: Sequence[float], ways: _Ways) -> list[ScheduleMatch]:
    found = []
    for schedule in schedules():
        distances = [_largest_difference(seen, due) for due in ways(schedule.gaps, len(seen))]
        fits = [distance for distance in distances if distance is not None]
        if fits:
            found.append(ScheduleMatch(schedule, min(fits)))
    return found


def _largest_difference(seen: Sequence[float], due: Sequence[float]) -> float | None:
    if len(seen) > len(due):
        return None
    differences = [(abs(a - b), b) for a, b in zip(seen, due, strict=False)]
    if any(off > max(_TOLERANCE, _SHARE * expected) for off, expected in differences):
        return None
    return max(off for off, _ in differences)
