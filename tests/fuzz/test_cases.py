"""Every target on its seeds, and on what once broke it: ``cases/TARGET-what-it-is.*``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.seeds import seeds_of
from tests.fuzz.targets import TARGETS

CASES = sorted((Path(__file__).parent / "cases").iterdir())


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds_and_nothing_at_all(name):
    seeds = seeds_of(name)
    assert seeds
    for seed in (b"", b"\0", *seeds[::7]):
        TARGETS[name](seed)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_what_once_broke_a_target_no_longer_does(case):
    target, _, _ = case.name.partition("-")
    TARGETS[target](case.read_bytes())


def test_cases_are_small_and_belong_to_a_target():
    assert CASES
    for case in CASES:
        assert case.name.partition("-")[0] in TARGETS
        assert case.stat().st_size <= 4096
