"""Addresses by number, and tables put together and sorted."""

from __future__ import annotations

import dataclasses
import ipaddress

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.columns import narrowed, stack, take
from analyzer.packets import addresses as module
from analyzer.packets.addresses import Addresses
from analyzer.packets.tables import Datagrams

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


@given(st.lists(addresses, max_size=12))
def test_each_address_has_one_number_and_its_text(some):
    table = Addresses()
    numbers = table.numbers([a.packed for a in some]).tolist()
    assert [ipaddress.ip_address(table.text(n)) for n in numbers] == some
    assert [table.raw(n) for n in numbers] == [a.packed for a in some]
    assert [table.find(str(a)) for a in some] == numbers
    assert table.find("no address") is None
    assert len(table) == len(set(some))
    assert sorted(set(numbers)) == list(range(len(table)))


def test_an_address_that_was_not_met():
    assert Addresses().find("192.0.2.1") is None


def test_addresses_beyond_the_limit_are_found_by_what_stands_for_them(monkeypatch):
    monkeypatch.setattr(module, "MAX_ADDRESSES", 1)
    table = Addresses()
    first, other = table.number(bytes([192, 0, 2, 1])), table.number(bytes([192, 0, 2, 2]))
    assert [table.find(text) for text in ("192.0.2.1", "192.0.2.2", "0.0.0.0")] == [first, None, other]


def test_texts_are_made_anew_when_many_are_asked_for(monkeypatch):
    monkeypatch.setattr(module, "_TEXTS_KEPT", 2)
    table = Addresses()
    numbers = [table.number(bytes([10, 0, 0, last])) for last in range(5)]
    assert [table.text(number) for number in numbers * 2] == [f"10.0.0.{last}" for last in range(5)] * 2


@given(st.lists(st.integers(0, 2**32 - 1), max_size=12))
def test_ipv4_addresses_as_words(words):
    table = Addresses()
    known = table.number(bytes([10, 0, 0, 1]))
    numbers = table.numbers_ipv4(np.array([*words, 0x0A000001], dtype=np.int64)).tolist()
    assert numbers[-1] == known
    assert [int.from_bytes(table.raw(n), "big") for n in numbers[:-1]] == words


def test_an_ipv6_address_is_not_the_ipv4_address_with_the_same_first_bytes():
    table = Addresses()
    assert table.number(bytes([32, 1, 13, 184])) != table.number(bytes([32, 1, 13, 184]) + bytes(12))


def datagrams(*rows: tuple[int, int, int, int, int]) -> Datagrams:
    return Datagrams(*np.array(rows, dtype=np.int64).reshape(len(rows), 5).T)


def rows_of(table: Datagrams) -> list[tuple[int, ...]]:
    return list(zip(*(getattr(table, f.name).tolist() for f in dataclasses.fields(table)), strict=True))


def test_stack_and_take():
    one, two, three = (1, 1, 0, -1, 60), (3, 1, 0, 1500, 1500), (2, 0, 0, 1400, 1400)
    assert rows_of(stack(Datagrams, [datagrams(one), datagrams(two, three)])) == [one, two, three]
    assert rows_of(take(datagrams(one, two, three), np.array([2, 0]))) == [three, one]
    assert rows_of(stack(Datagrams, [])) == []


def test_columns_are_narrow_and_keep_no_other_array_alive():
    whole = np.array([(3, 1, 0, 1500, 1500), (2, 0, 0, -1, 1400)], dtype=np.int64)
    table = narrowed(Datagrams(*whole.T))
    columns = [getattr(table, f.name) for f in dataclasses.fields(table)]
    assert [c.dtype.name for c in columns] == ["int32", "int8", "int8", "int32", "int32"]
    assert rows_of(table) == [tuple(row) for row in whole.tolist()]
    kept = narrowed(Datagrams(*whole.astype(np.int32).T))
    assert all(c.base is None for c in [*columns, kept.fragments])
