"""IP reassembly, IPv4 and IPv6, that keeps the evidence: every fragment, every repeat, every incomplete datagram.

An endpoint reassembles to get at the data. Here the way there is the result as well (:mod:`analyzer.packets.datagram`).
This module says which fragments belong together although an IP ID is used again, when a datagram is given up, and how
much is kept: time, datagrams, fragments and bytes are all bounded.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TypeVar

from analyzer.packets.datagram import MAX_PAYLOAD, Datagram, Extent, Fragment, Key

MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND

#: What a fragment costs in memory beside its bytes (measured): the object, its row for the packets table, its place in
#: lists. Without it, a flood of 8-byte fragments would hold far more memory than its bytes count for.
_FRAGMENT_COST = 640
#: What a datagram costs besides (measured): its own lists, ranges and key.
_DATAGRAM_COST = 1024

_Entry = TypeVar("_Entry")


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
        ns from the first fragment until an incomplete datagram is given up: RFC 791 suggests 15 s, Linux waits 30 s;
        fragments leave together. What comes later with the same IP ID is another datagram.
    max_open, max_bytes, max_fragments : int
        Bounds: datagrams at once, bytes of fragments stored (and as many again of closed, incomplete datagrams),
        distinct fragments in a datagram, and as many repeats of them. 1024 fragments carry 64 KB at any MTU above 84;
        more is a flood. At a bound the oldest open datagram is given up as incomplete, and further repeats are dropped.

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
        timeout: int = 30 * SECOND,
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
        self._latest = 0
        self._live_bytes = 0
        self._incomplete_bytes = 0

    @property
    def given_up(self) -> int:
        """Incomplete datagrams that wait for :meth:`drain`."""
        return len(self._incomplete)

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
        # One fragment later than it could: its neighbour may stand in the wrong order.
        self._expire(min(fragment.time, self._latest))
        self._latest = fragment.time
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
            discarded = _Discarded(datagram.extent, datagram.first_fragment, started_at, completed_at)
        elif key not in self._discarded or self._discarded[key].unseen:
            discarded = _Discarded(Extent(), unseen=True)
        else:
            return
        self._discarded[key] = discarded
        self._discarded.move_to_end(key)
        if len(self._discarded) > self.max_open:
            self._discarded.popitem(last=False)

    def awaits_repeats(self, datagram: Datagram) -> bool:
        """Whether fragments that come again may still be added to a complete datagram."""
        return self._recent.get(datagram.key) is datagram

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
            self._live_bytes += _DATAGRAM_COST
        return datagram

    def _starts_another(self, datagram: Datagram, fragment: Fragment) -> bool:
        if fragment.time - datagram.fragments[0].time > self.timeout:
            return True
        original = datagram.original_of(fragment)
        if original is None and fragment.offset == 0:
            original = datagram.first_fragment
        if original is None:
            return False
        return not original.agrees_with(fragment) or fragment.time - original.time > self.repeat_window

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


def _fits(first: Fragment | None, fragment: Fragment) -> bool:
    """Not a first fragment other than the one there is."""
    return fragment.offset > 0 or first is None or first.agrees_with(fragment)


def _cost(fragment: Fragment) -> int:
    return len(fragment.data) + _FRAGMENT_COST


def _stored(datagram: Datagram) -> int:
    return _DATAGRAM_COST + sum(map(_cost, datagram.fragments)) + sum(map(_cost, datagram.duplicates))


def _first_frame(datagram: Datagram) -> int:
    return datagram.fragments[0].frame


def _oldest(entries: OrderedDict[Key, _Entry]) -> _Entry:
    return next(iter(entries.values()))
