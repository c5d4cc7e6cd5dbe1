"""What each thing looks like: colours that colour-blind people tell apart (Okabe and Ito), outlines, line styles.

Nothing rests on colour alone: the outline of a mark tells the exchange and the way it points tells the direction, a
repeat is hollow, and each MTU bound has its own line style.
"""

from __future__ import annotations

import numpy as np
from matplotlib.path import Path as Outline

from analyzer.report.plot.marks import KINDS

INK, MUTED, FAINT = "#1a1a1a", "#5f5f5f", "#c9c9c9"

#: Okabe and Ito's palette, https://jfly.uni-koeln.de/color/
COLOURS = dict(
    zip(
        KINDS,
        ("#0072B2", "#CC79A7", "#D55E00", "#009E73", "#56B4E9", "#F0E442", "#8a8a8a", "#000000"),
        strict=True,
    )
)

_UP = {
    "IKE_SA_INIT": [(-0.45, -0.5), (0.45, -0.5), (0.45, 0.05), (0, 0.55), (-0.45, 0.05)],  # house
    "IKE_INTERMEDIATE": [(-0.5, -0.55), (0, -0.1), (0.5, -0.55), (0.5, 0.05), (0, 0.55), (-0.5, 0.05)],  # chevron
    "IKE_AUTH": [(-0.56, -0.48), (0.56, -0.48), (0, 0.6)],  # triangle
    "CREATE_CHILD_SA": [(0, -0.45), (0.42, 0.05), (0, 0.6), (-0.42, 0.05)],  # diamond, its long half ahead
    "INFORMATIONAL": [(0.55 * np.cos(a), 0.75 * np.sin(a) - 0.35) for a in np.linspace(0, np.pi, 13)],  # dome
    "IKEv1": [(-0.5, -0.5), (0.5, -0.5), (0.22, 0.5), (-0.22, 0.5)],  # trapezium
    "other or unknown": [(-0.4, -0.5), (0.4, -0.5), (0.4, 0.5), (0, 0.15), (-0.4, 0.5)],  # notched box
}
_CROSS = [(1, 3), (3, 1), (0.9, 0), (3, -1), (1, -3), (0, -0.9)]
_CROSS += [(-x, -y) for x, y in _CROSS]


def outline(kind: str, to_responder: bool) -> Outline:
    """The mark of one exchange and direction: pointing up to the responder, down to the initiator."""
    corners = np.array(_UP.get(kind, [(x / 6, y / 6) for x, y in _CROSS]), float)
    corners = np.vstack([corners, corners[:1]])
    return Outline(corners if to_responder else corners * (1, -1), closed=True)


def pale(colour: str, white: float = 0.72) -> tuple[float, float, float]:
    """A colour on its way to ``white``: the inside of a repeat."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red + (1 - red) * white, green + (1 - green) * white, blue + (1 - blue) * white


def edge(colour: str) -> tuple[float, float, float]:
    """A darker edge, so that yellow and sky blue stand out from the paper."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red * 0.62, green * 0.62, blue * 0.62
