"""A version of the analyzer: got from the repository's history, and running in a child process."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
#: A capture that takes longer hangs; a second is much.
SECONDS = 120


class BaselineError(Exception):
    """A comparison cannot be made; the message is one line."""


def frozen_commit(file: Path = HERE / "COMMIT") -> str:
    """The hash in the file COMMIT, whose other lines are remarks."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    if len(lines) != 1:
        raise BaselineError(f"{file}: one line with a hash is wanted, not {len(lines)}")
    return lines[0].strip()


@contextmanager
def folder_of(base: str, repository: Path = ROOT) -> Iterator[Path]:
    """A folder that holds the package ``analyzer`` of a version: a commit's, taken out for a while, or one named."""
    if Path(base).is_dir():
        if not (Path(base) / "analyzer" / "__init__.py").is_file():
            raise BaselineError(f"{base} holds no package analyzer")
        yield Path(base).resolve()
        return
    packed = _git(repository, "archive", "--format=zip", base, "analyzer")
    with TemporaryDirectory(prefix="baseline-") as folder:
        zipfile.ZipFile(io.BytesIO(packed)).extractall(folder)
        yield Path(folder)


def _git(repository: Path, *words: str) -> bytes:
    # A hook runs with variables that lead git to its own repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(["git", "-C", str(repository), *words], capture_output=True, check=False, env=environment)
    except FileNotFoundError:
        raise BaselineError("git is not installed: give --base FOLDER with the analyzer to compare with") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise BaselineError(
            f"this checkout's history has no {words[-2]} ({said[0] if said else 'git says no more'}); "
            "of a shallow clone it is completed by: git fetch --unshallow"
        )
    return done.stdout


class Version:
    """The analyzer of one folder in a process of its own; started when it is first asked, and again after a crash."""

    def __init__(self, folder: Path, *, seconds: float = SECONDS) -> None:
        self._folder = folder.resolve()
        self._seconds = seconds
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Version:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            _end(self._process)

    def ask(self, path: Path) -> None:
        """Begin with a capture."""
        if self._process is None:
            self._process = self._started()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(str(path)) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """What it says of the capture that it was asked about; a crash is an answer, too."""
        assert self._process is not None
        if line := self._line(self._process):
            told: dict[str, Any] = json.loads(line)
            return told
        # Whether it was ended for being late or ended by itself, the systems tell in different ways.
        status, self._process = _end(self._process), None
        return {"crash": [f"no answer, exit status {status} (a capture may take {self._seconds} s)"]}

    def _line(self, process: subprocess.Popen[str]) -> str:
        """The next line that it writes; empty where it ended, or was ended because it takes too long."""
        assert process.stdout is not None
        late = threading.Timer(self._seconds, process.kill)
        late.start()
        try:
            return process.stdout.readline()
        finally:
            late.cancel()

    def _started(self) -> subprocess.Popen[str]:
        # -P: the folder of worker.py is no place to import from.
        worker = [sys.executable, "-P", str(HERE / "worker.py"), str(self._folder)]
        process = subprocess.Popen(
            worker, cwd=self._folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        line = self._line(process)
        file = Path(json.loads(line)[0]) if line else None
        if file is not None and file.resolve().is_relative_to(self._folder):
            return process
        _end(process)
        if file is None:
            raise BaselineError(f"the analyzer of {self._folder} does not start (its reason stands above)")
        raise BaselineError(f"the analyzer of {file.parent} was imported in place of that of {self._folder}")


def _end(process: subprocess.Popen[str]) -> int:
    """Its exit status; it is killed if it still runs."""
    process.kill()
    process.communicate()
    return process.returncode
