"""What a host asked for beside IKE, in the order of time: TCP connections that nobody answered, names by DNS.

A client that checks a certificate may ask for a revocation list before it says what it thinks of the certificate.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.packets.tables import HandshakeRow, NameRow

#: Ports at which revocation lists and OCSP responders are asked: HTTP, HTTPS, LDAP (RFC 5280 section 4.2.1.13).
_PORTS = (80, 443, 389)
#: A SYN that is answered at all is answered within this, ns.
_DUE = 1_000_000_000
#: Rows of a kind that one IKE SA is told.
MAX_LOOKUPS = 16


@dataclass(frozen=True, slots=True)
class Lookups:
    """``unanswered``: TCP SYNs without an answer. ``names``: DNS responses. In the order of time, a few of each."""

    unanswered: tuple[HandshakeRow, ...] = ()
    names: tuple[NameRow, ...] = ()

    @property
    def frames(self) -> tuple[int, ...]:
        return (*(row.frame for row in self.unanswered), *(row.frame for row in self.names))


class LookupsByHost:
    """The lookups of a capture, by the host that made them.

    Parameters
    ----------
    handshakes, names
        TCP handshakes and DNS responses of the capture.
    """

    def __init__(self, handshakes: Iterable[HandshakeRow] = (), names: Iterable[NameRow] = ()) -> None:
        rows = list(handshakes)
        heard = {(row.dst, row.dport, row.src, row.sport) for row in rows if row.is_answer or row.is_reset}
        self._unanswered: dict[str, list[HandshakeRow]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row.time):
            asks = not row.is_answer and not row.is_reset and row.dport in _PORTS
            if asks and (row.src, row.sport, row.dst, row.dport) not in heard:
                self._unanswered[row.src].append(row)
        self._names: dict[str, list[NameRow]] = defaultdict(list)
        for name in sorted(names, key=lambda name: name.time):
            self._names[name.client].append(name)

    def between(self, host: str, start: int, end: int) -> Lookups:
        """What a host looked up from one time to another, ns; an answer to a SYN must have been due by then."""
        unanswered, names = self._unanswered.get(host, []), self._names.get(host, [])
        first, last = (bisect_left(unanswered, t, key=_time) for t in (start, end - _DUE + 1))
        begin, stop = bisect_left(names, start, key=_time), bisect_right(names, end, key=_time)
        return Lookups(
            tuple(unanswered[first : min(last, first + MAX_LOOKUPS)]),
            tuple(names[begin : min(stop, begin + MAX_LOOKUPS)]),
        )


def _time(row: HandshakeRow | NameRow) -> int:
    return row.time
