"""MTU bounds from the first IP fragment, ICMP and pings, and how they go together.

Sources: docs/domain/ip-fragments.md, docs/domain/path-mtu.md.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.relate.inferred.mtu.clue import MtuClue
from analyzer.relate.inferred.mtu.path_mtu import combined, contradiction
from analyzer.relate.seen.exchange import Role
from tests.relate.captures import HOSTS, INIT, only_sa

LARGE = "+0.1 C:500 > S:500 IKE_AUTH request 3468\n"
HOSTS6 = "C = 2001:db8:1::2  S = 2001:db8:2::7\n"

#: MTU of the sender -> length of its first fragment (docs/domain/ip-fragments.md).
FIRST_FRAGMENTS = {
    1500: 1500, 1492: 1492, 1480: 1476, 1472: 1468, 1460: 1460, 1452: 1452, 1440: 1436, 1436: 1436, 1430: 1428,
    1420: 1420, 1400: 1396, 1390: 1388, 1280: 1276, 1000: 996,
}  # fmt: skip


def bounds(*steps: str, hosts: str = HOSTS, role: Role = "initiator", **options: Any) -> tuple[int | None, int | None]:
    found = only_sa(*steps, hosts=hosts, **options).path_mtu[role]
    return found.lower, found.upper


@pytest.mark.parametrize("mtu, first", FIRST_FRAGMENTS.items())
def test_the_first_fragment_gives_a_range(mtu, first):
    assert bounds(LARGE, hosts=f"{HOSTS}mtu {mtu}\n") == (first, first + 7)


@settings(max_examples=30)
@given(mtu=st.integers(576, 1500), hosts=st.sampled_from([HOSTS, HOSTS6]))
def test_the_range_holds_the_true_mtu(mtu, hosts):
    lower, upper = bounds(LARGE, hosts=f"{hosts}mtu {mtu}\n")
    assert lower is not None and upper is not None
    assert lower <= mtu <= upper


def test_ipv6():
    # 40 of header and 8 of fragment header leave 1444 of 1492 bytes, cut to 1440: 48 + 1440.
    assert bounds(LARGE, hosts=HOSTS6 + "mtu 1492\n") == (1488, 1495)


def test_each_direction_for_itself():
    hosts = "C = 10.0.0.2 (mtu 1400)  S = 203.0.113.7 (mtu 1500)\n"
    steps = (LARGE, "+0.2 C:500 < S:500 IKE_AUTH response 2500\n")
    assert bounds(*steps, hosts=hosts) == (1396, 1403)
    assert bounds(*steps, hosts=hosts, role="responder") == (1500, 1507)


def test_without_fragments_nothing_is_known():
    assert bounds(INIT) == (None, None)
    assert bounds(INIT, role="responder") == (None, None)


def test_a_later_fragment_alone_says_nothing():
    assert bounds(INIT, LARGE.replace("\n", " ip-fragments 3 lost 1\n")) == (None, None)


def test_the_largest_first_fragment_counts():
    # A sender that was told a smaller path MTU in mid-session: its own link still carries the larger one.
    steps = (
        "+0.1 C:500 > S:500 IKE_AUTH request 2500 ip-fragments 2 (1500 1048)\n"
        "+1.1 C:500 > S:500 IKE_AUTH request 2504 mid 1 ip-fragments 3 (1396 1116 60)\n"
    )
    assert bounds(steps) == (1500, 1507)


class TestIcmp:
    BIG = "+0.10 C:500 > S:500 IKE_AUTH request 1400\n"

    def hosts(self) -> str:
        return HOSTS.strip() + "  R = 192.0.2.1\n"

    def test_fragmentation_needed_bounds_the_path_above(self):
        steps = (INIT, self.BIG, "+0.11 C < R ICMP fragmentation-needed mtu 1300\n")
        assert bounds(*steps, hosts=self.hosts()) == (None, 1300)
        assert bounds(*steps, hosts=self.hosts(), role="responder") == (None, None)

    def test_it_outranks_the_senders_own_link(self):
        steps = (INIT, LARGE, "+0.11 C < R ICMP fragmentation-needed mtu 1300\n")
        assert bounds(*steps, hosts=self.hosts()) == (None, 1300)

    def test_the_smallest_counts(self):
        steps = (
            *(INIT, self.BIG),
            "+0.11 C < R ICMP fragmentation-needed mtu 1300\n",
            "+0.12 C < R ICMP fragmentation-needed mtu 1200\n",
            "+0.13 C < R ICMP fragmentation-needed mtu 1400\n",
        )
        assert bounds(*steps, hosts=self.hosts()) == (None, 1200)

    def test_an_old_router_that_gives_no_mtu_still_says_that_the_packet_was_too_large(self):
        # RFC 1191 section 4: the field is zero. 20 + 8 + 1400 bytes did not fit; the next plateau of section 7 is 1006.
        steps = (INIT, self.BIG, "+0.11 C < R ICMP fragmentation-needed\n")
        assert bounds(*steps, hosts=self.hosts()) == (None, 1427)
        assert "perhaps 1,006" in only_sa(*steps, hosts=self.hosts()).path_mtu["initiator"].evidence

    def test_packet_too_big_does_so_for_ipv6(self):
        hosts = HOSTS6.strip() + "  R = 2001:db8:9::1\n"
        steps = (INIT, self.BIG, "+0.11 C < R ICMP packet-too-big mtu 1300\n")
        assert bounds(*steps, hosts=hosts) == (None, 1300)


def test_what_the_user_knows_replaces_what_the_trace_suggests():
    assert bounds(INIT, LARGE, mtu=1400) == (1400, 1400)
    assert bounds(INIT, LARGE, mtu=1400, role="responder") == (1400, 1400)


class TestTogether:
    LINK = MtuClue("first-fragment", "link", 1460, 1467, (4,), "link")
    PASSED = MtuClue("answered", "path", 1400, None, (5,), "a packet of 1,400 bytes was answered")

    def told(self, mtu: int) -> MtuClue:
        return MtuClue("icmp-too-big", "path", None, mtu, (6,), f"ICMP gives {mtu}")

    def test_nothing(self):
        found = combined([])
        assert (found.lower, found.upper, found.evidence) == (None, None, "")

    def test_a_lower_bound_above_the_upper_one_is_left_out(self):
        assert combined([self.LINK, self.told(1300)]).lower is None
        assert combined([self.LINK, self.told(1464)]).lower == 1460

    def test_weak_clues_bound_nothing(self):
        weak = MtuClue("tcp-mss", "path", None, 1300, (7,), "hint", is_weak=True)
        assert combined([self.LINK, weak]) == combined([self.LINK])
        assert contradiction([self.PASSED, weak]) == ""

    def test_what_passed_contradicts_a_smaller_limit(self):
        assert contradiction([self.PASSED, self.told(1400)]) == ""
        assert contradiction([self.PASSED, self.told(1399)]).startswith("but a packet of 1,400 bytes was answered")

    def test_a_small_link_contradicts_what_passed_but_a_large_one_promises_nothing(self):
        small = MtuClue("first-fragment", "link", 1276, 1283, (4,), "link")
        assert contradiction([self.PASSED, small])
        assert contradiction([self.LINK, self.told(1300)]) == ""

    def test_the_evidence_tells_of_a_contradiction(self):
        steps = (
            "+0.10 C:4500 > S:4500 IKE_AUTH request 1400 SK{IDi}\n",
            "+0.11 C < R ICMP fragmentation-needed mtu 1300 quoting +0.10\n",
            "+0.20 C:4500 < S:4500 IKE_AUTH response 500 SK{IDr}\n",
        )
        sa = only_sa(INIT, *steps, hosts=HOSTS.strip() + "  R = 192.0.2.1\n")
        found = sa.path_mtu["initiator"]
        assert (found.lower, found.upper) == (None, 1300)
        assert "but a packet of 1,432 bytes was answered (frame 3): these cannot both hold" in found.evidence

    def test_fragments_and_pings(self):
        # A link of 1500 and a path of 1400..1427: the upper bound is the path's, the lower one too.
        pings = (
            "+20 C > S ICMP echo-request size 1400 df\n+20.1 C < S ICMP echo-reply size 1400\n"
            "+23 C > S ICMP echo-request size 1428 df\n+26 C > S ICMP echo-request size 1428 df\n"
        )
        assert bounds(INIT, LARGE, pings, "+60 C:40000 > S:9 UDP\n") == (1400, 1427)


def test_what_the_user_knows_leaves_the_clues():
    sa = only_sa(INIT, LARGE, mtu=1400)
    assert [c.kind for c in sa.mtu_clues["initiator"]][:1] == ["first-fragment"]
