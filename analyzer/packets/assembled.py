"""Messages and datagrams that were put together from single packets, on their way to the tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from analyzer.columns import Ints


class PacketRow(NamedTuple):
    """A packet as :class:`analyzer.packets.tables.Packets` has it, but for ports and datagram."""

    frame: int
    time: int
    interface: int
    direction: int
    src: int
    dst: int
    ip_version: int
    ip_id: int
    df: int
    mf: int
    fragment_offset: int
    ttl: int
    ip_length: int
    captured: int
    wire: int
    protocol: int
    dropped: int


class EspPacket(NamedTuple):
    """An ESP packet, or a NAT keepalive, met by the slow path.

    Addresses are numbers of :class:`analyzer.packets.addresses.Addresses`; ``ip_length`` is in bytes, ``time`` in ns.
    """

    src: int
    dst: int
    sport: int
    dport: int
    spi: int
    ip_length: int
    time: int
    frame: int
    is_keepalive: bool


@dataclass(slots=True, eq=False, repr=False)
class AssembledMessage:
    """An IKE message put together from one or more packets, waiting to be read with the others of its chunk.

    ``time`` and ``ended`` are those of its first packet and of its last, over TCP both of the first.
    ``datagram`` is the index of its datagram among those drained with it; ``MISSING`` over TCP.
    """

    data: bytes
    wire: int
    frames: tuple[int, ...]
    time: int
    ended: int
    datagram: int
    src: int
    dst: int
    sport: int
    dport: int
    nat_t: bool
    tcp: bool
    complete: bool


@dataclass(slots=True, eq=False, repr=False)
class AssembledDatagram:
    """A datagram with the packets that carried it (``duplicates`` last), ready for the tables."""

    rows: list[PacketRow]
    frames: tuple[int, ...]
    fragments: int
    complete: bool
    overlap: bool
    missing: tuple[tuple[int, int], ...]
    first_fragment_length: int
    largest: int
    sport: int
    dport: int
    src: int
    dst: int


@dataclass(slots=True, eq=False, repr=False)
class Drained:
    """What was finished since the last time."""

    datagrams: list[AssembledDatagram] = field(default_factory=list)
    messages: list[AssembledMessage] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where each message of a batch came from: one array element per message."""

    frame: Ints
    time: Ints
    datagram: Ints
    src: Ints
    dst: Ints
    sport: Ints
    dport: Ints
    nat_t: Ints
    tcp: Ints
    complete: Ints
