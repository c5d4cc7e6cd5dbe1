"""Captures packed with gzip, bzip2, xz or zstd: unpacked on the way, never on disk, within limits.

A few kilobytes can unpack to terabytes. Unpacking ends at :data:`MAX_UNPACKED` bytes, and where more than
:data:`MAX_RATIO` bytes came out of each byte of the input; what came out before is analysed, and a note says so.
"""

from __future__ import annotations

import bz2
import importlib
import io
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol, cast

from analyzer.capture.records import Note
from analyzer.capture.window import InnerWindow, Window
from analyzer.errors import InputError

#: First bytes of what each packer writes.
MAGICS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
#: A zstd file may begin with a frame to skip (RFC 8878 section 3.1.2): 0x184D2A50 and the 15 numbers above it.
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"

#: Unpacked bytes of one input, over all that is packed inside.
MAX_UNPACKED = 16 << 30
#: Unpacked bytes for each packed one. Traces pack 2 to 20 times; the first unpacked bytes are not held to it.
MAX_RATIO = 100
ALWAYS = 256 << 20

#: Memory that xz may want, and the window that zstd may want (log2): what their programs grant, too.
XZ_MEMORY = 100 << 20
ZSTD_WINDOW_LOG = 27

#: Packed bytes given to a decompressor at once: so many are lost at most where the data is damaged.
PIECE = 1 << 12
#: Unpacked bytes asked for at once.
MOST = 1 << 20
#: A file may consist of many packed streams (bgzip, pzstd); so many of them may be nearly empty.
MAX_TINY_STREAMS, TINY = 10_000, 1024


class Budget:
    """What may be unpacked of one input, shared by all that is packed inside it.

    Attributes
    ----------
    unpacked : int
        Bytes that came out so far.
    packed : int
        Bytes of the input itself, as far as they went in.

    Examples
    --------
    >>> budget = Budget()
    >>> budget.unpacked = ALWAYS + 1
    >>> budget.exceeded()
    'each of its bytes unpacks to more than 100: no trace packs so well'
    >>> budget.packed = 10 << 20
    >>> budget.exceeded()
    ''
    """

    def __init__(self) -> None:
        self.unpacked = 0
        self.packed = 0
        self._claimed = False

    def claim(self) -> bool:
        """Whether whoever asks reads the input itself, and shall count its bytes: the first one does."""
        first, self._claimed = not self._claimed, True
        return first

    def exceeded(self) -> str:
        """Which limit was passed; empty when none was."""
        if self.unpacked > MAX_UNPACKED:
            return f"it unpacks to more than {MAX_UNPACKED >> 30} GiB"
        if self.unpacked > max(ALWAYS, MAX_RATIO * self.packed):
            return f"each of its bytes unpacks to more than {MAX_RATIO}: no trace packs so well"
        return ""


class Decompressor(Protocol):
    """What the decompressors of the standard library have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: Any, max_length: int = -1, /) -> bytes: ...


def packer_of(head: bytes) -> str:
    """``gzip``, ``bzip2``, ``xz``, ``zstd``, or empty.

    Examples
    --------
    >>> packer_of(b"BZh91AY"), packer_of(b"hello")
    ('bzip2', '')
    """
    if head[1:4] == _ZSTD_SKIPPABLE and head[0] >> 4 == 5:
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
    inner = InnerWindow(window, cast(BinaryIO, unpacker), packer, chunk_bytes)
    inner.notes = unpacker.notes
    if not inner.end:
        why = "holds nothing" if not unpacker.notes else "cut off or damaged at its very start"
        raise InputError(f"{window.name}: is {packer}-compressed, and {why}")
    return inner


class Unpacker(io.RawIOBase):
    """The unpacked bytes of a window's stream, front to back.

    Attributes
    ----------
    notes : list of Note
        What was wrong with the packed bytes, or which limit was hit. Never an exception.

    Examples
    --------
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
        self._make, self._errors = _maker(packer)
        self._decompressor = self._make()
        self._at = 0  # of the window
        self._rest = b""  # packed bytes that a decompressor left
        self._in = self._out = 0
        self._begun = False  # whether the present stream has had bytes
        self._out_before = self._tiny = 0
        self._over = False

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        size = len(target)
        while size and not self._over:
            if self._decompressor.eof and not self._next_stream():
                break
            data = b"" if not self._decompressor.needs_input else self._take()
            self._begun |= bool(data)
            try:
                piece = self._decompressor.decompress(data, min(size, MOST))
            except self._errors:
                self._end("capture-damaged", f"the {self._packer} data is damaged near its byte {self._in}")
                break
            self._out += len(piece)
            self._budget.unpacked += len(piece)
            exceeded = self._budget.exceeded()
            if exceeded:
                self._end("analysis-limit", exceeded)
            if piece:
                target[: len(piece)] = piece
                return len(piece)
            if not data and self._decompressor.needs_input and not self._decompressor.eof:
                self._end_inside()
        return 0

    def _take(self) -> bytes:
        """The next packed bytes; empty at the end."""
        if self._rest:
            piece, self._rest = self._rest, b""
            return piece
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

    def _next_stream(self) -> bool:
        """Begin another packed stream behind the one that ended; False when there is none."""
        self._tiny += self._out - self._out_before < TINY
        self._out_before = self._out
        if self._tiny > MAX_TINY_STREAMS:
            self._end("analysis-limit", f"more than {MAX_TINY_STREAMS} of its packed streams are nearly empty")
            return False
        self._rest = self._decompressor.unused_data + self._rest
        # Padding of zeros may follow a stream (on tapes, and in xz by its specification).
        while not self._rest.lstrip(b"\0"):
            self._rest = b""
            self._rest = self._take()
            if not self._rest:
                self._over = True
                return False
        self._rest = self._rest.lstrip(b"\0")
        if len(self._rest) < 8:
            head, self._rest = self._rest, b""
            self._rest = head + self._take()
        if packer_of(self._rest) != self._packer:
            self._over = True
            what = f"what follows the {self._packer} data was not read: it is no {self._packer} data"
            self.notes.append(Note("capture-damaged", what))
            return False
        self._decompressor, self._begun = self._make(), False
        return True

    def _end_inside(self) -> None:
        """The input is over, the packed stream is not."""
        if self._begun:
            what = f"the {self._packer} data ends too early: the file was cut off while being written or copied"
            self.notes.append(Note("capture-cut", what))
        self._over = True

    def _end(self, id: str, what: str) -> None:
        self.notes.append(Note(id, f"{what}: the rest was not read"))
        self._over = True


class _Gzip:
    """zlib's decompressor with the manners of the others."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max(max_length, 0))


def _maker(packer: str) -> tuple[Callable[[], Decompressor], tuple[type[Exception], ...]]:
    """What makes a decompressor, and what it raises on damaged data."""
    if packer == "gzip":
        return _Gzip, (zlib.error,)
    if packer == "bzip2":
        return bz2.BZ2Decompressor, (OSError, ValueError)
    if packer == "xz":
        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY), (lzma.LZMAError,)
    zstd = _zstd()
    options = {zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
    return lambda: zstd.ZstdDecompressor(options=options), (zstd.ZstdError,)


def _zstd() -> Any:
    """The zstd module of Python 3.14, or its backport."""
    return importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
