"""The command in a process of its own, and the most memory that it took."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

#: Runs the command, then tells its peak resident size. What getrusage tells can be that of the process that started it.
_MEASURED = """
import sys
from analyzer.cli import main
status = main(sys.argv[1:])
sys.stdout.flush()
with open("/proc/self/status") as lines:
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(status)
"""

#: Marks a test that needs the kernel's word on memory.
measured = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel does not tell")


@dataclass(frozen=True)
class Run:
    """One run of the command: exit status, what it printed and complained of, and bytes of memory at the most."""

    status: int
    output: str
    complaints: list[str]
    memory: int


def peak_of(*words: str | os.PathLike[str]) -> Run:
    """Run ``ike-analyzer`` with these words."""
    ran = subprocess.run([sys.executable, "-c", _MEASURED, *words], capture_output=True, text=True, check=False)
    *complaints, memory = ran.stderr.splitlines()
    assert ran.returncode in (0, 1, 2, 3)
    return Run(ran.returncode, ran.stdout, complaints, int(memory) * 1024)
