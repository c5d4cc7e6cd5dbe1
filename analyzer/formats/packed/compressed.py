"""Captures packed with gzip, bzip2, xz or zstd: unpacked on the way, never on disk, within limits.

What came out before a limit, before damage or before the file was cut off is analysed, and a note says so.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

from analyzer.errors import InputError
from analyzer.formats.packed.budget import Budget
from analyzer.formats.packed.decoders import HEAD, Decompressor, decoder_of, is_skippable
from analyzer.formats.records import Note
from analyzer.formats.window import InnerWindow, Window

#: First bytes of what each packer writes; a zstd file may begin with a frame to skip, too.
MAGICS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}

#: Packed bytes given to a decompressor at once: so many are lost at most where the data is damaged.
PIECE = 1 << 12
#: Unpacked bytes asked for at once.
MOST = 1 << 20
#: A file may consist of many packed streams (bgzip, pzstd); so many of them may be nearly empty.
MAX_TINY_STREAMS, TINY = 10_000, 1024


def packer_of(head: bytes) -> str:
    """``gzip``, ``bzip2``, ``xz``, ``zstd``, or empty.

    Examples
    --------
    >>> packer_of(b"BZh91AY"), packer_of(b"hello")
    ('bzip2', '')
    """
    if is_skippable(head):
        return "zstd"
    return next((name for magic, name in MAGICS.items() if head.startswith(magic)), "")


def unpacked(window: Window, packer: str, budget: Budget, chunk_bytes: int) -> Window:
    """A window onto what unpacks from another one.

    Raises
    ------
    InputError
        Nothing comes out, or the packer is zstd and no package for it is installed.
    """
    try:
        unpacker = Unpacker(window, packer, budget)
    except ImportError:
        what = "is zstd-compressed, and the package for that is not installed: pip install backports.zstd"
        raise InputError(f"{window.name}: {what}") from None
    try:
        inner = InnerWindow(window, cast(BinaryIO, unpacker), packer, chunk_bytes)
    except InputError:
        unpacker.close()
        raise
    inner.notes = unpacker.notes
    if not inner.end:
        raise InputError(f"{window.name}: is {packer}-compressed, and {_nothing_because(unpacker.notes)}")
    return inner


def _nothing_because(notes: list[Note]) -> str:
    if not notes:
        return "holds nothing"
    return notes[0].detail if notes[0].id == "analysis-limit" else "cut off or damaged at its very start"


class Unpacker(io.RawIOBase):
    """The unpacked bytes of a window's stream, front to back.

    Attributes
    ----------
    notes : list of Note
        What was wrong with the packed bytes, or which limit was hit. Never an exception.

    Examples
    --------
    >>> import bz2
    >>> packed = bz2.compress(b"one, ") + bz2.compress(b"two")
    >>> Unpacker(Window(io.BytesIO(packed), "example", 512), "bzip2", Budget()).read()
    b'one, two'
    """

    def __init__(self, window: Window, packer: str, budget: Budget) -> None:
        self.notes: list[Note] = []
        self._window = window
        self._packer = packer
        self._budget = budget
        self._counts = budget.claim()
        self._decoder = decoder_of(packer)
        self._decompressor: Decompressor | None = None  # between two packed streams there is none
        self._memory = 0  # that the budget lent to it
        self._at = 0  # of the window
        self._rest = b""  # packed bytes out of the window that no decompressor has
        self._in = self._out = 0
        self._streams = self._tiny = self._out_before = 0
        self._over = False

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        size = min(len(target), MOST)
        while size and not self._over:
            decompressor = self._decompressor or self._next_stream()
            if decompressor is None:
                break
            is_hungry = decompressor.needs_input
            data = self._take() if is_hungry else b""
            try:
                piece = decompressor.decompress(data, size)
            except self._decoder.errors as error:
                self._end(*self._failure(error))
                break
            if decompressor.eof:
                self._rest = decompressor.unused_data + self._rest
                self._let_go()
            elif is_hungry and not data and not piece:
                # It was given all that there is, and has given all that it had.
                self._end("capture-cut", self._cut())
            if piece:
                self._count(len(piece))
                target[: len(piece)] = piece
                return len(piece)
        return 0

    def close(self) -> None:
        self._stop()
        super().close()

    def _next_stream(self) -> Decompressor | None:
        """Begin the next packed stream; None when there is none that can be read."""
        self._tiny += self._streams > 0 and self._out - self._out_before < TINY
        self._out_before = self._out
        self._pass_over_padding()
        head = self._ahead(HEAD)
        if not head:
            self._stop()
            return None
        memory = self._decoder.memory(head)
        problem = self._problem_with(head) or self._borrowed(memory)
        if problem is not None:
            self._end(*problem)
            return None
        self._streams += 1
        self._decompressor = self._decoder.make(memory)
        return self._decompressor

    def _problem_with(self, head: bytes) -> tuple[str, str] | None:
        """Why the next packed stream, which begins so, is not read; as a note."""
        if self._tiny > MAX_TINY_STREAMS:
            what = f"more than {MAX_TINY_STREAMS} of its packed streams are nearly empty: the rest was not read"
            return "analysis-limit", what
        if packer_of(head) == self._packer:
            return None
        if any(magic.startswith(head) for magic in MAGICS):
            return "capture-cut", self._cut()
        return "capture-damaged", f"what follows the {self._packer} data was not read: it is no {self._packer} data"

    def _borrowed(self, memory: int) -> tuple[str, str] | None:
        """Memory for a decompressor; why there is none, as a note."""
        refused = self._budget.borrow(memory)
        if refused:
            return "analysis-limit", f"{refused}: {'the rest was not read' if self._out else 'unpack it first'}"
        self._memory = memory
        return None

    def _cut(self) -> str:
        return f"the {self._packer} data ends too early: the file was cut off while being written or copied"

    def _pass_over_padding(self) -> None:
        """Zeros may follow a stream (on tapes, and in xz by its specification)."""
        while not (rest := self._rest.lstrip(b"\0")):
            rest = self._from_window()
            if not rest:
                break
            self._rest = rest
        self._rest = rest

    def _ahead(self, size: int) -> bytes:
        """So many of the next packed bytes, or fewer at the end; they stay the next ones."""
        while len(self._rest) < size and (more := self._from_window()):
            self._rest += more
        return self._rest[:size]

    def _take(self) -> bytes:
        """The next packed bytes; empty at the end."""
        piece, self._rest = self._rest, b""
        return piece or self._from_window()

    def _from_window(self) -> bytes:
        window = self._window
        if self._at == window.end and not window.at_end:
            window.advance(window.end)
            self._at = 0
        piece = window.buffer[self._at : min(self._at + PIECE, window.end)].tobytes()
        self._at += len(piece)
        self._in += len(piece)
        if self._counts:
            self._budget.packed += len(piece)
        return piece

    def _count(self, size: int) -> None:
        """So many bytes came out; perhaps they are too many."""
        self._out += size
        self._budget.unpacked += size
        exceeded = self._budget.exceeded()
        if exceeded:
            self._end("analysis-limit", f"{exceeded}: the rest was not read")

    def _failure(self, error: Exception) -> tuple[str, str]:
        """What a decompressor's exception means, as a note."""
        if "Memory usage limit" in str(error):  # of xz: a block that wants more than the first one
            return "analysis-limit", "a later part of it takes more memory to unpack than the first: it was not read"
        return "capture-damaged", f"the {self._packer} data is damaged near its byte {self._in}: the rest was not read"

    def _end(self, id: str, what: str) -> None:
        self.notes.append(Note(id, what))
        self._stop()

    def _stop(self) -> None:
        self._over = True
        self._rest = b""
        self._let_go()

    def _let_go(self) -> None:
        """The decompressor and its memory are free."""
        self._decompressor = None
        self._budget.give_back(self._memory)
        self._memory = 0
