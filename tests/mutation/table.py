"""What became of the mutants of each module, and which of the survivors are known to change nothing."""

from __future__ import annotations

import contextlib
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

from tests.mutation.fates import Fate
from tests.mutation.mutants import Mutant

EQUIVALENT = Path(__file__).parent / "equivalent.toml"


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
                print(f"{mutant.module}.py:{mutant.line}: {mutant.change}", flush=True)
        self.counts[mutant.module][word] += 1

    def show(self) -> None:
        """Print the table, and what noticed how many."""
        everywhere = sum(self.counts.values(), Counter[str]())
        print("| module | mutants | killed | equivalent | survived |\n| --- | --: | --: | --: | --: |")
        for module, count in (*sorted(self.counts.items()), ("all", everywhere)):
            killed = count.total() - count["EQUIVALENT"] - count["SURVIVED"]
            print(f"| {module} | {count.total()} | {killed} | {count['EQUIVALENT']} | {count['SURVIVED']} |")
        print("\n" + ", ".join(f"{word.lower().replace('_', ' ')}: {n}" for word, n in everywhere.most_common()))


def known_equivalent() -> Counter[tuple[str, str]]:
    """How often each change is to be expected among the survivors of each module."""
    known: Counter[tuple[str, str]] = Counter()
    with contextlib.suppress(FileNotFoundError):
        for module, entries in tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).items():
            for entry in entries:
                for change in entry["changes"]:
                    known[module, change] += 1
    return known
