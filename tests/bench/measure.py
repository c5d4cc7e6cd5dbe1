"""Run one command from start to end and say how long it took and how much memory it needed.

This process must stay small: on Linux a child's peak memory begins with what its parent had when it was started. So
nothing here, nor in what starts it, imports NumPy, and captures are made in a process of their own.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """One run: wall time in seconds, peak resident memory in bytes.

    The memory is that of the largest process among the command and the children that it waited for, not their sum.
    ``problem`` is empty when the command did what it should, else one line.
    """

    seconds: float
    peak: int
    problem: str = ""


def run(command: Sequence[str], accepted: Collection[int] = (0,)) -> Run:
    """Run a command with its output thrown away; ``accepted`` are the exit statuses of a success.

    >>> run(["true"]).problem
    ''
    >>> run(["false"]).problem
    'exit status 1'
    """
    with tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read(100_000).decode(errors="replace").strip().splitlines()
    problem = ""
    if process.returncode not in accepted:
        problem = ": ".join([f"exit status {process.returncode}", *said[-1:]])
    return Run(seconds, usage.ru_maxrss * 1024, problem)
