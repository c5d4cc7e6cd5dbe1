"""Walk the payload chains of many IKE messages at once (RFC 7296 section 3.2, docs/domain/ike-on-the-wire.md).

Every payload starts with ``next payload (1) | flags (1) | length (2, these 4 bytes included)``. The walk takes the k-th
payload of all messages in one step, so that a flood of messages costs a few array operations per step.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from analyzer.ike.registry import numbers

#: Payloads of one message that are looked at; real messages have fewer than 30.
MAX_PAYLOADS = 256

_HEADER = 4


class ChainStatus(IntEnum):
    """How a payload chain ended.

    ``OK``: with next payload 0, or with SK or SKF, exactly at the end of the bytes. ``TRUNCATED``: a payload, or its
    header, reaches past the end; whether snaplen or the sender is to blame depends on what the end is.
    ``MALFORMED``: a payload length below 4, a chain that ends before the end, or more than ``MAX_PAYLOADS``.
    """

    OK = 0
    TRUNCATED = 1
    MALFORMED = 2


@dataclass(frozen=True, slots=True)
class Chains:
    """Payload chains of m messages as a flat table of n payloads, ordered by message, then by place in the chain.

    A payload that reaches past the end has a row, with the length that it claims, if its 4 header bytes are there.

    Attributes
    ----------
    message : int64 array, shape (n,)
        Index of the message.
    type : uint8 array, shape (n,)
        Payload type.
    offset : int64 array, shape (n,)
        Offset of the payload's generic header in the buffer.
    length : int64 array, shape (n,)
        Length field of the payload, header included, in bytes.
    first_row : int64 array, shape (m + 1,)
        Rows of message i are ``first_row[i]`` to ``first_row[i + 1]``.
    ends_at : int64 array, shape (m,)
        Offset behind the last whole payload. The caller compares it with the end by the IKE header: a chain that is
        ``OK`` up to a cut capture may still end before the header's Length.
    status : int8 array, shape (m,)
        A :class:`ChainStatus`.
    inner_payload : int16 array, shape (m,)
        Next-payload byte of SK or SKF: type of the first inner payload. -1 when the chain has not reached one. So the
        clear payloads of a cut message are complete if this is not -1.
    skf_number, skf_total : int32 arrays, shape (m,)
        Fragment number and total fragments of SKF; -1 for other messages, or when cut off.
    """

    message: NDArray[np.int64]
    type: NDArray[np.uint8]
    offset: NDArray[np.int64]
    length: NDArray[np.int64]
    first_row: NDArray[np.int64]
    ends_at: NDArray[np.int64]
    status: NDArray[np.int8]
    inner_payload: NDArray[np.int16]
    skf_number: NDArray[np.int32]
    skf_total: NDArray[np.int32]


def walk_chains(
    buffer: NDArray[np.uint8],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    first_payload: NDArray[np.uint8],
) -> Chains:
    """Walk the payload chains of m messages. Encrypted IKEv1 messages have none: leave them out.

    Parameters
    ----------
    buffer : uint8 array
        Bytes of all messages.
    start : int64 array, shape (m,)
        Offset of each message's first payload: that of its IKE header + 28.
    end : int64 array, shape (m,)
        Offset one past the message's last available byte: by what was captured or by the header's Length, whichever
        is less. Not past the buffer.
    first_payload : uint8 array, shape (m,)
        Next-payload byte of the IKE header.

    Returns
    -------
    Chains
        Never raises on what the bytes say.

    Examples
    --------
    A Nonce of 16 bytes, then SK whose first inner payload is IDi (35):

    >>> body = bytes([46, 0, 0, 20, *range(16), 35, 0, 0, 8, 1, 2, 3, 4])
    >>> buffer = np.frombuffer(body, np.uint8)
    >>> chains = walk_chains(buffer, np.array([0]), np.array([len(body)]), np.array([40], np.uint8))
    >>> chains.type.tolist(), chains.offset.tolist(), chains.length.tolist(), chains.inner_payload.tolist()
    ([40, 46], [0, 20], [20, 8], [35])
    >>> ChainStatus(chains.status[0]).name
    'OK'
    """
    many = len(start)
    at, until, kind = start.astype(np.int64), end.astype(np.int64), first_payload.astype(np.uint8)
    cut = np.zeros(many, np.bool_)
    inner_payload = np.full(many, -1, np.int16)
    skf_number = np.full(many, -1, np.int32)
    skf_total = np.full(many, -1, np.int32)
    steps: list[_Step] = []

    walking = np.arange(many)
    while len(walking) and len(steps) < MAX_PAYLOADS:
        walking = walking[(kind[walking] != 0) & (at[walking] + _HEADER <= until[walking])]
        step = _read_headers(buffer, walking, kind[walking], at[walking])
        steps.append(step)
        message, behind = step.message, step.offset + step.length
        whole = behind <= until[message]
        closing = (step.type == numbers.SK) | (step.type == numbers.SKF)

        cut[message] = ~whole
        at[message[whole]] = behind[whole]
        kind[message] = np.where(closing, 0, step.following)
        inner_payload[message[closing]] = step.following[closing]
        numbered = (step.type == numbers.SKF) & (step.length >= 8) & (step.offset + 8 <= until[message])
        skf_number[message[numbered]] = _uint16(buffer, step.offset[numbered] + 4)
        skf_total[message[numbered]] = _uint16(buffer, step.offset[numbered] + 6)
        walking = message[whole & ~closing]

    # A chain that says that it is over must be so at the end; one that says that it goes on has stopped for a reason.
    over = np.select([at == until, at > until], [ChainStatus.OK, ChainStatus.TRUNCATED], ChainStatus.MALFORMED)
    header_cut = at + _HEADER > until
    status = np.select(
        [cut, kind == 0, header_cut], [ChainStatus.TRUNCATED, over, ChainStatus.TRUNCATED], ChainStatus.MALFORMED
    )
    table, first_row = _by_message(steps, many)
    return Chains(
        table.message,
        table.type,
        table.offset,
        table.length,
        first_row,
        at,
        status.astype(np.int8),
        inner_payload,
        skf_number,
        skf_total,
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """The k-th payloads of all messages that have one, as columns."""

    message: NDArray[np.int64]
    type: NDArray[np.uint8]
    offset: NDArray[np.int64]
    length: NDArray[np.int64]
    following: NDArray[np.uint8]


def _read_headers(
    buffer: NDArray[np.uint8], message: NDArray[np.int64], kind: NDArray[np.uint8], at: NDArray[np.int64]
) -> _Step:
    """Generic headers at the given offsets; those whose length cannot be are left out."""
    length = _uint16(buffer, at + 2).astype(np.int64)
    real = length >= _HEADER
    return _Step(message[real], kind[real], at[real], length[real], buffer[at[real]])


def _uint16(buffer: NDArray[np.uint8], at: NDArray[np.int64]) -> NDArray[np.int32]:
    return (buffer[at].astype(np.int32) << 8) | buffer[at + 1]


def _by_message(steps: list[_Step], many: int) -> tuple[_Step, NDArray[np.int64]]:
    """Order the rows of the steps by message: payload k of a message goes to row ``first_row[message] + k``."""
    first_row = np.zeros(many + 1, np.int64)
    for step in steps:
        first_row[step.message + 1] += 1
    np.cumsum(first_row, out=first_row)
    rows = int(first_row[-1])
    message, offset, length = (np.empty(rows, np.int64) for _ in range(3))
    kind, following = np.empty(rows, np.uint8), np.empty(rows, np.uint8)
    for k, step in enumerate(steps):
        row = first_row[step.message] + k
        message[row], kind[row], offset[row] = step.message, step.type, step.offset
        length[row], following[row] = step.length, step.following
    return _Step(message, kind, offset, length, following), first_row
