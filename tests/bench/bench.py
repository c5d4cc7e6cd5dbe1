"""Measure the analyzer beside tcpdump, tshark, dpkt and pyshark on three captures: ``make bench``.

Each is measured as a whole process, files warm in memory, the runs of different programs taking turns. The slow ones
get the first packets of the same file, and their time for all of it is worked out from that: what the program needs for
a capture without packets, plus the rest in proportion. Such figures are marked.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from tests.bench import captures, measure, pcapfile, results
from tests.bench.captures import Recipe
from tests.bench.peers import Peer, peers
from tests.bench.results import Result


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the tables, write ``build/bench/result.json`` and ``result.md``; 1 if a target was missed."""
    given = _parser().parse_args(arguments)
    measured: list[Result] = []
    left_out: set[str] = set()
    for name in given.captures or captures.RECIPES:
        recipe = captures.RECIPES[name]
        contestants = peers(given.analyzer, 0 if given.full else 50_000, recipe.for_pyshark)
        for peer in contestants:
            if peer.missing and peer.name not in left_out:
                print(f"{peer.name} is left out: {peer.missing}.")
                left_out.add(peer.name)
        print(f"{name}: {recipe.about} ...", flush=True)
        packets = max(1, int(recipe.packets * given.scale))
        measured += _measure_all(recipe, packets, [peer for peer in contestants if not peer.missing], given.repeat)
    checks = results.check(measured)
    text = results.as_markdown(measured, checks, {name: recipe.about for name, recipe in captures.RECIPES.items()})
    print(f"\n{text}")
    folder = Path("build") / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    (folder / "result.json").write_text(json.dumps(results.as_json(measured, checks) | machine, indent=2) + "\n")
    (folder / "result.md").write_text(text)
    print(f"Written: {folder / 'result.json'}, {folder / 'result.md'}")
    return 0 if all(check.met for check in checks) else 1


def _measure_all(recipe: Recipe, packets: int, contestants: list[Peer], repeat: int) -> list[Result]:
    """The results of all programs on one capture, which take turns; tshark on the whole of it has one turn only."""
    make = [sys.executable, "-m", "tests.bench.captures", recipe.name, "--packets", str(packets)]
    whole = Path(subprocess.run(make, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
    total = pcapfile.count(whole)
    runs: dict[str, list[measure.Run]] = {peer.name: [] for peer in contestants}
    idle: dict[str, list[measure.Run]] = {peer.name: [] for peer in contestants}
    for turn in range(repeat):
        for peer in contestants:
            if not 0 < peer.packets < total:
                if turn == 0 or peer.name != "tshark":
                    runs[peer.name].append(measure.run(peer.on(whole), peer.accepted))
            else:
                runs[peer.name].append(measure.run(peer.on(_first(whole, peer.packets)), peer.accepted))
                idle[peer.name].append(measure.run(peer.on(_first(whole, 0)), peer.accepted))
    return [
        results.scaled(recipe.name, peer.name, total, peer.packets, runs[peer.name], idle[peer.name])
        if idle[peer.name]
        else results.of_whole(recipe.name, peer.name, total, runs[peer.name])
        for peer in contestants
    ]


def _first(whole: Path, count: int) -> Path:
    """The capture's first packets as a file beside it."""
    part = whole.with_name(f"{whole.stem}-first-{count}.pcap")
    if not part.exists():
        pcapfile.first_packets(whole, part, count)
    return part


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("captures", nargs="*", help=f"which of {', '.join(captures.RECIPES)}; all by default")
    parser.add_argument("--full", action="store_true", help="tshark reads the whole captures (minutes)")
    parser.add_argument("--repeat", type=int, default=5, help="turns of each program (default 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the captures, 1 for the real one")
    parser.add_argument("--analyzer", default="", help="another command to measure, with FILE for the capture")
    return parser


if __name__ == "__main__":
    sys.exit(main())
