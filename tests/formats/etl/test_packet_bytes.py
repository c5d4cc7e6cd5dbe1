"""Gathering bytes from a file and from what was kept aside."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import InputError
from analyzer.formats.etl import packet_bytes
from analyzer.formats.etl.packet_bytes import PacketBytes
from analyzer.formats.records import SLACK

FILE = np.random.default_rng(1).bytes(5000)
ASIDE = np.random.default_rng(2).bytes(5000)
pieces = st.lists(st.tuples(st.booleans(), st.integers(0, 4900), st.integers(0, 100)), max_size=30)


@given(pieces)
def test_each_piece_is_where_it_is_said_to_be(wanted: list[tuple[bool, int, int]]) -> None:
    store = PacketBytes("test", io.BytesIO(FILE))
    place = store.keep(ASIDE[:1000])
    assert store.keep(ASIDE[1000:]) == place + 1000
    places = np.array([at + aside * place for aside, at, _ in wanted], np.int64)
    sizes = np.array([size for *_, size in wanted], np.int64)
    buffer, start = store.gather(places, sizes)
    store.close()
    assert len(buffer) <= sum(size + packet_bytes.GAP for *_, size in wanted) + SLACK
    for (aside, at, size), begin in zip(wanted, start.tolist(), strict=True):
        assert buffer[begin : begin + size].tobytes() == (ASIDE if aside else FILE)[at : at + size]
        assert begin + size + SLACK <= len(buffer)
    assert store.lacking == 0


def test_what_lacks_is_counted() -> None:
    store = PacketBytes("test", io.BytesIO(FILE[:1000]))
    buffer, start = store.gather(np.array([990]), np.array([50]))
    assert buffer[start[0] : start[0] + 10].tobytes() == FILE[990:1000]
    assert store.lacking == 40


def test_trouble_with_a_file_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Callable[..., None]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile", fail)
    with pytest.raises(InputError, match=r"^a\.etl: cannot be kept in a temporary file: No space left on device$"):
        PacketBytes("a.etl", None).keep(b"x")


def test_a_read_error_names_the_file() -> None:
    class Broken(io.RawIOBase):
        def seek(self, *_: object) -> int:
            raise OSError(5, "Input/output error")

    store = PacketBytes("a.etl", Broken())  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^a\.etl: cannot be read: Input/output error$"):
        store.gather(np.array([0]), np.array([1]))
