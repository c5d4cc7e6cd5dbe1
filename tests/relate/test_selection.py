"""Which IKE SAs somebody asks for."""

from __future__ import annotations

import pytest

from analyzer.errors import UsageError
from tests.rules.overview.captures import connected, many, refused


@pytest.fixture(scope="module")
def cap():
    """Captured from 09:00:00 on 2024-01-15: three attempts of 10.1.0.1 and 10.2.0.1."""
    return many(refused(0, 1, "A1"), connected(60, 2, "B1"), connected(600, 3, "A1"))


def numbers(cap, **wanted) -> list[int]:
    return [index + 1 for index in cap.analysis.only(**wanted).told]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"numbers": [2]}, [2]),
        ({"numbers": [3, 1, 3]}, [1, 3]),
        ({"client": "10.1.0.1"}, [1, 3]),
        ({"client": "10.2.0.0/16"}, [2]),
        ({"client": "10.0.0.0/8"}, [1, 2, 3]),
        # 09:01 means the whole minute; the connection of 09:01:00 goes on to 09:01:00.6.
        ({"between": ("09:01", "09:01")}, [2]),
        ({"between": ("09:01:01", "09:11")}, [3]),
        ({"between": ("2024-01-15T09:00:00", "2024-01-15T09:01:00")}, [1, 2]),
        ({"between": ("2024-01-15T10:00:00+01:00", "2024-01-15 09:00:10Z")}, [1]),
        ({"client": "10.1.0.1", "between": ("09:00", "09:05")}, [1]),
    ],
)
def test_what_is_chosen(cap, wanted, expected) -> None:
    assert numbers(cap, **wanted) == expected


@pytest.mark.parametrize(
    ("wanted", "piece"),
    [
        ({"numbers": [4]}, "no IKE SA 4 in this capture, which has 3"),
        ({"numbers": [0]}, "no IKE SA 0"),
        ({"client": "10.9.0.1"}, "no IKE SA fits: there are 10.1.0.1, 10.2.0.1, from 2024-01-15 09:00:00 UTC"),
        ({"client": "vpn.example.com"}, "a client is an address or a network"),
        ({"between": ("9 o'clock", "10:00")}, "a time is 10:40"),
        ({"between": ("10:00", "09:00")}, "'09:00' is before '10:00'"),
        ({"between": ("23:00", "23:10")}, "no IKE SA fits"),
    ],
)
def test_what_cannot_be_chosen(cap, wanted, piece) -> None:
    with pytest.raises(UsageError, match=piece.replace("(", r"\(")):
        cap.only(**wanted)


def test_verdict_and_report_are_those_of_the_chosen_ones(cap) -> None:
    only = cap.only(client="10.2.0.1")
    assert (only.verdict.id, only.verdict.sa) == ("connected-ok", 2)
    report = only.report()
    assert [sa["number"] for sa in report["sas"]] == [2] and report["sas_total"] == 1
    assert {finding["sa_number"] for finding in report["findings"]} <= {2, None}


def test_the_whole_stays_as_it_was(cap) -> None:
    before = cap.verdict
    cap.only(numbers=[1])
    assert cap.verdict == before and len(cap.report()["sas"]) == 3
