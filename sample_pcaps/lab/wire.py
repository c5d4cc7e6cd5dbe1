"""Steps of a ladder -> network-layer packets in the order of time, before anything of the capture is lost."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from analyzer.errors import UsageError
from analyzer.report.ladder.model import Arp, Dns, Esp, Icmp, Keepalive, Ladder, Message, Step, Tcp, Udp
from sample_pcaps.lab import ip, traffic
from sample_pcaps.lab.ike import Messages
from sample_pcaps.lab.seeded import seeded
from sample_pcaps.lab.view import View

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD

#: Nanoseconds between the packets of one sending, and between a packet and its copy at the next capture point.
SPACING, COPY = 12_000, 3_000
DEFAULT_EVERY = 20_000_000


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: time in ns from the ladder's zero, who sent it, EtherType, and its bytes from the IP header on.

    ``dropped``: the host that captured it recorded that it dropped it.
    """

    time: int
    sender: str
    receiver: str
    ethertype: int
    data: bytes
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class _Sending:
    """One time at which a step sends: ``nth`` counts the repeats or the packets of its flow from 0."""

    time: int
    step: Step
    nth: int


@dataclass(slots=True)
class Wire:
    """Sends the steps of a ladder one after the other and keeps what later ones depend on."""

    ladder: Ladder
    view: View
    messages: Messages
    tcp: traffic.TcpStreams = field(default_factory=traffic.TcpStreams)
    built: dict[Step, list[bytes]] = field(default_factory=dict)
    idents: dict[str, int] = field(default_factory=dict)
    sequences: dict[object, int] = field(default_factory=dict)
    last: dict[str, bytes] = field(default_factory=dict)
    at: dict[int, bytes] = field(default_factory=dict)

    def packets(self) -> list[Packet]:
        """Return all packets, in the order of time."""
        sendings = [sending for step in self.ladder.steps for sending in _sendings(step)]
        sendings.sort(key=lambda sending: sending.time)
        sent = [packet for sending in sendings for packet in self._send(sending)]
        return sorted(sent, key=lambda packet: packet.time)

    def _send(self, sending: _Sending) -> Iterator[Packet]:
        step = sending.step
        try:
            pieces = self._pieces(step, sending.nth)
            kept = _captured(step, pieces)
        except UsageError as error:
            raise UsageError(f"ladder step at {step.time / 1e9:+.3f}: {error}") from None
        kind = ARP if isinstance(step.what, Arp) else IPV6 if pieces[0][0] >> 4 == 6 else IPV4
        if kind != ARP:
            self.last[step.sender] = pieces[0]
            self.at.setdefault(sending.time, pieces[0])
        for i, data in enumerate(kept):
            time = sending.time + i * SPACING
            yield Packet(time, step.sender, step.receiver, kind, data, step.dropped)
            if step.duplicated:
                yield Packet(time + COPY, step.sender, step.receiver, kind, data, step.dropped)

    def _pieces(self, step: Step, nth: int) -> list[bytes]:
        """Return the packets of one sending, fragments in the order of their offsets."""
        what = step.what
        src, dst = self.view.addresses(step)
        if isinstance(what, Message):
            if step not in self.built:
                self.built[step] = self.messages.build(step, what)
            return [piece for message in self.built[step] for piece in self._message(step, what, message)]
        if isinstance(what, Tcp):
            return self._whole(step, ip.TCP, self.tcp.plain(step, what, src, dst, nth), df=True)
        if isinstance(what, Icmp):
            return self._icmp(step, what, src, dst)
        if isinstance(what, Arp):
            return [traffic.arp(what, src, dst, mac(step.sender, self.view), mac(step.receiver, self.view))]
        if isinstance(what, Esp):
            sequence = self._count(("esp", what.spi, step.sender))
            overhead = ip.header_length(src) + (8 if step.sport is not None else 0) + 8
            length = (what.size or 140) - overhead
            if length < 1:
                raise UsageError(f"ESP of {what.size} bytes is below the headers")
            esp = struct.pack("!II", what.spi, sequence) + seeded(length, "esp", what.spi, sequence)
            return self._whole(step, ip.ESP, esp) if step.sport is None else self._udp(step, esp)
        if isinstance(what, Keepalive):
            return self._udp(step, b"\xff")
        if isinstance(what, Dns):
            return self._udp(step, traffic.dns(what, self.ladder, step))
        length = (what.size or 200) - ip.header_length(src) - 8
        if length < 0:
            raise UsageError(f"UDP of {what.size} bytes is below the headers")
        return self._udp(step, seeded(length, "udp", step.time, step.sport, nth))

    def _message(self, step: Step, what: Message, message: bytes) -> list[bytes]:
        src, dst = self.view.addresses(step)
        if what.tcp:
            segments = self.tcp.ike(step, src, dst, message, self.view.mtu(step.sender))
            return [piece for segment in segments for piece in self._whole(step, ip.TCP, segment, df=True)]
        marker = bytes(4) if 4500 in traffic.ports(step) else b""
        stated = what.ip_fragments
        sizes = stated.sizes if stated is not None else ()
        pieces = self._udp(step, marker + message, sizes)
        if stated is not None and len(pieces) != stated.count:
            raise UsageError(f"{len(message)} bytes of IKE make {len(pieces)} IP packets here, not {stated.count}")
        return pieces

    def _icmp(self, step: Step, what: Icmp, src: str, dst: str) -> list[bytes]:
        protocol = ip.ICMPV6 if ":" in src else ip.ICMP
        if what.name.startswith("echo"):
            # A reply bears the number of the request that came last.
            asked = ("echo", step.sender, step.receiver) if what.name == "echo-request" else None
            sequence = self._count(asked) if asked else self.sequences.get(("echo", step.receiver, step.sender), 1)
            return self._whole(step, protocol, traffic.icmp_echo(what, src, dst, sequence), df=what.df)
        quoted = self.last.get(step.receiver) if what.quoting is None else self.at.get(what.quoting)
        if quoted is None:
            raise UsageError(f"ICMP {what.name} has no packet to quote")
        return self._whole(step, protocol, traffic.icmp_error(what, src, dst, quoted), df=False)

    def _udp(self, step: Step, data: bytes, sizes: tuple[int, ...] = ()) -> list[bytes]:
        src, dst = self.view.addresses(step)
        sport, dport = traffic.ports(step)
        return self._whole(step, ip.UDP, ip.udp(src, sport, dst, dport, data), sizes)

    def _whole(
        self, step: Step, protocol: int, data: bytes, sizes: tuple[int, ...] = (), df: bool | None = None
    ) -> list[bytes]:
        """Put a datagram into IP: whole if it fits the sender's MTU, else in fragments."""
        src, dst = self.view.addresses(step)
        sizes = sizes or ip.piece_sizes(len(data), self.view.mtu(step.sender), src)
        if len(sizes) > 1 and df:
            raise UsageError(f"{len(data)} bytes with DF set do not fit mtu {self.view.mtu(step.sender)}")
        ident = self.idents.setdefault(step.sender, int.from_bytes(seeded(2, "ip id", step.sender), "big")) + 1
        self.idents[step.sender] = ident
        df = self.view.sets_df(step.sender) if df is None else df
        return ip.packets(src, dst, protocol, data, sizes, ident=ident, ttl=self.view.ttl(step.sender), df=df)

    def _count(self, key: object) -> int:
        self.sequences[key] = self.sequences.get(key, 0) + 1
        return self.sequences[key]


def mac(name: str, view: View) -> bytes:
    """Return the hardware address by which the capture sees a host: its own at that host, else the router's."""
    return b"\x02\x00" + seeded(4, "mac", name if name == view.at else "router")


def _sendings(step: Step) -> Iterator[_Sending]:
    what = step.what
    if isinstance(what, (Esp, Keepalive, Tcp, Udp)):
        every = what.every if what.every is not None else DEFAULT_EVERY
        flow = [i * every for i in range(what.count)]
    else:
        flow = [0]
    for repeat in (0, *step.repeats):
        for i, offset in enumerate(flow):
            yield _Sending(step.time + repeat + offset, step, i)


def _captured(step: Step, pieces: list[bytes]) -> list[bytes]:
    """Return the pieces that the capture holds, in the order in which they passed."""
    if not isinstance(step.what, Message):
        return pieces
    order = step.what.order or tuple(range(1, len(pieces) + 1))
    lost = step.what.lost
    if sorted(order) != list(range(1, len(pieces) + 1)) or not set(lost) <= set(order):
        raise UsageError(f"order and lost count the {len(pieces)} IP packets of this message")
    return [pieces[number - 1] for number in order if number not in lost]
