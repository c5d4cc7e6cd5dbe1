"""Packets that another program has read: pairs of time and frame, as the readers of dpkt yield them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from numbers import Number
from typing import Any

import numpy as np

from analyzer.errors import UsageError
from analyzer.formats.file_reader import MAX_ROWS
from analyzer.formats.records import NO_TIME, SLACK, Chunk, Interface, Note
from analyzer.links.types import ETHERNET

#: Seconds since the epoch, and the bytes of a frame.
Pair = tuple[float | Decimal, bytes]

#: Bytes of packets after which a chunk is given.
CHUNK_BYTES = 4 << 20

_SECOND = 1_000_000_000


class PairReader:
    """A :class:`analyzer.formats.records.Reader` of pairs in the place of a file.

    Parameters
    ----------
    pairs : iterable of (number, bytes)
        Seconds since the epoch and the captured bytes of a frame; nothing tells that a frame was longer on the wire.
        A ``float`` is taken to the microsecond, which is all that it holds today.
    link_type : int, optional
        LINKTYPE of all frames. Unless given, what ``pairs.datalink()`` says, else Ethernet.

    Examples
    --------
    >>> reader = PairReader([(1_700_000_000.5, b"frame")])
    >>> [(chunk.time.tolist(), chunk.captured.tolist()) for chunk in reader.chunks()]
    [([1700000000500000000], [5])]
    """

    format = "pairs"
    sha256 = None

    def __init__(self, pairs: Iterable[Pair], link_type: int | None = None) -> None:
        if link_type is None:
            datalink = getattr(pairs, "datalink", None)
            link_type = int(datalink()) if callable(datalink) else ETHERNET
        self.interfaces = [Interface(0, link_type)]
        self.notes: list[Note] = []
        try:
            self._pairs = iter(pairs)
        except TypeError:
            raise UsageError(f"a path, or pairs of time and frame, are wanted, not {type(pairs).__name__}") from None

    def chunks(self) -> Iterator[Chunk]:
        """The packets, some thousands at a time.

        Raises
        ------
        UsageError
            What is given is no pair of a number and bytes.
        """
        frame = 1
        while some := list(_some(self._pairs, frame)):
            sizes = np.array([len(data) for _, data in some], np.int64)
            count = len(some)
            yield Chunk(
                buffer=np.frombuffer(b"".join([data for _, data in some]) + bytes(SLACK), np.uint8),
                first_frame=frame,
                start=np.cumsum(sizes) - sizes,
                captured=sizes,
                wire=sizes.copy(),
                time=np.array([time for time, _ in some], np.int64),
                interface=np.zeros(count, np.int32),
                direction=np.zeros(count, np.int8),
                host_dropped=np.zeros(count, np.bool_),
                packet_id=np.full(count, -1, np.int64),
            )
            frame += count

    def ahead(self) -> Iterator[Chunk]:
        """As :meth:`chunks`: what yields the pairs may not like another thread."""
        return self.chunks()

    def close(self) -> None:
        """Nothing is open."""


def _some(pairs: Iterator[Any], frame: int) -> Iterator[tuple[int, bytes]]:
    """Pairs for one chunk."""
    size = 0
    for number, pair in enumerate(islice(pairs, MAX_ROWS), frame):
        try:
            time, data = pair
            told, raw = nanoseconds(time), bytes(memoryview(data))
        except (TypeError, ValueError):
            what = "pairs of seconds and bytes, as dpkt's readers yield them, are wanted"
            raise UsageError(f"packet {number}: {what}, not {type(pair).__name__} {pair!r:.60}") from None
        yield told, raw
        size += len(raw)
        if size >= CHUNK_BYTES:
            return


def nanoseconds(seconds: float | Decimal) -> int:
    """Seconds since the epoch as nanoseconds; ``NO_TIME`` where they are no number or beyond the year 2262.

    Examples
    --------
    >>> nanoseconds(1.000001), nanoseconds(Decimal("1.000000001")), nanoseconds(2), nanoseconds(float("nan")) == NO_TIME
    (1000001000, 1000000001, 2000000000, True)
    """
    if not isinstance(seconds, Number):
        raise TypeError(f"no number: {type(seconds).__name__}")
    try:
        told = round(seconds * 1_000_000) * 1000 if isinstance(seconds, float) else int(seconds * _SECOND)
    except (OverflowError, ValueError):
        return NO_TIME
    return told if abs(told) < 1 << 63 else NO_TIME
