"""The verdict of many IKE SAs, the counts, and which attempts are one trouble."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.capture import Capture
from tests.rules.overview.captures import connected, fragmented, many, refused, unanswered, undecided


def tally(cap: Capture) -> list[tuple[str, int, int]]:
    return [(row.id, row.sas, row.clients) for row in cap.analysis.judgement.overview.tally]


def forty() -> Capture:
    """The mixture of the reference: 20 clients lose fragments, 10 are refused, 10 connect."""
    attempts = [fragmented(n * 0.5, n, f"A{n}") for n in range(1, 21)]
    attempts += [refused(n * 0.5, n, f"B{n}") for n in range(21, 31)]
    attempts += [connected(n * 0.5, n, f"C{n}") for n in range(31, 41)]
    return many(*attempts)


@pytest.fixture(scope="module")
def cap() -> Capture:
    return forty()


class TestForty:
    def test_the_counts(self, cap):
        rows = tally(cap)
        assert [(sas, clients) for _, sas, clients in rows if sas == 20] == [(20, 20)]
        assert ("no-proposal-chosen-ike", 10, 10) in rows and ("connected-ok", 10, 10) in rows
        assert sum(sas for _, sas, _ in rows) == 40

    def test_the_verdict_is_what_most_failing_clients_share(self, cap):
        assert cap.verdict.exit_status == 1
        assert cap.verdict.sa == 1 and cap.verdict.id == cap.analysis.judgement.of_sa[0].id

    def test_the_gravest_comes_first(self, cap):
        rows = cap.analysis.judgement.overview.tally
        assert [row.severity.rank for row in rows] == sorted(row.severity.rank for row in rows)
        assert rows[-1].id == "connected-ok"


def test_most_clients_not_most_ike_sas() -> None:
    """One client that tries eight times is one; two others are more."""
    cap = many(*[unanswered(n * 10, n, "A1") for n in range(1, 9)], refused(5, 9, "B1"), refused(6, 10, "B2"))
    assert cap.verdict.id == "no-proposal-chosen-ike"
    assert tally(cap)[0][0] in ("no-proposal-chosen-ike", "no-response-ike-sa-init")


def test_of_equally_many_the_surer_one_decides() -> None:
    cap = many(unanswered(0, 1, "A1"), refused(5, 2, "B1"))
    assert cap.verdict.id == "no-proposal-chosen-ike"


def test_a_failure_that_its_client_got_over_does_not_decide() -> None:
    cap = many(
        *[refused(n, n, f"A{n}") for n in range(1, 4)], *[connected(60 + n, 3 + n, f"A{n}") for n in range(1, 4)]
    )
    assert cap.verdict.exit_status == 0
    rows = {row.id: row for row in cap.analysis.judgement.overview.tally}
    assert (rows["no-proposal-chosen-ike"].sas, rows["no-proposal-chosen-ike"].past) == (3, 3)


def test_one_success_behind_a_nat_does_not_make_the_failure_of_another_client_past() -> None:
    cap = many(unanswered(0, 1, "A1", port=1025), connected(30, 2, "A1", port=1030))
    assert cap.verdict.id == "no-response-ike-sa-init" and cap.analysis.judgement.overview.clients == 2


@pytest.mark.parametrize(("undecided_ones", "status"), [(2, 0), (3, 3)])
def test_what_cannot_be_told_of_most_clients_decides(undecided_ones: int, status: int) -> None:
    attempts = [undecided(n, n, f"A{n}") for n in range(1, undecided_ones + 1)]
    cap = many(*attempts, connected(20, 8, "B1"), connected(21, 9, "B2"))
    assert cap.verdict.exit_status == status


def test_an_older_connection_says_nothing_about_an_attempt_of_its_client() -> None:
    """The first IKE SA is older than the trace (message ID 7) and alive; how the attempt ended nobody can tell."""
    older = (
        "+0.000 A1:4500 > S:4500 INFORMATIONAL request 80 SK{} mid 7 sa 1\n"
        "+0.010 A1:4500 < S:4500 INFORMATIONAL response 80 SK{} mid 7 sa 1\n"
        "+0.500 A1:4500 > S:4500 ESP spi 0x11aa0001 count 9\n"
        "+0.600 A1:4500 < S:4500 ESP spi 0x22aa0001 count 9\n"
    )
    assert many(older).verdict.exit_status == 0
    assert many(older, undecided(20, 2, "A1")).verdict.exit_status == 3
    # Among several that are connected it is one of the lesser things.
    assert many(older, undecided(20, 2, "A1"), connected(30, 3, "B1")).verdict.exit_status == 0


def test_attempts_within_a_minute_are_one_trouble() -> None:
    cap = many(*[unanswered(n * 20, n, "A1") for n in range(1, 4)], unanswered(200, 4, "A1"), unanswered(210, 5, "A1"))
    assert cap.analysis.judgement.overview.attempt_of == {1: 0, 2: 0, 4: 3}


def test_a_success_ends_a_trouble() -> None:
    cap = many(unanswered(0, 1, "A1"), connected(10, 2, "A1"), unanswered(20, 3, "A1"))
    assert cap.analysis.judgement.overview.attempt_of == {}


def test_twelve_other_clients_are_named() -> None:
    cap = many(*[refused(n, n, f"A{n}") for n in range(1, 16)])
    (row,) = cap.analysis.judgement.overview.tally
    assert (row.example, row.others) == (0, tuple(range(1, 13)))


def test_a_minute_is_counted_from_the_end_of_the_last_attempt() -> None:
    """The first one goes on to 3 s."""
    for start, again in ((62.9, {1: 0}), (63.1, {})):
        cap = many(unanswered(0, 1, "A1"), unanswered(start, 2, "A1"))
        assert cap.analysis.judgement.overview.attempt_of == again


def test_attempts_of_two_clients_are_two_troubles() -> None:
    cap = many(unanswered(0, 1, "A1"), unanswered(1, 2, "A2"), unanswered(9, 3, "A1"))
    assert cap.analysis.judgement.overview.attempt_of == {2: 0}


KINDS = st.sampled_from([unanswered, refused, connected, undecided])


@settings(max_examples=25)
@given(st.lists(st.tuples(KINDS, st.integers(1, 4)), min_size=1, max_size=12))
def test_sums_are_right_whatever_the_mixture(attempts) -> None:
    """Counted by hand: the verdict of each IKE SA, the addresses of each, and one trouble for each attempt or less."""
    cap = many(*[make(number * 15, number, f"A{client}") for number, (make, client) in enumerate(attempts, 1)])
    judgement, sas = cap.analysis.judgement, cap.analysis.sas
    overview = judgement.overview
    assert overview.sas == len(sas) == sum(row.sas for row in overview.tally)
    assert overview.clients == len({sa.initiator for sa in sas})
    expected = Counter(judgement.of_sa[sa.index].id for sa in sas)
    assert Counter({row.id: row.sas for row in overview.tally}) == expected
    for row in overview.tally:
        who = {sa.initiator for sa in sas if judgement.of_sa[sa.index].id == row.id}
        assert row.clients == len(who) and judgement.of_sa[row.example].id == row.id
        assert {sas[index].initiator for index in row.others} == who - {sas[row.example].initiator}
    for again, first in overview.attempt_of.items():
        assert first < again and sas[first].initiator == sas[again].initiator
        assert judgement.of_sa[again].exit_status != 0 and judgement.of_sa[first].exit_status != 0
