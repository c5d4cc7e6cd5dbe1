"""Two hosts by the numbers of their addresses, whichever of them sends."""

from __future__ import annotations

#: The smaller number first.
HostPair = tuple[int, int]


def host_pair(a: int, b: int) -> HostPair:
    """Both numbers, the smaller first.

    Examples
    --------
    >>> host_pair(7, 3) == host_pair(3, 7) == (3, 7)
    True
    """
    return (a, b) if a < b else (b, a)
