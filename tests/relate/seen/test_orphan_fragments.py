"""Fragments without their first one: where they lie, and what that says. Numbers follow from RFC 791 by hand."""

from __future__ import annotations

import pytest

from analyzer.relate.seen.orphan_fragments import MAX_ORPHANS, Orphan, PlacedOrphan, only_short_ends, placed
from tests.relate.captures import INIT, only_sa


def piece(offset: int, ip_length: int, *, more: bool) -> PlacedOrphan:
    return PlacedOrphan(1, "10.0.0.2", 7, offset, ip_length, more)


def test_pieces_lie_where_the_ladder_put_them() -> None:
    """3468 + 12 bytes at an MTU of 1500: 1480 + 1480 + 520, so the second begins at 1480 and the third at 2960."""
    sa = only_sa(INIT, "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK ip-fragments 3 lost 1\n")
    assert [(p.frame, p.src, p.offset, p.ip_length, p.more) for p in sa.placed_orphans] == [
        (3, "10.0.0.2", 1480, 1500, True),
        (4, "10.0.0.2", 2960, 540, False),
    ]
    assert len({p.identification for p in sa.placed_orphans}) == 1


def test_without_orphans_there_are_none() -> None:
    assert only_sa(INIT).placed_orphans == ()


def test_a_flood_is_bounded() -> None:
    sa = only_sa(INIT, "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK ip-fragments 3 lost 1\n")
    table = sa.messages[0].packet_table
    assert placed([Orphan(n, "x", "y") for n in range(100, 100 + MAX_ORPHANS)] + [Orphan(3, "x", "y")], table) == ()


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        ([], False),
        ([piece(2960, 540, more=False)], True),
        # The second of two: nothing says that more than one went before it.
        ([piece(1480, 540, more=False)], False),
        ([piece(1501, 540, more=False)], True),
        ([piece(1500, 540, more=False)], False),
        # One of full size came.
        ([piece(2960, 540, more=False), piece(1480, 1500, more=True)], False),
        ([piece(2960, 1500, more=False)], False),
    ],
)
def test_only_the_short_end(found: list[PlacedOrphan], answer: bool) -> None:
    assert only_short_ends(found) is answer
