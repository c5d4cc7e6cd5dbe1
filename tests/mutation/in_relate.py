"""Faults in ``analyzer/relate``: every capture is related and judged anew, from the tables of the wire.

What is asked of one, until something notices it:

1. the tests in tests/relate of the same name, and the examples in the module's docstrings,
2. the claims of tests/rules/claims.py, on the cases of which the whole program says something else than without the
   fault (verdict, findings, what was not assessed),
3. the captures of real daemons in sample_pcaps/lab: the verdict is among those that their MANIFEST.toml allows,
4. the other tests in tests/relate that import the module.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import analyzer
from tests.mutation.fates import (
    ROOT,
    Fate,
    Known,
    Questions,
    anew,
    claims_hold,
    examples_are_right,
    first_noticed,
    forget,
    once,
    put_in,
    tests_pass,
)  # fmt: skip
from tests.mutation.mutants import Mutant
from tests.rules import cases
from tests.rules.cases import CASES, Case, capture_of, doubled

FOLDER = ROOT / "analyzer" / "relate"
TESTS = ROOT / "tests" / "relate"

#: What is built on `relate`, and so has to be imported anew to see a fault in it.
_DEPENDENT = (
    *(
        "analyzer.relate",
        "analyzer.rules",
        "analyzer.analysis",
        "analyzer.capture",
        "analyzer.report.",
        "analyzer.frames",
    ),
    *("analyzer.comparison", "analyzer.validation", "tests.rules.claims", "tests.relate"),
)


def prepare(module: str, known: Sequence[Known]) -> None:
    """Work out before the forks what is said of all cases without the fault."""
    for capture in (*map(capture_of, CASES), *map(doubled, CASES), *(one.capture for one in known)):
        _said(capture)


def fate_of(mutant: Mutant, known: Sequence[Known]) -> Fate:
    """What notices the fault first; the process is then no longer of use for anything else."""
    path = next(FOLDER.rglob(f"{mutant.module}.py"))
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    if not put_in(mutant, name, path):
        return Fate.NO_PYTHON
    forget(*_DEPENDENT)
    cases.capture_of, cases.doubled = once(capture_of, "related"), once(doubled, "related")  # type: ignore[assignment]
    return first_noticed(_questions(mutant.module, name, known))


def _questions(module: str, name: str, known: Sequence[Known]) -> Questions:
    own = list(TESTS.rglob(f"test_{module}.py"))
    others = [path for path in sorted(TESTS.rglob("test_*.py")) if path not in own and name in path.read_text("utf-8")]

    def concerned(read: str) -> list[Case]:
        before = {"capture_of": capture_of, "doubled": doubled}[read]
        return [case for case in CASES if _said(before(case)) != _says(getattr(cases, read)(case))]

    return (
        (Fate.UNIT_TESTS, lambda: examples_are_right(name)),
        (Fate.UNIT_TESTS, lambda: tests_pass(own)),
        (Fate.OTHER_CASES, lambda: claims_hold(concerned("capture_of"))),
        (Fate.REAL_CAPTURES, lambda: all(one.is_told(anew(one.capture, "related")) for one in known)),
        (Fate.OTHER_CASES, lambda: claims_hold(concerned("doubled"))),
        (Fate.UNIT_TESTS, lambda: tests_pass(others)),
    )


@cache
def _said(capture: analyzer.Capture) -> str:
    """What is said of a capture without the fault."""
    return _says(capture)


def _says(capture: analyzer.Capture) -> str:
    """As text: the classes of a fault's process are others than those from before the fork."""
    judgement = capture.analysis.judgement
    return repr((judgement.verdict, judgement.of_sa, judgement.findings, judgement.not_assessed))
