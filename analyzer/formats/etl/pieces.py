"""Frames that come in pieces: before Windows 8.1 the packet capture wrote one event for each piece.

Source: docs/domain/windows-traces.md.

The pieces of a frame follow each other on one processor and interface; the first and the last are marked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from analyzer.formats.etl.packet_bytes import PacketBytes
from analyzer.formats.etl.rows import FIRST, LAST, Rows
from analyzer.formats.file_reader import portions

#: A longer frame, or one of more pieces, is given up.
MAX_FRAME, MAX_PIECES = 1 << 18, 1 << 10


@dataclass(slots=True)
class _Open:
    """A frame whose last piece has not come yet."""

    first: int
    places: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)


def join_pieces(rows: Rows, store: PacketBytes) -> tuple[Rows, int]:
    """Join the pieces of frames.

    Parameters
    ----------
    rows : Rows
        All packets and pieces.
    store : PacketBytes
        Holds their bytes, and keeps those of the joined frames.

    Returns
    -------
    rows : Rows
        Whole frames only, joined ones behind the others.
    broken : int
        Frames of which a piece is missing.
    """
    marks = rows["marks"] & (FIRST | LAST)
    partial = np.flatnonzero(marks != FIRST | LAST)
    # A capture that marks nothing has no pieces.
    if not len(partial) or not marks.any():
        return rows, 0
    partial = partial[np.argsort(rows["time"][partial], kind="stable")]
    columns = ("source", "interface", "direction", "marks", "at", "captured")
    pieces = (
        piece
        for some in portions(partial)
        for piece in zip(some.tolist(), *(rows[column][some].tolist() for column in columns), strict=True)
    )
    opened: dict[tuple[int, int, int], _Open] = {}
    joined, broken = [], 0
    for row, source, interface, direction, mark, place, size in pieces:
        key = (source, interface, direction)
        if mark & FIRST:
            broken += key in opened
            opened[key] = _Open(row)
        frame = opened.get(key)
        if frame is None:
            broken += bool(mark & LAST)
            continue
        frame.places.append(place)
        frame.sizes.append(size)
        total = sum(frame.sizes) if mark & LAST else frame.sizes[-1]
        if len(frame.places) > MAX_PIECES or total > MAX_FRAME or store.is_full:
            broken += 1
            del opened[key]
        elif mark & LAST:
            rows["at"][frame.first] = _kept(frame, store)
            rows["captured"][frame.first] = total
            joined.append(frame.first)
            del opened[key]
    whole = np.flatnonzero(marks == FIRST | LAST)
    return rows[np.concatenate((whole, np.array(joined, np.int64)))], broken + len(opened)


def _kept(frame: _Open, store: PacketBytes) -> int:
    """Put the pieces one behind the other."""
    sizes = np.array(frame.sizes, np.int64)
    buffer, start = store.gather(np.array(frame.places, np.int64), sizes)
    view = buffer.data
    return store.keep(b"".join(view[at : at + size] for at, size in zip(start.tolist(), frame.sizes, strict=True)))
