"""What is said first of several IKE SAs; what is expected is what a colleague would say of the same attempts."""

from __future__ import annotations

import pytest

from analyzer.capture import Capture
from tests.relate.captures import INIT, capture
from tests.rules.overview.captures import connected, fragmented, many, refused, silent_login, unanswered, undecided


def said(cap: Capture) -> tuple[str, ...]:
    return cap.analysis.judgement.headline


def test_a_single_ike_sa_needs_none() -> None:
    assert said(capture(INIT)) == ()


def test_the_counts_come_in_the_order_of_their_weight() -> None:
    attempts = [refused(n, n, f"A{n}") for n in range(1, 4)] + [unanswered(n, n, f"B{n}") for n in range(4, 9)]
    cap = many(*attempts, connected(20, 9, "C1"))
    assert said(cap)[0] == ("9 IKE SAs: 5 got no answer to IKE_SA_INIT, 3 had their proposals refused, 1 connected.")


def test_what_cannot_be_decided_comes_first_where_it_is_more() -> None:
    cap = many(*[undecided(n, n, f"A{n}") for n in range(1, 5)], refused(9, 9, "B1"), connected(10, 10, "C1"))
    assert said(cap)[0] == (
        "6 IKE SAs: 4 cannot be decided, 1 had its proposals refused (the only cause that this trace shows), "
        "1 connected."
    )
    assert cap.verdict.id == "no-proposal-chosen-ike"


def test_clients_are_counted_where_they_are_fewer() -> None:
    cap = many(*[unanswered(n * 9, n, "A1") for n in range(1, 7)])
    assert said(cap)[0] == "6 IKE SAs of one client: all got no answer to IKE_SA_INIT."
    cap = many(*[unanswered(n * 9, n, f"A{1 + n % 2}") for n in range(1, 7)], refused(3, 7, "B1"))
    assert said(cap)[0] == (
        "7 IKE SAs of 3 clients: 6 got no answer to IKE_SA_INIT (2 clients), 1 had its proposals refused."
    )


def test_a_failure_that_is_past_is_said_to_be() -> None:
    cap = many(refused(0, 1, "A1"), connected(60, 2, "A1"))
    assert said(cap)[0] == (
        "2 IKE SAs of one client: 1 had its proposals refused (the client connected later), 1 connected."
    )


def test_one_connection_is_no_two() -> None:
    rekeyed = (
        "+20.000 A1:4500 < S:4500 CREATE_CHILD_SA request 400 SK{SA} mid 0 sa 1\n"
        "+20.010 A1:4500 > S:4500 CREATE_CHILD_SA response 400 SK{SA} mid 0 sa 1\n"
        "+25.000 S:4500 > A1:4500 INFORMATIONAL request 80 SK{} mid 0 sa 2\n"
        "+25.010 S:4500 < A1:4500 INFORMATIONAL response 80 SK{} mid 0 sa 2\n"
    )
    assert said(many(connected(0, 1, "A1"), rekeyed))[0] == "2 IKE SAs, one connection (rekeyed)."


def test_what_sets_the_failing_clients_apart() -> None:
    failing = [fragmented(n, n, f"A{n}") for n in range(1, 5)]
    cap = many(*failing, *[connected(n, n, f"B{n}") for n in range(5, 9)])
    assert said(cap)[1] == (
        "Unlike those that connect, all 4 failing clients do not announce IKE fragmentation (notify 16430), send "
        "IKE_AUTH in IP fragments and come from 10.1.0.0/24."
    )


def test_one_failing_client_among_many() -> None:
    cap = many(fragmented(1, 1, "A1"), *[connected(n, n, f"A{n}") for n in range(2, 5)])
    assert said(cap)[1] == (
        "Unlike those that connect, the failing client does not announce IKE fragmentation (notify 16430) and sends "
        "IKE_AUTH in IP fragments."
    )


def test_nothing_is_said_where_it_does_not_separate_cleanly() -> None:
    """One client of the failing network connects, and one of the failing clients looks as the healthy ones do."""
    cap = many(
        *[silent_login(n, n, f"A{n}", 600) for n in range(1, 4)],
        *[connected(n, n, f"A{n}") for n in range(4, 7)],
    )
    assert "Unlike" not in " ".join(said(cap))


