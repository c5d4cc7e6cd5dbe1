"""What an IKE SA works out only when somebody asks, and what it passes to each inference."""

from __future__ import annotations

from tests.relate.captures import GOES_ON, INIT, only_sa

LARGE = "+0.1 C:4500 > S:4500 IKE_AUTH request 3000 SK{IDi} ip-fragments 3\n"


def test_nothing_is_inferred_before_somebody_asks():
    sa = only_sa(INIT, LARGE, GOES_ON)
    # Reading made it: what it holds are the facts it was given.
    assert not {"exchanges", "path_mtu", "mtu_clues", "products", "fragment_plans", "nat", "reached"} & set(vars(sa))
    assert sa.fragmentation_i == "yes"
    assert "exchanges" not in vars(sa)


def test_without_a_large_message_no_plan_asks_for_clues_and_products():
    sa = only_sa(INIT, GOES_ON)
    assert sa.fragment_plans == ()
    assert not {"mtu_clues", "products"} & set(vars(sa))
    assert len(only_sa(INIT, LARGE, GOES_ON).fragment_plans) == 1


def test_a_given_mtu_stands_for_all_clues():
    sa = only_sa(INIT, LARGE, GOES_ON, mtu=1400)
    assert sa.path_mtu["responder"].evidence == "given by the user"
    assert sa.path_mtu["initiator"].evidence == "given by the user, although packets of 1,500 bytes were sent"
    assert "mtu_clues" not in vars(sa)


def test_the_initiator_is_who_began_whoever_is_seen_first():
    answered = only_sa("+0 C:500 < S:500 IKE_SA_INIT response\n")
    assert (answered.initiator, answered.responder) == ("10.0.0.2", "203.0.113.7")
    assert answered.addresses == {"initiator": "10.0.0.2", "responder": "203.0.113.7"}
