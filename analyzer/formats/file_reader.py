"""What the readers of all formats share: the window they read through, and the account of what was damaged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from analyzer.formats.record_walk import MIN_STRETCHES, Stride, starts
from analyzer.formats.records import Chunk, Interface, Note
from analyzer.formats.window import Window

#: A record (pcap packet, pcapng block) above this many bytes is taken for damage: it bounds the memory of a reader.
MAX_RECORD = 16 << 20

#: After so many damaged places (or changes of byte order) the rest of a file is left unread: each costs a new start.
MAX_BREAKS = 1000

#: After such a place, so many bytes are walked at first, then twice as many each time: a walk that the next place makes
#: useless must not cost a whole window.
CAREFUL = 1 << 16

#: Bytes searched at a time for the next record after damage; and in all, so that zeros without end have one.
PIECE = 1 << 16
MAX_SEARCHED = 1 << 30

#: What libpcap and Wireshark take as the longest packet of any common link type; longer ones are not believed after
#: damage, where reading goes on with so many records in a row that make sense.
LONGEST = 262144
CHAIN = 3

#: So many zero bytes at the end of a file are not the beginning of a record that was cut off.
FEW = 4

#: How far from the last good packet's time one that is found after damage may be, seconds.
NEAR = 30 * 86400

#: Packets of a chunk. A window of honest traffic holds some tens of thousands, one of empty records above a million;
#: the work on a chunk takes some 200 bytes for each.
MAX_ROWS = 1 << 17

#: Bytes walked at once where no stretches can be guessed: the plain walk takes 40 bytes for each record.
STEP = 2 << 20


class FileReader(ABC):
    """A capture file being read once, front to back; a context manager. See :class:`analyzer.formats.records.Reader`.

    Attributes
    ----------
    format : str
        ``pcap``, ``pcap-ns``, ``pcapng``, ``netmon1``, ...; behind a plus sign, what it was packed in.
    snaplen : int
        Longest packet that the capturing program kept, bytes; 0 when unlimited or not known yet.
    interfaces, notes : list
        Grow while ``chunks()`` runs, complete when it ends.
    """

    def __init__(self, window: Window, format: str, snaplen: int) -> None:
        self.format = format + window.origin
        self.snaplen = snaplen
        self.interfaces: list[Interface] = []
        self.notes: list[Note] = []
        self._window = window
        self._frame = 1  # of the next packet
        self._places = 0  # damaged places so far
        self._first = ""  # what the first of them was
        self._first_frame = 1
        self._span = CAREFUL << 32  # bytes to walk at once
        self._searched = 0  # bytes after damaged places

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the whole input, hex: after ``chunks()`` is exhausted, and only if it was asked for."""
        return self._window.sha256

    @abstractmethod
    def chunks(self) -> Iterator[Chunk]:
        """The packets, a window at a time. Never raises on what the file holds."""

    def ahead(self) -> Iterator[Chunk]:
        """As :meth:`chunks`, the next chunk being read and walked in a thread while the caller works on this one.

        Where no thread can be started, it is :meth:`chunks`.
        """
        if self._window.at_end:
            yield from self.chunks()
            return
        from concurrent.futures import ThreadPoolExecutor

        window = self._window
        window.use_two_buffers()
        worker = ThreadPoolExecutor(max_workers=1)
        try:
            chunks = self.chunks()
            chunk = next(chunks, None)
            while chunk is not None:
                window.lend()
                try:
                    following = worker.submit(next, chunks, None)
                except RuntimeError:  # there are no threads, as in a browser, or no more of them
                    window.give_back()
                    yield chunk
                    yield from chunks
                    return
                try:
                    yield chunk
                finally:
                    window.give_back()
                chunk = following.result()
        finally:
            # Whoever leaves early, by Ctrl-C say, does not wait for a pipe that brings nothing.
            worker.shutdown(wait=False)

    def close(self) -> None:
        """Close the file; harmless when repeated."""
        self._window.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _damage(self, at: int, what: str) -> None:
        """Remember damage at offset ``at`` of the window."""
        self._places += 1
        self._span = CAREFUL
        if self._places == 1:
            self._first = f"at byte {self._window.offset + at}: {what}"
            self._first_frame = self._frame

    def _resync(
        self, damaged: int, what: str, least: int, reach: int, find: Callable[[int, int], NDArray[np.int64]]
    ) -> int | None:
        """Where records go on after the bad one at offset ``damaged`` of the window; None if nowhere.

        Parameters
        ----------
        damaged, what : int, str
            As for :meth:`_damage`.
        least, reach : int
            Bytes of the shortest record, and how far behind a record one must see to believe it.
        find : callable
            Offsets in ``[at, stop)`` at which records go on.
        """
        self._damage(damaged, what)
        if self._places > MAX_BREAKS:
            self._limit(f"more than {MAX_BREAKS} damaged places: the rest of the file was not read")
            return None
        window, at = self._window, damaged + 1
        while self._searched < MAX_SEARCHED:
            at = window.holding(at, PIECE + reach)
            stop = min(at + PIECE, window.end - least + 1)
            if stop <= at:
                return None
            found = find(at, stop)
            if len(found):
                return int(found.min())
            self._searched += stop - at
            at = stop
        self._limit(f"no packet in {MAX_SEARCHED >> 20} MiB behind damaged places: the rest of the file was not read")
        return None

    def _chained(
        self, offsets: NDArray[np.int64], header: int, look: Callable[[NDArray[np.int64]], tuple[Any, Any]]
    ) -> NDArray[np.bool_]:
        """At which offsets :data:`CHAIN` plausible records follow one another, or fewer up to the end of the file.

        ``look`` tells of offsets that have a whole ``header`` behind them which are plausible, and where the next is.
        """
        window = self._window
        good = np.ones(len(offsets), np.bool_)
        here = offsets
        for _ in range(CHAIN):
            ended = (here == window.end) & window.at_end
            inside = here <= window.end - header
            sane, follows = look(np.where(inside, here, 0))
            good &= (inside & sane) | ended
            here = np.where(ended, here, follows)
        return good

    def _cut(self, at: int, inside: str) -> None:
        """Note that the input ends inside the record at offset ``at`` of the window; zero bytes are no record."""
        if self._is_hole(at):
            self._damage(at, no_header(True, self._frame))
            return
        begin, end = self._window.offset + at, self._window.offset + self._window.end
        self.notes.append(
            Note(
                "capture-cut",
                f"the file ends in the middle of {inside}: it was cut off while being written or copied "
                f"(that record starts at byte {begin}, the file ends at byte {end})",
                self._frame,
            )
        )

    def _is_hole(self, at: int) -> bool:
        """Whether nothing but zero bytes is left; a few of them may also begin a number."""
        return self._window.end - at >= FEW and not self._window.buffer[at : self._window.end].any()

    def _limit(self, what: str) -> None:
        self.notes.append(Note("analysis-limit", what, self._frame))

    def _finish(self) -> None:
        """Close the account: one note however many places were damaged, and the digest of every byte."""
        if self._places:
            more = f", the first of {self._places} such places" if self._places > 1 else ""
            what = f"the file is damaged {self._first}{more}"
            # Behind the last packet it hides nothing of what came before.
            self.notes.append(Note("capture-damaged", what, self._first_frame, hides=self._first_frame < self._frame))
        self._window.finish()
        self.notes.extend(self._window.remarks())


