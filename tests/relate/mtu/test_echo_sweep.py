"""Pings as a measurement of the path (domain.md 5.6 no. 5): ``ping -f -l N`` makes N + 28 bytes of IP."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.packets.tables import EchoRow
from analyzer.relate.mtu.echo_sweep import Sweep, clues, sweeps
from tests.relate.seen import HOSTS, INIT, capture, only_sa

C, S = "10.0.0.2", "203.0.113.7"
SECOND = 10**9


def pings(*sizes: tuple[int, bool], start: float = 20, df: bool = True) -> str:
    """Requests three seconds apart, each with the size of its IP packet and whether it is answered."""
    lines = []
    for i, (size, answered) in enumerate(sizes):
        lines.append(f"+{start + 3 * i} C > S ICMP echo-request size {size}{' df' if df else ''}\n")
        if answered:
            lines.append(f"+{start + 3 * i}.02 C < S ICMP echo-reply size {size}\n")
    return "".join(lines)


def sweep(*sizes: tuple[int, bool], until: str = "+600 C:40000 > S:9 UDP\n", **options: Any) -> Sweep:
    return capture(INIT, pings(*sizes, **options), until).analysis.related.capture.surroundings.sweeps[C, S]


def bracket(sizes: Sweep) -> tuple[int | None, int | None]:
    return (sizes.passed.ip_length if sizes.passed else None, sizes.lost.ip_length if sizes.lost else None)


def test_a_search_from_both_sides():
    # What mtupath.exe does: 1500 fails, 1000 passes, 1250 passes, 1375 passes, 1438 fails, 1407 fails.
    found = sweep((1500, False), (1000, True), (1250, True), (1375, True), (1438, False), (1407, False))
    assert bracket(found) == (1375, 1407)
    assert found.lost_requests == 3


def test_without_a_smaller_answer_nothing_is_known():
    assert bracket(sweep((1000, False), (1400, False))) == (None, None)


def test_a_size_that_was_answered_once_passes():
    assert bracket(sweep((1400, False), (1400, True), (1500, False))) == (1400, 1500)


def test_a_smaller_size_that_was_lost_is_bad_luck():
    assert bracket(sweep((1000, False), (1400, True))) == (1400, None)


def test_without_df_nothing_is_measured():
    assert capture(INIT, pings((1400, True), df=False)).analysis.related.capture.surroundings.sweeps == {}


def test_what_the_end_of_the_capture_left_open_is_not_lost():
    assert bracket(sweep((1000, True), (1400, False), until="")) == (1000, None)


def test_a_reply_of_another_length_answers_nothing():
    short = "+24 C < S ICMP echo-reply size 1000\n+60 C:40000 > S:9 UDP\n"
    assert bracket(sweep((1000, True), (1400, False), until=short)) == (1000, 1400)


def test_a_reply_before_its_request_answers_nothing():
    rows = [EchoRow(1, 0, S, C, True, 1, 1, 1400, False), EchoRow(2, 1, C, S, False, 1, 1, 1400, True)]
    assert bracket(sweeps(rows, 10 * SECOND)[C, S]) == (None, None)


def test_copies_that_the_capture_holds_twice_count_once():
    request = EchoRow(1, 0, C, S, False, 1, 1, 1400, True)
    found = sweeps([request, EchoRow(2, 3, C, S, False, 1, 1, 1400, True)], 10 * SECOND)
    assert [size.sent for size in found[C, S].sizes] == [1]


def test_ipv6_needs_no_df():
    hosts = "C = 2001:db8:1::2  S = 2001:db8:2::7\n"
    steps = pings((1280, True), (1400, False), (1400, False), df=False)
    sa = only_sa(INIT, steps, "+60 C:40000 > S:9 UDP\n", hosts=hosts)
    assert (sa.path_mtu["initiator"].lower, sa.path_mtu["initiator"].upper) == (1280, 1399)


class TestWhatItSays:
    END = "+600 C:40000 > S:9 UDP\n"

    def test_of_the_path(self):
        sa = only_sa(INIT, pings((1400, True), (1420, False), (1420, False)), self.END)
        bounds = sa.path_mtu["initiator"]
        assert (bounds.lower, bounds.upper) == (1400, 1419)
        assert bounds.evidence == (
            f"pings to {S} with DF: 1,400 bytes of IP are answered, 1,420 and more are not (2 tries)"
        )
        # The replies went without DF, and nobody pinged the other way.
        assert sa.path_mtu["responder"].upper is None

    def test_one_lost_ping_bounds_nothing(self):
        sa = only_sa(INIT, pings((1400, True), (1420, False)), self.END)
        assert (sa.path_mtu["initiator"].lower, sa.path_mtu["initiator"].upper) == (None, None)
        (clue,) = [c for c in sa.mtu_clues["initiator"] if c.kind == "echo-sweep"]
        assert clue.is_weak
        assert "a single lost packet" in clue.text

    def test_all_answered_is_a_lower_bound(self):
        sa = only_sa(INIT, pings((1472, True), (1500, True)), self.END)
        assert (sa.path_mtu["initiator"].lower, sa.path_mtu["initiator"].upper) == (1500, None)

    def test_an_ordinary_ping_measures_nothing(self):
        # Linux sets DF in every ping; 84 bytes pass wherever anything passes.
        sa = only_sa(INIT, pings((84, True)), self.END)
        assert (sa.path_mtu["initiator"].lower, sa.path_mtu["initiator"].upper) == (None, None)

    def test_pings_to_another_host_say_nothing(self):
        hosts = HOSTS.strip() + "  T = 203.0.113.99\n"
        steps = pings((1400, True), (1420, False), (1420, False)).replace("> S", "> T").replace("< S", "< T")
        assert only_sa(INIT, steps, self.END, hosts=hosts).path_mtu["initiator"].upper is None

    def test_frames_show_it(self):
        sa = only_sa(INIT, pings((1400, True), (1420, False), (1420, False)), self.END)
        (clue,) = clues(sa.capture.surroundings.sweeps[C, S], S)
        assert clue.frames == (3, 4, 5, 6)


@settings(max_examples=50)
@given(mtu=st.integers(576, 1500), sizes=st.lists(st.integers(100, 1500), min_size=1, max_size=12))
def test_the_bracket_holds_the_true_mtu(mtu, sizes):
    rows = []
    for i, size in enumerate(sizes):
        rows.append(EchoRow(2 * i + 1, i * SECOND, C, S, False, 1, i, size, True))
        if size <= mtu:
            rows.append(EchoRow(2 * i + 2, i * SECOND + 1, S, C, True, 1, i, size, False))
    for clue in clues(sweeps(rows, 100 * SECOND)[C, S], S):
        assert clue.lower is not None
        assert clue.lower <= mtu
        assert clue.upper is None or mtu <= clue.upper


@pytest.mark.parametrize("sweep", [None, Sweep(())])
def test_nothing_from_nothing(sweep):
    assert clues(sweep, S) == ()
