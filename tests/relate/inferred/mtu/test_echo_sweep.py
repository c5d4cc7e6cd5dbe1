"""Pings as a measurement of the path (docs/domain/path-mtu.md no. 5): ``ping -f -l N`` makes N + 28 bytes of IP."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.packets.tables import EchoRow
from analyzer.relate.inferred.mtu.echo_sweep import clues
from analyzer.relate.seen.pings import PingSweep, ping_sweeps
from tests.relate.captures import HOSTS, INIT, only_sa, pings

C, S = "10.0.0.2", "203.0.113.7"
SECOND = 10**9


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
        (clue,) = clues(sa.capture.ping_sweeps[C, S], S)
        assert clue.frames == (3, 4, 5, 6)


@settings(max_examples=50)
@given(mtu=st.integers(576, 1500), sizes=st.lists(st.integers(100, 1500), min_size=1, max_size=12))
def test_the_bracket_holds_the_true_mtu(mtu, sizes):
    rows = []
    for i, size in enumerate(sizes):
        rows.append(EchoRow(2 * i + 1, i * SECOND, C, S, False, 1, i, size, True))
        if size <= mtu:
            rows.append(EchoRow(2 * i + 2, i * SECOND + 1, S, C, True, 1, i, size, False))
    for clue in clues(ping_sweeps(rows, 100 * SECOND)[C, S], S):
        assert clue.lower is not None
        assert clue.lower <= mtu
        assert clue.upper is None or mtu <= clue.upper


@pytest.mark.parametrize("sweep", [None, PingSweep(())])
def test_nothing_from_nothing(sweep):
    assert clues(sweep, S) == ()
