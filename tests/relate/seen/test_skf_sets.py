"""Sets of SKF fragments over several sendings (RFC 7383 sections 2.5, 2.6)."""

from __future__ import annotations

import pytest

from analyzer.ike.registry import numbers
from analyzer.relate.seen.skf_sets import SkfSets, skf_sets
from tests.relate.captures import INIT, exchange, only_sa


def sets_of(*sendings: str) -> SkfSets | None:
    """Of requests written as in a ladder, a second apart."""
    steps = [f"+{i + 1} C:4500 > S:4500 IKE_AUTH request {sent} mid 1\n" for i, sent in enumerate(sendings)]
    return skf_sets(exchange(only_sa(INIT, *steps), numbers.IKE_AUTH).requests)


def test_all_of_it_twice():
    sets = sets_of("SKF 1-3/3", "SKF 1-3/3")
    # 532 + 4 + 8 + 20 bytes.
    assert sets == SkfSets(3, (2, 2, 2), 564, False)
    assert (sets.sendings, sets.whole, sets.missing) == (2, 2, ())


@pytest.mark.parametrize(
    "sendings, missing, same, only_last",
    [
        (("SKF 1,3/3", "SKF 1,3/3"), (2,), True, False),
        (("SKF 1,2/4", "SKF 1,3/4"), (4,), False, False),
        (("SKF 1,3/3", "SKF 2/3"), (), False, False),
        (("SKF 3/3", "SKF 3/3"), (1, 2), True, True),
        (("SKF 2/2", "SKF 2/2"), (1,), True, True),
        (("SKF 1-2/2",), (), False, False),
    ],
)
def test_what_is_missing(sendings, missing, same, only_last):
    sets = sets_of(*sendings)
    assert sets is not None
    assert (sets.missing, sets.is_same_each_time, sets.only_last_seen) == (missing, same, only_last)


def test_another_total_is_another_set():
    """RFC 7383 section 2.5.2: refragmented, the total grows, and the old set is thrown away."""
    sets = sets_of("SKF 1-2/3", "SKF 1,3,4/5")
    assert sets is not None
    assert (sets.total, sets.missing) == (5, (2, 5))


@pytest.mark.parametrize("sending", ["600 SK", "SKF 1/1"])
def test_no_set_of_several(sending):
    assert sets_of(sending) is None


def test_nothing_was_sent():
    assert skf_sets(()) is None


def test_ip_cut_a_fragment_again():
    sets = sets_of("SKF 1-2/2 (1600 400)")
    assert sets is not None and sets.ip_fragmented
