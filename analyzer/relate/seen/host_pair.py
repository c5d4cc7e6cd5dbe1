"""Two hosts by the numbers of their addresses, whichever of them sends; and a client of a gateway."""

from __future__ import annotations

from typing import NamedTuple

from analyzer.protocol import IKE_PORT, NAT_T_PORT

#: The smaller number first.
HostPair = tuple[int, int]
#: Two hosts with a port each, the smaller first.
Ends = tuple[tuple[int, int], tuple[int, int]]


class Client(NamedTuple):
    """A client of a gateway: the two hosts, and the port that a NAT gave it.

    A NAT with several clients behind it gives each another port; 0 stands for a client that has its own (500 or 4500),
    or comes by TCP, where each connection has a port of its own.
    """

    hosts: HostPair
    port: int


def client(hosts: HostPair, port: int, *, over_tcp: bool = False) -> Client:
    """The client that began from a port.

    Examples
    --------
    >>> client((0, 1), 500) == client((0, 1), 4500) != client((0, 1), 1025)
    True
    """
    return Client(hosts, 0 if over_tcp or port in (IKE_PORT, NAT_T_PORT) else port)


def host_pair(a: int, b: int) -> HostPair:
    """Both numbers, the smaller first.

    Examples
    --------
    >>> host_pair(7, 3) == host_pair(3, 7) == (3, 7)
    True
    """
    return (a, b) if a < b else (b, a)


def ends(src: int, dst: int, sport: int, dport: int) -> Ends:
    """The two ends of a flow, whichever way it goes.

    Examples
    --------
    >>> ends(7, 3, 1025, 4500) == ends(3, 7, 4500, 1025) == ((3, 4500), (7, 1025))
    True
    """
    return ((src, sport), (dst, dport)) if (src, sport) < (dst, dport) else ((dst, dport), (src, sport))
