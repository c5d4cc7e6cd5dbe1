"""What is not IKE in a ladder: ESP, TCP, DNS, ICMP and ARP, as bytes for IP (or for Ethernet) to carry."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from analyzer.errors import UsageError
from analyzer.report.ladder.model import Arp, Dns, Icmp, Ladder, Step, Tcp
from sample_pcaps.lab import ip
from sample_pcaps.lab.seeded import seeded

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
_TCP_FLAGS = {"SYN": SYN, "SYN-ACK": SYN | ACK, "ACK": ACK, "FIN": FIN | ACK, "RST": RST | ACK, "data": PSH | ACK}
_RCODES = {None: 0, "SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5}

#: ICMP type and code, then ICMPv6 type and code (RFC 792, 1812, 4443; docs/domain/icmp.md).
ICMP_TYPES: dict[str, tuple[tuple[int, int] | None, tuple[int, int] | None]] = {
    "net-unreachable": ((3, 0), (1, 0)),
    "host-unreachable": ((3, 1), (1, 3)),
    "protocol-unreachable": ((3, 2), (4, 1)),
    "port-unreachable": ((3, 3), (1, 4)),
    "fragmentation-needed": ((3, 4), None),
    "packet-too-big": (None, (2, 0)),
    "admin-prohibited": ((3, 13), (1, 1)),
    "ttl-exceeded": ((11, 0), (3, 0)),
    "reassembly-timeout": ((11, 1), (3, 1)),
    "parameter-problem": ((12, 0), (4, 0)),
    "echo-request": ((8, 0), (128, 0)),
    "echo-reply": ((0, 0), (129, 0)),
}

#: An ICMP error is at most this long: RFC 1812 section 4.3.2.3, RFC 4443 section 2.4.
LONGEST_ICMP, LONGEST_ICMPV6 = 576, 1280

Flow = tuple[str, int, str, int]


def ports(step: Step) -> tuple[int, int]:
    """Return the step's ports; a step without them is the user's mistake."""
    if step.sport is None or step.dport is None:
        raise UsageError(f"{type(step.what).__name__} needs the ports of both hosts")
    return step.sport, step.dport


@dataclass(slots=True)
class TcpStreams:
    """Sequence numbers of each direction of each TCP connection, so that no segment seems lost."""

    _next: dict[Flow, int] = field(default_factory=dict)
    _opened: dict[frozenset[tuple[str, int]], str] = field(default_factory=dict)

    def segment(self, step: Step, src: str, dst: str, flags: int, options: bytes, data: bytes) -> bytes:
        """Build the next segment of the step's connection."""
        sport, dport = ports(step)
        flow, back = (src, sport, dst, dport), (dst, dport, src, sport)
        seq = self._next.setdefault(flow, int.from_bytes(seeded(4, "isn", *flow), "big"))
        ack = self._next.setdefault(back, int.from_bytes(seeded(4, "isn", *back), "big")) if flags & ACK else 0
        self._next[flow] = (seq + len(data) + bool(flags & (SYN | FIN))) % 2**32
        return ip.tcp(src, sport, dst, dport, seq, ack, flags, options, data)

    def opens(self, step: Step) -> bool:
        """Say whether this is the first IKE in the connection: its sender puts ``IKETCP`` before it (RFC 9329)."""
        sport, dport = ports(step)
        connection = frozenset(((step.sender, sport), (step.receiver, dport)))
        return connection not in self._opened and self._opened.setdefault(connection, step.sender) == step.sender

    def ike(self, step: Step, src: str, dst: str, message: bytes, mtu: int) -> list[bytes]:
        """Build the segments that carry an IKE message with its length prefix and non-ESP marker."""
        stream = struct.pack("!HI", 6 + len(message), 0) + message
        stream = (b"IKETCP" if self.opens(step) else b"") + stream
        room = mtu - ip.header_length(src) - 20
        pieces = [stream[i : i + room] for i in range(0, len(stream), room)]
        return [self.segment(step, src, dst, PSH | ACK, b"", piece) for piece in pieces]

    def plain(self, step: Step, what: Tcp, src: str, dst: str, nth: int) -> bytes:
        """Build the segment of a TCP step; on port 443 data looks like TLS."""
        options = struct.pack("!BBH", 2, 4, what.mss) if what.mss is not None else b""
        data = b""
        if what.flags == "data":
            length = (what.size or 600) - ip.header_length(src) - 20 - len(options)
            data = _content(step, length, nth)
        return self.segment(step, src, dst, _TCP_FLAGS[what.flags], options, data)


