"""Runs the system's programs, and says in one line what went wrong."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path


class LabError(Exception):
    """The lab cannot do what was asked; ``str()`` is one line."""


def run(*command: str, check: bool = True, timeout: float = 60, text: str | None = None) -> str:
    """Run a program to its end and return what it wrote to standard output.

    Parameters
    ----------
    command : str
        The program and its arguments.
    check : bool
        Whether a non-zero exit status is an error.
    timeout : float
        Seconds after which the program is killed.
    text : str, optional
        What it reads from standard input.

    Raises
    ------
    LabError
        It failed, or it did not end in time.

    Examples
    --------
    >>> run("echo", "a", "b")
    'a b\\n'
    >>> run("false")
    Traceback (most recent call last):
        ...
    sample_pcaps.lab.live.shell.LabError: false: exit status 1
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, input=text, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"{shlex.join(command)}: {error}") from error
    if check and done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise LabError(f"{shlex.join(command)}: {said[-1] if said else f'exit status {done.returncode}'}")
    return done.stdout


def start(command: Sequence[str], log: Path, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a program that runs beside the lab; its output goes to a file."""
    with log.open("wb") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env)


def await_text(log: Path, text: str, process: subprocess.Popen[bytes], patience: float = 15) -> None:
    """Wait until a program that :func:`start` started has written a text to a file.

    Raises
    ------
    LabError
        It ended, or it did not write it in time (seconds).
    """
    until = time.monotonic() + patience
    while not log.exists() or text not in log.read_text():
        if process.poll() is not None or time.monotonic() > until:
            raise LabError(f"{process.args!r} did not start; see {log}")
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes], *, kill: bool = False, patience: float = 5) -> None:
    """End a program that :func:`start` started, with force where it does not obey."""
    if process.poll() is not None:
        return
    process.kill() if kill else process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
