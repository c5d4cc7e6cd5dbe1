"""What a ladder says, as values: hosts, capture options and steps.

Text in and out is :mod:`analyzer.report.ladder.notation`.

Times are integer nanoseconds relative to the ladder's zero. A step says what was on the wire, and may add what an
analysis made of it (frames, outcome); whoever makes packets from a ladder ignores that part.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Host:
    """A named host.

    ``address`` is its own, ``nat`` the one that the other side sees when a NAT sits between; ``mtu`` is that of its
    link where it differs from the ladder's; ``os`` is ``linux`` (whole packets leave with DF set) or ``windows``
    (DF clear), docs/domain/path-mtu.md.
    """

    name: str
    address: str
    nat: str | None = None
    mtu: int | None = None
    os: str | None = None


@dataclass(frozen=True, slots=True)
class Sa:
    """The SPIs of an IKE SA, 16 hex digits each; ``spi_r`` is empty when it does not matter or was never chosen."""

    number: int
    spi_i: str
    spi_r: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """How the capture was taken. ``None`` and empty: nothing said.

    Attributes
    ----------
    at : str
        Host where the packets were captured.
    start : int or None
        Wall-clock time of the ladder's zero, nanoseconds since the epoch.
    link : str
        ``ethernet``, ``raw``, ``sll`` or ``null``.
    vlan, snaplen : int or None
        VLAN tag; bytes kept of each packet.
    filter : str
        Capture filter in libpcap's language.
    starts_late, stops : int or None
        Nothing before, nothing after this time was captured.
    """

    at: str | None = None
    start: int | None = None
    link: str | None = None
    vlan: int | None = None
    snaplen: int | None = None
    filter: str | None = None
    starts_late: int | None = None
    stops: int | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """One clear payload: ``SA``, ``KE``, ``No``, ``N``, ``V`` or ``CERTREQ``, and its arguments as text.

    ``SA``: proposals offered; ``KE``: group; ``No``: bytes of nonce; ``N``: notify name (or ``notify 40999``), then its
    data (a number, or hex after ``0x``); ``V``: a name or hex after ``0x``; ``CERTREQ``: number of CAs.
    """

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Encrypted:
    """The payload that ends a protected message: SK, or (``total`` > 0) SKF.

    ``inner`` is the clear type of the first inner payload (empty: none; ``None``: not said). ``numbers`` are the SKF
    fragments on this step, ``lengths`` their IKE lengths.
    """

    inner: str | None = None
    numbers: tuple[int, ...] = ()
    total: int = 0
    lengths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class IpFragments:
    """Pieces into which IP cut a message, and their IP lengths in bytes when said."""

    count: int
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """An IKE message, or the SKF fragments of one that were sent together.

    ``length`` is by the IKE header (of an SKF set: the sum). ``lost`` are the IP fragments missing from the capture,
    ``order`` the order in which they passed, both counted from 1.
    """

    exchange: str
    direction: str
    length: int | None = None
    contents: tuple[Payload, ...] = ()
    encrypted: Encrypted | None = None
    sa: int = 1
    mid: int | None = None
    ip_fragments: IpFragments | None = None
    lost: tuple[int, ...] = ()
    order: tuple[int, ...] = ()
    tcp: bool = False


@dataclass(frozen=True, slots=True)
class Esp:
    """ESP packets, in UDP when the step has ports. ``size`` is that of the IP packet; ``every`` is in nanoseconds."""

    spi: int
    count: int = 1
    size: int | None = None
    every: int | None = None


@dataclass(frozen=True, slots=True)
class Keepalive:
    """NAT keepalives: one byte 0xFF in UDP (RFC 3948 section 2.3)."""

    count: int = 1
    every: int | None = None


@dataclass(frozen=True, slots=True)
class Icmp:
    """An ICMP or ICMPv6 message; an error quotes the packet sent at ``quoting``, else the last one of its receiver."""

    name: str
    mtu: int | None = None
    quoting: int | None = None
    size: int | None = None
    df: bool = False


@dataclass(frozen=True, slots=True)
class Tcp:
    """TCP segments; ``size`` is that of the IP packet."""

    flags: str
    mss: int | None = None
    count: int = 1
    size: int | None = None
    every: int | None = None


@dataclass(frozen=True, slots=True)
class Udp:
    """UDP that is not IKE; ``size`` is that of the IP packet."""

    count: int = 1
    size: int | None = None
    every: int | None = None


@dataclass(frozen=True, slots=True)
class Dns:
    """A DNS query or response; ``answer`` is an address, ``rcode`` such as NXDOMAIN."""

    direction: str
    name: str
    answer: str | None = None
    rcode: str | None = None


@dataclass(frozen=True, slots=True)
class Arp:
    """An ARP request for the receiver's address, or the reply to one."""

    direction: str


What = Message | Esp | Keepalive | Icmp | Tcp | Udp | Dns | Arp


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a ladder.

    ``repeats`` are the further times at which the same bytes were sent, relative to ``time``. ``duplicated``: the
    capture holds each packet twice. ``dropped``: the capturing host recorded that it dropped them. ``outcome`` and
    ``frames`` (1-based) are what an analysis adds.
    """

    time: int
    sender: str
    receiver: str
    what: What
    sport: int | None = None
    dport: int | None = None
    repeats: tuple[int, ...] = ()
    duplicated: bool = False
    dropped: bool = False
    outcome: str | None = None
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ladder:
    """A whole ladder; ``mtu`` is that of every host that names none."""

    hosts: tuple[Host, ...]
    steps: tuple[Step, ...] = ()
    mtu: int | None = None
    sas: tuple[Sa, ...] = ()
    options: Options = Options()
