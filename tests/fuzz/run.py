"""Fuzz every target, or those named: ``make fuzz``, ``python -m tests.fuzz.run pcap ike --seconds 600``.

Each target runs under atheris in a process of its own, from seeds made on the fly (:mod:`tests.fuzz.seeds`) and the
cases kept in ``cases/``. Inputs that broke a target are left in ``out/fuzz``: once the cause is removed, they belong
into ``cases/`` under the name of the target.

atheris makes Python slow, and its processes grow from run to run. So an input that took too long there, or too much
memory, is tried again in a fresh process without it; only what is confirmed is a finding.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.seeds import ROOT, seeds_of
from tests.fuzz.targets import TARGETS

CASES = Path(__file__).parent / "cases"
FOUND = ROOT / "out" / "fuzz"

#: What one input may take, without atheris: memory of the whole process, MB, and processor time, seconds.
MEMORY, SECONDS = 300, 2
#: The same under atheris; and the longest input, bytes.
SLOWED_MEMORY, SLOWED_SECONDS, LONGEST = 450, 10, 1 << 16

_EXECUTIONS = re.compile(r"(?:stat::number_of_executed_units:\s*|^#)(\d+)", re.MULTILINE)
_SUSPECT = re.compile(r"-(slow-unit|timeout|oom)-")

#: One input in a fresh process: prints the seconds and the megabytes that it took.
_ALONE = """
import resource, sys, time
from pathlib import Path
from tests.fuzz.targets import TARGETS
data = Path(sys.argv[2]).read_bytes()
begin = time.process_time()
TARGETS[sys.argv[1]](data)
print(time.process_time() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@dataclass(frozen=True)
class Outcome:
    """What a target came to: executions, inputs that broke it, and the log of the last process."""

    target: str
    executions: int
    found: tuple[Path, ...]
    log: str


def fuzz(target: str, seconds: int, found: Path = FOUND) -> Outcome:
    """Fuzz one target for so many seconds, or until it breaks."""
    found.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + seconds
    executions, log = 0, ""
    with tempfile.TemporaryDirectory(prefix="ike-analyzer-fuzz-") as folder:
        _fill(Path(folder), target)
        while (left := int(end - time.monotonic())) > 0:
            before = set(found.glob(f"{target}-*"))
            log, failed = _one_process(target, folder, left, found)
            executions += max(map(int, _EXECUTIONS.findall(log)), default=0)
            new = set(found.glob(f"{target}-*")) - before
            true = tuple(sorted(path for path in new if not _is_dismissed(target, path)))
            if failed and not new:
                true = (found / f"{target}-log",)
                true[0].write_text(log)
            if true:
                return Outcome(target, executions, true, log)
    return Outcome(target, executions, (), log)


def _fill(folder: Path, target: str) -> None:
    for number, seed in enumerate(seeds_of(target)):
        (folder / f"seed-{number}").write_bytes(seed)
    for case in CASES.glob(f"{target}-*"):
        (folder / case.name).write_bytes(case.read_bytes())


def _one_process(target: str, folder: str, seconds: int, found: Path) -> tuple[str, bool]:
    """Run libFuzzer once; what it said, and whether it ended badly."""
    command = [
        sys.executable, "-m", "tests.fuzz.one_target", target, folder,
        f"-max_total_time={seconds}", f"-rss_limit_mb={SLOWED_MEMORY}", f"-timeout={SLOWED_SECONDS}",
        f"-report_slow_units={SECONDS}", f"-max_len={LONGEST}", f"-artifact_prefix={found}/{target}-",
        "-print_final_stats=1",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout + done.stderr, done.returncode != 0


def _is_dismissed(target: str, path: Path) -> bool:
    """It took too much under atheris only; the file is removed then."""
    if not _SUSPECT.search(path.name):
        return False
    command = [sys.executable, "-c", _ALONE, target, str(path)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
        took, memory = map(float, done.stdout.split())
    except (subprocess.SubprocessError, ValueError):
        return False
    if took > SECONDS or memory > MEMORY:
        return False
    path.unlink(missing_ok=True)
    return True


def main() -> int:
    """Fuzz and tell; 1 when something was found."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.run", description="Fuzz the readers, the wire and the whole.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; without: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    given = parser.parse_args()
    unknown = set(given.targets) - TARGETS.keys()
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    broken = False
    for target in given.targets or TARGETS:
        outcome = fuzz(target, given.seconds)
        broken |= bool(outcome.found)
        what = ", ".join(str(path.relative_to(ROOT)) for path in outcome.found) or "nothing found"
        print(f"{target:12} {outcome.executions:>12,} executions  {what}", flush=True)
        if outcome.found:
            print(_told(outcome.log), flush=True)
    return int(broken)


def _told(log: str) -> str:
    """Of a log, the exception and what follows; without one, the end."""
    at = log.find("=== Uncaught Python exception")
    return log[at : at + 4000] if at >= 0 else log[-2000:]


if __name__ == "__main__":
    sys.exit(main())
