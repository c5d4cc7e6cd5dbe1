"""IKE on ports where it was not looked for: which port to name to who finds no IKE in a capture.

A hint and no more: whole UDP packets only, without extension headers; what it says of them are the fields of an IKEv2
header that are the same in every message, and its length, which must be that of the datagram.
"""

from __future__ import annotations

import numpy as np

from analyzer.columns import Bools, Gather, Ints
from analyzer.ike.registry import numbers
from analyzer.packets.sieve import Ports
from analyzer.protocol import IKE_HEADER, IPV4_HEADER, IPV6_HEADER, NON_ESP_MARKER, UDP, UDP_HEADER

#: Packets that are counted: enough to name a port.
ENOUGH = 1_000

_EXCHANGES = (numbers.IKE_SA_INIT, numbers.IKE_AUTH, numbers.CREATE_CHILD_SA, numbers.INFORMATIONAL)
#: Bits of the flags that are reserved, and that of the initiator (RFC 7296 section 3.1).
_RESERVED, _INITIATOR = 0xC7, 0x08


def count_elsewhere(found: dict[int, int], fields: Gather, ip: Ints, end: Ints, ports: Ports) -> None:
    """Count by port of the responder what looks like IKEv2 and is on none of the ports where it is looked for.

    Parameters
    ----------
    found : dict of int to int
        Packets by port; is changed.
    fields : Gather
        Over the chunk's buffer.
    ip, end : int64 arrays
        Where each packet's IP header begins, -1 for none, and one past its last captured byte.
    ports : Ports
        Where IKE is looked for.
    """
    room = ENOUGH - sum(found.values())
    if room <= 0:
        return
    l4, end = _plain_udp(fields, ip, end)
    sport, dport = fields.u16(l4), fields.u16(l4 + 2)
    others = np.flatnonzero((end - l4 >= UDP_HEADER + IKE_HEADER) & ~ports.either(sport, dport))
    l4, end, sport, dport = l4[others], end[others], sport[others], dport[others]
    length = fields.u16(l4 + 4) - UDP_HEADER
    for marker in (0, NON_ESP_MARKER):
        begin = l4 + UDP_HEADER + marker
        fits = np.flatnonzero(end - begin >= IKE_HEADER)
        hits = fits[_is_ike(fields, begin[fits], length[fits] - marker)]
        if marker:
            hits = hits[fields.u32(l4[hits] + UDP_HEADER) == 0]
        outward = fields.u8(begin[hits] + 19) & _INITIATOR != 0
        for port in np.where(outward, dport[hits], sport[hits])[:room].tolist():
            found[port] = found.get(port, 0) + 1
        room = ENOUGH - sum(found.values())


def _plain_udp(fields: Gather, ip: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Offsets of the UDP headers of whole packets, and where these packets end."""
    rows = np.flatnonzero((ip >= 0) & (end - ip >= IPV4_HEADER + UDP_HEADER + IKE_HEADER))
    ip, end = ip[rows], end[rows]
    first = fields.u8(ip)
    four = first >> 4 == 4
    header = np.where(four, (first & 0x0F) * 4, IPV6_HEADER)
    plain: Bools = np.where(four, fields.u8(ip + 9), fields.u8(ip + 6)) == UDP
    plain &= ~four | ((fields.u16(ip + 6) & 0x3FFF == 0) & (header >= IPV4_HEADER))
    chosen = np.flatnonzero(plain)
    l4 = ip[chosen] + header[chosen]
    return l4, end[chosen]


def _is_ike(fields: Gather, begin: Ints, length: Ints) -> Bools:
    """An IKEv2 header whose length is that of the datagram."""
    is_ike: Bools = (fields.u32(begin + 24) == length) & (fields.u8(begin + 17) == 0x20)
    is_ike &= np.isin(fields.u8(begin + 18), _EXCHANGES) & (fields.u8(begin + 19) & _RESERVED == 0)
    is_ike &= fields.u64(begin) != 0
    return is_ike
