"""Compares what the working tree says of some ten thousand captures with what a frozen version said.

    python -m tests.baseline.run                          all of it
    python -m tests.baseline.run --only lab --only cases  some kinds of captures
    python -m tests.baseline.run NET001 torn/lab          captures whose names hold one of these
    python -m tests.baseline.run --base HEAD~3            compare with another commit, or folder

The exit status is 0 where every difference stands in the reviewed list wanted.toml, 1 where one does not, 2 where
nothing could be compared. docs/baseline.md tells more.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from tests.baseline.inputs import KINDS, Input, one_in_ten, originals, real_captures, thinned
from tests.baseline.result import Result
from tests.baseline.version import ROOT, BaselineError, Version, folder_of, frozen_commit
from tests.baseline.wanted import LIST, read_wanted

#: After so many captures it is told how far the comparison is.
_TOLD = 1_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    chosen = parser().parse_args(arguments)
    try:
        return _run(chosen)
    except BaselineError as error:
        print(f"baseline: {error}", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    parser = argparse.ArgumentParser(prog="tests.baseline.run", description="What do we say otherwise than before?")
    parser.add_argument("names", nargs="*", help="pieces of names of captures; all unless given")
    parser.add_argument("--base", help="commit or folder to compare with, if not tests/baseline/COMMIT")
    parser.add_argument("--only", action="append", choices=KINDS, help="captures of this kind (repeatable)")
    parser.add_argument("--quick", action="store_true", help="one capture in ten")
    parser.add_argument("--seed", type=int, default=1, help="of the thinned captures, and of --quick")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 1) // 2), help="pairs of processes")
    parser.add_argument("--wanted", type=Path, default=LIST, help="the reviewed list")
    return parser


def _run(chosen: argparse.Namespace) -> int:
    kinds = chosen.only or KINDS
    result = Result(read_wanted(chosen.wanted))
    some = chosen_inputs(kinds, chosen)
    if not some:
        raise BaselineError("no capture has such a name")
    missing = bool({"real", "thinned"} & set(kinds)) and not real_captures().is_dir()
    if missing:
        print(f"No real captures compared: {real_captures()} is not here (IKE_ANALYZER_CAPTURES names another folder).")
    base = chosen.base or frozen_commit()
    begun = time.monotonic()
    with folder_of(base) as folder:
        for number, (name, before, after) in enumerate(compared(some, folder, ROOT, chosen.jobs), 1):
            result.add(name, before, after)
            if number % _TOLD == 0:
                print(f"{number:,} of {len(some):,} ...", file=sys.stderr)
    whole = not (chosen.only or chosen.names or chosen.quick or missing)
    print(f"{len(some):,} captures compared with {base} in {time.monotonic() - begun:.0f} s.")
    sys.stdout.writelines(result.lines(whole=whole))
    return result.status


def chosen_inputs(kinds: Sequence[str], chosen: argparse.Namespace) -> list[Input]:
    """The captures of these kinds that the command line asks for."""
    some = list(originals(kinds))
    if "thinned" in kinds:
        some += thinned(list(originals(KINDS)), chosen.seed)
    some = [one for one in some if not chosen.names or any(piece in one.name for piece in chosen.names)]
    return one_in_ten(some, chosen.seed) if chosen.quick else some


def compared(
    some: Sequence[Input], base: Path, tree: Path, jobs: int
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Of each capture: its name, and the answers of both versions. Each job is a pair of processes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="baseline-")))
        free: SimpleQueue[tuple[Path, Version, Version]] = SimpleQueue()
        for number in range(jobs):
            both = (stack.enter_context(Version(base)), stack.enter_context(Version(tree)))
            free.put((folder / f"capture-{number}", *both))

        def answers(one: Input) -> tuple[str, dict[str, Any], dict[str, Any]]:
            path, old, new = free.get()
            try:
                path.write_bytes(one.data())
                old.ask(path)
                new.ask(path)
                return one.name, old.answer(), new.answer()
            finally:
                free.put((path, old, new))

        threads = ThreadPoolExecutor(jobs)
        try:
            yield from threads.map(answers, some)
        finally:
            # Of what was interrupted, the rest is not waited for.
            threads.shutdown(cancel_futures=True)


if __name__ == "__main__":
    sys.exit(main())
