"""What we print for a shell is taken by the programs themselves: filters of tcpdump, rules of iptables, and others."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.daemons.conftest import need
from tests.remedies.printed import of_program

#: What stands for the reader's own names.
GIVEN = {"GATEWAY": "192.0.2.1", "CLIENT": "192.0.2.2", "SIZE": "1372"}


def filled(command: str) -> list[str]:
    """Words of a command, with the reader's own names filled in."""
    words = shlex.split(command)
    for name, given in GIVEN.items():
        words = [given if word == name else word.replace(f" {name}", f" {given}") for word in words]
    return words


def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload]


def commands(program: str) -> pytest.MarkDecorator:
    """Each command of a program, as a parameter."""
    return pytest.mark.parametrize("command", sorted({command for _, command, _ in of_program(program)}))


@commands("tcpdump")
def test_tcpdump_compiles_the_filter(tmp_path: Path, command: str) -> None:
    """-d prints the program of the filter and ends; the other options are read before."""
    need("tcpdump", root=True)
    _, *words = filled(command)
    words[words.index("-ni") + 1] = "lo"  # whatever the reader's interface is called
    told = run("tcpdump", "-d", *words, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "ret" in told.stdout


def test_tcpdump_refuses_a_filter_that_is_wrong(tmp_path: Path) -> None:
    need("tcpdump", root=True)
    assert run("tcpdump", "-d", "-ni", "lo", "hosts 192.0.2.1", cwd=tmp_path).returncode != 0


@commands("iptables")
def test_iptables_reads_the_rule(command: str) -> None:
    """iptables-translate reads a rule as iptables does, and changes nothing."""
    need("iptables-translate")
    _, *words = filled(command)
    told = run("iptables-translate", *words)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("nft ")


@commands("iptables")
def test_iptables_rules_come_in_both_directions(command: str) -> None:
    """What goes in and what goes out has each a rule of its own."""
    other = {"in": "out", "out": "in"}
    words = command.split()
    if "--dir" in words:
        at = words.index("--dir") + 1
        words[at] = other[words[at]]
        assert words in [c.split() for _, c, _ in of_program("iptables")]


@commands("ss")
def test_ss_reads_the_filter(command: str) -> None:
    need("ss")
    told = run(*filled(command))
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.parametrize("program", ["journalctl", "systemctl"])
def test_systemd_takes_the_options(program: str) -> None:
    """Options are read one by one; the help comes when all before it are known."""
    need(program)
    for _, command, _ in of_program(program):
        assert run(*filled(command), "--help").returncode == 0
    assert run(program, "--unitt", "strongswan", "--help").returncode != 0


@commands("ping")
def test_ping_sends_with_df(command: str) -> None:
    need("ping", "ip", "unshare", root=True)
    shell = 'ip link set lo up && exec "$@"'
    told = run("unshare", "--net", "sh", "-c", shell, "sh", *filled(command), "-c", "1", "-W", "5", "127.0.0.1")
    assert told.returncode == 0, told.stderr
    assert "1380 bytes from" in told.stdout
