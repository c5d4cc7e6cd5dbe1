"""Where a moment lies on the time axis of the plot: linear pieces, long silences cut out, ticks in true time.

An hour of silence between two attempts would press each attempt into a single column of marks. Such silences are cut
and labelled with their length; a capture without them keeps one linear axis. All positions are points (1/72 inch) from
the left edge of the axes, so that the width of a mark and a distance on the axis are the same unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: A silence shorter than this stays: backoff and dead-peer detection are read off the axis as they are.
SHORTEST_CUT = 30.0
#: A silence is cut only when it is this many times longer than the longest gap that stays.
CUT_RATIO = 8.0
MOST_CUTS = 6
CUT_WIDTH = 46.0
PADDING = 16.0
TICK_DISTANCE = 58.0
#: With more marks than this in one piece nothing is moved: the crowd is the message then.
MOST_SPREAD = 60

_STEPS = tuple(m * 10.0**e for e in range(-6, 1) for m in (1, 2, 5)) + (
    10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 43200.0, 86400.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """A linear piece of the axis: seconds ``start..end`` drawn at points ``left..right``."""

    start: float
    end: float
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The pieces of the axis in order, and its width in points. A silence lies between each piece and the next."""

    pieces: tuple[Piece, ...]
    width: float

    def position(self, seconds: Floats) -> Floats:
        """Points from the left edge for times in seconds."""
        times = [t for p in self.pieces for t in (p.start, p.end)]
        points = [x for p in self.pieces for x in (p.left, p.right)]
        return np.interp(seconds, times, points)

    def cuts(self) -> tuple[Piece, ...]:
        """The silences that were cut out, between the pieces."""
        pairs = zip(self.pieces, self.pieces[1:], strict=False)
        return tuple(Piece(a.end, b.start, a.right + PADDING, b.left - PADDING) for a, b in pairs)

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Position and label of each tick: round numbers of true time in every piece."""
        clock = self.pieces[-1].end >= 600
        return tuple(tick for piece in self.pieces for tick in _ticks(piece, clock))


def time_axis(seconds: Floats, width: float) -> TimeAxis:
    """Lay out the axis for packets at ``seconds`` (any order) over ``width`` points.

    Each piece gets half of its width by equal share and half by its duration, so that a two-second attempt beside a
    five-minute one stays readable; the ticks carry the scale.

    Examples
    --------
    >>> axis = time_axis(np.array([0.0, 1.0, 2.0, 3602.0, 3603.0]), 600.0)
    >>> [(p.start, p.end) for p in axis.pieces]
    [(0.0, 2.0), (3602.0, 3603.0)]
    >>> duration_text(axis.cuts()[0].end - axis.cuts()[0].start)
    '1 h'
    """
    ordered = np.sort(seconds) if len(seconds) else np.zeros(1)
    after = _cut_after(np.diff(ordered))
    starts = ordered[np.concatenate(([0], after + 1))]
    ends = ordered[np.concatenate((after, [len(ordered) - 1]))]
    durations = ends - starts
    room = width - CUT_WIDTH * len(after) - 2 * PADDING * len(starts)
    equal = np.full(len(starts), 1 / len(starts))
    share = durations / durations.sum() if durations.sum() > 0 else equal
    pieces, left = [], 0.0
    for start, end, w in zip(starts, ends, room * (equal + share) / 2, strict=True):
        # A piece of one moment is widened to a microsecond, so that it has a middle.
        slack = 5e-7 if end - start < 1e-6 else 0.0
        pieces.append(Piece(float(start - slack), float(end + slack), left + PADDING, left + PADDING + float(w)))
        left += 2 * PADDING + float(w) + CUT_WIDTH
    return TimeAxis(tuple(pieces), width)


def spread(axis: TimeAxis, seconds: Floats, distance: float) -> Floats:
    """Positions of ``seconds`` (ascending), marks of a piece pushed ``distance`` points apart where they would overlap.

    The order stays, and the sum of squared displacements is the least possible.
    """
    points = axis.position(seconds)
    for piece in axis.pieces:
        inside = np.flatnonzero((seconds >= piece.start) & (seconds <= piece.end))
        if 1 < len(inside) <= MOST_SPREAD:
            low, high = piece.left - PADDING / 2, piece.right + PADDING / 2
            near = min(distance, 0.35 * (high - low) / len(inside))
            points[inside] = push_apart(points[inside], np.full(len(inside), near), low, high)
    return points


def push_apart(centres: Floats, widths: Floats, low: float, high: float) -> Floats:
    """Move ascending ``centres`` as little as possible so that boxes of ``widths`` do not overlap inside ``low..high``.

    Isotonic regression (pool adjacent violators): what remains after taking away the room that the boxes need must not
    descend.

    Examples
    --------
    >>> push_apart(np.array([0.0, 1.0, 50.0]), np.full(3, 10.0), 0.0, 100.0).tolist()
    [0.0, 10.0, 50.0]
    >>> push_apart(np.array([20.0, 22.0]), np.full(2, 10.0), 0.0, 100.0).tolist()
    [16.0, 26.0]
    """
    room = np.concatenate(([0.0], np.cumsum((widths[:-1] + widths[1:]) / 2)))
    pools: list[tuple[float, int]] = []
    for value in (centres - room).tolist():
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            before, n = pools.pop()
            mean, count = (before * n + mean * count) / (n + count), n + count
        pools.append((mean, count))
    free = np.concatenate([np.full(count, mean) for mean, count in pools])
    placed: Floats = np.clip(free, low, max(low, high - float(room[-1]))) + room
    return placed


def duration_text(seconds: float) -> str:
    """A silence in words: ``45 s``, ``12 min``, ``1 h 5 min``, ``3 d 2 h``."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def _cut_after(gaps: Floats) -> NDArray[np.int64]:
    """Indices of the gaps to cut: those above the lowest jump in length with few cuts that save half of the axis."""
    if not len(gaps):
        return np.zeros(0, np.int64)
    longest = np.sort(gaps)[::-1][: MOST_CUTS + 1]
    total = float(gaps.sum())
    # len(longest) counts one gap more than may be cut; when there is none more, the longest kept gap is zero.
    for count in range(min(MOST_CUTS, len(gaps)), 0, -1):
        kept = float(longest[count]) if count < len(longest) else 0.0
        shortest = float(longest[count - 1])
        if shortest >= SHORTEST_CUT and shortest >= CUT_RATIO * kept and longest[:count].sum() > total / 2:
            return np.flatnonzero(gaps >= shortest).astype(np.int64)[:MOST_CUTS]
    return np.zeros(0, np.int64)


