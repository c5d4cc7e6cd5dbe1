"""What we print for OpenIKED is taken by ``iked -n`` and ``ikectl``.

iked itself needs PF_KEY, which many kernels lack; before it asks for that it reads its file with this same parser.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.daemons.versions import knows
from tests.remedies.printed import Printed, of_program, of_syntax

each_line = pytest.mark.parametrize("one", of_syntax("iked.conf"), ids=str)

#: A policy, which a file must have beside global settings.
POLICY = 'ikev2 "OTHER" passive esp from any to any\n'


def read(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """What iked says of a file."""
    file = folder / "iked.conf"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    command = ["iked", "-n", *options, "-f", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@each_line
def test_it_is_read(openiked: tuple[int, ...], tmp_path: Path, one: Printed) -> None:
    told = read(tmp_path, "".join(f"{line}\n" for line in one.step.lines) + POLICY)
    if knows(openiked, one.step.versions):
        assert told.returncode == 0, told.stderr
        assert "configuration OK" in told.stderr
    else:
        assert "syntax error" in told.stderr, "an older version than the step says knows it"


def test_what_is_wrong_is_refused(openiked: tuple[int, ...], tmp_path: Path) -> None:
    """The parser that the others pass is not blind."""
    assert read(tmp_path, "set fragments\n" + POLICY).returncode != 0


@each_line
def test_it_is_no_default(openiked: tuple[int, ...], one: Printed) -> None:
    """iked.conf(5): what is on by default, and the interval of liveness checks."""
    defaults = {
        "set mobike",
        "set nofragmentation",
        "set noenforcesingleikesa",
        "set couple",
        "set dpd_check_interval 60",
    }
    assert not defaults & set(one.step.lines)


@pytest.mark.parametrize("command", [command for _, command, _ in of_program("iked")])
def test_iked_takes_its_options(openiked: tuple[int, ...], tmp_path: Path, command: str) -> None:
    told = read(tmp_path, POLICY, *shlex.split(command)[1:])
    assert told.returncode == 0, told.stderr


#: ikectl names what it does not understand before it looks for the daemon.
MISUNDERSTOOD = ("unknown argument", "superfluous argument", "missing argument", "usage:", "valid commands")


def ikectl(*words: str) -> str:
    """What ikectl says with no daemon and no CA of its own to be found: its folders are empty ones."""
    shell = 'mount -t tmpfs none /var/run && mount -t tmpfs none /etc/ssl && exec ikectl "$@"'
    command = ["unshare", "--mount", "sh", "-c", shell, "sh", *words]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return told.stdout + told.stderr


@pytest.mark.parametrize("command", [command for _, command, _ in of_program("ikectl")])
def test_ikectl_understands_the_command(openiked: tuple[int, ...], command: str) -> None:
    said = ikectl(*shlex.split(command)[1:])
    assert not [word for word in MISUNDERSTOOD if word in said], said
    assert "No such file" in said or "does not exist" in said


@pytest.mark.parametrize("command", ["log loud", "reload all", "ca NAME certificate GATEWAY made"])
def test_ikectl_says_what_it_does_not_understand(openiked: tuple[int, ...], command: str) -> None:
    assert [word for word in MISUNDERSTOOD if word in ikectl(*command.split())]
