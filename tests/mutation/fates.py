"""What may become of a mutant, and the questions that are asked of it, whichever part of the program it changes."""

from __future__ import annotations

import doctest
import importlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

import analyzer
from tests.mutation.mutants import Mutant
from tests.rules.cases import Case

ROOT = Path(__file__).resolve().parent.parent.parent

#: The ladders of the cases were read before any fault was put in; what they were read by stays.
_LADDER = "analyzer.report.ladder.notation"
_LADDER_OF_SA = "analyzer.report.ladder.of_sa"


class Fate(IntEnum):
    """What became of a mutant: the exit status of its process says it."""

    SURVIVED = 10
    NO_PYTHON = 11
    OWN_CASES = 12
    OTHER_CASES = 13
    REAL_CAPTURES = 14
    UNIT_TESTS = 15
    ENDLESS = 16


#: Fates with the question that must be answered yes, or that is what became of the mutant.
Questions = Iterable[tuple[Fate, Callable[[], bool]]]


@dataclass(frozen=True, slots=True)
class Known:
    """A real capture, and what is true of it: ``captures.POINT`` of the manifest."""

    capture: analyzer.Capture
    truth: dict[str, Any]

    def is_told(self, capture: analyzer.Capture) -> bool:
        """Verdict, exit status and the verdicts of the IKE SAs are such as an expert could honestly give."""
        exits = self.truth["exit"] if isinstance(self.truth["exit"], list) else [self.truth["exit"]]
        of_sas = Counter(verdict.id for verdict in capture.analysis.judgement.of_sa)
        return (
            capture.verdict.id in self.truth["verdict"]
            and capture.verdict.exit_status in exits
            and of_sas == self.truth.get("sas", of_sas)
        )


def first_noticed(questions: Questions) -> Fate:
    """What notices a fault first."""
    return next((fate for fate, holds in questions if not is_fine(holds)), Fate.SURVIVED)


def is_fine(holds: Callable[[], bool]) -> bool:
    """The answer to a question; whatever else a fault leads to: it was noticed."""
    try:
        return holds()
    except Exception:  # noqa: BLE001
        return False


def anew(capture: analyzer.Capture, *without: str) -> analyzer.Capture:
    """The same capture, not yet judged (and without what else is named); of the class as it is imported now."""
    from analyzer.analysis import Analysis

    fresh = object.__new__(Analysis)
    left_out = {"judgement", *without}
    vars(fresh).update({name: value for name, value in vars(capture.analysis).items() if name not in left_out})
    return analyzer.Capture(fresh)


def once(read: Callable[[Case], analyzer.Capture], *without: str) -> Callable[[Case], analyzer.Capture]:
    """Captures of cases that are judged by the program as it is now, once for all claims."""
    seen: dict[Case, analyzer.Capture] = {}

    def capture(case: Case) -> analyzer.Capture:
        if case not in seen:
            seen[case] = anew(read(case), *without)
        return seen[case]

    return capture


def claims_hold(some: Sequence[Case]) -> bool:
    """All claims about these cases."""
    claims = importlib.import_module("tests.rules.claims")
    for case in some:
        for claim in claims.CLAIMS:
            claim(case)
    return True


def examples_are_right(name: str) -> bool:
    """The examples in the docstrings of a module."""
    return doctest.testmod(importlib.import_module(name)).failed == 0


def tests_pass(tests: Sequence[Path]) -> bool:
    """These files of tests."""
    options = ["-x", "-q", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib", f"--rootdir={ROOT}"]
    return not tests or pytest.main([*options, *map(str, tests)]) == pytest.ExitCode.OK


def forget(*beginnings: str) -> None:
    """Let the modules whose names begin so be imported anew."""
    for name in [n for n in sys.modules if n.startswith(beginnings)]:
        if name == _LADDER_OF_SA or not name.startswith(_LADDER):
            del sys.modules[name]


def put_in(mutant: Mutant, name: str, path: Path) -> bool:
    """Whoever imports this module from now on gets the mutant; False when it is no Python."""
    try:
        code = compile(mutant.text(), path, "exec", dont_inherit=True)
    except SyntaxError:
        return False
    sys.meta_path.insert(0, _Fault(name, code))
    return True


class _Fault(SourceFileLoader):
    """Finds one module, and gives it the code of a mutant."""

    def __init__(self, name: str, code: CodeType) -> None:
        super().__init__(name, code.co_filename)
        self._code = code

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        return self._code
