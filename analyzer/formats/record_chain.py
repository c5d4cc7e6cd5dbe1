"""Files of records one behind the other, each of which says where the next one starts: pcap, pcapng, snoop.

One loop for all of them: walk over the records that the window holds, give them as chunks, find the way again behind
damage, ask for more bytes. A format says how its records look.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyzer.formats.file_reader import FileReader, no_header, portions
from analyzer.formats.records import Chunk


class Run(NamedTuple):
    """Whole records in a row.

    Attributes
    ----------
    records : sized
        What :meth:`ChainReader._chunk` makes chunks of: an array of offsets, or blocks.
    after : int
        Offset in the window at which the next record starts.
    trouble : str
        What is wrong with that one; empty where only bytes are missing, or none are left.
    """

    records: Any
    after: int
    trouble: str


class ChainReader(FileReader):
    """A reader of a chain of records; what a format has to say is in the methods below :meth:`chunks`."""

    #: Bytes of the file in front of the first record.
    _begin = 0
    #: Bytes of a record's header, of the shortest record, and how far behind one must see to believe it after damage.
    _header: int
    _shortest: int
    _reach: int

    def chunks(self) -> Iterator[Chunk]:
        """The packets, a window at a time. Never raises on what the file holds."""
        window, at = self._window, self._begin
        while True:
            limit = window.end - self._header + 1  # no whole header starts here or later
            stop = min(limit, at + self._span)
            records, at, trouble = self._run(at, stop)
            for rows in portions(np.arange(len(records))):
                chunk = self._chunk(records, rows)
                self._frame += len(chunk)
                if len(chunk):
                    yield chunk
            if trouble:
                onward = self._behind(at, trouble)
                if onward is None:
                    break
                at = onward
            elif stop <= at < limit:
                self._span *= 2
            elif window.at_end:
                if at < window.end:
                    self._cut(at, self._place(at))
                break
            else:
                window.advance(at)
                at = 0
        self._account()
        self._finish()

    @abstractmethod
    def _run(self, first: int, stop: int) -> Run:
        """The whole records that start in ``[first, stop)``, up to the first one that is none."""

    @abstractmethod
    def _chunk(self, records: Any, rows: NDArray[np.int64]) -> Chunk:
        """The packets in some of the records."""

    @abstractmethod
    def _good(self, at: int, stop: int) -> NDArray[np.int64]:
        """Where records go on in ``[at, stop)``, after damage."""

    def _behind(self, at: int, trouble: str) -> int | None:
        """Where records go on behind the bad one at ``at``; None if nowhere."""
        return self._resync(at, trouble, self._shortest, self._reach, self._good)

    def _place(self, at: int) -> str:
        """What stands at ``at``, where the file ends in the middle of it."""
        return f"packet {self._frame}"

    def _account(self) -> None:
        """Note what the records said of the capture."""

    def _run_of(
        self, offsets: NDArray[np.int64], follows: NDArray[np.int64], sane: NDArray[np.bool_], first: int, zeros: int
    ) -> Run:
        """A run of records that are nothing but offsets.

        Parameters
        ----------
        offsets, follows, sane : int64 arrays, bool array
            Where each record starts and the next one would, and whether its header is one that a packet can have.
        first : int
            Where the run begins.
        zeros : int
            Bytes of a header that are all zero in a hole.
        """
        whole = sane & (follows <= self._window.end)
        if whole.all():
            return Run(offsets, int(follows[-1]) if len(offsets) else first, "")
        count = int(whole.argmin())
        at = int(offsets[count])
        if sane[count]:
            return Run(offsets[:count], at, "")
        is_zero = not self._window.buffer[at : at + zeros].any()
        # The packets before it are counted when they are given.
        return Run(offsets[:count], at, no_header(is_zero, self._frame + count))
