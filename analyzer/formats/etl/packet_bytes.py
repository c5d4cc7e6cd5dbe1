"""The bytes of an ETW log's packets, to be read again in the order of time.

A log on disk is read again where it lies. What cannot be read again (a pipe, a compressed buffer, a frame joined from
pieces) is kept aside: in memory while it is little, else in a temporary file.
"""

from __future__ import annotations

import tempfile
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from analyzer.errors import InputError
from analyzer.formats.records import SLACK

#: From here on a place is one in what was kept aside.
ASIDE = 1 << 62

#: So much is kept aside in memory, bytes; and so much at all.
IN_MEMORY, MAX_ASIDE = 32 << 20, 4 << 30

#: Packets that lie this close are read together with what is between them, bytes.
GAP = 512


class PacketBytes:
    """Reads bytes of a log by place: an offset in the file, or ``ASIDE`` plus an offset in what was kept aside.

    Attributes
    ----------
    lacking : int
        Bytes that were there when the file was read first, and are not any more.

    Examples
    --------
    >>> store = PacketBytes("example", None)
    >>> place = store.keep(b"a packet, another")
    >>> buffer, start = store.gather(np.array([place + 10, place]), np.array([7, 8]))
    >>> [buffer[begin : begin + 7].tobytes() for begin in start.tolist()]
    [b'another', b'a packe']
    >>> store.close()
    """

    def __init__(self, name: str, file: BinaryIO | None) -> None:
        self.lacking = 0
        self._name = name
        self._file = file
        self._aside: tempfile.SpooledTemporaryFile[bytes] | None = None
        self._size = 0
        self._last = self._spare = np.empty(0, np.uint8)

    @property
    def is_full(self) -> bool:
        return self._size >= MAX_ASIDE

    def keep(self, data: bytes | memoryview) -> int:
        """Keep bytes aside; their place."""
        place = ASIDE + self._size
        try:
            if self._aside is None:
                # Closed by close(), which the reader calls; its file has no name.
                self._aside = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
            self._aside.seek(self._size)
            self._size += self._aside.write(data)
        except OSError as error:
            raise InputError(f"{self._name}: cannot be kept in a temporary file: {_reason(error)}") from error
        return place

    def gather(
        self, places: NDArray[np.int64], sizes: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Read many pieces at once.

        Returns
        -------
        buffer : uint8 array
            Holds the pieces in the order of their places, and ``SLACK`` bytes more. Valid until the next call but one:
            one may be worked on while the next is read.
        start : int64 array
            Where in it each piece begins.
        """
        order = np.argsort(places, kind="stable")
        begin = places[order]
        reach = np.maximum.accumulate(begin + sizes[order]) if len(order) else begin
        fresh = np.ones(len(order), np.bool_)
        fresh[1:] = begin[1:] > reach[:-1] + GAP
        run = np.flatnonzero(fresh)
        froms, tos = begin[run], reach[np.append(run[1:], len(order)) - 1] if len(run) else begin
        shift = np.concatenate((np.zeros(1, np.int64), np.cumsum(tos - froms)))
        buffer = self._room(int(shift[-1]))
        view = buffer.data
        for first, last, at in zip(froms.tolist(), tos.tolist(), shift.tolist(), strict=False):
            self._read(first, view[at : at + last - first])
        start = np.empty(len(order), np.int64)
        start[order] = begin - froms[np.cumsum(fresh) - 1] + shift[np.cumsum(fresh) - 1]
        return buffer, start

    def close(self) -> None:
        """Drop what was kept aside; harmless when repeated."""
        if self._aside is not None:
            self._aside.close()
            self._aside = None

    def _room(self, size: int) -> NDArray[np.uint8]:
        """A buffer of that size and ``SLACK``; two take turns, for new ones would cost more than to fill them."""
        last, self._last = self._last, self._spare
        if len(self._last) < size + SLACK:
            self._last = np.empty(size + SLACK, np.uint8)
        self._spare = last
        room = self._last[: size + SLACK]
        room[size:] = 0
        return room

    def _read(self, place: int, into: memoryview) -> None:
        file = self._aside if place >= ASIDE else self._file
        done = 0
        try:
            if file is not None:
                file.seek(place - ASIDE if place >= ASIDE else place)
                while done < len(into):
                    count = file.readinto(into[done:])  # type: ignore[union-attr]
                    if not count:
                        break
                    done += count
        except OSError as error:
            raise InputError(f"{self._name}: cannot be read: {_reason(error)}") from error
        into[done:] = bytes(len(into) - done)
        self.lacking += len(into) - done


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
