"""The packets in the plot: a mark each, a bar or stem under it while they are few, a tie between IP fragments."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection

from analyzer.report.plot.axis import Floats
from analyzer.report.plot.marks import ICMP, KINDS, LARGEST, Marks, Picture
from analyzer.report.plot.style import COLOURS, INK, edge, outline, pale

#: Up to so many packets a bar stands under each mark, up to so many a thin stem; above the last number the marks are an
#: image inside an SVG.
MOST_BARS, MOST_STEMS, MOST_VECTORS = 60, 240, 2000

#: Part of the plot's height that a bar must have to hold the name of an SKF message.
_ROOM = 0.25


def half_gap(x: Floats) -> float:
    """Half of the smallest distance between neighbours, in points."""
    return float(np.diff(x).min()) / 2 if len(x) > 1 else 7.0


def mark_size(count: int) -> float:
    """Diameter of a mark in points: large when they are few."""
    return 10.0 if count <= 60 else 7.0 if count <= 400 else 4.5 if count <= 5000 else 2.6


def _opacity(count: int) -> float:
    """Where marks lie on one another by the thousand, their density is what tells."""
    return 1.0 if count <= 400 else 0.75 if count <= 5000 else 0.25 if count <= 100_000 else 0.06


def draw_marks(plot: Axes, picture: Picture, x: Floats) -> None:
    """Draw every packet at ``x`` points: its mark, a bar or stem under it, and a tie between IP fragments."""
    marks, count = picture.marks, len(picture.marks)
    if not count:
        return
    size, flat = mark_size(count), count > MOST_VECTORS
    y = np.minimum(marks.size, LARGEST).astype(float)
    colour_of = np.array([edge(c) for c in COLOURS.values()])
    if count <= MOST_BARS:
        _draw_bars(plot, picture, x, y, size)
    elif count <= MOST_STEMS:
        stems = [[(at, 0.0), (at, height)] for at, height in zip(x.tolist(), y.tolist(), strict=True)]
        colours = list(colour_of[marks.kind])
        plot.add_collection(
            LineCollection(stems, colors=colours, linewidths=0.8, alpha=0.5, zorder=2.5, label="stems"), autolim=False
        )
    joined, kinds = _joined(picture, x, y, level=count <= MOST_STEMS)
    if joined:
        plot.add_collection(
            LineCollection(
                joined, colors=list(colour_of[kinds]), linewidths=1.8 if count <= MOST_STEMS else 0.5, zorder=2.8,
                alpha=_opacity(count), rasterized=flat, label="fragments of one datagram",
            ),
            autolim=False,
        )  # fmt: skip
    for index, kind in enumerate(KINDS):
        base = COLOURS[kind]
        for up in (True, False):
            for again in (True, False):
                mine = (marks.kind == index) & (marks.to_responder == up) & ((marks.attempt > 1) == again)
                if mine.any():
                    plot.scatter(
                        x[mine], y[mine], s=size**2, marker=outline(kind, up), facecolor=pale(base) if again else base,
                        edgecolor=edge(base), linewidth=1.1 if count <= 400 else 0.3 if count <= 5000 else 0.2 * again,
                        alpha=_opacity(count), zorder=3.1 if again else 3.0, rasterized=flat,
                        label=f"{kind} {'to responder' if up else 'to initiator'} {'again' if again else 'first'}",
                    )  # fmt: skip
    if marks.dropped.any():
        plot.scatter(
            x[marks.dropped], y[marks.dropped], s=(1.5 * size) ** 2, marker="x", color=INK, linewidth=1.4, zorder=3.4,
            rasterized=flat, label="dropped by host",
        )  # fmt: skip
    if count <= MOST_BARS:
        _name_skf(plot, picture, x)


def _draw_bars(plot: Axes, picture: Picture, x: Floats, y: Floats, width: float) -> None:
    """A bar from zero to each mark: fragments of one datagram stand side by side as the pieces that it was cut into."""
    marks = picture.marks
    half = max(0.5, min(width, 2 * half_gap(x) - 1.0) / 2)
    ike = np.flatnonzero(marks.kind != ICMP)
    corners = [
        [(a - half, 0), (a - half, b), (a + half, b), (a + half, 0)] for a, b in zip(x[ike], y[ike], strict=True)
    ]
    colours = list(COLOURS.values())
    faces = [
        pale(colours[k], 0.78 if n > 1 else 0.42) for k, n in zip(marks.kind[ike], marks.attempt[ike], strict=True)
    ]
    edges = [pale(colours[k], 0.3) for k in marks.kind[ike]]
    plot.add_collection(
        PolyCollection(corners, facecolors=faces, edgecolors=edges, linewidths=0.7, zorder=2.4, label="bars"),
        autolim=False,
    )


def _joined(picture: Picture, x: Floats, y: Floats, level: bool) -> tuple[list[Floats], list[int]]:
    """Lines that tie the fragments of each datagram that came in several, and the kind of each.

    ``level``: across their bars at the height of the smallest; else from mark to mark.
    """
    marks = picture.marks
    order = np.flatnonzero(marks.datagram >= 0)
    order = order[np.argsort(marks.datagram[order], kind="stable")]
    runs = np.split(order, np.flatnonzero(np.diff(marks.datagram[order])) + 1)
    several = [run for run in runs if len(run) > 1]
    heights = [np.full(len(run), y[run].min()) if level else y[run] for run in several]
    lines = [np.stack([x[run], height], -1) for run, height in zip(several, heights, strict=True)]
    return lines, [int(marks.kind[run[0]]) for run in several]


def is_named_above(plot: Axes, marks: Marks, at: int) -> bool:
    """The mark is of an SKF message whose bar is too short to hold its name."""
    return bool(marks.skf_total[at] > 0 and marks.size[at] <= _ROOM * plot.get_ylim()[1])


def _name_skf(plot: Axes, picture: Picture, x: Floats) -> None:
    """Number the SKF messages: in their bars, so that nothing covers the lines of the MTU; over those too short."""
    marks = picture.marks
    for at in np.flatnonzero(marks.skf_total > 0).tolist():
        size = float(marks.size[at])
        inside = not is_named_above(plot, marks, at)
        plot.annotate(
            f"SKF {marks.skf_number[at]}/{marks.skf_total[at]}", (float(x[at]), size),
            xytext=(0, -9 if inside else 8), textcoords="offset points", rotation=90,
            ha="center", va="top" if inside else "bottom", size=7.5, color=INK, parse_math=False, zorder=3.5,
        )  # fmt: skip
