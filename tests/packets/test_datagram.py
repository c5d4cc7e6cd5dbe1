"""Datagrams and the bytes they cover, against hand-made cases and against a byte-by-byte count."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.packets.datagram import Datagram, Extent, Fragment
from tests.packets.fragments import KEY, PAYLOAD, check_coverage, fragment, parts


def one_datagram(*fragments: Fragment) -> Datagram:
    """The datagram of these fragments, none of which repeats another."""
    datagram = Datagram(KEY)
    for one in fragments:
        datagram.add(one)
    return datagram


def test_in_order() -> None:
    datagram = one_datagram(*parts(0, 1, 2))
    assert datagram.data == PAYLOAD
    assert (datagram.total, datagram.missing, datagram.complete, datagram.overlap) == (3480, (), True, False)
    assert (datagram.in_order, datagram.oversize, datagram.ended_at, datagram.key) == (True, False, 2, KEY)
    assert [one.frame for one in datagram.fragments] == [10, 20, 30]
    assert datagram.first_fragment is datagram.fragments[0]


def test_last_fragment_first() -> None:
    datagram = one_datagram(*parts(2, 0, 1))
    assert (datagram.data, datagram.complete, datagram.in_order) == (PAYLOAD, True, False)
    assert [one.frame for one in datagram.fragments] == [30, 10, 20]


@pytest.mark.parametrize(
    "which, missing, data, total",
    [
        ((0,), ((1480, -1),), PAYLOAD[:1480], None),
        ((0, 2), ((1480, 2960),), PAYLOAD[:1480], 3480),
        ((1,), ((0, 1480), (2960, -1)), b"", None),
        ((2,), ((0, 2960),), b"", 3480),
        ((1, 2), ((0, 1480),), b"", 3480),
    ],
)
def test_what_is_missing(
    which: tuple[int, ...], missing: tuple[tuple[int, int], ...], data: bytes, total: int | None
) -> None:
    datagram = one_datagram(*parts(*which))
    assert (datagram.complete, datagram.missing, datagram.data, datagram.total) == (False, missing, data, total)


def test_snaplen_cuts_the_data_and_not_the_datagram() -> None:
    datagram = one_datagram(fragment(0, b"abcd", True, length=16), fragment(16, b"ef", False, length=8))
    assert (datagram.complete, datagram.total, datagram.data) == (True, 24, b"abcd")


def test_one_empty_fragment_is_an_empty_datagram() -> None:
    datagram = one_datagram(fragment(0, b"", False))
    assert (datagram.complete, datagram.total, datagram.data) == (True, 0, b"")


def test_a_piece_cut_elsewhere_is_an_overlap() -> None:
    whole, half = fragment(0, b"abcdefghijklmnop", True), fragment(0, b"abcdefgh", True)
    datagram = one_datagram(whole, half, fragment(16, b"q", False))
    assert (datagram.overlap, datagram.complete, datagram.data) == (True, True, b"abcdefghijklmnopq")
    assert datagram.fragments[:2] == [whole, half]


def test_first_arrived_bytes_win() -> None:
    pieces = fragment(8, b"BBBBBBBB", True), fragment(0, b"aaaaaaaaXXXX", True), fragment(12, b"YYYYYYYY", False)
    datagram = one_datagram(*pieces)
    assert datagram.overlap
    assert datagram.data == b"aaaaaaaaBBBBBBBBYYYY"


@pytest.mark.parametrize("late", [fragment(8, b"late", False), fragment(32, b"after the end", True)])
def test_contradicting_the_total_is_an_anomaly(late: Fragment) -> None:
    datagram = one_datagram(fragment(16, b"last", False), late)
    assert (datagram.total, datagram.overlap, datagram.complete) == (20, True, False)
    assert datagram.missing[0][0] == 0 and all(end <= 20 for _, end in datagram.missing)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=12))
def test_extent_overlaps_exactly_when_a_byte_is_seen_twice(drawn: list[tuple[int, int]]) -> None:
    extent, seen = Extent(), set[int]()
    for start, length in drawn:
        new = set(range(start, start + length))
        assert extent.add(start, start + length, more=True) == bool(new & seen)
        seen |= new
    assert extent.highest == max(seen, default=-1) + 1


def test_a_repeat_agrees_as_far_as_both_were_captured() -> None:
    original = fragment(0, b"abcd", True, length=8)
    datagram = one_datagram(original)
    assert datagram.original_of(fragment(0, b"abcdefgh", True)) is original
    assert datagram.original_of(fragment(0, b"", True, length=8)) is original
    assert datagram.original_of(fragment(0, b"abcX", True, length=8)) is None, "other bytes"
    assert datagram.original_of(fragment(0, b"abcdefgh", False)) is None, "another last fragment"
    assert datagram.original_of(fragment(8, b"abcd", True, length=8)) is None, "another place"


def test_a_repeat_captured_longer_adds_its_bytes() -> None:
    datagram = one_datagram(fragment(0, b"ab", True, length=8), fragment(8, b"i", False))
    assert datagram.data == b"ab"
    datagram.duplicates.append(fragment(0, b"abcdefgh", True))
    assert datagram.data == b"abcdefghi"


def test_beyond_the_largest_payload_is_oversize() -> None:
    assert not one_datagram(fragment(65_528, bytes(7), False)).oversize
    assert one_datagram(fragment(65_528, bytes(7), False, length=8)).oversize


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 80), st.binary(max_size=40), st.integers(0, 9), st.booleans()), max_size=12))
def test_missing_is_the_complement_of_what_was_seen(drawn: list[tuple[int, bytes, int, bool]]) -> None:
    check_coverage(
        one_datagram(*(fragment(offset, data, more, length=len(data) + cut) for offset, data, cut, more in drawn))
    )
