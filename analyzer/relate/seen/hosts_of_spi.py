"""Whose messages they are that share an initiator SPI: SPIs are chosen at random, by each host for itself.

Two hosts may choose the same one (virtual machines from one image that begin with the same random numbers, a poor
generator), and theirs are two IKE SAs. One host may be seen under several addresses (before and behind a NAT, roaming
with MOBIKE, given another address by its NAT for each packet), and its messages are of one. What ties them together
then: the responder's SPI, once there is one, or the nonce of a request, which stays the same when it comes again, with
a COOKIE too (RFC 7296 section 2.6); where it was not captured, the very bytes.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from analyzer.columns import Ints, repeated
from analyzer.ike.message_columns import FLAG_INITIATOR
from analyzer.ike.registry import numbers
from analyzer.ike.tables import Wire


def parts_of_groups(wire: Wire, order: Ints, begins: Ints) -> Ints:
    """For each message of groups with one initiator SPI the number of its IKE SA within the group, from 0.

    Parameters
    ----------
    wire : Wire
        Tables of the capture.
    order, begins : int64 arrays
        Rows of the messages group by group, in the order of capture within a group, and where each begins among them.
    """
    parts, messages = np.zeros(len(order), dtype=np.int64), wire.messages
    outward = (messages.flags[order] & FLAG_INITIATOR) != 0
    src, dst = messages.src[order], messages.dst[order]
    near, far = np.where(outward, src, dst), np.where(outward, dst, src)
    sizes = np.diff(np.r_[begins, len(order)])
    # IKEv1 has no flag that tells its initiator.
    several = (near != repeated(near[begins], sizes)) & (messages.version[order] >> 4 == 2)
    if not several.any():
        return parts
    spi_r = messages.spi_r[order]
    for group in np.unique(np.searchsorted(begins, np.flatnonzero(several), side="right") - 1).tolist():
        span = slice(int(begins[group]), int(begins[group] + sizes[group]))
        tokens = [_token(wire, row) for row in order[span].tolist()]
        columns = near[span].tolist(), far[span].tolist(), outward[span].tolist(), spi_r[span].tolist()
        parts[span] = _parts(*columns, tokens)
    return parts


def _token(wire: Wire, row: int) -> Hashable:
    """The nonce of a message before there is a responder's SPI, else what stands for its bytes."""
    m = wire.messages
    if m.spi_r[row]:
        return None
    first = int(m.payload_first[row])
    payloads = slice(first, first + int(m.payload_count[row]))
    for at in np.flatnonzero(wire.payload_type[payloads] == numbers.NONCE).tolist():
        begin = int(wire.payload_offset[first + at])
        return wire.clear[row][begin + 4 : begin + int(wire.payload_length[first + at])]
    return int(m.digest[row])


def _parts(
    near: Sequence[int], far: Sequence[int], outward: Sequence[bool], spi_r: Sequence[int], tokens: Sequence[Hashable]
) -> list[int]:
    """The same for one group: ``near`` is the address of the initiator, ``outward`` whether it sends.

    Examples
    --------
    >>> _parts([1, 2, 1, 2], [9, 9, 9, 9], [True, True, False, False], [0, 0, 5, 6], [11, 12, 13, 14])
    [0, 1, 0, 1]
    >>> _parts([1, 2, 1, 2], [9, 9, 9, 9], [True, True, False, False], [0, 0, 5, 5], [11, 11, 13, 13])
    [0, 0, 0, 0]
    """
    sets = _Sets()
    for host, spi in zip(near, spi_r, strict=True):
        if spi:
            sets.join(("host", host), ("spi", spi))
    # Who goes on with another responder's SPI is another host, though both began with the same random numbers.
    goes_on = {sets.of(("host", h)) for h, spi, sends in zip(near, spi_r, outward, strict=True) if spi and sends}
    for host, spi, token in zip(near, spi_r, tokens, strict=True):
        one, other = sets.of(("host", host)), sets.of(("token", token))
        if not spi and one != other and not {one, other} <= goes_on:
            sets.join(one, other)
            if other in goes_on:
                goes_on.add(one)
    roots = [sets.of(("host", host)) for host in near]
    # Answers to a host that asks nothing are those to another's question.
    asks = {root for root, sends in zip(roots, outward, strict=True) if sends}
    asked: dict[int, Hashable] = {}
    for root, host, sends in zip(roots, far, outward, strict=True):
        if sends:
            asked.setdefault(host, root)
    owners = [root if root in asks else asked.get(host, root) for root, host in zip(roots, far, strict=True)]
    places: dict[Hashable, int] = {}
    return [places.setdefault(owner, len(places)) for owner in owners]


class _Sets:
    """Disjoint sets of things that belong together."""

    def __init__(self) -> None:
        self._parent: dict[Hashable, Hashable] = {}
        self._size: dict[Hashable, int] = {}

    def of(self, one: Hashable) -> Hashable:
        """What stands for the set of one."""
        parent = self._parent
        root = one
        while (above := parent.get(root, root)) != root:
            root = above
        while one != root:
            one, parent[one] = parent[one], root
        return root

    def join(self, one: Hashable, other: Hashable) -> None:
        first, second = self.of(one), self.of(other)
        if first == second:
            return
        # The smaller set goes below the larger one, so that no way to a root is long.
        sizes = self._size.get(first, 1), self._size.get(second, 1)
        above, below = (first, second) if sizes[0] >= sizes[1] else (second, first)
        self._parent[below], self._size[above] = above, sum(sizes)
