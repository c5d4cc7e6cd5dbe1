"""What packets gave, as columns and rows: packets and datagrams that carry IKE, ESP flows, ICMP errors, the census.

Rows are numbers; addresses are numbers into one :class:`Addresses`. Everything later (pairing, views, pandas frames)
reads these tables and nothing of the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzer.columns import MISSING, Ints, Narrow, Short, Table, Tiny
from analyzer.protocol import IKE_PORT, NAT_T_PORT

if TYPE_CHECKING:
    from analyzer.packets.icmp import IcmpError


@dataclass(slots=True, eq=False, repr=False)
class Packets(Table):
    """IP packets that carry IKE, one row each; a fragment is a packet. ``MISSING`` where a header has no such field."""

    frame: Ints
    time: Ints
    interface: Narrow
    direction: Tiny
    src: Narrow
    dst: Narrow
    ip_version: Tiny
    ip_id: Ints
    df: Tiny
    mf: Tiny
    fragment_offset: Narrow
    ttl: Short
    ip_length: Narrow
    captured: Narrow
    wire: Narrow
    protocol: Short
    sport: Narrow
    dport: Narrow
    datagram: Narrow
    dropped: Tiny


@dataclass(slots=True, eq=False, repr=False)
class Datagrams(Table):
    """UDP datagrams that carry IKE (``first_row``: packet row of the whole packet or of its first seen fragment)."""

    fragments: Narrow
    complete: Tiny
    overlap: Tiny
    first_fragment_length: Narrow
    largest: Narrow


@dataclass(slots=True, eq=False, repr=False)
class EspFlow:
    """ESP packets (or NAT keepalives: ``spi`` 0) of one direction and SPI."""

    src: int
    dst: int
    sport: int
    dport: int
    spi: int
    packets: int
    octets: int
    first: int
    last: int
    first_frame: int
    last_frame: int
    largest: int


@dataclass(frozen=True, slots=True)
class IcmpRow:
    """An ICMP error, who sent it, and the addresses of the packet that it quotes (``MISSING`` when cut off)."""

    frame: int
    time: int
    src: int
    quoted_src: int
    quoted_dst: int
    error: IcmpError


@dataclass(frozen=True, slots=True)
class EchoRow:
    """An ICMP or ICMPv6 echo request or reply in one IP packet: ``ip_length`` bytes, header included.

    ``df`` is None over IPv6, where no router fragments.
    """

    frame: int
    time: int
    src: str
    dst: str
    is_reply: bool
    identifier: int
    sequence: int
    ip_length: int
    df: bool | None


@dataclass(frozen=True, slots=True)
class HandshakeRow:
    """A TCP SYN (``is_answer``: SYN-ACK), or the RST that refuses one; ``mss`` is None where the option is missing."""

    frame: int
    time: int
    src: str
    dst: str
    sport: int
    dport: int
    is_answer: bool
    is_reset: bool
    mss: int | None


@dataclass(frozen=True, slots=True)
class NameRow:
    """A DNS response over UDP: the name asked for (escaped), its RCODE, and the addresses of its answers as text."""

    frame: int
    time: int
    client: str
    server: str
    name: str
    rcode: int
    addresses: tuple[str, ...]


@dataclass(slots=True, eq=False, repr=False)
class Census:
    """What the capture holds besides IKE: evidence for its own quality. Counts of packets unless said otherwise."""

    packets: int = 0
    ip_packets: int = 0
    snapped: int = 0
    rejected: int = 0
    later_fragments: int = 0
    first_later_fragment: int = MISSING
    esp: int = 0
    keepalives: int = 0
    unknown_link: int = 0
    link_types: set[int] = field(default_factory=set)
    first_time: int = MISSING
    last_time: int = MISSING
    evicted: int = 0
    unreadable_udp: int = 0
    #: Cut so short that one cannot tell whose they are: as good as lost.
    headless: int = 0
    #: Pairs of hosts between which TCP under way goes one way only; 0 if anything goes both ways (conversations.py).
    one_way_tcp: int = 0
    #: UDP ports on which IKE was looked for.
    ports: tuple[int, ...] = (IKE_PORT, NAT_T_PORT)
    #: Packets that look like IKE on other ports than those asked for, by the responder's port, while there is no IKE.
    ike_elsewhere: dict[int, int] = field(default_factory=dict)
