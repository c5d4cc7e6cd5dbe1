"""From runs to figures: medians, times worked out from a slice, targets, and the tables that people read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from tests.bench.measure import Run
from tests.bench.peers import ANALYZER

MEMORY_LIMIT = 400_000_000


@dataclass(frozen=True, slots=True)
class Result:
    """One program on one capture.

    ``seconds`` is for the whole capture of ``packets`` packets. ``read`` is how many of them the program was given;
    where that is fewer, ``seconds`` is worked out and ``peak`` (bytes) is what it needed for those.
    """

    capture: str
    program: str
    packets: int
    read: int
    runs: int
    seconds: float
    peak: int
    problem: str = ""

    @property
    def is_scaled(self) -> bool:
        return self.read < self.packets


@dataclass(frozen=True, slots=True)
class Target:
    """What the analyzer has to reach: ``times`` as fast as another program (a half: may take twice as long)."""

    capture: str
    program: str
    times: float


TARGETS = (
    Target("mixed", "tshark", 30),
    Target("mixed", "tcpdump", 1 / 8),
    Target("dense", "tshark", 2),
    Target("esp", "tshark", 6),
)


@dataclass(frozen=True, slots=True)
class Check:
    """A target, what was measured, and whether that is enough."""

    capture: str
    target: str
    measured: str
    met: bool


def of_whole(capture: str, program: str, packets: int, runs: Sequence[Run]) -> Result:
    """The median time and the largest memory of runs over the whole capture."""
    problem = next((run.problem for run in runs if run.problem), "")
    seconds = median(run.seconds for run in runs)
    return Result(capture, program, packets, packets, len(runs), seconds, max(run.peak for run in runs), problem)


def scaled(capture: str, program: str, packets: int, read: int, runs: Sequence[Run], idle: Sequence[Run]) -> Result:
    """The time for all packets from runs over the first ``read`` and runs over a capture without packets.

    >>> scaled("mixed", "tshark", 1_000, 100, [Run(3.0, 5)], idle=[Run(1.0, 4)]).seconds
    21.0
    """
    part, none = of_whole(capture, program, packets, runs), of_whole(capture, program, packets, idle)
    seconds = none.seconds + (part.seconds - none.seconds) * packets / read
    busy = (
        "" if part.seconds > none.seconds else "took no longer than without packets, the machine is too busy to scale"
    )
    return Result(capture, program, packets, read, part.runs, seconds, part.peak, part.problem or none.problem or busy)


def check(results: Sequence[Result]) -> list[Check]:
    """What the results say of the targets; a program that is missing or failed is no check."""
    good = {(result.capture, result.program): result for result in results if not result.problem}
    checks = []
    for target in TARGETS:
        own, other = good.get((target.capture, ANALYZER)), good.get((target.capture, target.program))
        if own and other:
            times = other.seconds / own.seconds
            mark = " (scaled)" if other.is_scaled else ""
            checks.append(_speed(target, times, mark))
    for result in good.values():
        if result.program == ANALYZER:
            peak = f"{result.peak / 1e6:.0f} MB"
            checks.append(Check(result.capture, "peak memory under 400 MB", peak, result.peak < MEMORY_LIMIT))
    return checks


def _speed(target: Target, times: float, mark: str) -> Check:
    if target.times >= 1:
        wanted, measured = f"at least {target.times:g} times as fast as", f"{times:.1f} times"
    else:
        wanted, measured = f"at most {1 / target.times:g} times as long as", f"{1 / times:.1f} times"
    return Check(target.capture, f"{wanted} {target.program}", measured + mark, times >= target.times)


def as_markdown(results: Sequence[Result], checks: Sequence[Check], about: dict[str, str]) -> str:
    """The tables."""
    lines = []
    for capture in dict.fromkeys(result.capture for result in results):
        rows = [result for result in results if result.capture == capture]
        own = next((row for row in rows if row.program == ANALYZER and not row.problem), None)
        lines += [f"## {capture}: {about.get(capture, '')}, {rows[0].packets:,} packets", ""]
        lines += _table(
            ["program", "time", "beside ike-analyzer", "peak memory", "how"], [_row(row, own) for row in rows]
        )
    if checks:
        lines += ["## Targets", ""]
        lines += _table(
            ["capture", "target", "measured", "met"],
            [[one.capture, one.target, one.measured, "yes" if one.met else "NO"] for one in checks],
        )
    return "\n".join(lines)


def as_json(results: Sequence[Result], checks: Sequence[Check]) -> dict[str, Any]:
    """The same as an object."""
    return {
        "results": [asdict(result) | {"scaled": result.is_scaled} for result in results],
        "targets": [asdict(one) for one in checks],
    }


def _row(result: Result, own: Result | None) -> list[str]:
    if result.problem:
        return [result.program, "", "", "", f"failed: {result.problem}"]
    how = f"median of {result.runs}" if result.runs > 1 else "one run"
    if result.is_scaled:
        how = f"SCALED from the first {result.read:,} packets, {how}"
    beside = f"{result.seconds / own.seconds:.2f}" if own else ""
    return [result.program, f"{result.seconds:.2f} s", beside, f"{result.peak / 1e6:.0f} MB", how]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return [line(head), "| " + " | ".join("-" * width for width in widths) + " |", *map(line, rows), ""]
