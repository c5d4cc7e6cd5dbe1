"""Which IKE SAs are one connection (RFC 7296 sections 2.6, 2.8, 2.18; RFC 5685)."""

from __future__ import annotations

import pytest

from tests.relate.captures import capture

HOSTS = "C = 10.0.0.2  D = 10.0.0.3  S = 203.0.113.7  T = 203.0.113.8\n"


def login(start: float, sa: int, client: str = "C", server: str = "S", init: str = "") -> str:
    """IKE_SA_INIT and IKE_AUTH, granted 0.12 s after the start."""
    return (
        f"+{start:.3f} {client}:500 > {server}:500 IKE_SA_INIT request sa {sa} {init}\n"
        f"+{start + 0.03:.3f} {client}:500 < {server}:500 IKE_SA_INIT response sa {sa}\n"
        f"+{start + 0.07:.3f} {client}:4500 > {server}:4500 IKE_AUTH request 600 SK{{IDi}} sa {sa}\n"
        f"+{start + 0.12:.3f} {client}:4500 < {server}:4500 IKE_AUTH response 500 SK{{IDr}} sa {sa}\n"
    )


def closed(time: float, sa: int, way: str = ">") -> str:
    return (
        f"+{time:.3f} C:4500 {way} S:4500 INFORMATIONAL request 80 SK{{D}} sa {sa}\n"
        f"+{time + 0.01:.3f} C:4500 {'<' if way == '>' else '>'} S:4500 INFORMATIONAL response 80 SK{{}} sa {sa}\n"
    )


def refused(start: float, sa: int, notify: str) -> str:
    return (
        f"+{start:.3f} C:500 > S:500 IKE_SA_INIT request sa {sa}\n"
        f"+{start + 0.03:.3f} C:500 < S:500 IKE_SA_INIT response N({notify}) sa {sa}\n"
    )


def links(*steps: str) -> dict[int, tuple[int, str]]:
    """By IKE SA (as numbered in the ladder): the one that it goes on from, and how."""
    lines = sorted("".join(steps).splitlines(keepends=True), key=lambda line: float(line.split()[0]))
    analysis = capture(*lines, "+90 C:40000 > S:9 UDP\n", hosts=HOSTS).analysis
    return {after + 1: (before + 1, link) for after, (before, link) in analysis.related.chains.before.items()}


class TestRekeyed:
    """The successor begins in the middle, with a message ID of 0, after CREATE_CHILD_SA in the old IKE SA."""

    ASKED_BY_SERVER = (
        "+20.000 C:4500 < S:4500 CREATE_CHILD_SA request 400 SK{SA} mid 0 sa 1\n"
        "+20.010 C:4500 > S:4500 CREATE_CHILD_SA response 400 SK{SA} mid 0 sa 1\n"
    )

    def test_by_the_gateway(self):
        # The gateway is the initiator of the new IKE SA, and the connection is still the client's.
        new = "+25.000 S:4500 > C:4500 INFORMATIONAL request 80 SK{} mid 0 sa 2\n"
        assert links(login(0, 1), self.ASKED_BY_SERVER, new) == {2: (1, "rekeyed")}

    def test_of_two_clients_the_one_whose_ports_fit(self):
        both = login(0, 1) + login(1, 2, client="D")
        new = "+25.000 C:4500 > S:4500 INFORMATIONAL request 80 SK{} mid 0 sa 3\n"
        assert links(both, self.ASKED_BY_SERVER, new) == {3: (1, "rekeyed")}

    def test_without_create_child_sa_it_began_before_the_trace(self):
        assert links(login(0, 1), "+25.000 C:4500 > S:4500 INFORMATIONAL request 80 SK{} mid 0 sa 2\n") == {}


class TestReauthenticated:
    def test_made_before_the_old_one_is_deleted(self):
        assert links(login(0, 1), login(30, 2), closed(30.5, 1)) == {2: (1, "reauthenticated")}

    def test_deleted_before_the_new_one_is_made(self):
        assert links(login(0, 1), closed(30, 1), login(30.1, 2)) == {2: (1, "reauthenticated")}

    @pytest.mark.parametrize(
        "steps",
        [
            # Closed at once after the login, and asked again: a client that fails, not one that renews.
            (login(0, 1), closed(1, 1), login(1.1, 2)),
            # Closed, and connected again ten seconds later: a person.
            (login(0, 1), closed(30, 1), login(40, 2)),
            # Never closed.
            (login(0, 1), login(30, 2)),
            # Another client.
            (login(0, 1), closed(30, 1), login(30.1, 2, client="D")),
        ],
    )
    def test_not(self, steps: tuple[str, ...]):
        assert links(*steps) == {}


class TestTurnedAway:
    def test_a_cookie_that_was_given_to_another_ike_sa(self):
        cookie = "COOKIE 0x0102030405060708"
        assert links(refused(0, 1, cookie), login(0.1, 2, init=f"N({cookie})")) == {2: (1, "retried")}

    def test_a_new_attempt_without_the_cookie_is_one(self):
        assert links(refused(0, 1, "COOKIE 0x0102030405060708"), login(0.1, 2)) == {}

    def test_redirected_in_the_clear(self):
        assert links(refused(0, 1, "REDIRECT 0x0104cb007108"), login(0.1, 2, server="T")) == {2: (1, "redirected")}

    def test_redirected_in_ike_auth_as_the_client_says(self):
        said = "N(REDIRECTED_FROM 0x0104cb007107)"
        assert links(login(0, 1), login(8, 2, server="T", init=said)) == {2: (1, "redirected")}

    def test_another_gateway_without_a_word_is_another_connection(self):
        assert links(login(0, 1), login(8, 2, server="T")) == {}

    def test_a_gateway_asked_long_after(self):
        assert links(refused(0, 1, "REDIRECT 0x0104cb007108"), login(20, 2, server="T")) == {}


def test_a_chain_has_the_number_of_its_first() -> None:
    steps = login(0, 1) + login(30, 2) + closed(30.5, 1) + login(60, 3) + closed(60.5, 2)
    chains = capture(
        *sorted(steps.splitlines(keepends=True), key=lambda line: float(line.split()[0])),
        "+90 C:40000 > S:9 UDP\n",
        hosts=HOSTS,
    ).analysis.related.chains
    assert [chains.first(index) for index in range(3)] == [0, 0, 0]
    assert chains.link(0) is None
