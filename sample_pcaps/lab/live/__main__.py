"""Runs the lab: real IKE daemons, a broken network, captures, and what is true of them.

::

    python -m sample_pcaps.lab.live [NAME...] --out DIR    run these scenarios, or all, into DIR
    python -m sample_pcaps.lab.live [NAME...] --commit     and put them among the committed captures, with the manifest
    python -m sample_pcaps.lab.live [NAME...] --check      and compare the analyzer with the committed manifest
    python -m sample_pcaps.lab.live --retell               write the manifest anew with the words of the scenarios
    python -m sample_pcaps.lab.live --list                 say what there is

Exit status: 0, 1 when a scenario did not go as it says, 2 when something is missing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

import analyzer
from sample_pcaps.lab.live import compare, manifest, requirements, scenario
from sample_pcaps.lab.live.run import Result, prepare, run
from sample_pcaps.lab.live.shell import LabError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sample_pcaps.lab.live", description="Runs scenarios of the lab.")
    parser.add_argument("names", metavar="NAME", nargs="*", help="scenarios, wildcards allowed (all)")
    parser.add_argument("--out", type=Path, default=Path("out/lab"), help="folder for the captures (out/lab)")
    parser.add_argument("--work", type=Path, help="folder for keys and logs (a temporary one)")
    parser.add_argument("--jobs", type=int, default=4, help="scenarios at once (4)")
    parser.add_argument("--commit", action="store_true", help="put the captures among the committed ones")
    parser.add_argument("--check", action="store_true", help="compare the analyzer with the committed manifest")
    parser.add_argument("--retell", action="store_true", help="write anew what the scenarios say in the manifest")
    parser.add_argument("--list", action="store_true", help="say which scenarios there are")
    options = parser.parse_args(arguments)
    try:
        chosen = _chosen(options.names)
    except LabError as error:
        return _complain(str(error))
    if options.list:
        print("\n".join(f"{s.name:48} {s.did}" for s in chosen))
        return 0
    if options.retell:
        manifest.retell(scenario.load())
        return 0
    if lacking := requirements.missing():
        return _complain(lacking)
    try:
        with tempfile.TemporaryDirectory(prefix="ike-lab-") as temporary:
            results = _run(chosen, options.work or Path(temporary), options.jobs)
    except LabError as error:
        return _complain(str(error))
    options.out.mkdir(parents=True, exist_ok=True)
    for name, result in results.items():
        _write(name, result, options.out)
    right = len(results) == len(chosen)
    if options.check:
        agreed = [_agrees(name, result, options.out) for name, result in results.items()]
        right = right and all(agreed)
    if options.commit:
        kept = [(s.name, results[s.name]) for s in chosen if s.name in results]
        committed = scenario.load()
        manifest.commit(
            ((name, r.entry, {p: r.captures[p] for p in committed[name].kept}) for name, r in kept), committed
        )
    return 0 if right else 1


def _chosen(names: list[str]) -> list[scenario.Scenario]:
    there = scenario.load()
    for name in names:
        if not any(fnmatch(known, name) for known in there):
            raise LabError(f"no such scenario: {name}; --list says which there are")
    return [s for s in there.values() if not names or any(fnmatch(s.name, name) for name in names)]


def _complain(text: str) -> int:
    print(text, file=sys.stderr)
    return 2


def _run(chosen: list[scenario.Scenario], work: Path, jobs: int) -> dict[str, Result]:
    """Run scenarios, a few at once; what went wrong is said and left out."""
    prepare(chosen, work)

    def attempt(one: scenario.Scenario) -> Result | None:
        begun = time.monotonic()
        try:
            result = run(one, work)
        except LabError as error:
            print(f"FAILED   {one.name}: {error}", flush=True)
            return None
        sizes = ", ".join(f"{point} {len(data):,} bytes" for point, data in result.captures.items())
        print(f"{time.monotonic() - begun:6.1f} s {one.name}: {sizes}", flush=True)
        return result

    # The longest first: they would keep everybody waiting at the end.
    slowest_first = sorted(chosen, key=lambda s: s.established)
    with ThreadPoolExecutor(jobs) as pool:
        results = dict(zip((s.name for s in slowest_first), pool.map(attempt, slowest_first), strict=True))
    return {s.name: done for s in chosen if (done := results[s.name]) is not None}


def _write(name: str, result: Result, out: Path) -> None:
    for point, data in result.captures.items():
        (out / f"{name}.{point}.pcapng").write_bytes(data)
    (out / f"{name}.toml").write_text(manifest.text(name, result.entry))


def _agrees(name: str, result: Result, out: Path) -> bool:
    """Compare the analysis of new captures with the committed truth, and say what differs."""
    entry: Mapping[str, Mapping[str, Mapping[str, object]]] = manifest.load().get(name, {})
    agrees = True
    for point, truth in entry.get("captures", {}).items():
        capture = analyzer.read(out / f"{name}.{point}.pcapng")
        for line in compare.differences(truth, capture.report(), capture.verdict.exit_status, lasting=True):
            print(f"DIFFERS  {name}.{point}: {line}", flush=True)
            agrees = False
    return agrees


if __name__ == "__main__":
    sys.exit(main())
