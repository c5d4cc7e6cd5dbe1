"""The part of a capture that a plot draws: a picture of more packets shows no more, and takes minutes and gigabytes.

It begins with the first IKE message, or with that of the IKE SA which the verdict is about, where that one lies
farther behind.
"""

from __future__ import annotations

import numpy as np

from analyzer.analysis import Analysis
from analyzer.columns import Ints
from analyzer.frames.of_analysis import Frames
from analyzer.report.plot.marks import PlotSource

#: IKE messages of a plot, and packets.
MOST_DRAWN = 10_000


def drawn_part(capture: PlotSource) -> tuple[PlotSource, str]:
    """The part of a capture that is drawn, the whole unless it is large, and a few words on what part that is."""
    if not isinstance(capture, Frames):  # whatever else has them
        return capture, ""
    wire = capture.analysis.wire
    if max(len(wire.messages.frame), len(wire.packets.frame)) <= MOST_DRAWN:
        return capture, ""
    first = _first_frame(capture.analysis)
    beyond = min(_beyond(wire.messages.frame, first), _beyond(wire.packets.frame, first))
    told = f"only frames {max(first, 1):,} to {beyond - 1:,}, of {wire.census.packets:,}, drawn"
    return Frames(capture.analysis.between(first, beyond)), told


def _first_frame(analysis: Analysis) -> int:
    """With which frame the part begins: as a rule the very first one."""
    frames = np.sort(analysis.wire.messages.frame)
    if analysis.verdict.sa is not None and len(frames) > MOST_DRAWN:
        frame = analysis.sa(analysis.verdict.sa).messages[0].frame
        if frame >= frames[MOST_DRAWN]:
            return int(frame)
    return 0


def _beyond(frames: Ints, first: int) -> int:
    """The frame before which a table has no more than ``MOST_DRAWN`` rows from ``first`` on."""
    frames = np.sort(frames)
    end = int(np.searchsorted(frames, first)) + MOST_DRAWN
    if end < len(frames):
        return int(frames[end])
    return int(frames[-1]) + 1 if len(frames) else first + 1
