"""Draw a picture: IP packet size over time, against the MTU. Sizes are bytes; times are points on the page."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from analyzer.report.plot.axis import Floats, TimeAxis, duration_text, spread, time_axis
from analyzer.report.plot.bounds import ETHERNET, MOST_BOUNDS, Bound
from analyzer.report.plot.labels import MOST_LABELS, Lane, draw_lane, lane
from analyzer.report.plot.legend import BOUND_STYLES, draw_legend
from analyzer.report.plot.marks import LARGEST, Picture
from analyzer.report.plot.packets import draw_marks, half_gap, is_named_above, mark_size
from analyzer.report.plot.style import INK, MUTED

WIDTH, HEIGHT, DPI = 12.5, 7.0, 100
_LEFT, _RIGHT, _BOTTOM, _TOP = 56.0, 242.0, 50.0, 18.0
_PLOT_WIDTH = WIDTH * 72 - _LEFT - _RIGHT
_STRIP = 15.0
#: A verdict ends with what it concludes: it needs four lines to be whole.
_TITLE_LINES = 4
_TITLE_WIDTH = 98


def draw(picture: Picture, found: tuple[Bound, ...], title: str, subtitle: str) -> Figure:
    """The whole figure. ``title`` and ``subtitle`` are literal text already escaped."""
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, facecolor="white")
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    marks = picture.marks
    axis = time_axis(marks.seconds, _PLOT_WIDTH)
    x = spread(axis, marks.seconds, mark_size(len(marks)) + 1.5)
    named = lane(picture, x, _PLOT_WIDTH, renderer, DPI)
    plot_top = HEIGHT * 72 - _draw_header(figure, title, subtitle) - named.height - 4
    plot = figure.add_axes(_box(_LEFT, _BOTTOM, _PLOT_WIDTH, plot_top - _BOTTOM), label="plot")
    # A point of the page in bytes; the strip that names silences lies above all sizes.
    largest = max(ETHERNET, min(int(marks.size.max()), LARGEST)) if len(marks) else ETHERNET
    strip = _STRIP if picture.silences else 0.0
    point = 1.06 * largest / (plot_top - _BOTTOM - strip)
    _draw_axes(plot, axis, 1.06 * largest + strip * point)
    _draw_bounds(plot, found[:MOST_BOUNDS])
    _draw_cuts(plot, axis)
    _draw_silences(plot, picture, axis, x, strip * point)
    draw_marks(plot, picture, x)
    if not picture.messages:
        _say_empty(plot, len(marks))
    if named.labels:
        over = figure.add_axes(_box(_LEFT, plot_top, _PLOT_WIDTH, named.height), label="labels")
        over.set_axis_off()
        over.set_xlim(0, _PLOT_WIDTH)
        over.set_ylim(0, named.height)
        draw_lane(over, plot, named, _peaks(plot, picture, x, named, point), min(5.0, max(1.0, half_gap(x) - 0.8)))
    draw_legend(plot, picture, found, plot_top - 8)
    return figure


def _peaks(plot: Axes, picture: Picture, x: Floats, named: Lane, point: float) -> Floats:
    """Where the line to each label starts: above the marks at its foot and above what is written over them."""
    marks, found = picture.marks, []
    for label in named.labels:
        mine = (x >= label.left) & (x <= label.right)
        above = 48.0 if any(is_named_above(plot, marks, at) for at in np.flatnonzero(mine).tolist()) else 6.0
        found.append(float(np.minimum(marks.size[mine], LARGEST).max()) + above * point)
    return np.array(found)


def _box(left: float, bottom: float, width: float, height: float) -> tuple[float, float, float, float]:
    across, up = WIDTH * 72, HEIGHT * 72
    return left / across, bottom / up, width / across, height / up


def _draw_header(figure: Figure, title: str, subtitle: str) -> float:
    """Title and subtitle at the upper left; gives their height in points."""
    lines = textwrap.wrap(title, _TITLE_WIDTH, max_lines=_TITLE_LINES, placeholder=" …")
    for width in range(_TITLE_WIDTH, _TITLE_WIDTH // 2, -1):  # lines of like length: no last line of one word
        closer = textwrap.wrap(title, width, max_lines=_TITLE_LINES + 1, placeholder=" …")
        if len(closer) > len(lines):
            break
        lines = closer if len(closer) == len(lines) and not closer[-1].endswith(" …") else lines
    top = HEIGHT * 72 - _TOP
    x = 16.0 / (WIDTH * 72)
    for line in lines:
        figure.text(x, top / (HEIGHT * 72), line, size=13.5, weight="bold", color=INK, va="top", parse_math=False)
        top -= 19.0
    figure.text(x, (top - 2) / (HEIGHT * 72), subtitle, size=9, color=MUTED, va="top", parse_math=False)
    return HEIGHT * 72 - top + 20.0


def _draw_axes(plot: Axes, axis: TimeAxis, top: float) -> None:
    plot.set_xlim(0, axis.width)
    plot.set_ylim(0, top)
    ticks = axis.ticks()
    plot.xaxis.set_major_locator(FixedLocator([x for x, _ in ticks]))
    plot.xaxis.set_major_formatter(FixedFormatter([text for _, text in ticks]))
    plot.xaxis.set_minor_formatter(NullFormatter())
    plot.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2.5, 5, 10]))
    plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    unit = "h:mm:ss" if axis.pieces[-1].end >= 600 else "seconds"
    cut = ", silence cut out" if axis.cuts() else ""
    plot.set_xlabel(f"time since the first packet ({unit}{cut})", color=INK)
    plot.set_ylabel("IP packet size (bytes, IP header included)", color=INK)
    plot.spines[["top", "right"]].set_visible(False)
    plot.spines[["left", "bottom"]].set_color(MUTED)
    plot.tick_params(colors=MUTED, labelcolor=INK, labelsize=9)
    plot.grid(axis="y", color="#ececec", linewidth=0.7)
    plot.set_axisbelow(True)


def _draw_bounds(plot: Axes, found: tuple[Bound, ...]) -> None:
    for bound in found:
        style, width, colour = BOUND_STYLES[bound.source]
        low, high = bound.lower, bound.upper
        if low is not None and high is not None and low < high:
            wide = high - low > 64  # a wide band must not outshine the packets
            plot.axhspan(
                low, high, facecolor=colour, alpha=0.05 if wide else 0.22, linewidth=0, zorder=0.6 if wide else 1.2,
                label=f"band {bound.source}",
            )  # fmt: skip
        for value in sorted({v for v in (low, high) if v is not None}):
            plot.axhline(
                value, linestyle=style, linewidth=width, color=colour, zorder=1.3, label=f"bound {bound.source}"
            )


def _draw_cuts(plot: Axes, axis: TimeAxis) -> None:
    top = plot.get_ylim()[1]
    for cut in axis.cuts():
        plot.add_patch(
            Rectangle((cut.left, 0), cut.right - cut.left, top, facecolor="#f1f1f1", linewidth=0, zorder=1.6)
        )
        for x in (cut.left, cut.right):
            plot.plot([x, x], [0, top], linestyle=(0, (1, 2)), linewidth=0.9, color=MUTED, zorder=1.7)
        text = f"{duration_text(cut.end - cut.start)} of silence"
        middle = (cut.left + cut.right) / 2
        plot.text(
            middle,
            top / 2,
            text,
            rotation=90,
            ha="center",
            va="center",
            size=9,
            color=MUTED,
            parse_math=False,
            zorder=1.8,
        )


def _draw_silences(plot: Axes, picture: Picture, axis: TimeAxis, x: Floats, strip: float) -> None:
    """Shade from first to last attempt of each unanswered exchange, hatched at the top; overlapping ones become one.

    Many are shown as one tick each: their seconds would be hatched as if they were minutes.
    """
    top = plot.get_ylim()[1]
    if len(picture.silences) > MOST_LABELS:
        at = np.unique(np.round(axis.position(np.array([silence.end for silence in picture.silences])), 1)).tolist()
        ticks = [[(x, top - strip), (x, top)] for x in at]
        plot.add_collection(
            LineCollection(ticks, colors=INK, linewidths=0.7, zorder=1.9, label="no-answer-ticks"), autolim=False
        )
        return
    for left, right in _spans(picture, axis, x):
        plot.add_patch(Rectangle((left, 0), right - left, top, facecolor="#f4f4f4", linewidth=0, zorder=0.4))
        plot.add_patch(
            Rectangle(
                (left, top - strip), right - left, strip, facecolor="white", edgecolor="#6a6a6a", hatch="xxx",
                linewidth=0.8, zorder=1.9, label="no-answer-span",
            )
        )  # fmt: skip
        if right - left > 110:
            box = {"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none"}
            plot.text(
                (left + right) / 2, top - strip / 2, "waiting, no answer", ha="center", va="center_baseline", size=8.5,
                weight="bold", color=INK, bbox=box, parse_math=False, zorder=2.0,
            )  # fmt: skip


def _spans(picture: Picture, axis: TimeAxis, x: Floats) -> list[list[float]]:
    marks, spans = picture.marks, list[list[float]]()
    margin = min(7.0, max(1.0, half_gap(x)))
    for silence in picture.silences:
        # Marks may have been pushed apart: the span holds them all.
        moved = x[(marks.sending == silence.first) | (marks.sending == silence.last)]
        ends = np.append(axis.position(np.array([silence.start, silence.end])), moved)
        left, right = float(ends.min()) - margin, float(ends.max()) + margin
        if spans and left <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], right)
        else:
            spans.append([left, right])
    return spans


def _say_empty(plot: Axes, drawn: int) -> None:
    plot.text(
        0.5, 0.5, "No IKE message in this capture", transform=plot.transAxes, ha="center", va="center", size=18,
        color=MUTED, weight="bold", parse_math=False, zorder=4,
    )  # fmt: skip
    if not drawn:
        plot.xaxis.set_major_locator(FixedLocator([]))
