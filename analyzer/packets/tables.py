"""What the wire gave, as columns: packets, datagrams, messages, ESP flows, ICMP errors.

Rows are numbers; addresses are numbers into one :class:`Addresses`. Everything later (pairing, views, pandas frames)
reads these tables and nothing of the file.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import Ints

if TYPE_CHECKING:
    from analyzer.packets.icmp import IcmpError

#: Columns are as narrow as their values allow: half a million messages then take a third of the memory.
Byte = NDArray[np.uint8]
Tiny = NDArray[np.int8]
Short = NDArray[np.int16]
Narrow = NDArray[np.int32]
Word = NDArray[np.uint32]
_WIDTHS: dict[str, Any] = {
    "Byte": np.uint8,
    "Tiny": np.int8,
    "Short": np.int16,
    "Narrow": np.int32,
    "Word": np.uint32,
    "Ints": np.int64,
    "NDArray[np.uint64]": np.uint64,
}

#: Missing number in an integer column.
MISSING = -1


#: Distinct addresses kept; later ones share one number, so that spoofed sources cannot fill the memory.
MAX_ADDRESSES = 500_000


#: Stands for all addresses beyond; it is shown as 0.0.0.0.
_OTHERS = b""

#: Addresses whose text is kept; beyond, it is made anew when it is asked for.
_TEXTS_KEPT = 65_536


class Addresses:
    """IP addresses met in a capture, each once, by number.

    Examples
    --------
    >>> a = Addresses()
    >>> a.number(bytes([192, 0, 2, 1])), a.number(bytes([192, 0, 2, 1]))
    (0, 0)
    >>> a.text(0)
    '192.0.2.1'
    """

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._raw: list[bytes] = []
        self._texts: dict[int, str] = {}

    def number(self, raw: bytes) -> int:
        number = self._numbers.get(raw)
        if number is None:
            if len(self._raw) >= MAX_ADDRESSES:
                return self.number(_OTHERS) if _OTHERS in self._numbers else self._add(_OTHERS)
            number = self._add(raw)
        return number

    def _add(self, raw: bytes) -> int:
        number = self._numbers[raw] = len(self._raw)
        self._raw.append(raw)
        return number

    def numbers(self, raw: Sequence[bytes]) -> Ints:
        return np.array([self.number(r) for r in raw], dtype=np.int64)

    def numbers_ipv4(self, words: Ints) -> Ints:
        """The same for many IPv4 addresses given as 32-bit numbers."""
        distinct, inverse = np.unique(words, return_inverse=True)
        known = np.array([self.number(int(w).to_bytes(4, "big")) for w in distinct.tolist()], dtype=np.int64)
        return known[inverse]

    def raw(self, number: int) -> bytes:
        return self._raw[number]

    def find(self, text: str) -> int | None:
        """The number of an address written as text; None for one that was not met."""
        try:
            raw = socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
        except OSError:
            return None
        found = self._numbers.get(raw)
        return self._numbers.get(_OTHERS) if found is None and raw == bytes(4) else found

    def text(self, number: int) -> str:
        text = self._texts.get(number)
        if text is None:
            if len(self._texts) >= _TEXTS_KEPT:
                self._texts.clear()
            raw = self._raw[number] or bytes(4)
            text = socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
            self._texts[number] = text
        return text

    def __len__(self) -> int:
        return len(self._raw)


@dataclass(slots=True, eq=False, repr=False)
class Packets:
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
class Datagrams:
    """UDP datagrams that carry IKE (``first_row``: packet row of the whole packet or of its first seen fragment)."""

    fragments: Narrow
    complete: Tiny
    overlap: Tiny
    first_fragment_length: Narrow
    largest: Narrow


@dataclass(slots=True, eq=False, repr=False)
class Messages:
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
    #: For frames whose date is damaged the times between which they came (:mod:`analyzer.formats.dates`).
    misdated: dict[int, tuple[int, int]] = field(default_factory=dict)


Table = TypeVar("Table", Packets, Datagrams, Messages)


def narrowed(table: Table) -> Table:
    """The table with every column in the width that its class declares, and none a view that keeps another array."""
    for field_ in fields(table):
        column = np.ascontiguousarray(getattr(table, field_.name), dtype=_WIDTHS[str(field_.type)])
        setattr(table, field_.name, column if column.base is None else column.copy())
    return table


def stack(kind: type[Table], parts: list[Table]) -> Table:
    """One table of many of the same kind, rows in order. The parts are used up, column by column, to save memory."""
    columns: dict[str, Any] = {}
    for field_ in fields(kind):
        pieces = [getattr(part, field_.name) for part in parts]
        columns[field_.name] = np.concatenate(pieces) if pieces else np.empty(0, dtype=_WIDTHS[str(field_.type)])
        for part in parts:
            setattr(part, field_.name, None)
    return kind(**columns)


def take(table: Table, order: Ints) -> Table:
    """The table's rows in another order; the table is used up likewise."""
    columns: dict[str, Any] = {}
    for field_ in fields(table):
        columns[field_.name] = getattr(table, field_.name)[order]
        setattr(table, field_.name, None)
    return type(table)(**columns)