def _ticks(piece: Piece, clock: bool) -> list[tuple[float, str]]:
    span = piece.end - piece.start
    wanted = max((piece.right - piece.left) / TICK_DISTANCE, 1.0)
    if span < 2e-6:
        middle = (piece.start + piece.end) / 2
        return [((piece.left + piece.right) / 2, tick_text(middle, 1e-3 if middle % 1 else 1.0, clock))]
    step = next((s for s in _STEPS if span / s <= wanted), 86400.0 * np.ceil(span / 86400 / wanted))
    multiples = np.arange(np.ceil(piece.start / step - 1e-6), np.floor(piece.end / step + 1e-6) + 1) + 0.0  # never -0
    if not len(multiples):  # a round number misses this piece: its own start then
        return [(piece.left, tick_text(piece.start, step / 10, clock))]
    scale = (piece.right - piece.left) / span
    return [
        (piece.left + (m * step - piece.start) * scale, tick_text(m * step, step, clock)) for m in multiples.tolist()
    ]


def tick_text(seconds: float, step: float, clock: bool) -> str:
    """A tick's label: seconds with the decimals that ``step`` needs, or ``h:mm:ss`` when ``clock``.

    Examples
    --------
    >>> tick_text(0.5, 0.5, False), tick_text(3602.5, 0.5, True), tick_text(7200, 600, True)
    ('0.5', '1:00:02.5', '2:00:00')
    """
    decimals = max(0, int(np.ceil(-np.log10(step) - 1e-9)))
    if not clock:
        return f"{seconds:.{decimals}f}"
    minutes, rest = divmod(round(seconds, decimals), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:0{3 + decimals if decimals else 2}.{decimals}f}"