def _content(step: Step, length: int, nth: int) -> bytes:
    if length < 1:
        raise UsageError("size leaves no room for data")
    data = seeded(length, "tcp", step.sender, step.receiver, step.sport, step.dport, step.time, nth)
    if 443 in ports(step) and length > 5:
        return struct.pack("!BHH", 0x17, 0x0303, length - 5) + data[5:]
    return data


def dns(what: Dns, ladder: Ladder, step: Step) -> bytes:
    """Build a DNS message about one name (RFC 1035): type AAAA where the ladder's answer is an IPv6 address."""
    answers = [s.what.answer for s in ladder.steps if isinstance(s.what, Dns) and s.what.name == what.name]
    kind = 28 if any(answer is not None and ":" in answer for answer in answers) else 1
    labels = b"".join(bytes([len(label)]) + label.encode() for label in what.name.strip(".").split("."))
    if any(len(label) > 63 for label in what.name.split(".")):
        raise UsageError(f"{what.name}: a label is longer than 63 bytes")
    client = step.sport if what.direction == "query" else step.dport
    ident = int.from_bytes(seeded(2, "dns", what.name, client), "big")
    flags = 0x0100 if what.direction == "query" else 0x8180 | _RCODES[what.rcode]
    head = struct.pack("!HHHHHH", ident, flags, 1, int(what.answer is not None), 0, 0)
    question = labels + b"\0" + struct.pack("!HH", kind, 1)
    if what.answer is None:
        return head + question
    address = ip.packed(what.answer)
    return head + question + struct.pack("!HHHIH", 0xC00C, kind, 1, 300, len(address)) + address


def icmp_error(what: Icmp, src: str, dst: str, quoted: bytes) -> bytes:
    """Build an ICMP error that quotes as much of a packet as the RFCs allow; ``size``, the IP packet's, means less."""
    kind, code = icmp_type(what, src)
    version6 = ":" in src
    rest = struct.pack("!I", what.mtu or 0) if version6 else struct.pack("!HH", 0, what.mtu or 0)
    room = (what.size or (LONGEST_ICMPV6 if version6 else LONGEST_ICMP)) - (48 if version6 else 28)
    if room < 0:
        raise UsageError(f"ICMP {what.name}: size {what.size} is below the headers")
    return ip.icmp(src, dst, kind, code, rest, quoted[:room])


def icmp_echo(what: Icmp, src: str, dst: str, sequence: int) -> bytes:
    """Build an echo request or reply; ``size`` is the IP packet's."""
    kind, code = icmp_type(what, src)
    overhead = ip.header_length(src) + 8
    length = (what.size or overhead + 56) - overhead
    if length < 0:
        raise UsageError(f"ICMP {what.name}: size {what.size} is below the headers")
    data = bytes(0x20 + i % 64 for i in range(length))
    return ip.icmp(src, dst, kind, code, struct.pack("!HH", 0x4B1D, sequence), data)


def icmp_type(what: Icmp, address: str) -> tuple[int, int]:
    """Return type and code of an ICMP name in the address's family."""
    found = ICMP_TYPES[what.name][1 if ":" in address else 0]
    if found is None:
        raise UsageError(f"ICMP {what.name} does not exist for {address}")
    return found


def arp(what: Arp, src: str, dst: str, sender_mac: bytes, target_mac: bytes) -> bytes:
    """Build an ARP message (RFC 826)."""
    if ":" in src:
        raise UsageError("ARP is for IPv4")
    target = bytes(6) if what.direction == "request" else target_mac
    operation = 1 if what.direction == "request" else 2
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + sender_mac + ip.packed(src) + target + ip.packed(dst)
