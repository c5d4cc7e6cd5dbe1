"""IKEv2 messages as a peer would send them, byte for byte, with random bytes where a real one holds secrets.

Layouts: RFC 7296 section 3, IKEv2 fragmentation RFC 7383 section 2.5. Written with ``struct`` alone and without a line
of the analyzer, so that what it reads from these captures says something.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from random import Random

IKE_SA_INIT, IKE_AUTH, INFORMATIONAL = 34, 35, 37
SA, KE, IDI, IDR, NONCE, NOTIFY, SK, SKF = 33, 34, 35, 36, 40, 41, 46, 53
NAT_DETECTION_SOURCE_IP, NAT_DETECTION_DESTINATION_IP, COOKIE = 16388, 16389, 16390
IKEV2_FRAGMENTATION_SUPPORTED, SIGNATURE_HASH_ALGORITHMS = 16430, 16431

INITIATOR, RESPONSE = 0x08, 0x20
NO_SPI = bytes(8)

Payload = tuple[int, bytes]

_ENCR, _PRF, _INTEG, _DH = 1, 2, 3, 4
_KEY_256 = struct.pack("!HH", 0x8000 | 14, 256)
_AES_GCM = [(_ENCR, 20, _KEY_256), (_PRF, 5, b""), (_DH, 19, b""), (_DH, 14, b"")]
_AES_CBC = [(_ENCR, 12, _KEY_256), (_PRF, 5, b""), (_INTEG, 12, b""), (_DH, 19, b""), (_DH, 14, b"")]
_CHOSEN = _AES_GCM[:3]


def message(
    spi_i: bytes, spi_r: bytes, exchange: int, flags: int, message_id: int, payloads: Sequence[Payload]
) -> bytes:
    """A message of clear payloads: header and payload chain (RFC 7296 sections 3.1 and 3.2).

    >>> message(bytes(8), bytes(8), 34, 0x08, 0, [(40, b"nonce")])[16:].hex()
    '282022080000000000000025000000096e6f6e6365'
    """
    following = [kind for kind, _ in payloads[1:]] + [0]
    chain = b"".join(
        struct.pack("!BBH", after, 0, 4 + len(body)) + body
        for (_, body), after in zip(payloads, following, strict=True)
    )
    return _header(spi_i, spi_r, payloads[0][0], exchange, flags, message_id, len(chain)) + chain


def protected(
    spi_i: bytes, spi_r: bytes, exchange: int, flags: int, message_id: int, inner: int, size: int, rng: Random
) -> bytes:
    """A message of one Encrypted payload, ``size`` bytes in all; ``inner`` is the first payload inside, 0 for none."""
    body = rng.randbytes(size - 32)
    return _header(spi_i, spi_r, SK, exchange, flags, message_id, size - 28) + _generic(inner, body)


def fragments(
    spi_i: bytes,
    spi_r: bytes,
    exchange: int,
    flags: int,
    message_id: int,
    inner: int,
    sizes: Sequence[int],
    rng: Random,
) -> list[bytes]:
    """A message sent as Encrypted Fragment payloads, one message of the given size each."""
    made = []
    for number, size in enumerate(sizes, start=1):
        body = struct.pack("!HH", number, len(sizes)) + rng.randbytes(size - 36)
        head = _header(spi_i, spi_r, SKF, exchange, flags, message_id, size - 28)
        made.append(head + _generic(inner if number == 1 else 0, body))
    return made


def init_request(spi_i: bytes, source: tuple[bytes, int], destination: tuple[bytes, int], rng: Random) -> list[Payload]:
    """Payloads of an IKE_SA_INIT request; addresses are those that the initiator believes in, as (bytes, port)."""
    offer = _proposal(1, _AES_GCM, last=False) + _proposal(2, _AES_CBC, last=True)
    return [
        (SA, offer),
        (KE, struct.pack("!HH", 19, 0) + rng.randbytes(64)),
        (NONCE, rng.randbytes(32)),
        *_announcements(spi_i, NO_SPI, source, destination),
    ]


def init_response(
    spi_i: bytes, spi_r: bytes, source: tuple[bytes, int], destination: tuple[bytes, int], rng: Random
) -> list[Payload]:
    """Payloads of an IKE_SA_INIT response that accepts the first proposal."""
    return [
        (SA, _proposal(1, _CHOSEN, last=True)),
        (KE, struct.pack("!HH", 19, 0) + rng.randbytes(64)),
        (NONCE, rng.randbytes(32)),
        *_announcements(spi_i, spi_r, source, destination),
    ]


def notify(kind: int, data: bytes = b"") -> Payload:
    """A Notify payload about the IKE SA (RFC 7296 section 3.10).

    >>> notify(16430)
    (41, b'\\x00\\x00@.')
    """
    return NOTIFY, struct.pack("!BBH", 0, 0, kind) + data


def _announcements(
    spi_i: bytes, spi_r: bytes, source: tuple[bytes, int], destination: tuple[bytes, int]
) -> list[Payload]:
    return [
        notify(NAT_DETECTION_SOURCE_IP, _nat_hash(spi_i, spi_r, *source)),
        notify(NAT_DETECTION_DESTINATION_IP, _nat_hash(spi_i, spi_r, *destination)),
        notify(IKEV2_FRAGMENTATION_SUPPORTED),
        notify(SIGNATURE_HASH_ALGORITHMS, struct.pack("!HHH", 2, 3, 4)),
    ]


def _nat_hash(spi_i: bytes, spi_r: bytes, address: bytes, port: int) -> bytes:
    """RFC 7296 section 2.23."""
    return hashlib.sha1(spi_i + spi_r + address + struct.pack("!H", port)).digest()


def _header(
    spi_i: bytes, spi_r: bytes, next_payload: int, exchange: int, flags: int, message_id: int, size: int
) -> bytes:
    return struct.pack("!8s8sBBBBII", spi_i, spi_r, next_payload, 0x20, exchange, flags, message_id, 28 + size)


def _generic(next_payload: int, body: bytes) -> bytes:
    return struct.pack("!BBH", next_payload, 0, 4 + len(body)) + body


def _proposal(number: int, transforms: Sequence[tuple[int, int, bytes]], last: bool) -> bytes:
    """One proposal for the IKE SA (RFC 7296 sections 3.3.1 and 3.3.2)."""
    body = b"".join(
        struct.pack("!BBHBBH", 0 if place == len(transforms) else 3, 0, 8 + len(attribute), kind, 0, number_of)
        + attribute
        for place, (kind, number_of, attribute) in enumerate(transforms, start=1)
    )
    return struct.pack("!BBHBBBB", 0 if last else 2, 0, 8 + len(body), number, 1, 0, len(transforms)) + body
