"""The decompressors of the standard library, one contract for all, and the memory that each will take.

A decompressor is given packed bytes while it needs input, else nothing: it may hold back output, or packed bytes, of
what it was given before. It ends with its stream, and hands back what it was given of the next one.

Each module is imported when a file needs it: not every Python has them all.
"""

from __future__ import annotations

import importlib
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from analyzer.formats.packed.budget import MAX_DECODER

#: Bytes at the beginning of a stream that tell how much memory its decoder takes. The longest is xz's: a header of 12
#: bytes, and one of at most 1,024 of the first block.
HEAD = 12 + 1024

#: What liblzma takes besides the dictionary.
_XZ_BESIDES = 1 << 20
_XZ_FIRST_BLOCK, _XZ_LZMA2 = 12, 0x21

#: RFC 8878 section 3.1.2: a frame to skip has the number 0x184D2A50 or one of the 15 above it.
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"


class Decompressor(Protocol):
    """What the decompressors of the standard library have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: Any, max_length: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Decoder:
    """How one packer's streams are unpacked.

    Attributes
    ----------
    memory : callable
        From the first :data:`HEAD` bytes of a stream: what its decompressor must look back on, bytes. Windows of a few
        megabytes that a packer cannot exceed (gzip, bzip2) count as none.
    make : callable
        A decompressor for one stream; given the memory that it may take.
    errors : tuple of exception classes
        What it raises on damaged data.
    """

    memory: Callable[[bytes], int]
    make: Callable[[int], Decompressor]
    errors: tuple[type[Exception], ...]


def decoder_of(packer: str) -> Decoder:
    """The decoder for a packer's name.

    Raises
    ------
    ImportError
        This Python was built without it, or it is zstd and no package for it is installed.

    Examples
    --------
    >>> import bz2
    >>> decoder_of("bzip2").make(0).decompress(bz2.compress(b"packets"))
    b'packets'
    """
    if packer == "gzip":
        return Decoder(_little, lambda _: _Gzip(), (zlib.error,))
    if packer == "bzip2":
        bz2 = importlib.import_module("bz2")
        return Decoder(_little, lambda _: bz2.BZ2Decompressor(), (OSError, ValueError))
    if packer == "xz":
        lzma = importlib.import_module("lzma")
        return Decoder(
            xz_memory,
            lambda memory: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=memory + _XZ_BESIDES),
            (lzma.LZMAError,),
        )
    zstd = _zstd()
    options = {zstd.DecompressionParameter.window_log_max: MAX_DECODER.bit_length() - 1}
    return Decoder(zstd_memory, lambda _: zstd.ZstdDecompressor(options=options), (zstd.ZstdError,))


def is_skippable(head: bytes) -> bool:
    """Whether a zstd frame to skip begins here."""
    return head[1:4] == _ZSTD_SKIPPABLE and head[0] >> 4 == 5


def zstd_memory(head: bytes) -> int:
    """The window of a zstd frame, bytes (RFC 8878 section 3.1.1.1); 0 where the header is not all there.

    Examples
    --------
    >>> zstd_memory(bytes.fromhex("28b52ffd 00 88"))  # 10 + 17 bits
    134217728
    >>> zstd_memory(bytes.fromhex("28b52ffd 20 05"))  # one segment of 5 bytes
    5
    """
    if len(head) < 6 or is_skippable(head):
        return 0
    descriptor = head[4]
    if not descriptor & 0x20:
        exponent, mantissa = divmod(head[5], 8)
        return (8 + mantissa) << (7 + exponent)
    # A frame of one segment has no window: all of it is looked back on.
    at = 5 + (0, 1, 2, 4)[descriptor & 3]
    size = 1 << (descriptor >> 6)
    return int.from_bytes(head[at : at + size], "little") + (256 if size == 2 else 0)


def xz_memory(head: bytes) -> int:
    """The dictionary of a stream's first block, bytes (the .xz file format 1.1.0, sections 3.1 and 5.3.1).

    0 where there is no block, or no whole header of one. Other blocks could want more, but no program writes them so.

    Examples
    --------
    >>> import lzma
    >>> xz_memory(lzma.compress(b"packets", preset=9)) >> 20
    64
    """
    try:
        flags, at = head[_XZ_FIRST_BLOCK + 1], _XZ_FIRST_BLOCK + 2
        for has_size in (0x40, 0x80):
            if flags & has_size:
                _, at = _xz_number(head, at)
        for _ in range((flags & 3) + 1):
            filter_id, at = _xz_number(head, at)
            length, at = _xz_number(head, at)
            if filter_id == _XZ_LZMA2:
                bits = head[at] & 0x3F
                return (2 | bits & 1) << (bits // 2 + 11) if bits <= 40 else 0
            at += length
    except IndexError:
        pass
    return 0


def _xz_number(data: bytes, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, and where it ends (section 1.2)."""
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _little(head: bytes) -> int:
    return 0


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


def _zstd() -> Any:
    """The zstd module of Python 3.14, or its backport."""
    return importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
