"""Programs of others (Wireshark's): where they are, and how they are run so that nothing of them outlives us."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping

from analyzer import signals

#: Where Wireshark's installers put its programs, which they do not add to the path: on Windows below one of the folders
#: that these variables name, on macOS in the application. Homebrew's folders are not on the path of every shell.
_WINDOWS = ("ProgramW6432", "ProgramFiles", "ProgramFiles(x86)")
_OTHERS = ("/Applications/Wireshark.app/Contents/MacOS", "/usr/local/bin", "/opt/homebrew/bin")


def found(name: str) -> str | None:
    """The full path of a program: on the path first, then where Wireshark's installers put it; None when it is nowhere.

    The working folder is never searched, whatever the path says: it may be an unpacked ticket that holds a program of
    that name. (``shutil.which`` looks there first on Windows.)

    Examples
    --------
    >>> found("no-such-program") is None
    True
    """
    name += ".exe" if os.name == "nt" else ""
    for folder in _folders():
        program = os.path.join(folder, name)
        if os.path.isabs(folder) and os.path.isfile(program) and os.access(program, os.X_OK):
            return program
    return None


def _folders() -> Iterator[str]:
    # Windows takes a folder in quotes, too.
    yield from (folder.strip('"') for folder in os.environ.get("PATH", os.defpath).split(os.pathsep))
    if os.name == "nt":
        yield from (os.path.join(os.environ[name], "Wireshark") for name in _WINDOWS if os.environ.get(name))
    else:
        yield from _OTHERS


@contextlib.contextmanager
def running(
    command: list[str], *, stdout: int = subprocess.DEVNULL, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program, without a shell, for the time of a block at most.

    At the end of the block, or of this process by a signal, it is killed together with what it started.

    Raises
    ------
    OSError
        It cannot be started.
    """
    quiet = subprocess.DEVNULL
    with contextlib.ExitStack() as stack:
        with signals.held():
            process = subprocess.Popen(
                command, stdin=quiet, stdout=stdout, stderr=quiet, env=env, start_new_session=True
            )
            stack.enter_context(process)
            kill = functools.partial(_kill, process)
            signals.leftovers.append(kill)
            stack.callback(signals.leftovers.remove, kill)
            stack.callback(kill)
        yield process


#: How long the dying may take before their folder is removed, seconds.
_DYING = 1.0


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it started; harmless when repeated. Windows knows no groups: it ends the program alone."""
    kill_group = getattr(os, "killpg", None)
    if kill_group is None:
        process.kill()
    else:
        # macOS says of a group whose last member is not waited for that it may not be killed.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill_group(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_DYING)
