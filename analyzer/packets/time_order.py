"""In which order packets were seen, as far as their times tell: files hold some of them out of order.

Several processors or interfaces hand over what they captured in blocks, programs that merge or filter captures swap
neighbours. So everything is related in the order of time. Frames keep their numbers.

Time is no guide across a clock that was set back (by NTP, or when a virtual machine resumes): behind such a place a new
*reckoning* begins, and what lies in different reckonings stays in the order of the file. This is decided by weight:

- one packet far out of place, before or behind where it belongs, is moved there, however far in time;
- any number of packets are moved by up to :data:`SKEW`, since blocks hold many;
- two packets in a row that are more than that earlier than two packets before them: the clock was set back.

It is a function of the packets in their order alone: in what portions they are given changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from analyzer.columns import Ints
from analyzer.formats.records import NO_TIME, Note
from analyzer.packets.tables import EchoRow, HandshakeRow, IcmpRow, NameRow

#: By how much blocks of packets may overlap, ns: programs wait up to a second before they hand over what they have.
SKEW = 1_000_000_000

#: Places at which the clock was set back; behind the last one, packets stay in the order of the file.
MAX_RECKONINGS = 1_000

#: Earlier than any packet.
_NEVER = -(1 << 63)

Row = TypeVar("Row", EchoRow, HandshakeRow, IcmpRow, NameRow)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The numbers that frames would have if the file were in order: what came before what.

    Examples
    --------
    >>> places = Places(np.array([5, 6]), np.array([6, 5]))
    >>> [places(frame) for frame in (4, 5, 6)]
    [4, 6, 5]
    """

    moved: Ints  # frames that are out of order, sorted
    place: Ints  # of each of them

    def __call__(self, frame: int) -> int:
        """The place of a frame."""
        at = int(np.searchsorted(self.moved, frame)) if len(self.moved) else 0
        return int(self.place[at]) if at < len(self.moved) and self.moved[at] == frame else frame


class Order:
    """Feed it the times of all packets, then ask for the order of some.

    Examples
    --------
    The second and third packet are swapped:

    >>> order = Order()
    >>> order.add(1, np.array([0, 2, 1, 3]) * 10**9)
    >>> order.of(np.array([1, 2, 3, 4]), np.array([0, 2, 1, 3]) * 10**9)
    array([0, 2, 1, 3])

    From the third on, the clock is five seconds behind:

    >>> order = Order()
    >>> order.add(1, np.array([5, 6, 2, 3]) * 10**9)
    >>> order.of(np.array([1, 2, 3, 4]), np.array([5, 6, 2, 3]) * 10**9)
    array([0, 1, 2, 3])
    """

    def __init__(self) -> None:
        self._latest = self._second = _NEVER  # the two latest times of this reckoning
        self._behind: tuple[int, int] | None = None  # frame and time of the last packet, if it is far behind both
        self._begins: list[int] = []  # frames with which a further reckoning begins

    def add(self, first_frame: int, times: Ints) -> None:
        """Look at the times of packets, ns; ``first_frame`` is the number of the first."""
        if (times[1:] >= times[:-1]).all() and len(times) > 1 and times[0] >= max(self._latest, NO_TIME + 1):
            self._latest, self._second, self._behind = int(times[-1]), int(times[-2]), None
            return
        timed = np.flatnonzero(times != NO_TIME)
        times = times[timed]
        if not len(times) or len(self._begins) >= MAX_RECKONINGS:
            return
        # At least as late as the second latest time before each packet.
        before = np.maximum.accumulate(np.concatenate(([self._second], times[:-1])))
        if self._behind is None and not (times < np.maximum(before, _NEVER + SKEW) - SKEW).any():
            *_, self._second, self._latest = sorted((self._latest, self._second, *np.sort(times)[-2:].tolist()))
            return
        for frame, time in zip((first_frame + timed).tolist(), times.tolist(), strict=True):
            self._one(frame, time)

    def _one(self, frame: int, time: int) -> None:
        if time >= self._second - SKEW:
            self._second = max(self._second, min(time, self._latest))
            self._latest = max(self._latest, time)
            self._behind = None
        elif self._behind is None:
            self._behind = frame, time
        elif len(self._begins) < MAX_RECKONINGS:
            begin, other = self._behind
            self._begins.append(begin)
            self._second, self._latest = sorted((time, other))
            self._behind = None

    def of(self, frames: Ints, times: Ints) -> Ints:
        """The order in which some packets were seen.

        Parameters
        ----------
        frames, times : int64 arrays
            Of each of them; a packet without a time stays behind the one before it.

        Returns
        -------
        int64 array
            Their positions, in order.
        """
        by_frame = np.argsort(frames, kind="stable")
        timed = times[by_frame] != NO_TIME
        # The last one before each that has a time; what comes before all of those stays first.
        known = np.maximum.accumulate(np.where(timed, np.arange(len(timed)), -1))
        when = np.where(known >= 0, times[by_frame][known], _NEVER)
        reckoning = np.searchsorted(np.array(self._begins, np.int64), frames[by_frame], side="right")
        when[reckoning >= MAX_RECKONINGS] = 0
        return by_frame[np.lexsort((when, reckoning))]

    def places(self, frames: Ints, times: Ints) -> Places:
        """What :class:`Places` says of some packets; a frame may be there more than once."""
        frames, first = np.unique(frames, return_index=True)
        sorted_frames = frames[self.of(frames, times[first])]
        moved = np.flatnonzero(sorted_frames != frames)
        order = moved[np.argsort(sorted_frames[moved])]
        return Places(sorted_frames[order], frames[order])

    @property
    def goes_back(self) -> bool:
        """Times go back for good somewhere, so the earliest is not the first."""
        return bool(self._begins)

    def sorted(self, rows: Sequence[Row]) -> list[Row]:
        """Rows that have a frame and a time, in this order."""
        frames, times = (np.array([getattr(row, name) for row in rows], np.int64) for name in ("frame", "time"))
        return [rows[place] for place in self.of(frames, times).tolist()]

    def notes(self) -> list[Note]:
        """What is to be said of times that go back for good."""
        if not self._begins:
            return []
        more = f", the first of {len(self._begins)} such places" if len(self._begins) > 1 else ""
        what = f"times go back before frame {self._begins[0]}{more}: a clock was set back, or captures were joined"
        return [Note("time-goes-back", f"{what}; packets before and behind that stay in the order of the file")]
