"""IKE messages as columns, and all tables of a capture together.

Rows are numbers; addresses are numbers into one :class:`analyzer.packets.addresses.Addresses`. Everything later
(pairing, views, pandas frames) reads these tables and nothing of the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import Byte, Ints, Narrow, Short, Table, Tiny, Word
from analyzer.packets.addresses import Addresses
from analyzer.packets.tables import Census, Datagrams, EchoRow, EspFlow, HandshakeRow, IcmpRow, NameRow, Packets


@dataclass(slots=True, eq=False, repr=False)
class Messages(Table):
    """IKE messages, one row each; an SKF fragment is a message.

    ``payload_first``/``payload_count`` point into ``payload_type``; ``notify_first``/``notify_count`` into
    ``notify_type``. ``clear`` holds the bytes that can be read without keys, header included: of an encrypted message
    those up to SK or SKF and its header; ``b""`` where it begins with that, since then the columns hold all of it
    (:mod:`analyzer.ike.from_columns`).
    ``status``: 0 the clear payloads are whole, 1 truncated by the capture, 2 malformed.
    """

    frame: Ints
    time: Ints
    datagram: Narrow
    src: Narrow
    dst: Narrow
    sport: Narrow
    dport: Narrow
    nat_t: Tiny
    tcp: Tiny
    spi_i: NDArray[np.uint64]
    spi_r: NDArray[np.uint64]
    next_payload: Byte
    version: Byte
    exchange: Byte
    flags: Byte
    message_id: Word
    length: Word
    wire: Narrow
    captured: Narrow
    complete: Tiny
    status: Tiny
    skf_number: Narrow
    skf_total: Narrow
    inner: Short
    digest: NDArray[np.uint64]
    payload_first: Narrow
    payload_count: Short
    notify_first: Narrow
    notify_count: Short


@dataclass(slots=True, eq=False, repr=False)
class Wire:
    """All tables of one capture."""

    addresses: Addresses
    packets: Packets
    datagrams: Datagrams
    datagram_frames: dict[int, tuple[int, ...]]
    datagram_missing: dict[int, tuple[tuple[int, int], ...]]
    message_frames: dict[int, tuple[int, ...]]
    messages: Messages
    payload_type: NDArray[np.uint8]
    payload_offset: NDArray[np.uint32]
    payload_length: NDArray[np.uint32]
    notify_type: NDArray[np.uint16]
    clear: list[bytes]
    flows: list[EspFlow]
    icmp: list[IcmpRow]
    census: Census
    echoes: list[EchoRow] = field(default_factory=list)
    handshakes: list[HandshakeRow] = field(default_factory=list)
    names: list[NameRow] = field(default_factory=list)
    #: For a frame its number if the file were in the order of time: tells what came before what.
    place: Callable[[int], int] = int
    #: For frames whose date is damaged the times between which they came (:mod:`analyzer.formats.false_dates`).
    misdated: dict[int, tuple[int, int]] = field(default_factory=dict)
