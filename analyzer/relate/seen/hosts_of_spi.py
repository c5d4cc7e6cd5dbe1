"""Whose messages they are that share an initiator SPI: SPIs are chosen at random, by each host for itself.

Two hosts may choose the same one (virtual machines from one image that begin with the same random numbers, a poor
generator), and theirs are two IKE SAs. One host may be seen under several addresses (before and behind a NAT, roaming
with MOBIKE, rebound by its NAT), and its messages are of one. What ties them together then: the responder's SPI, once
there is one, or the very bytes of a request, in which key and nonce are those of one host.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from analyzer.columns import Ints, repeated
from analyzer.ike.message_columns import FLAG_INITIATOR
from analyzer.ike.tables import Messages


def parts_of_groups(messages: Messages, order: Ints, begins: Ints) -> Ints:
    """For each message of groups with one initiator SPI the number of its IKE SA within the group, from 0.

    Parameters
    ----------
    messages : Messages
    order, begins : int64 arrays
        Rows of the messages group by group, in the order of capture within a group, and where each begins among them.
    """
    parts = np.zeros(len(order), dtype=np.int64)
    outward = (messages.flags[order] & FLAG_INITIATOR) != 0
    src, dst = messages.src[order], messages.dst[order]
    near, far = np.where(outward, src, dst), np.where(outward, dst, src)
    sizes = np.diff(np.r_[begins, len(order)])
    # IKEv1 has no flag that tells its initiator.
    several = (near != repeated(near[begins], sizes)) & (messages.version[order] >> 4 == 2)
    if not several.any():
        return parts
    spi_r, digest = messages.spi_r[order], messages.digest[order]
    for group in np.unique(np.searchsorted(begins, np.flatnonzero(several), side="right") - 1).tolist():
        span = slice(int(begins[group]), int(begins[group] + sizes[group]))
        columns = (near[span], far[span], outward[span], spi_r[span], digest[span])
        parts[span] = _parts(*(column.tolist() for column in columns))
    return parts


def _parts(
    near: Sequence[int], far: Sequence[int], outward: Sequence[bool], spi_r: Sequence[int], digest: Sequence[int]
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
    for host, spi, data in zip(near, spi_r, digest, strict=True):
        sets.join(("host", host), ("spi", spi) if spi else ("bytes", data))
    roots = [sets.of(("host", host)) for host in near]
    # Answers to a host that asks nothing are those to another's question.
    asks = {root for root, sends in zip(roots, outward, strict=True) if sends}
    asked: dict[int, Hashable] = {}
    for root, host, sends in zip(roots, far, outward, strict=True):
        if sends:
            asked.setdefault(host, root)
    owners = [root if root in asks else asked.get(host, root) for root, host in zip(roots, far, strict=True)]
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(owner, len(numbers)) for owner in owners]


class _Sets:
    """Disjoint sets of things that belong together."""

    def __init__(self) -> None:
        self._parent: dict[Hashable, Hashable] = {}

    def of(self, one: Hashable) -> Hashable:
        """What stands for the set of one."""
        parent = self._parent
        root = one
        while (above := parent.setdefault(root, root)) != root:
            root = above
        while one != root:
            one, parent[one] = parent[one], root
        return root

    def join(self, one: Hashable, other: Hashable) -> None:
        first, second = self.of(one), self.of(other)
        if first != second:
            self._parent[second] = first
