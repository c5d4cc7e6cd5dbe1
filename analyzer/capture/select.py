"""Which packets of a chunk can matter for IKE, decided for all of them at once.

Most of a client's trace is web traffic; here it is dropped after a handful of vectorised reads. What is kept: UDP on
the IKE ports, native ESP and AH (whole, or the first fragment), every IP fragment that can belong to UDP, ICMP errors,
TCP on the IKE ports, and whatever the vectorised reads cannot take apart (IPv6 extension headers, odd link layers). A
property test holds the selection equal to decoding everything with dpkt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analyzer.capture.gather import Bools, Gather, Ints
from analyzer.capture.links import Located

ICMP, TCP, UDP, IPV6_FRAGMENT, ESP, AH, ICMPV6 = 1, 6, 17, 44, 50, 51, 58
#: Next-header values of IPv6 that lead to further headers (RFC 8200 section 4, AH RFC 4302).
IPV6_EXTENSIONS = (0, 43, IPV6_FRAGMENT, AH, 60, 135, 139, 140)
#: ICMP types that report an error about a quoted packet (RFC 792; RFC 4443 section 2.1: all below 128).
ICMP_ERRORS = (3, 11, 12)

IKE_PORT, NAT_T_PORT = 500, 4500


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

    def __contains__(self, port: object) -> bool:
        return port in self.numbers

    def either(self, sport: Ints, dport: Ints) -> Bools:
        return self._wanted[sport] | self._wanted[dport]


@dataclass(frozen=True, slots=True)
class Selection:
    """Row numbers within the chunk, by what is to be done with them, and what the rest was.

    ``later_fragments`` and ``rejected`` are evidence about the capture itself: a port filter lets no later fragment
    through, and nothing that is neither on the IKE ports nor ESP.
    """

    udp: Ints
    esp: Ints
    odd: Ints
    later_fragments: Ints
    rejected: int


def select(fields: Gather, located: Located, end: Ints, ports: Ports) -> Selection:
    """Sort the packets of a chunk.

    Parameters
    ----------
    fields : Gather
        Over the chunk's buffer.
    located : Located
        Where each packet's IP header starts.
    end : int64 array
        Offset one past each packet's last captured byte.
    ports : Ports
        Ports on which IKE is looked for.
    """
    ip = located.offset
    rows = np.flatnonzero(_may_matter(fields, located, ports))
    version = located.first[rows] >> 4
    four, six = rows[version == 4], rows[version == 6]
    odd = [np.flatnonzero(located.odd & (ip < 0))]
    udp: list[Ints] = []
    esp: list[Ints] = []
    later: list[Ints] = []
    accepted = 0
    for rows, pick, fragment_header, icmp in ((four, _ipv4, 0, ICMP), (six, _ipv6, 8, ICMPV6)):
        if len(rows):
            protocol, l4, fragment, is_later, strange = pick(fields, ip[rows])
            room = end[rows] - l4
            later.append(rows[is_later & (room >= fragment_header)])
            whole = ~fragment & ~strange
            on_ports = _on_ports(fields, l4, room, ports)
            is_udp = whole & (protocol == UDP) & on_ports
            # The SPI is in the first fragment, which is as good as a packet for counting.
            is_esp = ~is_later & ~strange & ((protocol == ESP) | (protocol == AH))
            is_odd = strange | (fragment & (protocol == UDP))
            is_odd |= whole & (protocol == TCP) & on_ports & (room >= 20)
            is_odd |= whole & _is_icmp_error(fields, icmp, protocol, l4, room)
            udp.append(rows[is_udp & (room >= 8)])
            esp.append(rows[is_esp & (room >= 8)])
            odd.append(rows[is_odd])
            accepted += int(np.count_nonzero(is_udp | is_esp | (fragment & (protocol == UDP))))
    return Selection(_joined(udp), _joined(esp), np.sort(_joined(odd)), _joined(later), len(ip) - accepted)


def _may_matter(fields: Gather, located: Located, ports: Ports) -> Bools:
    """The first, cheap sieve: all but unfragmented TCP and UDP on other ports, which is nearly everything."""
    four: Bools = located.first >> 4 == 4
    ip = np.maximum(located.offset, 0)
    header = np.where(four, (located.first & 0x0F) * 4, 40)
    # One read for IPv4's fragment field, TTL and protocol, or for IPv6's next header.
    word = fields.u64(ip + 6)
    protocol = np.where(four, (word >> 32) & 0xFF, word >> 56)
    whole: Bools = ~four | (((word >> 48) & 0x3FFF == 0) & (header >= 20))
    both = fields.u32(ip + header)
    other_ports = ~ports.either(both >> 16, both & 0xFFFF)
    plain: Bools = ((protocol == TCP) | (protocol == UDP)) & whole & other_ports
    return ~plain & (located.offset >= 0)


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _ipv4(fields: Gather, ip: Ints) -> tuple[Ints, Ints, Bools, Bools, Bools]:
    """Protocol, offset of the payload, is it a fragment, a later one, too strange for the vectorised path."""
    protocol = fields.u8(ip + 9)
    header = (fields.u8(ip) & 0x0F) * 4
    flags = fields.u16(ip + 6)
    strange = header < 20
    return protocol, ip + header, (flags & 0x3FFF) != 0, (flags & 0x1FFF) != 0, strange


def _ipv6(fields: Gather, ip: Ints) -> tuple[Ints, Ints, Bools, Bools, Bools]:
    protocol = fields.u8(ip + 6)
    fragment = protocol == IPV6_FRAGMENT
    later = fragment & ((fields.u16(ip + 42) & 0xFFF8) != 0)
    return protocol, ip + 40, fragment, later, np.isin(protocol, IPV6_EXTENSIONS)


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
