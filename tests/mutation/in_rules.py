"""Faults in ``analyzer/rules``.

What is asked of one, until something notices it:

1. the claims of tests/rules/claims.py: on the cases of the same rule (of the rules that use the same module), then on
   all others,
2. the captures of real daemons in sample_pcaps/lab: the verdict is among those that their MANIFEST.toml allows,
3. the other tests in tests/rules, and the examples in the module's docstrings.

Of a rule only those cases and captures are asked on which it says something else than without the fault: no other
rule depends on it, for rules never import each other.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import analyzer
from analyzer.rules import engine
from analyzer.rules.model import Rule
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

FOLDER = ROOT / "analyzer" / "rules"

#: The rules have modules of these names; the others are what rules share.
RULE_MODULES = {rule.check.__module__.rpartition(".")[2] for rule in engine.all_rules()}

#: What has to be imported anew to see a fault in a rule.
_DEPENDENT = (
    "analyzer.rules",
    "analyzer.analysis",
    "analyzer.capture",
    "analyzer.frames",
    "analyzer.report.",
    "tests.rules.claims",
)


def prepare(module: str, known: Sequence[Known]) -> None:
    """Work out before the forks what a rule says without the fault."""
    if module in RULE_MODULES:
        rule = importlib.import_module(f"analyzer.rules.{module}").RULE
        for capture in (*map(capture_of, CASES), *map(doubled, CASES), *(one.capture for one in known)):
            _said(rule, capture)


def fate_of(mutant: Mutant, known: Sequence[Known]) -> Fate:
    """What notices the fault first; the process is then no longer of use for anything else."""
    path = next(FOLDER.rglob(f"{mutant.module}.py"))
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    if not put_in(mutant, name, path):
        return Fate.NO_PYTHON
    cases.capture_of, cases.doubled = once(capture_of), once(doubled)  # type: ignore[assignment]
    try:
        change = _Change(name) if mutant.module in RULE_MODULES else None
    except Exception:  # noqa: BLE001  the module cannot even be imported
        return Fate.OWN_CASES
    if change is None:
        forget(*_DEPENDENT)
    return first_noticed(_questions(mutant.module, name, change, known))


def _questions(module: str, name: str, change: _Change | None, known: Sequence[Known]) -> Questions:
    concerned_rules = _rules_with(module)
    own = [case for case in CASES if case.rule in concerned_rules]
    others = [case for case in CASES if case.rule not in concerned_rules]
    tests = [path for path in sorted((ROOT / "tests" / "rules").rglob("test_*.py")) if path.stem != "test_cases"]

    def seen(*captures: analyzer.Capture) -> bool:
        return change is None or change.shows(*captures)

    def concerned(some: Sequence[Case]) -> list[Case]:
        return [case for case in some if seen(capture_of(case), doubled(case))]

    return (
        (Fate.OWN_CASES, lambda: claims_hold(concerned(own))),
        (Fate.OTHER_CASES, lambda: claims_hold(concerned(others))),
        (Fate.REAL_CAPTURES, lambda: all(one.is_told(anew(one.capture)) for one in known if seen(one.capture))),
        (Fate.UNIT_TESTS, lambda: examples_are_right(name)),
        (Fate.UNIT_TESTS, lambda: tests_pass(tests)),
    )


class _Change:
    """What a fault changes in what a rule says; the faulty rule takes the place of the right one."""

    def __init__(self, name: str) -> None:
        self._rule: Rule = sys.modules.pop(name).RULE
        self._faulty: Rule = importlib.import_module(name).RULE
        engine.all_rules.cache_clear()
        del sys.modules["tests.rules.claims"]

    def shows(self, *captures: analyzer.Capture) -> bool:
        """The rule says something else of one of these captures."""
        return any(_said(self._rule, capture) != _says(self._faulty, capture) for capture in captures)


@cache
def _rules_with(module: str) -> set[str]:
    """Codes of the rules that are this module, or name it."""
    sources = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py") if path.stem in RULE_MODULES}
    return {stem.partition("_")[0].upper() for stem, text in sources.items() if stem == module or module in text}


@cache
def _said(rule: Rule, capture: analyzer.Capture) -> list[Any]:
    """What a rule says without the fault."""
    return _says(rule, capture)


def _says(rule: Rule, capture: analyzer.Capture) -> list[Any]:
    if rule.scope == "capture":
        return [engine._finding(rule, None, seen) for seen in rule.check(capture.analysis.related)]
    return [engine._assess(sa, (rule,)) for sa in capture.analysis.sas]
