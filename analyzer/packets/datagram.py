"""An IP datagram in fragments: which fragments came, in which order, at which sizes, and which bytes never did.

Lengths are those of the IP headers, so that a capture cut at 128 bytes per packet reassembles as well as a whole one;
only ``data`` is then shorter (docs/domain/ip-fragments.md). The byte ranges are kept merged, so that adding a fragment
costs a binary search and at most as many removals as there were insertions before.

Which fragments make up a datagram is for :mod:`analyzer.packets.reassembly` to say.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

#: Largest IP payload that a fragment offset and a 16-bit length can describe without an attack (RFC 791 section 3.1).
MAX_PAYLOAD = 65_535

#: What the fragments of a datagram share: (src, dst, protocol, IP ID) and whatever else tells flows apart.
Key = tuple[Hashable, ...]


@dataclass(slots=True)
class Fragment:
    """One IP fragment as captured.

    Attributes
    ----------
    frame : int
        Frame number.
    time : int
        Capture time, ns.
    offset : int
        Offset of its data in the datagram's payload, bytes.
    length : int
        Bytes of data by its IP header.
    more : bool
        More-fragments bit.
    ip_length : int
        Length of the whole IP packet by its header, bytes.
    data : bytes
        Captured data; shorter than ``length`` when the capture was cut (snaplen).
    ref : object
        The caller's own number for it.
    """

    frame: int
    time: int
    offset: int
    length: int
    more: bool
    ip_length: int
    data: bytes
    ref: Any = None

    @property
    def end(self) -> int:
        """Offset behind its last byte."""
        return self.offset + self.length

    def agrees_with(self, other: Fragment) -> bool:
        """Both start with the same bytes, as far as both were captured."""
        shared = min(len(self.data), len(other.data))
        return self.data[:shared] == other.data[:shared]


class Extent:
    """Which bytes of a payload have been seen: disjoint ranges, merged and sorted, and the total once known.

    Examples
    --------
    >>> extent = Extent()
    >>> extent.add(0, 8, more=True), extent.add(16, 24, more=False)
    (False, False)
    >>> extent.missing, extent.complete
    (((8, 16),), False)
    >>> extent.add(4, 16, more=True)
    True
    >>> extent.complete
    True
    """

    __slots__ = ("_ends", "_starts", "total")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self.total: int | None = None

    def add(self, start: int, end: int, *, more: bool) -> bool:
        """Add bytes `start` to `end`; True when that contradicts what is known (overlap, or another total)."""
        contradiction = start < end and bisect_right(self._ends, start) < bisect_left(self._starts, end)
        if not more:
            contradiction |= self.total not in (None, end)
            self.total = end if self.total is None else self.total
        end = min(end, MAX_PAYLOAD)
        if start < end:
            first, behind = bisect_left(self._ends, start), bisect_right(self._starts, end)
            if first < behind:
                start, end = min(start, self._starts[first]), max(end, self._ends[behind - 1])
            self._starts[first:behind] = [start]
            self._ends[first:behind] = [end]
        return contradiction or (self.total is not None and self.highest > self.total)

    @property
    def highest(self) -> int:
        """End of the last byte seen."""
        return self._ends[-1] if self._ends else 0

    @property
    def contiguous(self) -> int:
        """Bytes seen from 0 to the first hole."""
        return self._ends[0] if self._ends and self._starts[0] == 0 else 0

    @property
    def complete(self) -> bool:
        return self.total is not None and self.contiguous >= self.total

    @property
    def missing(self) -> tuple[tuple[int, int], ...]:
        """Ranges not seen; the last one ends at -1 when the total is unknown."""
        holes = list(zip([0, *self._ends], [*self._starts, -1 if self.total is None else self.total], strict=True))
        if self.total is None:
            return tuple(hole for hole in holes if hole[0] < hole[1] or hole[1] == -1)
        return tuple((start, min(end, self.total)) for start, end in holes if start < min(end, self.total))


class Datagram:
    """An IP datagram in fragments: all that the capture shows of it.

    Attributes
    ----------
    key : tuple
        The caller's key.
    fragments : list of Fragment
        Distinct fragments in order of arrival.
    duplicates : list of Fragment
        Exact repeats of those, as far as the reassembler keeps them.
    first_fragment : Fragment or None
        The first that came with offset 0.
    extent : Extent
        The bytes that the fragments cover, by their headers.
    overlap : bool
        Byte ranges overlap other than by exact repeats, or a last fragment contradicts the known total. An anomaly,
        with IPv6 enough for an endpoint to drop the datagram (RFC 8200 section 4.5).
    oversize : bool
        A fragment reaches beyond 65,535 bytes; what lies beyond is not stored.
    ended_at : int
        Time of the latest distinct fragment, ns: for a complete datagram, when it became so.

    Examples
    --------
    >>> datagram = Datagram(("10.0.0.2", "203.0.113.7", 17, 0xBEEF))
    >>> datagram.add(Fragment(1, 5, 0, 8, True, 28, b"the head"))
    >>> datagram.missing, datagram.data
    (((8, -1),), b'the head')
    >>> datagram.add(Fragment(2, 9, 8, 4, False, 24, b"tail"))
    >>> datagram.complete, datagram.total, datagram.data
    (True, 12, b'the headtail')
    """

    __slots__ = (
        "_seen",
        "duplicates",
        "ended_at",
        "extent",
        "first_fragment",
        "fragments",
        "key",
        "overlap",
        "oversize",
    )

    def __init__(self, key: Key) -> None:
        self.key = key
        self.fragments: list[Fragment] = []
        self.duplicates: list[Fragment] = []
        self.first_fragment: Fragment | None = None
        self.overlap = False
        self.oversize = False
        self.ended_at = 0
        self.extent = Extent()
        self._seen: dict[tuple[int, int, bool], Fragment] = {}

    @property
    def total(self) -> int | None:
        """Length of the payload, bytes: known from the last fragment."""
        return self.extent.total

    @property
    def missing(self) -> tuple[tuple[int, int], ...]:
        """Byte ranges (from, to) that no fragment covers; to is -1 when the end is unknown."""
        return self.extent.missing

    @property
    def complete(self) -> bool:
        """Every byte is covered, by the headers."""
        return self.extent.complete

    @property
    def in_order(self) -> bool:
        """Fragments arrived by rising offset."""
        offsets = [fragment.offset for fragment in self.fragments]
        return offsets == sorted(offsets)

    @property
    def data(self) -> bytes:
        """Captured bytes from offset 0 to the first that is missing or was not captured; first arrival wins."""
        if not self.duplicates and self.complete and self._tiles:
            return b"".join([fragment.data for fragment in self.fragments])
        captured = Extent()
        buffer = bytearray(self.extent.highest)
        for fragment in reversed([*self.fragments, *self.duplicates]):
            end = fragment.offset + len(fragment.data)
            buffer[fragment.offset : end] = fragment.data
            captured.add(fragment.offset, end, more=True)
        return bytes(buffer[: min(captured.contiguous, MAX_PAYLOAD if self.total is None else self.total)])

    @property
    def _tiles(self) -> bool:
        """The fragments came in order, all captured whole, each beginning where the one before ended."""
        at = 0
        for fragment in self.fragments:
            if fragment.offset != at or len(fragment.data) != fragment.length:
                return False
            at += fragment.length
        return at == self.total

    def original_of(self, fragment: Fragment) -> Fragment | None:
        """The stored fragment that `fragment` repeats exactly, as far as both were captured; None: it is another."""
        original = self._seen.get((fragment.offset, fragment.length, fragment.more))
        return original if original is not None and original.agrees_with(fragment) else None

    def add(self, fragment: Fragment) -> None:
        """Take in a fragment that repeats none."""
        self.oversize |= fragment.end > MAX_PAYLOAD
        self.overlap |= self.extent.add(fragment.offset, fragment.end, more=fragment.more)
        self._seen.setdefault((fragment.offset, fragment.length, fragment.more), fragment)
        self.fragments.append(fragment)
        if fragment.offset == 0 and self.first_fragment is None:
            self.first_fragment = fragment
        self.ended_at = fragment.time
