"""The object of a message that stands in the tables: columns select, pair and count; what is shown is read by dpkt.

Bytes are kept of what is clear in a message. Of one that is its header and SK or SKF the columns hold those headers,
and nothing else of it can be read.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from analyzer.columns import MISSING
from analyzer.errors import UsageError
from analyzer.ike.registry import numbers
from analyzer.ike.tables import Wire

if TYPE_CHECKING:
    from analyzer.ike.message import IKE


def ike_of(wire: Wire, row: int) -> IKE:
    """The message of a row, as far as it was captured and can be read without keys.

    Of an encrypted one the data of its last payload is missing: ``whole`` of SK or SKF is False.

    Examples
    --------
    >>> from analyzer.analysis import analyse
    >>> wire = analyse("sample_pcaps/809-fragments-lost.pcapng").wire
    >>> [type(payload).__name__ for payload in ike_of(wire, 1).payloads][:3], ike_of(wire, 2).inner_payload
    (['SA', 'KE', 'Nonce'], 35)
    """
    from analyzer.ike.message import IKE

    return IKE(wire.clear[row] or _headers(wire, row), wire_length=int(wire.messages.wire[row]))


def _headers(wire: Wire, row: int) -> bytes:
    """The header, and the generic header of SK or SKF (RFC 7296 sections 3.1 and 3.14, RFC 7383 section 2.5)."""
    m = wire.messages
    header = struct.pack(
        ">QQBBBBII",
        *(int(m.spi_i[row]), int(m.spi_r[row]), int(m.next_payload[row]), int(m.version[row])),
        *(int(m.exchange[row]), int(m.flags[row]), int(m.message_id[row]), int(m.length[row])),
    )
    if not m.payload_count[row]:  # of IKEv1, encrypted behind the header
        return header
    first = int(m.payload_first[row])
    header += struct.pack(">BBH", int(m.inner[row]), 0, int(wire.payload_length[first]))
    is_numbered = int(wire.payload_type[first]) == numbers.SKF and m.skf_number[row] != MISSING
    return header + struct.pack(">HH", int(m.skf_number[row]), int(m.skf_total[row])) if is_numbered else header


def row_of_frame(wire: Wire, frame: int) -> int:
    """The row of the message that a frame completes; of several (over TCP) the first.

    Raises
    ------
    UsageError
        It completes none; the message says what it is instead.
    """
    rows = np.flatnonzero(wire.messages.frame == frame)
    if not len(rows):
        raise UsageError(f"frame {frame} completes no IKE message: {_what_is(wire, frame)}")
    return int(rows[0])


def _what_is(wire: Wire, frame: int) -> str:
    if not 1 <= frame <= wire.census.packets:
        return f"the capture has frames 1 to {wire.census.packets}" if wire.census.packets else "the capture has none"
    of_several = [row for row, frames in wire.message_frames.items() if frame in frames]
    if of_several:
        return f"it holds a part of that of frame {int(wire.messages.frame[of_several[0]])}"
    if any(row.frame == frame for row in wire.icmp):
        return "it is an ICMP error"
    packets = np.flatnonzero(wire.packets.frame == frame)
    if not len(packets):
        return "it holds no IKE"
    datagram = int(wire.packets.datagram[packets[0]])
    rows = np.flatnonzero((wire.messages.datagram == datagram) & (datagram != MISSING))
    if len(rows):
        return f"it holds a part of that of frame {int(wire.messages.frame[rows[0]])}"
    return "it is an IP fragment of a datagram whose beginning was not seen"