@pytest.mark.parametrize(
    ("failing", "healthy", "place"),
    [
        (("10.1.0.5", "10.1.0.200"), ("10.1.1.5", "10.1.2.5"), "10.1.0.0/24"),
        (("10.1.0.5", "10.1.200.5"), ("10.2.1.5", "10.3.1.5"), "10.1.0.0/16"),
        (("10.1.0.5", "10.200.0.5"), ("192.0.2.5", "192.0.2.6"), "10.0.0.0/8"),
        (("2001:db8:1:2::5", "2001:db8:1:2::6"), ("2001:db8:1:3::5", "2001:db8:1:4::5"), "2001:db8:1:2::/64"),
        (("2001:db8:1:200::5", "2001:db8:1:2ff::6"), ("2001:db8:1:300::5", "2001:db8:2::5"), "2001:db8:1:200::/56"),
        (("2001:db8:1:2::5", "2001:db8:1:ff00::6"), ("2001:db8:2::5", "2001:db8:3::5"), "2001:db8:1::/48"),
        (("2001:db8:1::5", "2001:db8:2::6"), ("2001:db9::5", "2001:db9:1::5"), "2001:db8::/32"),
        # One of the others is in it; the failing ones have nothing in common; both kinds of addresses.
        (("10.1.0.5", "10.1.0.200"), ("10.1.0.6", "10.2.0.5"), ""),
        (("10.1.0.5", "192.0.2.5"), ("10.2.0.6", "10.2.0.5"), ""),
    ],
)
def test_the_network_of_the_failing_clients(failing, healthy, place) -> None:
    network = dict(zip(("A1", "A2", "B3", "B4"), (*failing, *healthy), strict=True))
    if ":" in failing[0]:
        network["S"] = "2001:db8:ffff::1"
    attempts = [
        silent_login(1, 1, "A1", 600),
        silent_login(2, 2, "A2", 600),
        connected(3, 3, "B3"),
        connected(4, 4, "B4"),
    ]
    told = said(many(*attempts, network=network))[1:]
    assert told == ((f"Unlike those that connect, all 2 failing clients come from {place}.",) if place else ())


def test_size_and_network_are_told_together() -> None:
    failing = [silent_login(n, n, f"A{n}", 1300) for n in (1, 2)]
    assert said(many(*failing, *[connected(n, n, f"B{n}") for n in (3, 4)]))[1] == (
        "Unlike those that connect, all 2 failing clients send IKE_AUTH of 1,300 bytes or more (healthy: 600 at most) "
        "and come from 10.1.0.0/24."
    )


def test_failures_come_first_where_they_are_as_many() -> None:
    assert said(many(refused(1, 1, "A1"), undecided(2, 2, "B1"), undecided(3, 3, "B2"), refused(4, 4, "A2")))[0] == (
        "4 IKE SAs: 2 had their proposals refused, 2 cannot be decided."
    )


def test_nothing_is_said_of_two_clients() -> None:
    """One that fails and one that connects differ in everything."""
    assert len(said(many(fragmented(1, 1, "A1"), connected(9, 2, "B1")))) == 1


def test_larger_requests_set_apart() -> None:
    """IKE_AUTH of 1,300 bytes in one packet gets no answer, of 600 it does."""
    cap = many(
        *[silent_login(n, n, f"A{n}", 1300) for n in range(1, 4)],
        *[connected(n, n, f"A{n}", request=600) for n in range(4, 7)],
    )
    assert said(cap)[1].endswith("send IKE_AUTH of 1,300 bytes or more (healthy: 600 at most).")


def test_undecided_ones_are_set_apart_where_none_fails() -> None:
    cap = many(*[undecided(n, n, f"B{n}") for n in range(4, 9)], *[connected(n, n, f"A{n}") for n in range(1, 4)])
    assert said(cap) == (
        "8 IKE SAs: 5 cannot be decided, 3 connected.",
        "Unlike those that connect, all 5 undecided clients come from 10.2.0.0/24.",
    )


def test_what_changed_before_it_connected() -> None:
    cap = many(fragmented(0, 1, "A1"), fragmented(20, 2, "A1"), connected(200, 3, "A1"))
    assert said(cap)[-1] == (
        "10.1.0.1 failed at 09:00:20 and connected at 2024-01-15 09:03:20 UTC: the client and the server now announce "
        "IKE fragmentation (notify 16430); its IKE_AUTH went as 3 IP fragments and now goes as one IP packet of 632 "
        "bytes."
    )


def test_what_changed_before_it_failed() -> None:
    """The same client connected before its request grew by 2,868 bytes."""
    cap = many(connected(0, 1, "A1"), fragmented(100, 2, "A1"))
    assert cap.verdict.exit_status == 1
    assert "10.1.0.1 connected at 09:00:00 and failed at 2024-01-15 09:01:40 UTC" in said(cap)[-1]
    assert "its IKE_AUTH went as one IP packet of 632 bytes and now goes as 3 IP fragments" in said(cap)[-1]


def test_others_whose_luck_changed_are_counted() -> None:
    cap = many(*[fragmented(n, n, f"A{n}") for n in (1, 2, 3)], *[connected(90 + n, 3 + n, f"A{n}") for n in (1, 2, 3)])
    assert said(cap)[-1].endswith("2 other clients failed first and connected later, too.")


def test_the_answer_grew() -> None:
    """It no longer fits one packet, and the last IP fragment is lost."""
    grown = connected(100, 2, "A1", answer=3184).splitlines(keepends=True)
    grown[2] = grown[2].rstrip() + " x3 at +1.000 +2.000\n"
    grown[3] = grown[3].rstrip() + " ip-fragments 3  lost 3  x3 at +1.000 +2.000\n"
    cap = many(connected(0, 1, "A1"), "".join(grown[:4]))
    assert cap.verdict.exit_status == 1
    assert "the answer to its IKE_AUTH went as one IP packet of 532 bytes and now goes as IP fragments" in said(cap)[-1]


def test_the_verdict_begins_with_the_counts() -> None:
    cap = many(refused(0, 1, "A1"), connected(60, 2, "B1"))
    example = cap.analysis.judgement.of_sa[0].text
    assert cap.verdict.text == f"2 IKE SAs: 1 had its proposals refused, 1 connected. {example}"
