"""Puts small faults into the rules, one at a time, and tells which of them no test notices.

    python -m tests.mutation.run                     every module of analyzer/rules
    python -m tests.mutation.run frg009 silence      those whose names begin so

A mutant is judged in a process of its own, forked after the cases and captures were read and related: nothing is
written, and what a fault does to one process ends with it. What is asked of it, until something notices it:

1. the claims of tests/rules/claims.py: on the cases of the same rule (of the rules that use the same module), then on
   all others,
2. the captures of real daemons in sample_pcaps/lab: the verdict is among those that their MANIFEST.toml allows,
3. the other tests in tests/rules, and the examples in the module's docstrings.

Of a rule only those cases and captures are asked on which it says something else than without the fault: no other
rule depends on it, for rules never import each other.

What no test can notice, because nothing that anybody sees depends on it, is listed in equivalent.toml, with the reason.
"""

from __future__ import annotations

import argparse
import contextlib
import doctest
import gc
import importlib
import os
import resource
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, partial
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

import analyzer
from analyzer.rules import engine
from analyzer.rules.model import Rule
from sample_pcaps.lab.live import manifest
from tests.mutation.mutants import Mutant, mutants_of
from tests.rules import cases
from tests.rules.cases import CASES, Case, capture_of, doubled

ROOT = Path(__file__).resolve().parent.parent.parent
RULES = ROOT / "analyzer" / "rules"
EQUIVALENT = Path(__file__).parent / "equivalent.toml"

#: The rules have modules of these names; the others are what rules share.
RULE_MODULES = {rule.check.__module__.rpartition(".")[2] for rule in engine.all_rules()}

#: Seconds and bytes that a mutant may take; it takes a few seconds where nothing is wrong.
_SECONDS, _BYTES = 60, 6 << 30
#: What has to be imported anew to see a fault in a rule.
_DEPENDS_ON_RULES = ("analyzer.rules", "analyzer.analysis", "analyzer.report.", "tests.rules.claims")
_LADDER = "analyzer.report.ladder"


class Fate(IntEnum):
    """What became of a mutant: the exit status of its process says it."""

    SURVIVED = 10
    NO_PYTHON = 11
    OWN_CASES = 12
    OTHER_CASES = 13
    REAL_CAPTURES = 14
    UNIT_TESTS = 15
    ENDLESS = 16


