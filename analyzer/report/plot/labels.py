"""The lane above the plot that names each message: what was sent, how big, in how many pieces, and if nobody
answered.

Labels never cover a mark or each other: they stand in one row, moved apart as little as needed, each tied by a line to
a bracket over its packets. When one row is too narrow they are slanted. With more than :data:`MOST_LABELS` messages
only the last attempts of unanswered requests are named; when those are too many as well, the legend counts instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.text import Text

from analyzer.report.plot.axis import Floats, push_apart
from analyzer.report.plot.marks import KINDS, Picture
from analyzer.report.plot.style import COLOURS, INK, MUTED, edge

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg

MOST_LABELS = 24
NO_ANSWER = "NO ANSWER"
_SIZE, _LINE, _GAP, _LEADER = 8.5, 11.5, 10.0, 20.0
_ANGLE = 38.0
#: Distance along the row of two slanted lines that just do not touch.
_SLANTED_WIDTH = 20.0
_FLAG_LENGTH = 74.0


@dataclass(frozen=True, slots=True)
class Label:
    """Name and size of one sending, over packets at ``left..right`` points.

    ``short`` is enough beside the label of the first attempt; ``flag``: nobody answered it.
    """

    left: float
    right: float
    name: str
    size: str
    short: str
    flag: bool
    colour: tuple[float, float, float]

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


@dataclass(frozen=True, slots=True)
class Lane:
    """The labels with the way to write them, and the height that takes, in points."""

    labels: tuple[Label, ...]
    widths: Floats
    slanted: bool
    height: float


def lane(picture: Picture, x: Floats, width: float, renderer: RendererAgg, dpi: float) -> Lane:
    """One label for each sending in the picture, or for each that nobody answered, or none: what is few enough.

    Parameters
    ----------
    picture : Picture
        What is drawn.
    x : float array
        Position of each mark, in points.
    width : float
        Width of the plot in points, that the row of labels has to fit in.
    renderer, dpi
        What measures text.
    """
    found = _labels(picture, x)
    if not found:
        return Lane((), np.zeros(0), False, 0.0)
    flagged = any(label.flag for label in found)

    def measure(text: str, weight: str) -> float:
        font = Text(0, 0, text, size=_SIZE, weight=weight).get_fontproperties()
        box = renderer.get_text_width_height_descent(text, font, False)  # type: ignore[no-untyped-call]
        return float(box[0]) * 72 / dpi

    flat = [max(measure(b.name, "bold"), measure(b.size, "normal"), _FLAG_LENGTH * b.flag) + _GAP for b in found]
    if sum(flat) <= width:
        return Lane(found, np.array(flat), False, _LEADER + 2 * _LINE + (_LINE + 8 if flagged else 0))
    long = [measure(b.short, "normal") + (_FLAG_LENGTH if b.flag else 0) for b in found]
    height = _LEADER + max(long) * float(np.sin(np.radians(_ANGLE))) + _LINE
    return Lane(found, np.full(len(found), _SLANTED_WIDTH), True, height)


def _labels(picture: Picture, x: Floats) -> tuple[Label, ...]:
    marks = picture.marks
    numbers = np.unique(marks.sending[marks.sending >= 0])
    silent = {silence.last for silence in picture.silences}
    all_named = len(numbers) <= MOST_LABELS
    if not all_named:  # then only what nobody answered, if that is little
        numbers = numbers[np.isin(numbers, list(silent))]
    if len(numbers) > MOST_LABELS:
        return ()
    found = []
    for number in numbers.tolist():
        mine = marks.sending == number
        kind, attempt = KINDS[marks.kind[mine][0]], int(marks.attempt[mine][0])
        name = kind + (" reply" if number in picture.responses else "") + (f"  ×{attempt}" if attempt > 1 else "")
        pieces = _pieces(int(mine.sum()), int(marks.skf_total[mine].max()), number in picture.incomplete)
        size = f"{picture.lengths[number]:,} B{pieces}"
        short = f"×{attempt}" if attempt > 1 and all_named else f"{name}  {size}"
        left, right = float(x[mine].min()), float(x[mine].max())
        found.append(Label(left, right, name, size, short, number in silent, edge(COLOURS[kind])))
    return tuple(sorted(found, key=lambda label: label.middle))


def _pieces(packets: int, skf_total: int, incomplete: bool) -> str:
    lost = ", incomplete" if incomplete else ""
    if skf_total:
        return (f" in {packets} SKF" if packets == skf_total else f", {packets} packets of {skf_total} SKF") + lost
    if packets > 1 or incomplete:
        return f" in {packets} IP fragment{'s' if packets > 1 else ''}" + lost
    return ""


def draw_lane(axes: Axes, plot: Axes, found: Lane, peaks: Floats, margin: float) -> None:
    """Draw the labels into ``axes`` (points both ways, x as in ``plot``), brackets below them, and lines in ``plot``.

    ``peaks`` is the height in bytes from which a line leads up to each label; a bracket reaches ``margin`` points
    beyond the middle of its outer marks.
    """
    width, top = axes.get_xlim()[1], plot.get_ylim()[1]
    wanted = np.array([label.middle for label in found.labels])
    # Slanted text leans to the right, over the legend's column, where nothing else is.
    last = 4.0 if found.slanted else float(found.widths[-1]) / 2
    first = 4.0 if found.slanted else float(found.widths[0]) / 2
    centres = push_apart(wanted, found.widths, first, width - last)
    rising, brackets, leaders = [], [], []
    for label, centre, peak in zip(found.labels, centres.tolist(), peaks.tolist(), strict=True):
        rising.append([(label.middle, peak), (label.middle, top)])
        left, right = label.left - margin, label.right + margin
        brackets.append([(left, 0.0), (left, 3.0), (right, 3.0), (right, 0.0)])
        leaders.append([(label.middle, 3.0), (centre, _LEADER - 3)])
    plot.add_collection(
        LineCollection(rising, colors="#b5b5b5", linewidths=0.6, zorder=2, label="leaders"), autolim=False
    )
    axes.add_collection(LineCollection(brackets, colors=INK, linewidths=1.1, label="brackets"), autolim=False)
    axes.add_collection(LineCollection(leaders, colors="#8a8a8a", linewidths=0.7), autolim=False)
    for label, centre in zip(found.labels, centres.tolist(), strict=True):
        (_draw_slanted if found.slanted else _draw_flat)(axes, label, centre)


def _draw_flat(axes: Axes, label: Label, x: float) -> None:
    style: dict[str, Any] = {"size": _SIZE, "ha": "center", "va": "bottom", "parse_math": False}
    axes.text(x, _LEADER - 1, label.size, color=MUTED, **style)
    axes.text(x, _LEADER - 1 + _LINE, label.name, color=label.colour, weight="bold", **style)
    if label.flag:
        axes.text(
            x, _LEADER + 2 * _LINE + 3.5, NO_ANSWER, color="white", weight="bold", bbox=_BOX, label="no-answer", **style
        )


def _draw_slanted(axes: Axes, label: Label, x: float) -> None:
    style: dict[str, Any] = {
        "size": _SIZE,
        "ha": "left",
        "va": "baseline",
        "rotation": _ANGLE,
        "rotation_mode": "anchor",
        "parse_math": False,
    }
    step = np.array([np.cos(np.radians(_ANGLE)), np.sin(np.radians(_ANGLE))])
    at = np.array([x + 2, _LEADER - 2])
    if label.flag:
        flag = at + 4 * step
        axes.text(flag[0], flag[1], NO_ANSWER, color="white", weight="bold", bbox=_BOX, label="no-answer", **style)
        at = at + _FLAG_LENGTH * step
    axes.text(at[0], at[1], label.short, color=label.colour, **style)


_BOX = {"boxstyle": "square,pad=0.25", "facecolor": INK, "edgecolor": INK}
