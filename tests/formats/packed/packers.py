"""What packs captures in the tests: every setting of every packer that changes how its bytes are laid out.

Where a program does what Python's modules do not (blocks of xz, members of bgzip and pigz, frames of pzstd), it is done
here by hand, after the format's description. The programs themselves are used besides, where they are installed.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Packer = Callable[[bytes], bytes]

_XZ_CRC32 = b"\0\1"


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def split(pack: Packer, size: int) -> Packer:
    """Streams behind one another, of so many bytes each: as pbzip2 writes them, or ``cat a.gz b.gz``."""
    return lambda data: b"".join(map(pack, pieces(data, size)))


# -- gzip (RFC 1952) --------------------------------------------------------------------------------------------------


def deflated(data: bytes, level: int = 6, memory: int = 8, strategy: int = 0, flush_every: int = 0) -> bytes:
    """Raw deflate; flushed every so many bytes, as pigz does between the blocks of its threads."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, memory, strategy)
    parts = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces(data, flush_every or 1 << 40)]
    return b"".join(parts) + packer.flush()


def gzipped(data: bytes, extra: bytes = b"", named: bool = False, **how: int) -> bytes:
    """A member, with every optional field of its header if ``named``."""
    flags = 4 * bool(extra) | 0x1A * named
    head = struct.pack("<BBBBIBB", 0x1F, 0x8B, 8, flags, 0, 0, 255)
    if extra:
        head += struct.pack("<H", len(extra)) + extra
    if named:
        head += b"trace.pcap\0a comment\0"
        head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    return head + deflated(data, **how) + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def bgzipped(data: bytes) -> bytes:
    """As bgzip: members of less than 64 KiB, each with its size in an extra field, and an empty one at the end."""
    return b"".join(map(_bgzip_member, [*pieces(data, 0xFF00), b""]))


def _bgzip_member(data: bytes) -> bytes:
    size = len(gzipped(data, b"BC\2\0\0\0", level=1))
    return gzipped(data, b"BC\2\0" + struct.pack("<H", size - 1), level=1)


# -- xz (the .xz file format 1.1.0) -----------------------------------------------------------------------------------