@dataclass(frozen=True, slots=True)
class Known:
    """A real capture, and what is true of it: ``captures.POINT`` of the manifest."""

    capture: analyzer.Capture
    truth: dict[str, Any]

    def is_told(self, capture: analyzer.Capture) -> bool:
        """Verdict, exit status and the verdicts of the IKE SAs are such as an expert could honestly give."""
        exits = self.truth["exit"] if isinstance(self.truth["exit"], list) else [self.truth["exit"]]
        of_sas = Counter(verdict.id for verdict in capture.judgement.of_sa)
        return (
            capture.verdict.id in self.truth["verdict"]
            and capture.verdict.exit_status in exits
            and of_sas == self.truth.get("sas", of_sas)
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 1 where a mutant survived."""
    parser = argparse.ArgumentParser(prog="tests.mutation.run", description="Which faults in rules go unnoticed?")
    parser.add_argument("modules", nargs="*", help="beginnings of names of modules; all unless given")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    chosen = parser.parse_args(arguments)
    paths = [
        p for p in sorted(RULES.glob("*.py")) if p.stem != "__init__" and p.stem.startswith(tuple(chosen.modules) or "")
    ]
    known = prepared()
    engine_as_it_is = Mutant.none("engine", (RULES / "engine.py").read_text(encoding="utf-8"))
    if (fate := next(judged([engine_as_it_is], known, 1))[1]) is not Fate.SURVIVED:
        print(f"The tests must pass before faults are put in: {fate.name}", file=sys.stderr)
        return 2
    table = Table(_equivalent())
    for path in paths:
        mutants = mutants_of(path.stem, path.read_text(encoding="utf-8"))
        if path.stem in RULE_MODULES:
            rule = importlib.import_module(f"analyzer.rules.{path.stem}").RULE
            for capture in (*map(capture_of, CASES), *map(doubled, CASES), *(one.capture for one in known)):
                _said(rule, capture)
        for mutant, fate in sorted(judged(mutants, known, chosen.jobs), key=lambda pair: pair[0].line):
            table.add(mutant, fate)
    table.show()
    return 1 if table.survivors else 0


def prepared() -> list[Known]:
    """Read and relate all cases and real captures; leave out what fails without any fault."""
    for case in list(CASES):
        if not _is_fine(partial(_claims_hold, [case])):
            print(f"{case.rule}, {case.name!r}, fails without any fault: left out", file=sys.stderr)
            CASES.remove(case)
    known = []
    for scenario, entry in manifest.load().items():
        for point, truth in entry["captures"].items():
            one = Known(anew(analyzer.read(manifest.CAPTURES / f"{scenario}.{point}.pcapng")), truth)
            if one.is_told(anew(one.capture)):
                known.append(one)
            else:
                print(f"{scenario}.{point} is not judged right without any fault: left out", file=sys.stderr)
    gc.collect()
    gc.freeze()
    return known


def anew(capture: analyzer.Capture) -> analyzer.Capture:
    """The same capture, related, but not yet judged; of the class as it is imported now."""
    _ = capture.related
    fresh = object.__new__(analyzer.Capture)
    vars(fresh).update({name: value for name, value in vars(capture).items() if name != "judgement"})
    return fresh


def judged(mutants: Sequence[Mutant], known: Sequence[Known], jobs: int) -> Iterator[tuple[Mutant, Fate]]:
    """Judge each mutant in a process of its own, some at a time."""
    waiting = list(reversed(mutants))
    running: dict[int, Mutant] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            process = os.fork()
            if process == 0:
                _be(mutant, known)
            running[process] = mutant
        process, status = os.wait()
        # A process that a limit ended did not end by itself.
        fate = Fate(os.WEXITSTATUS(status)) if os.WIFEXITED(status) else Fate.ENDLESS
        yield running.pop(process), fate


def _be(mutant: Mutant, known: Sequence[Known]) -> None:
    """Live as this mutant, to the end of the process."""
    fate = Fate.ENDLESS
    try:
        # Of its own time, not by the clock: a machine that does other work at the same time kills no mutant.
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        fate = fate_of(mutant, known)
    finally:
        os._exit(fate)


def fate_of(mutant: Mutant, known: Sequence[Known]) -> Fate:
    """What notices the fault first."""
    name = f"analyzer.rules.{mutant.module}"
    try:
        code = compile(mutant.text(), RULES / f"{mutant.module}.py", "exec", dont_inherit=True)
    except SyntaxError:
        return Fate.NO_PYTHON
    sys.meta_path.insert(0, _Fault(name, code))
    cases.capture_of, cases.doubled = _once(capture_of), _once(doubled)  # type: ignore[assignment]
    try:
        change = _Change(name) if mutant.module in RULE_MODULES else None
    except Exception:  # noqa: BLE001  the module cannot even be imported
        return Fate.OWN_CASES
    if change is None:
        for loaded in [n for n in sys.modules if n.startswith(_DEPENDS_ON_RULES) and not n.startswith(_LADDER)]:
            del sys.modules[loaded]
    concerned_rules = _rules_with(mutant.module)
    own = [case for case in CASES if case.rule in concerned_rules]
    others = [case for case in CASES if case.rule not in concerned_rules]

    def seen(*captures: analyzer.Capture) -> bool:
        return change is None or change.shows(*captures)

    def concerned(some: Sequence[Case]) -> list[Case]:
        return [case for case in some if seen(capture_of(case), doubled(case))]

    for fate, holds in (
        (Fate.OWN_CASES, lambda: _claims_hold(concerned(own))),
        (Fate.OTHER_CASES, lambda: _claims_hold(concerned(others))),
        (Fate.REAL_CAPTURES, lambda: all(one.is_told(anew(one.capture)) for one in known if seen(one.capture))),
        (Fate.UNIT_TESTS, lambda: _examples_are_right(name)),
        (Fate.UNIT_TESTS, _tests_pass),
    ):
        if not _is_fine(holds):
            return fate
    return Fate.SURVIVED


class _Change:
    """What a fault changes in what a rule says; the faulty rule takes the place of the right one."""

    def __init__(self, name: str) -> None:
        self._rule: Rule = sys.modules.pop(name).RULE
        self._faulty: Rule = importlib.import_module(name).RULE
        engine.all_rules.cache_clear()
        engine._orders.cache_clear()
        del sys.modules["tests.rules.claims"]

    def shows(self, *captures: analyzer.Capture) -> bool:
        """The rule says something else of one of these captures."""
        return any(_said(self._rule, capture) != _says(self._faulty, capture) for capture in captures)


@cache
def _rules_with(module: str) -> set[str]:
    """Codes of the rules that are this module, or name it."""
    sources = {path.stem: path.read_text(encoding="utf-8") for path in RULES.glob("*.py") if path.stem in RULE_MODULES}
    return {stem.partition("_")[0].upper() for stem, text in sources.items() if stem == module or module in text}


@cache
def _said(rule: Rule, capture: analyzer.Capture) -> list[Any]:
    """What a rule says without the fault, worked out before the forks."""
    return _says(rule, capture)


def _says(rule: Rule, capture: analyzer.Capture) -> list[Any]:
    if rule.scope == "capture":
        return [engine._finding(rule, None, seen) for seen in rule.check(capture.related)]
    return [engine._assess(sa, (rule,)) for sa in capture.sas_seen]


def _is_fine(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except Exception:  # noqa: BLE001  whatever a fault leads to: it was noticed
        return False


def _claims_hold(some: Sequence[Case]) -> bool:
    claims = importlib.import_module("tests.rules.claims")
    for case in some:
        for claim in claims.CLAIMS:
            claim(case)
    return True


def _once(read: Callable[[Case], analyzer.Capture]) -> Callable[[Case], analyzer.Capture]:
    """Captures that are judged by the rules as they are now, once for all claims."""
    seen: dict[Case, analyzer.Capture] = {}

    def capture(case: Case) -> analyzer.Capture:
        if case not in seen:
            seen[case] = anew(read(case))
        return seen[case]

    return capture


def _examples_are_right(name: str) -> bool:
    return doctest.testmod(importlib.import_module(name)).failed == 0


def _tests_pass() -> bool:
    tests = [str(path) for path in sorted((ROOT / "tests" / "rules").glob("test_*.py")) if path.stem != "test_cases"]
    options = ["-x", "-q", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib", f"--rootdir={ROOT}"]
    return pytest.main([*options, *tests]) == pytest.ExitCode.OK


class _Fault(SourceFileLoader):
    """Finds one module, and gives it the code of a mutant."""

    def __init__(self, name: str, code: CodeType) -> None:
        super().__init__(name, code.co_filename)
        self._code = code

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        return self._code


class Table:
    """What became of the mutants of each module.

    Attributes
    ----------
    counts : dict of str to Counter
        Of each module: how many mutants met which fate.
    survivors : int
        Those that are not known to be equivalent.
    """

    def __init__(self, equivalent: Counter[tuple[str, str]]) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.survivors = 0
        self._equivalent = equivalent

    def add(self, mutant: Mutant, fate: Fate) -> None:
        """Count a mutant, and print it where it survived."""
        if fate is Fate.NO_PYTHON:
            return
        word = fate.name
        if fate is Fate.SURVIVED:
            if self._equivalent[mutant.module, mutant.change]:
                self._equivalent[mutant.module, mutant.change] -= 1
                word = "EQUIVALENT"
            else:
                self.survivors += 1
                print(f"analyzer/rules/{mutant.module}.py:{mutant.line}: {mutant.change}", flush=True)
        self.counts[mutant.module][word] += 1

    def show(self) -> None:
        """Print the table, and what noticed how many."""
        everywhere = sum(self.counts.values(), Counter[str]())
        print("| module | mutants | killed | equivalent | survived |\n| --- | --: | --: | --: | --: |")
        for module, count in (*sorted(self.counts.items()), ("all", everywhere)):
            killed = count.total() - count["EQUIVALENT"] - count["SURVIVED"]
            print(f"| {module} | {count.total()} | {killed} | {count['EQUIVALENT']} | {count['SURVIVED']} |")
        print("\n" + ", ".join(f"{word.lower().replace('_', ' ')}: {n}" for word, n in everywhere.most_common()))


def _equivalent() -> Counter[tuple[str, str]]:
    """How often each change is to be expected among the survivors of each module."""
    known: Counter[tuple[str, str]] = Counter()
    with contextlib.suppress(FileNotFoundError):
        for module, entries in tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).items():
            for entry in entries:
                for change in entry["changes"]:
                    known[module, change] += 1
    return known


if __name__ == "__main__":
    sys.exit(main())
