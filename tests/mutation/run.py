"""Puts small faults into the program, one at a time, and tells which of them no test notices.

    python -m tests.mutation.run                     every module of analyzer/relate and analyzer/rules
    python -m tests.mutation.run frg009 silence      those whose names begin so

A mutant is judged in a process of its own, forked after cases and captures were read: nothing is written, and what a
fault does to one process ends with it. What is asked of it stands in :mod:`tests.mutation.in_rules` and
:mod:`tests.mutation.in_relate`.

What no test can notice, because nothing that anybody sees depends on it, is listed in equivalent.toml, with the reason.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import ModuleType

import analyzer
from sample_pcaps.lab.live import manifest
from tests.mutation import in_relate, in_rules
from tests.mutation.fates import Fate, Known, anew, claims_hold, is_fine
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.table import Table, known_equivalent
from tests.rules.cases import CASES

#: Seconds and bytes that a mutant may take; it takes a few seconds where nothing is wrong.
_SECONDS, _BYTES = 120, 6 << 30

#: Where faults are put in.
ROOMS: tuple[ModuleType, ...] = (in_relate, in_rules)

FateOf = Callable[[Mutant, Sequence[Known]], Fate]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 1 where a mutant survived."""
    parser = argparse.ArgumentParser(prog="tests.mutation.run", description="Which faults go unnoticed?")
    parser.add_argument("modules", nargs="*", help="beginnings of names of modules; all unless given")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--sample", type=float, default=1, help="share of the faults that is tried, 0 to 1")
    chosen = parser.parse_args(arguments)
    known = prepared()
    as_it_is = Mutant.none("engine", (in_rules.FOLDER / "engine.py").read_text(encoding="utf-8"))
    if (fate := next(judged(in_rules.fate_of, [as_it_is], known, 1))[1]) is not Fate.SURVIVED:
        print(f"The tests must pass before faults are put in: {fate.name}", file=sys.stderr)
        return 2
    table = Table(known_equivalent())
    for room in ROOMS:
        for path in sorted(room.FOLDER.rglob("*.py")):
            if path.stem == "__init__" or not path.stem.startswith(tuple(chosen.modules) or ""):
                continue
            mutants = mutants_of(path.stem, path.read_text(encoding="utf-8"))
            if chosen.sample < 1:
                mutants = random.Random(path.stem).sample(mutants, round(chosen.sample * len(mutants)))
            room.prepare(path.stem, known)
            told = judged(room.fate_of, mutants, known, chosen.jobs)
            for mutant, fate in sorted(told, key=lambda pair: pair[0].line):
                table.add(mutant, fate)
    table.show()
    return 1 if table.survivors else 0


def prepared() -> list[Known]:
    """Read and relate all cases and real captures; leave out what fails without any fault."""
    for case in list(CASES):
        if not is_fine(partial(claims_hold, [case])):
            print(f"{case.rule}, {case.name!r}, fails without any fault: left out", file=sys.stderr)
            CASES.remove(case)
    known = []
    for scenario, entry in manifest.load().items():
        for point, truth in entry["captures"].items():
            capture = analyzer.read(manifest.CAPTURES / f"{scenario}.{point}.pcapng")
            _ = capture.analysis.related
            one = Known(anew(capture), truth)
            if one.is_told(anew(one.capture)):
                known.append(one)
            else:
                print(f"{scenario}.{point} is not judged right without any fault: left out", file=sys.stderr)
    gc.collect()
    gc.freeze()
    return known


def judged(
    fate_of: FateOf, mutants: Sequence[Mutant], known: Sequence[Known], jobs: int
) -> Iterator[tuple[Mutant, Fate]]:
    """Judge each mutant in a process of its own, some at a time."""
    waiting = list(reversed(mutants))
    running: dict[int, Mutant] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            process = os.fork()
            if process == 0:
                _be(fate_of, mutant, known)
            running[process] = mutant
        process, status = os.wait()
        # A process that a limit ended did not end by itself.
        fate = Fate(os.WEXITSTATUS(status)) if os.WIFEXITED(status) else Fate.ENDLESS
        yield running.pop(process), fate


def _be(fate_of: FateOf, mutant: Mutant, known: Sequence[Known]) -> None:
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


if __name__ == "__main__":
    sys.exit(main())
