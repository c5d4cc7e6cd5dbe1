"""Damaged captures through the whole program: it may not know, it may not fail (structure-aware, with hypothesis)."""

from __future__ import annotations

import io
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import analyzer
from analyzer.errors import InputError
from tests.fuzz.mutations import damaged
from tests.fuzz.seeds import captures
from tests.fuzz.targets import check

SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(SLOW, max_examples=120)
@given(damaged())
def test_a_damaged_capture_gives_a_report_or_one_line(raw):
    with suppress(InputError):
        check(analyzer.read("damaged", stream=io.BytesIO(raw)))


@settings(SLOW, max_examples=60)
@given(st.data())
def test_a_pcapng_with_bytes_changed_gives_a_report_or_one_line(data):
    raw = bytearray(data.draw(st.sampled_from(captures())))
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=8)):
        raw[at] = data.draw(st.integers(0, 255))
    with suppress(InputError):
        check(analyzer.read("damaged", stream=io.BytesIO(bytes(raw))))


@settings(SLOW, max_examples=30)
@given(damaged(), damaged())
def test_two_damaged_captures_can_be_compared(one, other):
    with suppress(InputError):
        both = [analyzer.read("damaged", stream=io.BytesIO(raw)) for raw in (one, other)]
        assert analyzer.compare(*both).verdict.exit_status in (0, 1, 3)
