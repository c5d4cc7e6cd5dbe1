"""Expected schedules are those of the daemons' sources, as docs/domain/retransmission.md lists them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.ike.registry import numbers
from analyzer.relate.inferred.retransmission_schedule import matching_schedules, retransmission_gaps, schedules
from analyzer.remedies import products
from tests.relate.captures import GOES_ON, INIT, exchange, only_sa

#: Offsets from the first sending, docs/domain/retransmission.md; gaps are their differences.
STRONGSWAN = (4.0, 11.2, 24.2, 47.5, 89.5)
ANDROID = (0.5, 1.5, 3.5, 7.5, 15.5)
#: Libreswan retransmit.c: "DELAY, DELAY*1, DELAY*2, DELAY*4, ..."; 4.10 with 1000 ms was seen at +1 +2 +4 +8.
LIBRESWAN = (0.5, 1.0, 2.0, 4.0, 8.0)


def differences(offsets: tuple[float, ...]) -> list[float]:
    return [b - a for a, b in zip((0.0, *offsets), offsets, strict=False)]


def first(seen: list[float]) -> list[str]:
    return [m.schedule.product for m in matching_schedules(seen) if m.schedule.alone]


def test_strongswan_waits_4_seconds_times_1_point_8() -> None:
    for count in (2, 3, 4, 5):
        assert first(differences(STRONGSWAN)[:count]) == ["strongswan"]


def test_libreswan_waits_its_first_delay_twice_and_android_does_not() -> None:
    assert first(differences(LIBRESWAN)) == ["libreswan"]
    assert first(differences(ANDROID)) == ["android"]


def test_a_schedule_that_fits_as_it_is_outranks_one_with_a_sending_missing() -> None:
    """+1 +2 s is a Windows client's (ipsec_client.pcap); Libreswan would fit if +0.5 s were missing."""
    assert [m.schedule.product for m in matching_schedules([1.0, 1.0, 2.0])] == ["windows-client"]
    assert first([1.0, 1.0, 2.0]) == []


def test_the_schedule_of_strongswan_is_4_times_1_point_8_to_the_n() -> None:
    """charon.opt: retransmit_timeout 4.0, retransmit_base 1.8, retransmit_tries 5."""
    known = next(s for s in schedules() if s.product == "strongswan")
    assert known.gaps == pytest.approx([4 * 1.8**n for n in range(5)])


@pytest.mark.parametrize(
    "seen, products",
    [
        ([4.1, 7.2], ["strongswan"]),  # within 10 % of 4 s
        ([4.39, 7.2], ["strongswan"]),
        ([4.5, 7.2], []),  # 12.5 % off
        ([4.0, 8.0], []),  # 11 % off the second gap
        ([0.59, 1.0], ["android"]),  # 90 ms: below the 100 ms of docs/domain/retransmission.md
        ([0.61, 1.0], []),
        ([1.0, 1.0], []),
        ([10.0, 10.0], []),
    ],
)
def test_tolerance(seen: list[float], products: list[str]) -> None:
    assert first(seen) == products


def test_one_missing_sending_is_bridged_but_not_two() -> None:
    """Of +4.0 +11.2 +24.2 +47.5 +89.5 one is not in the trace."""
    for missing in range(4):
        left = tuple(o for k, o in enumerate(STRONGSWAN) if k != missing)
        assert first(differences(left)) == ["strongswan"], missing
    assert first(differences((24.2, 89.5))) == []


def test_one_gap_is_no_schedule() -> None:
    assert matching_schedules([]) == matching_schedules([4.0]) == ()


def test_the_closest_comes_first_and_says_how_close() -> None:
    (found,) = matching_schedules([4.05, 7.2])
    assert found.distance == pytest.approx(0.05)


def test_doubtful_schedules_are_no_hints_by_themselves() -> None:
    """docs/domain/retransmission.md: Windows IKEv2 is doubtful, Cisco unchecked, Apple inferred."""
    assert {s.product for s in schedules() if s.alone}.isdisjoint({"windows-client", "cisco-ios", "cisco-asa", "apple"})


def test_every_product_has_remedies() -> None:
    assert {s.product for s in schedules()} <= products().keys()


@given(st.lists(st.floats(0, 1e6, allow_nan=False), max_size=40))
def test_any_gaps_can_be_asked_about(seen: list[float]) -> None:
    found = matching_schedules(seen)
    assert list(found) == sorted(found, key=lambda m: m.distance)


def test_gaps_of_an_exchange() -> None:
    sa = only_sa(INIT, "+0.1 C:4500 > S:4500 IKE_AUTH request 600 SK{IDi} x3 at +4.000 +11.200\n", GOES_ON)
    assert retransmission_gaps(exchange(sa, numbers.IKE_AUTH)) == pytest.approx((4.0, 7.2))