def xz_blocks(blocks: Sequence[bytes], *, sized: bool = True, dictionaries: Sequence[int] = ()) -> bytes:
    """A stream of several blocks, as ``xz -T2`` (with their sizes in front) or ``xz --block-size`` writes them."""
    flags = _XZ_CRC32 + struct.pack("<I", zlib.crc32(_XZ_CRC32))
    body, index = [], b"\0" + _xz_number(len(blocks))
    for number, data in enumerate(blocks):
        dictionary = dictionaries[number] if dictionaries else 1 << 20
        block, unpadded = _xz_block(data, sized, dictionary)
        body.append(block)
        index += _xz_number(unpadded) + _xz_number(len(data))
    index += bytes(-len(index) % 4)
    index += struct.pack("<I", zlib.crc32(index))
    tail = struct.pack("<I", len(index) // 4 - 1) + _XZ_CRC32
    footer = struct.pack("<I", zlib.crc32(tail)) + tail + b"YZ"
    return b"\xfd7zXZ\0" + flags + b"".join(body) + index + footer


def _xz_block(data: bytes, sized: bool, dictionary: int) -> tuple[bytes, int]:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": dictionary}]
    packed = lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
    bits = next(n for n in range(41) if (2 | n & 1) << (n // 2 + 11) >= dictionary)
    head = bytes([0xC0 * sized]) + (_xz_number(len(packed)) + _xz_number(len(data)) if sized else b"")
    head += bytes([lzma.FILTER_LZMA2, 1, bits])
    head += bytes(-(len(head) + 1) % 4)
    head = bytes([(len(head) + 1) // 4]) + head
    head += struct.pack("<I", zlib.crc32(head))
    unpadded = len(head) + len(packed) + 4
    return head + packed + bytes(-len(packed) % 4) + struct.pack("<I", zlib.crc32(data)), unpadded


def _xz_number(value: int) -> bytes:
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def xz_of(dictionary: int, data: bytes) -> bytes:
    """With a dictionary of so many bytes."""
    return lzma.compress(data, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": dictionary}])


def in_blocks(size: int, *, sized: bool) -> Packer:
    return lambda data: xz_blocks(list(pieces(data, size)), sized=sized)


def xz(**how: Any) -> Packer:
    return partial(lzma.compress, **how)


# -- zstd (RFC 8878) --------------------------------------------------------------------------------------------------

PARAMETER = zstd.CompressionParameter


def zstd_stream(flush_every: int = 0, **how: int) -> Packer:
    """A frame written piece by piece, so that its header does not tell how long it is: as from a pipe."""

    def pack(data: bytes) -> bytes:
        packer = zstd.ZstdCompressor(options={getattr(PARAMETER, name): value for name, value in how.items()})
        parts: list[bytes] = []
        for piece in pieces(data, flush_every or 100_000):
            parts.append(packer.compress(piece))
            if flush_every:
                parts.append(packer.flush(packer.FLUSH_BLOCK))
        return b"".join(parts) + packer.flush()

    return pack


def zstd_of(window_log: int, data: bytes) -> bytes:
    """With a window of so many bits, though the data may be shorter: as from a pipe."""
    return zstd_stream(window_log=window_log)(data)


def zstd_whole(**how: int) -> Packer:
    """A frame that tells how long it is: as from a file."""
    return lambda data: zstd.compress(data, options={getattr(PARAMETER, name): value for name, value in how.items()})


def skippable(data: bytes, number: int = 0) -> bytes:
    return struct.pack("<II", 0x184D2A50 + number, len(data)) + data


def pzstd(size: int) -> Packer:
    """Frames of so many bytes, before each a skippable one that tells how long it is packed."""

    def pack(data: bytes) -> bytes:
        frames = [zstd.compress(piece, 1) for piece in pieces(data, size)]
        return b"".join(skippable(struct.pack("<I", len(frame))) + frame for frame in frames)

    return pack


def seekable(size: int) -> Packer:
    """Frames, and a table of them in a skippable frame at the end; empty frames and long ones to skip between them."""

    def pack(data: bytes) -> bytes:
        frames = [zstd.compress(piece, 1) for piece in pieces(data, size)]
        return (zstd.compress(b"") + skippable(bytes(70_000), 7)).join(frames) + skippable(bytes(12), 14)

    return pack


#: By packer, ways to pack that lay the bytes out differently.
WAYS: dict[str, dict[str, Packer]] = {
    "gzip": {
        "stored": partial(gzipped, level=0),
        "fastest": partial(gzipped, level=1, memory=1),
        "usual": partial(gzip.compress, compresslevel=6),
        "every header field": partial(gzipped, extra=b"ab\1\0x", named=True, level=2),
        "huffman only": partial(gzipped, strategy=zlib.Z_HUFFMAN_ONLY),
        "runs": partial(gzipped, strategy=zlib.Z_RLE),
        "fixed codes": partial(gzipped, level=1, strategy=zlib.Z_FIXED),
        "flushed as pigz": partial(gzipped, level=1, flush_every=128 << 10),
        "members": split(partial(gzip.compress, compresslevel=1), 3_000_001),
        "bgzip": bgzipped,
    },
    "bzip2": {
        "100 k": partial(bz2.compress, compresslevel=1),
        "900 k": partial(bz2.compress, compresslevel=9),
        "streams as pbzip2": split(partial(bz2.compress, compresslevel=9), 900_000),
        "streams of 5 MB": split(partial(bz2.compress, compresslevel=3), 5_000_000),
    },
    "xz": {
        "fastest": xz(preset=0),
        "usual, less effort": xz(filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 8 << 20}]),
        "large dictionary, no check": xz(
            check=lzma.CHECK_NONE, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 64 << 20}]
        ),
        "small dictionary, SHA-256": xz(
            check=lzma.CHECK_SHA256, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 4096}]
        ),
        "CRC32, delta": xz(
            check=lzma.CHECK_CRC32,
            filters=[{"id": lzma.FILTER_DELTA, "dist": 1}, {"id": lzma.FILTER_LZMA2, "preset": 0}],
        ),
        "blocks as -T2": in_blocks(3 << 20, sized=True),
        "blocks without sizes": in_blocks(1 << 20, sized=False),
        "streams": split(xz(preset=0), 4_000_000),
        "streams with padding": split(lambda data: lzma.compress(data, preset=0) + bytes(512), 4_000_000),
    },
    "zstd": {
        "negative": zstd_whole(compression_level=-5),
        "1": zstd_whole(compression_level=1),
        "3": zstd_whole(compression_level=3),
        "9": zstd_whole(compression_level=9),
        "16": zstd_whole(compression_level=16),
        "pipe": zstd_stream(compression_level=3),
        "pipe, no size, checksum": zstd_stream(compression_level=1, checksum_flag=1, content_size_flag=0),
        "flushed": zstd_stream(flush_every=1 << 16, compression_level=1),
        "flushed often": zstd_stream(flush_every=1000, compression_level=1),
        "two threads": zstd_stream(compression_level=1, nb_workers=2, job_size=1 << 20),
        "two threads, checksum": zstd_whole(compression_level=3, nb_workers=2, checksum_flag=1),
        "smallest window": zstd_stream(compression_level=1, window_log=10),
        "long": zstd_stream(compression_level=1, enable_long_distance_matching=1, window_log=27),
        "frames": split(zstd_whole(compression_level=1), 2_500_000),
        "pzstd": pzstd(4 << 20),
        "seekable": seekable(1 << 20),
    },
}  # fmt: skip

#: What takes much memory, time or threads to pack a few bytes.
HEAVY = {
    "large dictionary, no check", "usual, less effort", "long", "16", "two threads", "two threads, checksum",
}  # fmt: skip

#: What the programs are called with, to pack standard input to standard output.
PROGRAMS: dict[str, list[str]] = {
    "gzip": ["gzip -1", "gzip -9", "pigz -1 -p 2", "pigz -1 -i -p 2", "bgzip -c"],
    "bzip2": ["bzip2 -1", "bzip2 -9", "pbzip2 -1 -p2 -c"],
    "xz": ["xz -0", "xz -0 -T2", "xz -0 -T2 --block-size=1MiB", "xz -0 --block-list=1MiB,2MiB,0 -C sha256", "pixz -0"],
    "zstd": [
        "zstd -1", "zstd -3", "zstd -19", "zstd --fast=3", "zstd -1 -T2", "zstd -3 -T2 -B1MiB", "zstd -1 --long=27",
        "zstd -1 --no-check", "zstd -3 --rsyncable", "zstd --ultra -22 --long=27", "pzstd -1 -p 2",
    ],
}  # fmt: skip
