"""IP reassembly, IPv4 and IPv6, that keeps the evidence: every fragment, every repeat, every hole.

An endpoint reassembles to get at the data. Here the way there is the result as well: which fragments came, in which
order, at which sizes, and which bytes never did. Lengths are those of the IP headers, so that a capture cut at 128
bytes per packet reassembles as well as a whole one; only ``data`` is then shorter (domain.md sections 5.1, 5.3).

Everything is bounded. The byte ranges of a datagram are kept merged, so that adding a fragment costs a binary search
and at most as many removals as there were insertions before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND

#: Largest IP payload that a fragment offset and a 16-bit length can describe without an attack (RFC 791 section 3.1).
MAX_PAYLOAD = 65_535

#: What a fragment costs in memory beside its bytes: the object, its key, its place in lists. Without it, a flood of
#: 8-byte fragments would hold far more memory than its bytes count for.
_FRAGMENT_COST = 256

Key = tuple[Hashable, ...]
_Entry = TypeVar("_Entry")


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
        return self.offset + self.length


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
        Exact repeats of those (as many as the reassembler's ``max_fragments``; a flood beyond that is dropped).
    first_fragment : Fragment or None
        The first that came with offset 0.
    overlap : bool
        Byte ranges overlap other than by exact repeats, or a last fragment contradicts the known total. An anomaly,
        with IPv6 enough for an endpoint to drop the datagram (RFC 8200 section 4.5).
    oversize : bool
        A fragment reaches beyond 65,535 bytes; what lies beyond is not stored.
    ended_at : int
        Time of the latest distinct fragment, ns: for a complete datagram, when it became so.
    """

    __slots__ = (
        "_extent",
        "_seen",
        "duplicates",
        "ended_at",
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
        self._extent = Extent()
        self._seen: dict[tuple[int, int, bool], Fragment] = {}

    @property
    def total(self) -> int | None:
        """Length of the payload, bytes: known from the last fragment."""
        return self._extent.total

    @property
    def missing(self) -> tuple[tuple[int, int], ...]:
        """Byte ranges (from, to) that no fragment covers; to is -1 when the end is unknown."""
        return self._extent.missing

    @property
    def complete(self) -> bool:
        """Every byte is covered, by the headers."""
        return self._extent.complete

    @property
    def in_order(self) -> bool:
        """Fragments arrived by rising offset."""
        offsets = [fragment.offset for fragment in self.fragments]
        return offsets == sorted(offsets)

    @property
    def data(self) -> bytes:
        """Captured bytes from offset 0 to the first that is missing or was not captured; first arrival wins."""
        captured = Extent()
        buffer = bytearray(self._extent.highest)
        for fragment in reversed([*self.fragments, *self.duplicates]):
            end = fragment.offset + len(fragment.data)
            buffer[fragment.offset : end] = fragment.data
            captured.add(fragment.offset, end, more=True)
        return bytes(buffer[: min(captured.contiguous, MAX_PAYLOAD if self.total is None else self.total)])

    def original_of(self, fragment: Fragment) -> Fragment | None:
        """The stored fragment that `fragment` repeats exactly, as far as both were captured; None: it is another."""
        original = self._seen.get((fragment.offset, fragment.length, fragment.more))
        return original if original is not None and _agree(original, fragment) else None

    def add(self, fragment: Fragment) -> None:
        """Take in a fragment that repeats none."""
        self.oversize |= fragment.end > MAX_PAYLOAD
        self.overlap |= self._extent.add(fragment.offset, fragment.end, more=fragment.more)
        self._seen.setdefault((fragment.offset, fragment.length, fragment.more), fragment)
        self.fragments.append(fragment)
        if fragment.offset == 0 and self.first_fragment is None:
            self.first_fragment = fragment
        self.ended_at = fragment.time


@dataclass(slots=True)
class _Discarded:
    """A datagram that nobody wants: enough of it to recognise its later fragments.

    ``unseen``: its first fragment was never added, so that one that is added belongs to another datagram.
    ``started_at`` is None until a fragment of it has come.
    """

    extent: Extent
    first: Fragment | None = None
    started_at: int | None = None
    completed_at: int | None = None
    unseen: bool = False

    def age(self, now: int) -> int:
        return 0 if self.started_at is None else now - self.started_at


class Reassembler:
    """Put IP fragments together, many datagrams at once, in the order of capture.

    Parameters
    ----------
    repeat_window : int
        Up to this many ns later an exact repeat is a capture duplicate (the packet seen at two components); after
        that it opens a new datagram (a retransmission by a sender whose IP ID is constant).
    timeout : int
        ns from the first fragment until an incomplete datagram is given up (RFC 1122 3.3.2, RFC 8200 4.5: 60 s).
    max_open, max_bytes, max_fragments : int
        Bounds: datagrams at once, bytes of fragments stored (and as many again of closed, incomplete datagrams),
        distinct fragments in a datagram. 1024 fragments carry 64 KB at any MTU above 84; more is a flood. At a bound
        the oldest open datagram is given up as incomplete.

    Attributes
    ----------
    evicted : int
        Datagrams given up because of a bound.
    forgotten : int
        Incomplete datagrams dropped before anybody asked for them (see :meth:`drain`), because of a bound.

    Notes
    -----
    A first fragment that does not fit the one there already belongs to another datagram with the same IP ID: the old
    one is closed as incomplete. It fits when the bytes agree as far as both reach: the same datagram, cut elsewhere.

    Examples
    --------
    >>> reassembler = Reassembler()
    >>> reassembler.add(("a", "b", 17, 1), Fragment(2, 5, 8, 4, False, 32, b"tail"))
    >>> datagram = reassembler.add(("a", "b", 17, 1), Fragment(1, 9, 0, 8, True, 28, b"the head"))
    >>> datagram.data, datagram.in_order, datagram.overlap
    (b'the headtail', False, False)
    >>> reassembler.flush()
    []
    """

    def __init__(
        self,
        *,
        repeat_window: int = 100 * MILLISECOND,
        timeout: int = 60 * SECOND,
        max_open: int = 4096,
        max_bytes: int = 64 << 20,
        max_fragments: int = 1024,
    ) -> None:
        self.repeat_window = repeat_window
        self.timeout = timeout
        self.max_open = max_open
        self.max_bytes = max_bytes
        self.max_fragments = max_fragments
        self.evicted = 0
        self.forgotten = 0
        self._open: OrderedDict[Key, Datagram] = OrderedDict()
        self._recent: OrderedDict[Key, Datagram] = OrderedDict()
        self._discarded: OrderedDict[Key, _Discarded] = OrderedDict()
        self._incomplete: deque[Datagram] = deque()
        self._live_bytes = 0
        self._incomplete_bytes = 0

    def add(self, key: Key, fragment: Fragment) -> Datagram | None:
        """Take in the next fragment of the capture.

        Parameters
        ----------
        key : tuple
            What the fragments of a datagram share: (src, dst, protocol, IP ID) and whatever else tells flows apart.
        fragment : Fragment
            Is kept; its ``data`` is cut to ``length`` and to the largest datagram.

        Returns
        -------
        Datagram or None
            The datagram that `fragment` completes. Repeats that come later are still added to its ``duplicates``.
        """
        fragment.offset, fragment.length = max(0, fragment.offset), max(0, fragment.length)
        fragment.data = fragment.data[: max(0, min(fragment.length, MAX_PAYLOAD - fragment.offset))]
        self._expire(fragment.time)
        if self._swallowed(key, fragment) or self._repeats_completed(key, fragment):
            return None
        datagram = self._datagram_for(key, fragment)
        if datagram.original_of(fragment) is not None:
            self._keep_duplicate(datagram, fragment)
        else:
            datagram.add(fragment)
            self._live_bytes += _cost(fragment)
        if datagram.complete:
            del self._open[key]
            self._forget(self._recent.pop(key, None))
            self._recent[key] = datagram
        self._keep_bounds()
        return datagram if datagram.complete else None

    def discard(self, key: Key, fragment: Fragment | None = None) -> None:
        """Drop the datagram of this key and swallow its later fragments, until it is complete or timed out.

        Parameters
        ----------
        key : tuple
            As for :meth:`add`. A key never added is fine: the caller has seen the first fragment and added none.
        fragment : Fragment or None
            The fragment that told the caller so, if it was not added. With it the end of the datagram is known;
            without, whatever comes under the key is swallowed until the next first fragment.
        """
        if fragment is not None:
            self.add(key, fragment)
        datagram = self._open.pop(key, None) or self._recent.pop(key, None)
        if datagram is not None:
            self._forget(datagram)
            completed_at = datagram.ended_at if datagram.complete else None
            started_at = datagram.fragments[0].time
            discarded = _Discarded(datagram._extent, datagram.first_fragment, started_at, completed_at)
        elif key not in self._discarded or self._discarded[key].unseen:
            discarded = _Discarded(Extent(), unseen=True)
        else:
            return
        self._discarded[key] = discarded
        self._discarded.move_to_end(key)
        if len(self._discarded) > self.max_open:
            self._discarded.popitem(last=False)

    def drain(self) -> list[Datagram]:
        """Incomplete datagrams closed so far, by first frame; they are handed over and forgotten here."""
        closed = sorted(self._incomplete, key=_first_frame)
        self._incomplete.clear()
        self._incomplete_bytes = 0
        return closed

    def flush(self) -> list[Datagram]:
        """At the end of the capture: all datagrams that stayed incomplete, by first frame."""
        while self._open:
            self._close(next(iter(self._open)))
        return self.drain()

    def _expire(self, now: int) -> None:
        while self._open and now - _oldest(self._open).fragments[0].time > self.timeout:
            self._close(next(iter(self._open)))
        while self._recent and now - _oldest(self._recent).ended_at > self.repeat_window:
            self._forget(self._recent.popitem(last=False)[1])
        while self._discarded and _oldest(self._discarded).age(now) > self.timeout:
            self._discarded.popitem(last=False)

    def _swallowed(self, key: Key, fragment: Fragment) -> bool:
        discarded = self._discarded.get(key)
        if discarded is None:
            return False
        if self._ends(discarded, fragment):
            del self._discarded[key]
            return False
        if discarded.started_at is None:
            discarded.started_at = fragment.time
        discarded.extent.add(fragment.offset, fragment.end, more=fragment.more)
        if fragment.offset == 0 and discarded.first is None:
            discarded.first = fragment
        if discarded.completed_at is None and discarded.extent.complete:
            discarded.completed_at = fragment.time
        return True

    def _ends(self, discarded: _Discarded, fragment: Fragment) -> bool:
        """This fragment belongs to another datagram, which has the IP ID of the discarded one."""
        if discarded.completed_at is not None:
            return fragment.time - discarded.completed_at > self.repeat_window or not _fits(discarded.first, fragment)
        if discarded.unseen and fragment.offset == 0:
            return True
        repeat = fragment.offset == 0 and discarded.first is not None
        allowed = self.repeat_window if repeat else self.timeout
        return discarded.age(fragment.time) > allowed or not _fits(discarded.first, fragment)

    def _repeats_completed(self, key: Key, fragment: Fragment) -> bool:
        recent = self._recent.get(key)
        if recent is None or key in self._open or fragment.time - recent.ended_at > self.repeat_window:
            return False
        if recent.original_of(fragment) is None:
            return False
        self._keep_duplicate(recent, fragment)
        self._keep_bounds()
        return True

    def _datagram_for(self, key: Key, fragment: Fragment) -> Datagram:
        datagram = self._open.get(key)
        if datagram is not None and len(datagram.fragments) >= self.max_fragments:
            self._evict(key)
            datagram = None
        if datagram is not None and self._starts_another(datagram, fragment):
            self._close(key)
            datagram = None
        if datagram is None:
            datagram = self._open[key] = Datagram(key)
        return datagram

    def _starts_another(self, datagram: Datagram, fragment: Fragment) -> bool:
        if fragment.time - datagram.fragments[0].time > self.timeout:
            return True
        original = datagram.original_of(fragment)
        if original is None and fragment.offset == 0:
            original = datagram.first_fragment
        if original is None:
            return False
        return not _agree(original, fragment) or fragment.time - original.time > self.repeat_window

    def _keep_duplicate(self, datagram: Datagram, fragment: Fragment) -> None:
        if len(datagram.duplicates) < self.max_fragments:
            datagram.duplicates.append(fragment)
            self._live_bytes += _cost(fragment)

    def _keep_bounds(self) -> None:
        while len(self._recent) > self.max_open or (self._recent and self._live_bytes > self.max_bytes):
            self._forget(self._recent.popitem(last=False)[1])
        while len(self._open) > self.max_open or (self._open and self._live_bytes > self.max_bytes):
            self._evict(next(iter(self._open)))

    def _evict(self, key: Key) -> None:
        self.evicted += 1
        self._close(key)

    def _close(self, key: Key) -> None:
        datagram = self._open.pop(key)
        self._forget(datagram)
        self._incomplete.append(datagram)
        self._incomplete_bytes += _stored(datagram)
        while self._incomplete_bytes > self.max_bytes:
            self.forgotten += 1
            self._incomplete_bytes -= _stored(self._incomplete.popleft())

    def _forget(self, datagram: Datagram | None) -> None:
        if datagram is not None:
            self._live_bytes -= _stored(datagram)


def _agree(one: Fragment, other: Fragment) -> bool:
    """The captured bytes are the same as far as both reach."""
    shared = min(len(one.data), len(other.data))
    return one.data[:shared] == other.data[:shared]


def _fits(first: Fragment | None, fragment: Fragment) -> bool:
    """Not a first fragment other than the one there is."""
    return fragment.offset > 0 or first is None or _agree(first, fragment)


def _cost(fragment: Fragment) -> int:
    return len(fragment.data) + _FRAGMENT_COST


def _stored(datagram: Datagram) -> int:
    return sum(_cost(fragment) for fragment in datagram.fragments) + sum(_cost(copy) for copy in datagram.duplicates)


def _first_frame(datagram: Datagram) -> int:
    return datagram.fragments[0].frame


def _oldest(entries: OrderedDict[Key, _Entry]) -> _Entry:
    return next(iter(entries.values()))
