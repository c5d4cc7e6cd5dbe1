"""One picture of a capture: the size of each IP packet over time, against the MTU.

What it is for: that a person sees within a glance whether large messages were cut into IP fragments, sent again, and
never answered (docs/domain/ip-fragments.md, docs/domain/path-mtu.md). The parts: ``marks`` reads the frames, ``bounds``
the bounds of the MTU, ``axis`` lays out time, ``draw`` draws with ``labels``, ``legend`` and ``style``.
matplotlib and pandas are imported when a plot is asked for, so that importing this module costs nothing; pyplot is
never imported.
"""

from __future__ import annotations

import os
import secrets
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.errors import InputError, MissingDependency, UsageError
from analyzer.printable import printable
from analyzer.report.plot.marks import Picture, PlotSource

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg")
#: RFC 791: each link carries 68 bytes; the length field of IP ends at 65,535.
SMALLEST_MTU, LARGEST_MTU = 68, 65535

# Own style, whatever the caller's: text stays text in SVG, ids in it do not change from run to run.
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ike-analyzer",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "hatch.linewidth": 0.7,
}
_METADATA: dict[str, dict[str, None]] = {"png": {"Software": None}, "svg": {"Date": None}}


def plot(
    capture: PlotSource, out: str | os.PathLike[str] | None = None, *, mtu: int | None = None, sa: int | None = None
) -> Figure:
    """Draw the IP packets of a capture, and write the picture when ``out`` is given.

    Parameters
    ----------
    capture
        Anything with the frames ``packets``, ``datagrams``, ``messages``, ``exchanges``, ``sas`` and ``path_mtu`` of
        :mod:`analyzer.frames.contracts`, a ``name`` and a ``verdict_text`` (one sentence; may be empty).
    out : path, optional
        A file name that ends in ``.png`` or ``.svg``. It is written whole or not at all.
    mtu : int, optional
        An MTU that you know of, in bytes, drawn as a line.
    sa : int, optional
        Draw only the IKE SA of this number (from 1), and only its stretch of time.

    Returns
    -------
    matplotlib.figure.Figure
        On an Agg canvas, not registered with pyplot: nothing to close.

    Raises
    ------
    UsageError
        An ending other than ``.png`` and ``.svg``, an MTU outside 68..65535, an IKE SA that is not in the capture.
    InputError
        ``out`` cannot be written.
    MissingDependency
        matplotlib or pandas is not installed.

    Examples
    --------
    >>> plot(None, "trace.pdf")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    analyzer.errors.UsageError: a plot is written as .png or .svg, not 'trace.pdf'
    """
    path = None if out is None else Path(out)
    if path is not None and _format(path) not in FORMATS:
        raise UsageError(f"a plot is written as .png or .svg, not {str(path)!r}")
    if mtu is not None and not SMALLEST_MTU <= mtu <= LARGEST_MTU:
        raise UsageError(f"an MTU lies between {SMALLEST_MTU} and {LARGEST_MTU}, not {mtu}")
    try:
        import matplotlib
        import matplotlib.style
        import pandas  # noqa: F401
    except ImportError as error:
        raise MissingDependency(f"a plot needs matplotlib and pandas: {error}") from error
    except ValueError as error:  # a file matplotlibrc is looked for in the working folder, too
        raise MissingDependency(f"matplotlib refuses MPLBACKEND or matplotlibrc: {_line(error)}") from error
    from analyzer.report.plot.bounds import bounds
    from analyzer.report.plot.draw import draw
    from analyzer.report.plot.excerpt import drawn_part
    from analyzer.report.plot.marks import picture

    if sa is not None and not (capture.sas["sa"] == sa).any():
        known = capture.sas["sa"]
        has = f"{known.min()}..{known.max()}" if len(known) else "none"
        raise UsageError(f"no IKE SA {sa} in this capture, which has {has}")
    part, told = drawn_part(capture) if sa is None else (capture, "")
    shown = picture(part, sa)
    drawn = dict(zip(shown.marks.datagram.tolist(), shown.marks.to_responder.tolist(), strict=True))
    with matplotlib.style.context(["default", _STYLE]):
        figure = draw(shown, bounds(part, drawn, mtu, sa), _title(capture), _subtitle(part, shown, sa, told))
        if path is not None:
            _write(figure, path)
    return figure


def _line(error: Exception) -> str:
    return printable(" ".join(str(error).split()))


def _format(path: Path) -> str:
    return path.suffix[1:].lower()


def _title(capture: PlotSource) -> str:
    from analyzer.report.plot.text import literal

    return literal(capture.verdict_text.strip(), 1000) or "IP packets of IKE, against the MTU"


def _subtitle(capture: PlotSource, shown: Picture, sa: int | None, told: str) -> str:
    from analyzer.report.plot.text import literal

    again = len(set(shown.marks.sending[shown.marks.attempt > 1].tolist()) - shown.responses)
    sas = len(capture.sas)
    parts = [
        literal(capture.name, 70) or "unnamed capture",
        told,
        _count(len(shown.marks), "IP packet"),
        _count(shown.messages, "IKE message"),
        f"IKE SA {sa} of {sas:,}" if sa is not None else _count(sas, "IKE SA"),
        _count(again, "retransmit") if again else "",
        _count(len(shown.silences), "exchange") + " without an answer" if shown.silences else "",
        _count(shown.duplicates, "capture duplicate") + " not drawn" if shown.duplicates else "",
        _count(shown.timeless, "packet") + " without a time not drawn" if shown.timeless else "",
    ]
    return "  ·  ".join(part for part in parts if part)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _write(figure: Figure, path: Path) -> None:
    """Render in memory, write beside the target, then rename: the target is never half-written."""
    picture = BytesIO()
    kind = _format(path)
    figure.savefig(picture, format=kind, dpi=150, metadata=_METADATA[kind])
    beside = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        try:
            with beside.open("xb") as file:
                file.write(picture.getbuffer())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
