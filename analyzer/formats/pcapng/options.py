"""Options of pcapng blocks: code, length, value padded to 4 bytes, until code 0 (draft-ietf-opsawg-pcapng 3.5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analyzer.links.types import DIRECTION_UNKNOWN
from analyzer.printable import MAX_TEXT, decoded

#: More options on one block are not looked at.
MAX_OPTIONS = 64

#: Options of an Enhanced Packet Block (draft section 4.3); the flags are those of the obsolete Packet Block too.
COMMENT, FLAGS, DROPCOUNT, PACKETID, VERDICT = 1, 2, 4, 5, 7

#: Verdicts that say "dropped here", by verdict type: Linux ``TC_ACT_SHOT`` and ``XDP_DROP``. The latter is what
#: etl2pcapng writes for a packet that pktmon saw dropped (docs/domain/windows-traces.md). Others (pass, redirect ...)
#: claim nothing.
DROPPED = {1: 2, 2: 1}


def options(raw: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """The options in ``raw``, in order; ends at the first that is not whole, and after ``MAX_OPTIONS``.

    Examples
    --------
    >>> list(options(bytes.fromhex("0200 0300 657468 00 0000 0000"), "<"))
    [(2, b'eth')]
    """
    at = 0
    for _ in range(MAX_OPTIONS):
        if at + 4 > len(raw):
            return
        code, length = struct.unpack_from(order + "HH", raw, at)
        value = raw[at + 4 : at + 4 + length]
        if code == 0 or len(value) < length:
            return
        yield code, value
        at += 4 + length + (-length & 3)


@dataclass(slots=True)
class PacketOptions:
    """What the options of a run of packets say; arrays with one element a packet, as in :class:`Chunk`.

    ``lost`` is the sum of the ``epb_dropcount`` options, packets. ``comments`` go by the packet's index.
    """

    direction: NDArray[np.int8]
    host_dropped: NDArray[np.bool_]
    packet_id: NDArray[np.int64]
    lost: int = 0
    comments: dict[int, str] = field(default_factory=dict)
    comments_read: int = 0
    comments_left_out: bool = False


def packet_options(
    buffer: NDArray[np.uint8], first: NDArray[np.int64], stop: NDArray[np.int64], order: str, comments: int
) -> PacketOptions:
    """Read the options of many packets, all packets one option at a time.

    Parameters
    ----------
    buffer : uint8 array
        Holds the blocks.
    first, stop : int64 arrays
        For each packet the offset of its first option, and the offset behind its last (no options: ``first >= stop``).
    order : str
        ``<`` or ``>``.
    comments : int
        So many comments are read at most.

    Examples
    --------
    One packet with epb_flags 1 (inbound) and a comment:

    >>> raw = np.frombuffer(bytes.fromhex("0200 0400 01000000 0100 0200 6869 0000 0000 0000") + bytes(8), np.uint8)
    >>> found = packet_options(raw, np.array([0]), np.array([20]), "<", comments=10)
    >>> found.direction, found.packet_id, found.comments
    (array([1], dtype=int8), array([-1]), {0: 'hi'})
    """
    count = len(first)
    found = PacketOptions(
        np.full(count, DIRECTION_UNKNOWN, np.int8), np.zeros(count, np.bool_), np.full(count, -1, np.int64)
    )
    packet = np.flatnonzero(first + 4 <= stop)
    if not len(packet):
        return found
    heads = np.ndarray((len(buffer) - 3, 2), order + "u2", buffer, 0, (1, 2))
    at = first[packet]
    for _ in range(MAX_OPTIONS):
        head = heads[at]
        code, length = head[:, 0], head[:, 1].astype(np.int64)
        value = at + 4
        going = (code != 0) & (value + length <= stop[packet])
        packet, code, length, value = packet[going], code[going], length[going], value[going]
        _apply(found, buffer, order, packet, code, length, value, comments)
        at = value + length + (-length & 3)
        going = at + 4 <= stop[packet]
        packet, at = packet[going], at[going]
        if not len(packet):
            break
    return found


def _apply(
    found: PacketOptions,
    buffer: NDArray[np.uint8],
    order: str,
    packet: NDArray[np.int64],
    code: NDArray[np.uint16],
    length: NDArray[np.int64],
    value: NDArray[np.int64],
    comments: int,
) -> None:
    """Enter one option of each of the packets into ``found``."""
    flags = (code == FLAGS) & (length == 4)
    if flags.any():
        # Bits 0-1: 1 inbound, 2 outbound, the numbers of DIRECTION_IN and DIRECTION_OUT; 3 has no meaning.
        bits = buffer[value[flags] + (0 if order == "<" else 3)] & 3
        found.direction[packet[flags]] = np.where(bits == 3, DIRECTION_UNKNOWN, bits)
    numbers = np.ndarray((len(buffer) - 7,), order + "u8", buffer, 0, (1,))
    ids = (code == PACKETID) & (length == 8)
    if ids.any():
        found.packet_id[packet[ids]] = numbers[value[ids]].astype(np.int64)
    drops = (code == DROPCOUNT) & (length == 8)
    if drops.any():
        found.lost += sum(numbers[value[drops]].tolist())
    verdicts = (code == VERDICT) & (length == 9)
    if verdicts.any():
        where = value[verdicts]
        kinds, results = buffer[where], numbers[where + 1]
        dropped = np.zeros(len(where), np.bool_)
        for kind, result in DROPPED.items():
            dropped |= (kinds == kind) & (results == result)
        found.host_dropped[packet[verdicts]] |= dropped
    for which in np.flatnonzero(code == COMMENT).tolist():
        if found.comments_read >= comments:
            found.comments_left_out = True
            break
        begin = int(value[which])
        text = decoded(buffer[begin : begin + int(length[which])].tobytes())
        index = int(packet[which])
        found.comments_read += 1
        found.comments[index] = f"{found.comments[index]}; {text}"[:MAX_TEXT] if index in found.comments else text
