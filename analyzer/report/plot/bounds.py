"""The MTU bounds that the plot draws behind the packets, each with the source that its legend entry names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analyzer.report.plot.marks import PlotSource
from analyzer.report.plot.text import literal

ETHERNET = 1500
#: More than these are not told apart in a picture; the rest is counted.
MOST_BOUNDS = 6
_MOST_OF_ONE_SIDE = 2


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound in bytes. Only ``lower``: at least; only ``upper``: at most; both alike: exact.

    ``source`` is one of ``ethernet``, ``first fragments``, ``path`` and ``given``; ``to_responder`` is the direction
    that it holds for, None for both.
    """

    lower: int | None
    upper: int | None
    source: str
    text: str
    to_responder: bool | None = None


def bounds(capture: PlotSource, drawn: dict[int, bool], mtu: int | None, sa: int | None) -> tuple[Bound, ...]:
    """All bounds to draw: Ethernet's 1500, the caller's ``mtu``, first fragments, and the rest of the path MTU frame.

    The first fragment of a datagram gives the MTU of its sender's link as a range of eight values, since fragment data
    is cut to multiples of 8 (docs/domain/ip-fragments.md); it is not the path MTU.

    Parameters
    ----------
    capture
        Frames ``datagrams`` and ``path_mtu`` are read.
    drawn : dict of int to bool
        Datagrams in the picture, and whether each goes from initiator to responder.
    mtu : int or None
        MTU that the caller knows of.
    sa : int or None
        Only this IKE SA's rows of ``path_mtu``.
    """
    fragments = _first_fragments(capture, drawn)
    seen = {(b.to_responder, b.lower, b.upper) for b in fragments}
    path = [b for b in _path(capture, sa) if (b.to_responder, b.lower, b.upper) not in seen]
    given = [Bound(mtu, mtu, "given", f"MTU given by the user: {mtu:,}")] if mtu is not None else []
    return (Bound(ETHERNET, ETHERNET, "ethernet", "Ethernet MTU 1,500"), *given, *fragments, *path)


def _first_fragments(capture: PlotSource, drawn: dict[int, bool]) -> list[Bound]:
    frame = capture.datagrams
    frame = frame[frame["datagram"].isin(list(drawn)) & frame["mtu_lower"].notna() & frame["mtu_upper"].notna()]
    if not len(frame):
        return []
    up = np.array([drawn[int(d)] for d in frame["datagram"]], bool)
    counted = frame.assign(up=up).groupby(["up", "mtu_lower", "mtu_upper"]).size().sort_values(ascending=False)
    found: list[Bound] = []
    for side in (True, False):
        for _, low, high in [key for key in counted.index if key[0] == side][:_MOST_OF_ONE_SIDE]:
            who = "initiator" if side else "responder"
            text = f"{who}'s link MTU {_span(int(low), int(high))}, from first fragments"
            found.append(Bound(int(low), int(high), "first fragments", text, side))
    return found


def _path(capture: PlotSource, sa: int | None) -> list[Bound]:
    frame = capture.path_mtu
    if sa is not None:
        frame = frame[frame["sa"] == sa]
    same = ["direction", "lower", "upper", "evidence"]
    rows = frame.assign(lower=frame["lower"].fillna(-1), upper=frame["upper"].fillna(-1))
    found = []
    for (direction, low, high, evidence), _ in rows.groupby(same).size().sort_values(ascending=False).items():
        lower, upper = (int(value) if value >= 0 else None for value in (low, high))
        if lower is not None or upper is not None:
            up = direction == "initiator_to_responder"
            way = "initiator → responder" if up else "responder → initiator"
            found.append(
                Bound(lower, upper, "path", f"{way}: {_span(lower, upper)} ({literal(str(evidence), 120)})", up)
            )
    return found


def _span(lower: int | None, upper: int | None) -> str:
    if lower is None:
        return f"at most {upper:,}"
    if upper is None:
        return f"at least {lower:,}"
    return f"{lower:,}" if lower == upper else f"{lower:,}..{upper:,}"