def no_header(is_zero: bool, frame: int) -> str:
    """What to say of a place where packet ``frame`` should start and has no header that a packet can have."""
    what = "zero bytes, as a crash leaves them" if is_zero else "a header that no packet can have"
    return f"{what}, where packet {frame} should start"


def walk(
    buffer: NDArray[np.uint8], first: int, stop: int, stride: Stride, guesses: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    r"""As :func:`analyzer.formats.record_walk.starts`, without guesses :data:`STEP` bytes at a time.

    Examples
    --------
    >>> raw = np.frombuffer(b"\2\0\0\0ab" b"\3\0\0\0abc" b"\2\0\0\0ab" + bytes(8), np.uint8)
    >>> walk(raw, 0, 19, Stride("<", field=0, extra=4))
    array([ 0,  6, 13])
    """
    if stop - first <= STEP or (guesses is not None and len(guesses) >= MIN_STRETCHES - 1):
        return starts(buffer, first, stop, stride, guesses)
    pieces = [starts(buffer, first, first + STEP, stride)]
    last = int(pieces[0][-1])
    for end in range(first + 2 * STEP, stop + STEP, STEP):
        # The walk goes on from the last record, which is known already.
        pieces.append(starts(buffer, last, min(end, stop), stride)[1:])
        last = int(pieces[-1][-1]) if len(pieces[-1]) else last
    return np.concatenate(pieces)


def portions(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """A column in pieces of at most :data:`MAX_ROWS`, each for one chunk; none when it is empty.

    Examples
    --------
    >>> [len(piece) for piece in portions(np.zeros(MAX_ROWS + 1, np.int64))]
    [131072, 1]
    """
    return (rows[begin : begin + MAX_ROWS] for begin in range(0, len(rows), MAX_ROWS))
