"""Does the capture hold both directions? A sample of the packets tells.

What passes a link in one direction comes from hosts on its one side and goes to hosts on its other. A host that is both
source and destination shows that the capture holds both directions; then no more is looked at. As long as there is
none, pairs of hosts are kept between which TCP is under way (segments with ACK and without RST: these cannot be without
the other direction).
"""

from __future__ import annotations

import numpy as np

from analyzer.columns import Bools, Gather, Ints
from analyzer.protocol import TCP

#: So many of each :data:`STRETCH` packets are looked at, the first ones; and hosts that are kept.
SAMPLE, STRETCH = 2_000, 1 << 14
MAX_HOSTS = 20_000

_ACK, _RST = 0x10, 0x04
#: Mixes the halves of an IPv6 address into one word; that two addresses meet in it is next to impossible by chance.
_MIX = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1


class Directions:
    """Feed it chunks, however large: that changes nothing. ``two_way`` and ``one_way_tcp`` say what was seen so far.

    Attributes
    ----------
    two_way : bool
        A host was seen to send and to be sent to.
    """

    def __init__(self) -> None:
        self.two_way = False
        self._sources: set[int] = set()
        self._targets: set[int] = set()
        self._tcp: set[tuple[int, int]] = set()
        self._stretch, self._is_full = -1, False

    @property
    def one_way_tcp(self) -> int:
        """Pairs of hosts between which TCP under way is seen in one direction; 0 where any traffic goes both ways."""
        return 0 if self.two_way else len(self._tcp)

    def add(self, fields: Gather, first_frame: int, ip: Ints, end: Ints) -> None:
        """Look at a chunk: where its IP headers start (-1: none) and where its packets end, in the buffer."""
        if self.two_way or self._is_full:
            return
        stretch, place = np.divmod(np.arange(first_frame - 1, first_frame - 1 + len(ip)), STRETCH)
        rows = np.flatnonzero((ip >= 0) & (place < SAMPLE))
        for number in np.unique(stretch[rows]).tolist():
            # In the midst of a stretch nothing is decided: a chunk may end anywhere.
            if number > self._stretch:
                self._stretch = number
                self._is_full = len(self._sources) + len(self._targets) >= MAX_HOSTS
            if not self._is_full and not self.two_way:
                self._look(fields, ip, end, rows[stretch[rows] == number])

    def _look(self, fields: Gather, ip: Ints, end: Ints, rows: Ints) -> None:
        at = ip[rows]
        version = fields.u8(at) >> 4
        for four in (True, False):
            chosen = version == (4 if four else 6)
            if chosen.any():
                self._add(*(_ipv4 if four else _ipv6)(fields, at[chosen], end[rows[chosen]]))

    def _add(self, src: list[int], dst: list[int], under_way: list[bool]) -> None:
        self._sources.update(src)
        self._targets.update(dst)
        self._tcp.update([(a, b) for a, b, tcp in zip(src, dst, under_way, strict=True) if tcp])
        if not self._sources.isdisjoint(self._targets):
            self.two_way = True
            for kept in (self._sources, self._targets, self._tcp):
                kept.clear()


def _ipv4(fields: Gather, ip: Ints, end: Ints) -> tuple[list[int], list[int], list[bool]]:
    first = fields.u16(ip + 6) & 0x1FFF == 0
    under_way = (fields.u8(ip + 9) == TCP) & first & _is_under_way(fields, ip + (fields.u8(ip) & 0x0F) * 4, end)
    return fields.u32(ip + 12).tolist(), fields.u32(ip + 16).tolist(), under_way.tolist()


def _ipv6(fields: Gather, ip: Ints, end: Ints) -> tuple[list[int], list[int], list[bool]]:
    under_way = (fields.u8(ip + 6) == TCP) & _is_under_way(fields, ip + 40, end)
    return _address_6(fields, ip + 8), _address_6(fields, ip + 24), under_way.tolist()


def _address_6(fields: Gather, at: Ints) -> list[int]:
    halves = zip(fields.u64(at).tolist(), fields.u64(at + 8).tolist(), strict=True)
    return [(high * _MIX ^ low) & _WORD for high, low in halves]


def _is_under_way(fields: Gather, tcp: Ints, end: Ints) -> Bools:
    flags = fields.u8(tcp + 13)
    found: Bools = (flags & _ACK > 0) & (flags & _RST == 0) & (tcp + 14 <= end)
    return found
