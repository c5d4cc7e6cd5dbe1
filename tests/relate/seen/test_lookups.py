"""What a client looked up between two moments: SYNs that nobody answered, names."""

from __future__ import annotations

from analyzer.packets.tables import HandshakeRow, NameRow
from analyzer.relate.seen.lookups import Lookups, LookupsByHost

S = 1_000_000_000
HOST, WEB = "10.0.0.2", "198.51.100.80"


def syn(frame: int, seconds: float, *, sport: int = 40_000, dport: int = 80, host: str = HOST) -> HandshakeRow:
    return HandshakeRow(frame, int(seconds * S), host, WEB, sport, dport, False, False, None)


def syn_ack(frame: int, seconds: float, *, sport: int = 40_000) -> HandshakeRow:
    return HandshakeRow(frame, int(seconds * S), WEB, HOST, 80, sport, True, False, None)


def frames(rows: list[HandshakeRow], start: float = 1, end: float = 11) -> tuple[int, ...]:
    return LookupsByHost(rows).between(HOST, int(start * S), int(end * S)).frames


def test_a_syn_without_an_answer_counts():
    assert frames([syn(5, 2)]) == (5,)


def test_the_moments_belong_to_it_and_an_answer_must_be_due():
    assert frames([syn(1, 0.999), syn(2, 1), syn(3, 10), syn(4, 10.001)]) == (2, 3)


def test_what_was_answered_or_refused_does_not_count():
    refused = HandshakeRow(7, 3 * S, WEB, HOST, 80, 40_001, False, True, None)
    assert frames([syn(5, 2), syn_ack(6, 2.1), syn(6, 2, sport=40_001), refused]) == ()


def test_other_hosts_and_ports_do_not_count():
    assert frames([syn(5, 2, host="10.0.0.3"), syn(6, 2, dport=22)]) == ()


def test_names_that_were_looked_up():
    rows = [NameRow(n, n * S, HOST, "10.0.0.1", f"{n}.example", 3, ()) for n in (1, 2, 12)]
    assert LookupsByHost((), rows).between(HOST, 2 * S, 11 * S).frames == (2,)
    assert LookupsByHost((), rows).between("10.0.0.9", 0, 99 * S) == Lookups()


def test_no_more_than_a_few_are_told():
    assert len(frames([syn(n, 2 + n / 1000, sport=n) for n in range(1, 100)])) == 16
