"""Times for people and for JSON, against Python's own calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.timestamp import duration, iso, utc

#: The last second that a calendar of four-digit years holds: 9999-12-31T23:59:59Z.
LAST_SECOND = 253_402_300_799


@given(st.integers(0, LAST_SECOND), st.integers(0, 999_999))
def test_iso_is_read_back_to_the_microsecond(second, microsecond):
    text = iso(second * 10**9 + microsecond * 1000)
    assert text is not None
    moment = datetime.fromisoformat(text)
    assert moment.tzinfo == UTC
    assert (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) == second
    assert moment.microsecond == microsecond
    assert len(text) == len("1970-01-01T00:00:00.000000Z")


@given(st.integers(0, (LAST_SECOND + 1) * 10**9 - 1))
def test_no_nanosecond_is_lost(ns):
    text = iso(ns)
    assert text is not None
    fraction = text.rstrip("Z").split(".")[1]
    assert int(fraction.ljust(9, "0")) == ns % 10**9
    assert len(fraction) == (9 if ns % 1000 else 6)


def test_years_have_four_digits():
    assert iso(0) == "1970-01-01T00:00:00.000000Z"
    assert iso(LAST_SECOND * 10**9) == "9999-12-31T23:59:59.000000Z"


@pytest.mark.parametrize("ns", [-1, -(2**63), (LAST_SECOND + 1) * 10**9, 2**63 - 1 + 2**70])
def test_a_time_that_no_calendar_holds_is_none(ns):
    assert iso(ns) is None
    assert utc(ns) == "time unknown"


def test_utc():
    assert utc(1_421_270_042_835_161_000) == "2015-01-14 21:14:02 UTC"


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0.0 s"),
        (0.04, "0.0 s"),
        (2.075, "2.1 s"),
        (59.94, "59.9 s"),
        (119.9, "119.9 s"),
        (120, "2 min"),
        (150, "2 min"),
        (151, "3 min"),
        (3569, "59 min"),
        (3571, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (86_400, "24 h 0 min"),
        (-5, "0.0 s"),
    ],
)
def test_duration(seconds, text):
    assert duration(round(seconds * 10**9)) == text
