"""The legend beside the plot: exchanges with their counts, directions, repeats, and each MTU bound with its source."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analyzer.columns import counts
from analyzer.report.plot.bounds import MOST_BOUNDS, Bound
from analyzer.report.plot.labels import MOST_LABELS
from analyzer.report.plot.marks import ICMP, KINDS, LARGEST, Picture
from analyzer.report.plot.style import COLOURS, FAINT, INK, edge, outline, pale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE = 36

#: Line style and width of a bound by its source, and the colour.
BOUND_STYLES: dict[str, tuple[object, float, str]] = {
    "ethernet": ("-", 1.3, "#444444"),
    "given": ((0, (9, 2)), 2.0, "#000000"),
    "first fragments": ((0, (4, 2)), 1.0, "#9a5b00"),
    "path": ((0, (1, 1.6)), 1.4, "#00543c"),
}

Entry = tuple[Artist, str]


def draw_legend(axes: Axes, picture: Picture, found: tuple[Bound, ...], height: float) -> None:
    """Draw the legend to the right of ``axes``, outside the data, in print small enough for ``height`` points."""
    entries = [*_exchanges(picture), *_ways(picture), *_mtu(found, axes.get_ylim()[1])]
    texts = [textwrap.fill(text, _LINE) for _, text in entries]
    # A line takes 1.2 of the font's size, the space between entries 0.6.
    size = min(8.5, height / sum(1.2 * (text.count("\n") + 1) + 0.6 for text in texts))
    legend = axes.legend(
        [artist for artist, _ in entries], texts,
        loc="upper left", bbox_to_anchor=(1.015, 1.0), borderaxespad=0.0, frameon=False, fontsize=size,
        handlelength=1.9, handleheight=1.1, labelspacing=0.55,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)
        if text.get_text() in _HEADINGS:
            text.set_fontweight("bold")


_HEADINGS = ("IP packets of", "Marks", "MTU")


def _heading(text: str) -> Entry:
    return Line2D([], [], linestyle="none"), text


def _mark(kind: str, up: bool, hollow: bool = False, colour: str | None = None) -> Line2D:
    base = colour or COLOURS[kind]
    return Line2D(
        [], [], linestyle="none", marker=outline(kind, up), markersize=9, markeredgewidth=0.9,
        markerfacecolor=pale(base) if hollow else base, markeredgecolor=edge(base),
    )  # fmt: skip


def _exchanges(picture: Picture) -> list[Entry]:
    packets = counts(picture.marks.kind, len(KINDS))
    present = [(_mark(kind, True), f"{kind} ({packets[i]:,})") for i, kind in enumerate(KINDS) if packets[i]]
    return [_heading("IP packets of"), *present] if present else []


def _ways(picture: Picture) -> list[Entry]:
    marks = picture.marks
    if not len(marks):
        return []
    ike = marks.kind != ICMP
    main = KINDS[counts(marks.kind[ike], 1).argmax()]
    grey = "#7a7a7a"
    found: list[Entry] = [_heading("Marks")]
    if (ike & marks.to_responder).any():
        found.append((_mark(main, True, colour=grey), "points up: initiator → responder"))
    if (ike & ~marks.to_responder).any():
        found.append((_mark(main, False, colour=grey), "points down: responder → initiator"))
    repeats = int((marks.attempt > 1).sum())
    if repeats:
        found.append((_mark(main, True, hollow=True, colour=grey), f"pale: sent again ({repeats:,})"))
    fragmented = int((np.unique(marks.datagram[marks.datagram >= 0], return_counts=True)[1] > 1).sum())
    if fragmented:
        text = f"joined: IP fragments of one datagram ({fragmented:,})"
        found.append((Line2D([], [], color=INK, linewidth=1.8), text))
    if picture.silences:
        many = len(picture.silences) > MOST_LABELS
        bar = Patch(facecolor="white", edgecolor="#6a6a6a", hatch="xxx", linewidth=0.5)
        tick = Line2D([], [], linestyle="none", marker="|", color=INK, markersize=9)
        if many:
            found.append((tick, f"no answer to the last attempt ({len(picture.silences):,})"))
        else:
            found.append((bar, "no answer, first to last attempt"))
    if marks.dropped.any():
        handle = Line2D([], [], linestyle="none", marker="x", color=INK, markersize=8)
        found.append((handle, f"dropped by the capturing host ({int(marks.dropped.sum()):,})"))
    large = int((marks.size > LARGEST).sum())
    if large:
        found.append((Line2D([], [], linestyle="none"), f"at the upper edge: larger than {LARGEST:,} ({large:,})"))
    return found


def _mtu(found: tuple[Bound, ...], top: float) -> list[Entry]:
    entries = [_heading("MTU")]
    for bound in found[:MOST_BOUNDS]:
        style, width, colour = BOUND_STYLES[bound.source]
        lowest = bound.lower if bound.lower is not None else bound.upper
        hidden = " (above the picture)" if lowest is not None and lowest > top else ""
        entries.append((Line2D([], [], linestyle=style, linewidth=width, color=colour), bound.text + hidden))  # type: ignore[arg-type]
    if len(found) > MOST_BOUNDS:
        entries.append((Line2D([], [], color=FAINT), f"{len(found) - MOST_BOUNDS:,} more not drawn"))
    return entries
