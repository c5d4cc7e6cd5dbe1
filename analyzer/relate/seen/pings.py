"""Pings with DF, by size: which came back, and which never did (docs/domain/path-mtu.md no. 5).

``ping -f -l N`` (Windows), ``ping -M do -s N`` (Linux), ``ping -D -s N`` (macOS) and mtupath.exe send echo requests of
growing or shrinking size that no router may fragment; N is 28 bytes less than the IPv4 packet. Over IPv6 no router
fragments anyway. Requests without DF say nothing, since a router may have cut them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analyzer.cached_property import cached_property
from analyzer.packets.tables import EchoRow

#: Nanoseconds for which a reply is waited for: what was asked within it before the capture ended is still open.
PATIENCE = 2 * 10**9

#: Frames named for one clue.
_TOLD = 6


@dataclass(frozen=True, slots=True)
class PingSize:
    """What became of the echo requests of one size: frames of requests and replies, and how many requests."""

    ip_length: int
    sent: int
    answered: int
    frames: tuple[int, ...]


@dataclass(frozen=True)
class PingSweep:
    """Echo requests with DF from one host to another, by size, the smallest first.

    Requests that the capture's end left no time to answer are left out, unless they were answered.
    """

    sizes: tuple[PingSize, ...]

    @cached_property
    def passed(self) -> PingSize | None:
        """The largest size that was answered."""
        return next((size for size in reversed(self.sizes) if size.answered), None)

    @cached_property
    def lost(self) -> PingSize | None:
        """The smallest size that never was, above all that were; None unless a smaller one was."""
        passed = self.passed
        if passed is None:
            return None
        return next((size for size in self.sizes if size.ip_length > passed.ip_length), None)

    @cached_property
    def lost_requests(self) -> int:
        """Unanswered requests above the largest size that was answered."""
        passed = self.passed
        return sum(s.sent for s in self.sizes if passed is not None and s.ip_length > passed.ip_length)


def ping_sweeps(echoes: Iterable[EchoRow], last: int) -> Mapping[tuple[str, str], PingSweep]:
    """Pair echo requests with DF with their replies, for each two hosts.

    Parameters
    ----------
    echoes : iterable of EchoRow
        In the order of time.
    last : int
        Time of the last packet of the capture, ns.

    Returns
    -------
    mapping of (str, str) to PingSweep
        By the addresses of who asks and who is asked.
    """
    asked: dict[tuple[str, str], dict[tuple[int, int, int], list[EchoRow]]] = defaultdict(lambda: defaultdict(list))
    # A reply that comes before its request is none.
    replied: dict[tuple[str, str], dict[tuple[int, int, int], EchoRow | None]] = defaultdict(dict)
    for echo in echoes:
        number = echo.identifier, echo.sequence, echo.ip_length
        if echo.is_reply:
            # A reply carries the data of its request (RFC 792), so it is as long.
            known = number in asked[echo.dst, echo.src]
            replied[echo.dst, echo.src].setdefault(number, echo if known else None)
        elif echo.df is not False:
            asked[echo.src, echo.dst][number].append(echo)
    return {hosts: _sweep(requests, replied.get(hosts, {}), last) for hosts, requests in asked.items() if requests}


def _sweep(
    asked: Mapping[tuple[int, int, int], list[EchoRow]],
    replied: Mapping[tuple[int, int, int], EchoRow | None],
    last: int,
) -> PingSweep:
    found: dict[int, list[tuple[EchoRow, EchoRow | None]]] = defaultdict(list)
    for number, requests in asked.items():
        # Of one number there is one request: the rest are copies that the capture holds twice.
        request, reply = requests[0], replied.get(number)
        if reply is not None or last - request.time >= PATIENCE:
            found[request.ip_length].append((request, reply))
    sizes = []
    for length in sorted(found):
        pairs = found[length]
        answered = [pair for pair in pairs if pair[1] is not None]
        shown = [echo.frame for pair in (answered or pairs) for echo in pair if echo is not None]
        sizes.append(PingSize(length, len(pairs), len(answered), tuple(sorted(shown)[:_TOLD])))
    return PingSweep(tuple(sizes))
