"""Which packets of a chunk can matter for IKE, decided for all of them at once.

Most of a client's trace is web traffic; here it is dropped after a handful of vectorised reads. What is kept: UDP on
the IKE ports, native ESP and AH (whole, or the first fragment), every IP fragment of UDP or of a tunnel, ICMP errors,
TCP on the IKE ports, and whatever the vectorised reads cannot take apart (IPv6 extension headers, odd link layers);
and of other traffic what tells about the path: pings, TCP handshakes, DNS responses. A property test holds the
selection equal to decoding everything with dpkt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from analyzer.columns import Bools, Gather, Ints
from analyzer.links.columns import Located
from analyzer.packets.tunnel_columns import IS_REASSEMBLED, IS_TUNNEL, UDP_PORTS, enter, is_tunnel
from analyzer.protocol import (
    AH,
    DNS_PORT,
    ESP,
    ICMP,
    ICMPV6,
    IKE_PORT,
    IPV4_HEADER,
    IPV6_FRAGMENT,
    IPV6_HEADER,
    NAT_T_PORT,
    TCP,
    TCP_HEADER,
    UDP,
)

#: Next-header values of IPv6 that lead to further headers (RFC 8200 section 4, AH RFC 4302).
IPV6_EXTENSIONS = (0, 43, IPV6_FRAGMENT, AH, 60, 135, 139, 140)
#: ICMP types that report an error about a quoted packet (RFC 792; RFC 4443 section 2.1: all below 128).
ICMP_ERRORS = (3, 11, 12)

#: ICMP types of echo request and reply, by protocol (RFC 792; RFC 4443 section 4).
ECHOES = {ICMP: (8, 0), ICMPV6: (128, 129)}

#: Bits of the TCP flags, which stand at this offset in the TCP header (RFC 9293 section 3.1).
TCP_SYN, TCP_RST, _TCP_FLAGS = 0x02, 0x04, 13

#: More-fragments bit and offset of IPv4, in the eight bytes that begin at the fragment field.
_FRAGMENT = np.uint64(0x3FFF << 48)


def _nothing() -> Ints:
    return np.empty(0, dtype=np.int64)


class Ports:
    """The ports on which IKE is looked for, UDP and TCP: 500 and 4500 and those that the caller adds.

    Examples
    --------
    >>> Ports([10500]).numbers
    (500, 4500, 10500)
    """

    def __init__(self, extra: Iterable[int] = ()) -> None:
        self.numbers = tuple(dict.fromkeys((IKE_PORT, NAT_T_PORT, *extra)))
        self._wanted = np.zeros(65536, dtype=np.bool_)
        self._wanted[list(self.numbers)] = True
        self._sources = self._wanted.copy()
        self._sources[DNS_PORT] = True
        self._destinations = self._wanted.copy()
        self._destinations[list(UDP_PORTS)] = True

    def __contains__(self, port: object) -> bool:
        return port in self.numbers

    def either(self, sport: Ints, dport: Ints) -> Bools:
        return self._wanted[sport] | self._wanted[dport]

    def either_or_dns(self, sport: Ints, dport: Ints) -> Bools:
        """The same, or from the port of DNS servers or to that of a tunnel, at no further cost."""
        return self._sources[sport] | self._destinations[dport]


@dataclass(frozen=True, slots=True)
class Selection:
    """Row numbers within the chunk, by what is to be done with them, and what the rest was.

    ``later_fragments`` and ``rejected`` are evidence about the capture itself: a port filter lets no later fragment
    through, and nothing that is neither on the IKE ports nor ESP. ``other_traffic`` are whole packets of other traffic
    that tell something (:mod:`analyzer.packets.other_traffic`); they count as rejected all the same. ``undecided`` are
    those of ``odd`` of which only the general decoder can tell what they are: it counts them.
    """

    udp: Ints
    esp: Ints
    odd: Ints
    later_fragments: Ints
    rejected: int
    other_traffic: Ints = field(default_factory=_nothing)
    undecided: Ints = field(default_factory=_nothing)


def select(fields: Gather, located: Located, end: Ints, ports: Ports) -> Selection:
    """Sort the packets of a chunk.

    Parameters
    ----------
    fields : Gather
        Over the chunk's buffer.
    located : Located
        Where each packet's IP header starts. Is changed for packets in tunnels: it then tells of the header inside.
    end : int64 array
        Offset one past each packet's last captured byte.
    ports : Ports
        Ports on which IKE is looked for.
    """
    found = _Found()
    rows = np.flatnonzero(_may_matter(fields, located, ports))
    inside = _sort(fields, located, rows, end, ports, found, deeper=False)
    if len(inside):
        inside = inside[located.offset[inside] >= 0]
        _sort(fields, located, inside, end, ports, found, deeper=True)
    unlocated = np.flatnonzero(located.odd & (located.offset < 0))
    undecided = _joined([*found.undecided, unlocated])
    odd = [*found.odd, unlocated]
    rejected = len(located.offset) - found.accepted - len(undecided)
    others = np.sort(_joined(found.other_traffic))
    udp, esp, later = (_joined(rows) for rows in (found.udp, found.esp, found.later))
    return Selection(udp, esp, np.sort(_joined(odd)), later, rejected, others, undecided)


@dataclass(slots=True)
class _Found:
    """Rows of a chunk, sorted so far."""

    udp: list[Ints] = field(default_factory=list)
    esp: list[Ints] = field(default_factory=list)
    odd: list[Ints] = field(default_factory=list)
    later: list[Ints] = field(default_factory=list)
    other_traffic: list[Ints] = field(default_factory=list)
    undecided: list[Ints] = field(default_factory=list)
    accepted: int = 0


def _sort(
    fields: Gather, located: Located, rows: Ints, end: Ints, ports: Ports, found: _Found, *, deeper: bool
) -> Ints:
    """Sort some rows into what was found. Tunnels are left out: they are entered, and their rows given back.

    With ``deeper``, the rows were in a tunnel already; one more is for the general decoder.
    """
    ip = located.offset
    version = located.first[rows] >> 4
    four, six = rows[version == 4], rows[version == 6]
    entered = []
    for rows, pick, fragment_header, icmp in ((four, _ipv4, 0, ICMP), (six, _ipv6, 8, ICMPV6)):
        if len(rows):
            protocol, l4, fragment, is_later, strange = pick(fields, ip[rows])
            tunnel = is_tunnel(fields, protocol, l4, end[rows] - l4) & ~fragment & ~strange
            if tunnel.any():
                if deeper:
                    located.offset[rows[tunnel]] = -1
                    located.odd[rows[tunnel]] = True
                else:
                    outer = protocol[tunnel]
                    tunnel[tunnel] = enter(fields, located, rows[tunnel], outer, l4[tunnel], end[rows[tunnel]])
                    entered.append(rows[tunnel])
                rest = ~tunnel
                rows, protocol, l4, fragment = rows[rest], protocol[rest], l4[rest], fragment[rest]
                is_later, strange = is_later[rest], strange[rest]
            room = end[rows] - l4
            # Fragments of a tunnel's packet say nothing of a filter: it saw what is inside.
            found.later.append(rows[is_later & (room >= fragment_header) & ~IS_TUNNEL[protocol]])
            whole = ~fragment & ~strange
            on_ports = _on_ports(fields, l4, room, ports)
            is_udp = whole & (protocol == UDP) & on_ports
            # The SPI is in the first fragment, which is as good as a packet for counting.
            is_esp = ~is_later & ~strange & ((protocol == ESP) | (protocol == AH))
            is_odd = strange | (fragment & IS_REASSEMBLED[protocol])
            is_odd |= whole & (protocol == TCP) & on_ports & (room >= TCP_HEADER)
            is_odd |= whole & _is_icmp_error(fields, icmp, protocol, l4, room)
            found.udp.append(rows[is_udp & (room >= 8)])
            found.esp.append(rows[is_esp & (room >= 8)])
            found.odd.append(rows[is_odd])
            if icmp == ICMPV6:  # behind extension headers may be anything
                found.undecided.append(rows[strange])
            found.other_traffic.append(rows[whole & _is_telling(fields, icmp, protocol, l4, room, on_ports)])
            found.accepted += int(np.count_nonzero(is_udp | is_esp | (fragment & (protocol == UDP))))
    return _joined(entered)


def _may_matter(fields: Gather, located: Located, ports: Ports) -> Bools:
    """The first, cheap sieve: all but unfragmented TCP without SYN and UDP on other ports, which is nearly all."""
    four: Bools = located.first >> 4 == 4
    ip = np.maximum(located.offset, 0)
    others = np.flatnonzero(~four)
    header = (located.first & 0x0F) << 2
    header[others] = IPV6_HEADER
    # One read for IPv4's fragment field, TTL and protocol, or for IPv6's next header.
    word = fields.u64(ip + 6)
    protocol = (word >> 32) & 0xFF
    protocol[others] = word[others] >> 56
    whole: Bools = ~four | ((word & _FRAGMENT == 0) & (header >= IPV4_HEADER))
    upper = ip + header
    both = fields.u32(upper)
    plain: Bools = protocol == TCP
    # Kept as the bytes that they are: to widen them would cost more than to read them.
    plain &= (fields.buffer[_TCP_FLAGS:][upper] & TCP_SYN) == 0
    plain |= protocol == UDP
    plain &= whole
    plain &= ~ports.either_or_dns(both >> 16, both & 0xFFFF)
    return ~plain & (located.offset >= 0)


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _ipv4(fields: Gather, ip: Ints) -> tuple[Ints, Ints, Bools, Bools, Bools]:
    """Protocol, offset of the payload, is it a fragment, a later one, too strange for the vectorised path."""
    protocol = fields.u8(ip + 9)
    header = (fields.u8(ip) & 0x0F) * 4
    flags = fields.u16(ip + 6)
    strange = header < IPV4_HEADER
    return protocol, ip + header, (flags & 0x3FFF) != 0, (flags & 0x1FFF) != 0, strange


def _ipv6(fields: Gather, ip: Ints) -> tuple[Ints, Ints, Bools, Bools, Bools]:
    protocol = fields.u8(ip + 6)
    fragment = protocol == IPV6_FRAGMENT
    later = fragment & ((fields.u16(ip + 42) & 0xFFF8) != 0)
    return protocol, ip + IPV6_HEADER, fragment, later, np.isin(protocol, IPV6_EXTENSIONS)


def _on_ports(fields: Gather, l4: Ints, room: Ints, ports: Ports) -> Bools:
    seen: Bools = room >= 4
    at = np.where(seen, l4, 0)
    return ports.either(fields.u16(at), fields.u16(at + 2)) & seen


def _is_icmp_error(fields: Gather, icmp: int, protocol: Ints, l4: Ints, room: Ints) -> Bools:
    """Of the ICMP that belongs to the IP version, what reports an error; its type, code and checksum are there."""
    found: Bools = (protocol == icmp) & (room >= 4)
    if not found.any():
        return found
    kind = fields.u8(np.where(found, l4, 0))
    error: Bools = np.isin(kind, ICMP_ERRORS) if icmp == ICMP else kind < 128
    return found & error


def _is_telling(fields: Gather, icmp: int, protocol: Ints, l4: Ints, room: Ints, on_ports: Bools) -> Bools:
    """A TCP SYN with its whole header, UDP from port 53 with room for DNS's header, an echo of the IP version."""
    # Read without looking whether it is there, as the sieve does: the chunk ends in bytes to spare.
    kind, request, reply = fields.u8(l4), *ECHOES[icmp]
    syn = (protocol == TCP) & (fields.u8(l4 + _TCP_FLAGS) & TCP_SYN != 0)
    response = (protocol == UDP) & (fields.u16(l4) == DNS_PORT)
    echo = (protocol == icmp) & (room >= 8) & ((kind == request) | (kind == reply))
    found: Bools = echo | ((syn | response) & (room >= TCP_HEADER) & ~on_ports)
    return found
