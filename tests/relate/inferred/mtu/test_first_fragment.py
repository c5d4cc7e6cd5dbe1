"""IP fragments: of the sender's own link, of what it has learned, or cut again on the way.

Source: docs/domain/ip-fragments.md.
"""

from __future__ import annotations

import pytest

from analyzer.relate.inferred.mtu.first_fragment import is_cut_again
from tests.relate.captures import HOSTS, INIT, only_sa

GOES_ON = "+60 C:40000 > S:9 UDP\n"
#: IKE of 3468 bytes with UDP's 8 is 3476 bytes: 1480 + 1480 + 516 at a sender of 1500.
LARGE = "+0.1 C:500 > S:500 IKE_AUTH request 3468"


def only_clue(*steps: str, hosts: str = HOSTS):
    sa = only_sa(INIT, *steps, GOES_ON, hosts=hosts)
    (clue,) = [c for c in sa.mtu_clues["initiator"] if c.kind in ("first-fragment", "refragmented")]
    return clue


def test_at_the_sender():
    clue = only_clue(LARGE + "\n", hosts=HOSTS + "at C mtu 1460\n")
    assert (clue.kind, clue.about, clue.lower, clue.upper) == ("first-fragment", "link", 1460, 1467)
    assert clue.text.endswith("the sender's own link, not the path")


def test_at_the_receiver_a_device_on_the_way_may_have_cut_it():
    # docs/domain/ip-fragments.md: firewalls that put datagrams together cut them anew to the MTU of their own link.
    clue = only_clue(LARGE + "\n", hosts=HOSTS + "at S mtu 1460\n")
    assert (clue.about, clue.lower, clue.upper) == ("link", 1460, 1467)
    assert clue.text.endswith("the sender's own or one on the way")


class TestCutAgain:
    # A router of MTU 1476 cuts 1480 bytes of data into 1456 and 24: packets of 1476 and 44.
    TWICE = LARGE + " ip-fragments 5 (1476 44 1476 44 536)\n"

    def test_says_the_link_on_the_way(self):
        clue = only_clue(self.TWICE, hosts=HOSTS + "at S\n")
        assert (clue.kind, clue.about, clue.lower, clue.upper) == ("refragmented", "path", 1476, 1483)

    def test_in_any_order(self):
        step = self.TWICE.replace("\n", " order 5,4,3,2,1\n")
        assert only_clue(step, hosts=HOSTS + "at S\n").kind == "refragmented"

    @pytest.mark.parametrize(
        "pieces",
        [
            "ip-fragments 3 (1500 1500 536)",
            "ip-fragments 2 (1500 2016)",
            # 2472 bytes of data in one packet: no Ethernet link carries it, so no router can have cut it.
            "ip-fragments 3 (1396 1116 1024)",
            # A link of 756 bytes; the first two pieces together would fit Ethernet, but they are equal.
            "ip-fragments 5 (756 756 756 756 552)",
            # The first of two seen pieces is whole, the second the last.
            "ip-fragments 3 (1476 1476 584)",
        ],
    )
    def test_others_are_not(self, pieces):
        sa = only_sa(INIT, f"{LARGE} {pieces}\n")
        assert not any(map(is_cut_again, sa.messages))

    def test_over_ipv6_a_sender_that_cuts_unequally_is_not_asked(self):
        # No router fragments IPv6, but a NAT64 or a tunnel may: 1448 of data and 32 more is 1480 and 80 with headers.
        hosts = "C = 2001:db8:1::2  S = 2001:db8:2::7\n"
        sa = only_sa(INIT, LARGE + " ip-fragments 5 (1440 104 1440 104 628)\n", hosts=hosts)
        assert any(map(is_cut_again, sa.messages))


def test_fragments_that_obey_icmp_are_no_clue_to_the_link():
    steps = (
        "+0.1 C:4500 > S:4500 IKE_AUTH request 1440 mid 1 SK\n",
        "+0.11 C < R ICMP fragmentation-needed mtu 1400 quoting +0.1\n",
        "+1.1 C:4500 > S:4500 IKE_AUTH request 1440 mid 1 SK ip-fragments 2 (1396 96)\n",
    )
    clue = only_clue(*steps, hosts=HOSTS.strip() + "  R = 192.0.2.1\nat C\n")
    assert (clue.about, clue.lower, clue.upper) == ("path", 1396, 1403)
    assert "has learned of the path" in clue.text


def test_fragments_before_icmp_are_of_the_link_all_the_same():
    steps = (
        LARGE + " mid 1 ip-fragments 3 (1396 1396 744)\n",
        "+0.2 C:500 > S:500 IKE_AUTH request 1440 mid 2 SK\n",
        "+0.21 C < R ICMP fragmentation-needed mtu 1400 quoting +0.2\n",
    )
    clue = only_clue(*steps, hosts=HOSTS.strip() + "  R = 192.0.2.1\nat C\n")
    assert (clue.about, clue.lower, clue.upper) == ("link", 1396, 1403)
