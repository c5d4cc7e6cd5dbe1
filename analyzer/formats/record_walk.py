"""The walk from record to record: each header says where the next one starts.

Such a chain is sequential by nature, and a Python step per record is what a big capture would spend its time on. So a
long run is cut into stretches whose starts are guessed, all stretches step together in NumPy, and one counts only if
the true walk lands exactly on its guessed start. A wrong guess costs time, never a record: by induction the result is
that of the plain walk.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Bytes of a stretch. Fewer bytes: fewer steps, more guesses (each of which is a search).
STRETCH = 1 << 16

#: With fewer stretches than this, the plain walk is faster (measured).
MIN_STRETCHES = 48

#: How often the stretches look whether they are done, in steps.
CHECK = 8


@dataclass(frozen=True, slots=True)
class Stride:
    """Where the next record starts: ``o + max(u32 at o + field, least) + extra``, lengths rounded up to ``align``.

    Attributes
    ----------
    order : str
        ``<`` or ``>``: byte order of the length.
    field : int
        Offset of the length in the record, bytes.
    extra : int
        Bytes of a record that its length does not count.
    least : int
        A smaller length is taken as this one, so that every step moves on.
    align : int
        Power of two of which every length is taken as a multiple.
    """

    order: str
    field: int
    extra: int = 0
    least: int = 0
    align: int = 1


def starts(
    buffer: NDArray[np.uint8], first: int, stop: int, stride: Stride, guesses: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Offsets of all records that start in ``[first, stop)``, the first of them at ``first``.

    Parameters
    ----------
    buffer : uint8 array
        Holds at least ``stride.field + 4`` bytes past ``stop``.
    first, stop : int
        Offset of the first record; offset at which no record header can start any more.
    stride : Stride
        How a record names its length. The length is followed wherever it leads: judging it is the caller's.
    guesses : int64 array, optional
        Likely record starts inside ``(first, stop)``, strictly increasing. They change the speed only.

    Returns
    -------
    int64 array
        Strictly increasing.

    Examples
    --------
    Records of 2, 3 and 2 bytes of data, each behind a little-endian length:

    >>> raw = np.frombuffer(b"\\2\\0\\0\\0ab" b"\\3\\0\\0\\0abc" b"\\2\\0\\0\\0ab" + bytes(8), np.uint8)
    >>> starts(raw, 0, 19, Stride("<", field=0, extra=4))
    array([ 0,  6, 13])
    >>> starts(raw, 0, 19, Stride("<", field=0, extra=4), guesses=np.array([6, 14]))
    array([ 0,  6, 13])
    """
    if guesses is None or len(guesses) < MIN_STRETCHES - 1:
        return np.array(_plain(buffer, first, stop, stride)[0], np.int64)
    begins = np.concatenate((np.array([first]), guesses))
    bounds = np.concatenate((guesses, np.array([stop])))
    rows = _together(buffer, begins, bounds, stop, stride)
    return _joined(buffer, begins, bounds, rows, stride)


def _plain(buffer: NDArray[np.uint8], first: int, stop: int, stride: Stride) -> tuple[list[int], int]:
    """The walk one by one: record starts in ``[first, stop)`` and where the record after them would start."""
    read = struct.Struct(stride.order + "I").unpack_from
    view = buffer.data
    field, extra, least, up, mask = stride.field, stride.extra, stride.least, stride.align - 1, -stride.align
    found: list[int] = []
    while first < stop:
        found.append(first)
        (length,) = read(view, first + field)
        first += ((length if length > least else least) + up & mask) + extra
    return found, first


def _together(
    buffer: NDArray[np.uint8], begins: NDArray[np.int64], bounds: NDArray[np.int64], stop: int, stride: Stride
) -> NDArray[np.int64]:
    """All stretches step by step: a row per step, a column per stretch; a stretch that reaches ``stop`` stays there.

    Ends when few stretches are still before their bounds: a handful of slow ones is walked faster one by one.
    """
    lengths = np.ndarray((stop + 1,), stride.order + "u4", buffer, stride.field, (1,))
    position = begins
    rows = [position]
    while np.count_nonzero(position < bounds) * 8 >= len(bounds):
        for _ in range(CHECK):
            step = lengths[position].astype(np.int64)
            if stride.least:
                np.maximum(step, stride.least, out=step)
            if stride.align > 1:
                step += stride.align - 1
                step &= -stride.align
            step += position
            step += stride.extra
            position = np.minimum(step, stop, out=step)
            rows.append(position)
    return np.array(rows)


def _joined(
    buffer: NDArray[np.uint8],
    begins: NDArray[np.int64],
    bounds: NDArray[np.int64],
    rows: NDArray[np.int64],
    stride: Stride,
) -> NDArray[np.int64]:
    """Follow the true walk through the stretches: take a stretch where its guess was true, walk where it was not."""
    # The last row serves only to say where a stretch went on from the row before it.
    counts = np.minimum((rows < bounds).sum(axis=0), len(rows) - 1)
    onward = rows[counts, np.arange(len(bounds))].tolist()
    pieces: list[NDArray[np.int64]] = []
    here = int(begins[0])
    for stretch, (begin, bound, count) in enumerate(
        zip(begins.tolist(), bounds.tolist(), counts.tolist(), strict=True)
    ):
        if here == begin:
            pieces.append(rows[:count, stretch])
            here = onward[stretch]
        if here < bound:
            walked, here = _plain(buffer, here, bound, stride)
            pieces.append(np.array(walked, np.int64))
    return np.concatenate(pieces)
