"""Put the frames of an IKE connection at given places among packets that are made by columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.bench.columns import Ints, Piece
from tests.bench.connections import Connection


@dataclass(frozen=True, slots=True)
class Splice:
    """Frames and the packets of a piece that they replace; ``lengths`` are theirs, in bytes."""

    positions: Ints
    lengths: Ints
    frames: list[bytes]


def splice(connection: Connection, positions: Ints, count: int) -> Splice:
    """The frames of a connection in order of time, at those of ``positions`` that a piece of ``count`` packets has."""
    frames = [frame for _, frame in sorted(connection.frames, key=lambda sent: sent[0])][
        : int((positions < count).sum())
    ]
    return Splice(positions[: len(frames)], np.array([len(frame) for frame in frames], np.int64), frames)


def joined(splices: list[Splice]) -> Splice:
    """Several connections as one."""
    return Splice(
        np.concatenate([one.positions for one in splices] or [np.empty(0, np.int64)]),
        np.concatenate([one.lengths for one in splices] or [np.empty(0, np.int64)]),
        [frame for one in splices for frame in one.frames],
    )


def place(piece: Piece, spliced: Splice) -> None:
    """Write the frames over the packets that were kept for them."""
    for start, frame in zip(piece.start[spliced.positions].tolist(), spliced.frames, strict=True):
        piece.buffer[start : start + len(frame)] = np.frombuffer(frame, np.uint8)
