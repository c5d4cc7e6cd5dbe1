"""Messages and datagrams that were put together from single packets, on their way to the tables."""

from __future__ import annotations

from dataclasses import dataclass, field

#: A row of the packets table without its ports and datagram, in the order of the table's columns.
PacketRow = tuple[int, ...]
#: Places in it.
SRC, DST, IP_VERSION, FRAGMENT_OFFSET, PROTOCOL = 4, 5, 6, 10, 15


@dataclass(slots=True, eq=False, repr=False)
class Loose:
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
class LooseDatagram:
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

    datagrams: list[LooseDatagram] = field(default_factory=list)
    messages: list[Loose] = field(default_factory=list)
