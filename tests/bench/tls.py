"""The few bytes of TLS that a dissector looks at: the hellos of version 1.3, and record headers (RFC 8446)."""

from __future__ import annotations

import struct
from random import Random

import numpy as np

from tests.bench.columns import Bytes, Ints

_RNG = Random(8446)
_SESSION_ID = b"\x20" + _RNG.randbytes(32)


def _extension(kind: int, body: bytes) -> bytes:
    return struct.pack("!HH", kind, len(body)) + body


def _hello(kind: int, after_session_id: bytes, extensions: bytes) -> bytes:
    body = b"\3\3" + _RNG.randbytes(32) + _SESSION_ID + after_session_id
    body += struct.pack("!H", len(extensions)) + extensions
    handshake = struct.pack("!I", kind << 24 | len(body)) + body
    return struct.pack("!BHH", 22, 0x0303, len(handshake)) + handshake


_KEY = struct.pack("!HH", 29, 32) + _RNG.randbytes(32)
_NAME = b"www.example.net"

CLIENT_HELLO = _hello(
    1,
    struct.pack("!H3H", 6, 0x1301, 0x1302, 0xC02F) + b"\1\0",
    _extension(0, struct.pack("!HBH", 3 + len(_NAME), 0, len(_NAME)) + _NAME)
    + _extension(43, b"\2\3\4")
    + _extension(10, struct.pack("!HH", 2, 29))
    + _extension(13, struct.pack("!HHH", 4, 0x0403, 0x0804))
    + _extension(51, struct.pack("!H", len(_KEY)) + _KEY),
)
SERVER_HELLO = _hello(2, struct.pack("!HB", 0x1301, 0), _extension(43, b"\3\4") + _extension(51, _KEY))

#: 16 KiB of text, the inner content type and the tag (RFC 8446 section 5.2).
_FULL_RECORD = struct.pack("!BHH", 23, 0x0303, 16384 + 1 + 16)
_FULL_RECORD_SIZE = len(_FULL_RECORD) + 16384 + 1 + 16

_RECORD = np.dtype([("type", "u1"), ("version", ">u2"), ("length", ">u2")])


def application_data(payload: Ints) -> Bytes:
    """Headers of records of application data that fill payloads of the given sizes."""
    head = np.zeros(len(payload), _RECORD)
    head["type"], head["version"], head["length"] = 23, 0x0303, payload - 5
    return head.view(np.uint8).reshape(-1, 5)


def put_full_records(buffer: Bytes, begins: Ints, payload: Ints, offset: Ints) -> None:
    """Make a stream of full records of segments: a download sends 16 KiB in each, about eleven segments.

    Parameters
    ----------
    buffer : uint8 array
        Holds random bytes where the segments' payloads are.
    begins, payload : int arrays
        Where the payload of each segment begins in ``buffer``, and its length in bytes.
    offset : int array
        Place of its first byte in the stream of records. A header may lie across two segments.
    """
    for place, value in enumerate(_FULL_RECORD):
        into = (place - offset) % _FULL_RECORD_SIZE
        here = into < payload
        buffer[begins[here] + into[here]] = value
