"""IKE headers and clear payload chains of many messages at once, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import MISSING, Bools, Gather, Ints, counts, narrowed
from analyzer.ike.payload_chain import Chains, ChainStatus, walk_chains
from analyzer.ike.registry import numbers
from analyzer.ike.tables import Messages
from analyzer.packets.assembled import Origin
from analyzer.protocol import IKE_HEADER

WHOLE, TRUNCATED, MALFORMED = 0, 1, 2

FLAG_ENCRYPTED_V1, FLAG_INITIATOR, FLAG_RESPONSE = 0x01, 0x08, 0x20


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages with their payload and notify types, and the bytes of those that have clear payloads."""

    messages: Messages
    payload_type: NDArray[np.uint8]
    payload_offset: NDArray[np.uint32]
    payload_length: NDArray[np.uint32]
    notify_type: NDArray[np.uint16]
    clear: list[bytes]


def read_messages(buffer: NDArray[np.uint8], start: Ints, captured: Ints, wire: Ints, origin: Origin) -> Batch:
    """Read the messages that start at ``start``.

    Parameters
    ----------
    buffer : uint8 array
        Readable 128 bytes past the last message.
    start, captured, wire : int64 arrays
        Offset of each IKE header, bytes captured from there, bytes on the wire from there. At least 28 are captured.
    origin : Origin
        Frame, time, addresses of each.
    """
    fields = Gather(buffer)
    version = fields.u8(start + 17)
    flags = fields.u8(start + 19)
    length = fields.u32(start + 24)
    available = np.minimum(captured, np.minimum(wire, np.maximum(length, IKE_HEADER)))
    readable = (version >> 4 == 2) | ((version >> 4 == 1) & (flags & FLAG_ENCRYPTED_V1 == 0))
    rows = np.flatnonzero(readable)
    chains = walk_chains(buffer, start[rows] + IKE_HEADER, start[rows] + available[rows], buffer[start[rows] + 16])

    status = np.full(len(start), WHOLE, dtype=np.int64)
    ends_early: Bools = chains.ends_at < start[rows] + np.minimum(length[rows], wire[rows])
    status[rows] = _status(chains, available[rows] < np.minimum(length[rows], wire[rows]), ends_early)
    status[(length < IKE_HEADER) | (length > wire)] = MALFORMED
    skf_number, skf_total, inner = (np.full(len(start), MISSING, dtype=np.int64) for _ in range(3))
    skf_number[rows], skf_total[rows], inner[rows] = chains.skf_number, chains.skf_total, chains.inner_payload

    message_of = rows[chains.message]
    payload_count = counts(message_of, len(start))
    ends = (start + available)[message_of]
    notify_at = _notify_offsets(
        fields, chains.type.astype(np.int64), chains.offset, chains.length, version[message_of], ends
    )
    has_type = notify_at >= 0
    notify_type = fields.u16(notify_at[has_type]).astype(np.uint16)
    notify_count = counts(message_of[has_type], len(start))

    clear_end = start + available
    clear_end[~readable] = start[~readable]
    _leave_out_encrypted(clear_end, start, np.flatnonzero(inner != MISSING), payload_count, chains)
    clear, digest = _bytes_and_digests(buffer, start, start + available, clear_end)
    columns: dict[str, Any] = {
        "frame": origin.frame,
        "time": origin.time,
        "datagram": origin.datagram,
        "src": origin.src,
        "dst": origin.dst,
        "sport": origin.sport,
        "dport": origin.dport,
        "nat_t": origin.nat_t,
        "tcp": origin.tcp,
        "spi_i": fields.u64(start),
        "spi_r": fields.u64(start + 8),
        "next_payload": fields.u8(start + 16),
        "version": version,
        "exchange": fields.u8(start + 18),
        "flags": flags,
        "message_id": fields.u32(start + 20),
        "length": length,
        "wire": wire,
        "captured": captured,
        "complete": origin.complete,
        "status": status,
        "skf_number": skf_number,
        "skf_total": skf_total,
        "inner": inner,
        "digest": digest,
        "payload_first": np.cumsum(payload_count) - payload_count,
        "payload_count": payload_count,
        "notify_first": np.cumsum(notify_count) - notify_count,
        "notify_count": notify_count,
    }
    return Batch(
        messages=narrowed(Messages(**columns)),
        payload_type=chains.type.astype(np.uint8),
        payload_offset=(chains.offset - start[message_of]).astype(np.uint32),
        payload_length=chains.length.astype(np.uint32),
        notify_type=notify_type,
        clear=clear,
    )


def _status(chains: Chains, cut: Bools, ends_early: Bools) -> Ints:
    """A chain that breaks where the capture ends is the capture's fault; elsewhere it is the message's.

    Where the chain reached SK or SKF, every clear payload was read, whatever the capture cut off behind. A chain that
    says that it has ended before the header's length is malformed, cut or not.
    """
    sound: Bools = (chains.status == ChainStatus.OK) & ~ends_early
    reached_encryption: Bools = chains.inner_payload != MISSING
    truncated: Bools = cut & (chains.status == ChainStatus.TRUNCATED)
    status: Ints = np.where(sound | (truncated & reached_encryption), WHOLE, np.where(truncated, TRUNCATED, MALFORMED))
    return status


def _notify_offsets(fields: Gather, kind: Ints, offset: Ints, length: Ints, version: Ints, end: Ints) -> Ints:
    """Offset of the notify message type in each payload; -1 where it is no Notify or was not captured."""
    two: Bools = (kind == numbers.N) & (version >> 4 == 2) & (length >= 8) & (offset + 8 <= end)
    one: Bools = (kind == numbers.V1_N) & (version >> 4 == 1) & (length >= 12) & (offset + 12 <= end)
    return np.where(two, offset + 6, np.where(one, offset + 10, MISSING))


def _leave_out_encrypted(clear_end: Ints, start: Ints, encrypted: Ints, payload_count: Ints, chains: Chains) -> None:
    """Let the clear bytes of messages end behind the header of SK or SKF; of one that begins with it keep none."""
    last = np.cumsum(payload_count)[encrypted] - 1
    header = np.where(chains.type[last] == numbers.SKF, 8, 4)
    behind = np.minimum(chains.offset[last] + header, clear_end[encrypted])
    clear_end[encrypted] = np.where(payload_count[encrypted] > 1, behind, start[encrypted])


def _bytes_and_digests(
    buffer: NDArray[np.uint8], start: Ints, end: Ints, clear_end: Ints
) -> tuple[list[bytes], NDArray[np.uint64]]:
    """Copies of what can be read without keys of each message, and BLAKE2b-64 digests of all."""
    view = buffer.data
    clear: list[bytes] = []
    digests = bytearray()
    empty = blake2b(digest_size=8)  # to copy it takes half as long as to make another
    for at, until, readable in zip(start.tolist(), end.tolist(), clear_end.tolist(), strict=True):
        message = view[at:until]
        digest = empty.copy()
        digest.update(message)
        digests += digest.digest()
        clear.append(bytes(view[at:readable]))
    return clear, np.frombuffer(bytes(digests), dtype=">u8").astype(np.uint64)
