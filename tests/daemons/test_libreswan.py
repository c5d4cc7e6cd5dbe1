"""What we print for Libreswan is taken by Libreswan: ``addconn --checkconfig`` reads it, and pluto loads it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemons.pluto import ROOT, Pluto, checked, running
from tests.daemons.versions import knows
from tests.remedies.printed import Printed, of_program, of_syntax

each_section = pytest.mark.parametrize("one", of_syntax("ipsec.conf"), ids=str)
each_conn = pytest.mark.parametrize(
    "one", [p for p in of_syntax("ipsec.conf") if p.step.lines[0] == "conn NAME"], ids=str
)

#: What a connection needs beside what we print.
ENDS = ("    left=127.0.0.1", "    right=127.0.0.2")
#: Remedies that restore a default, and say that somebody may have set it otherwise; sendca=none is one before 5.3.
RESTORING = ("libreswan-fragmentation", "libreswan-chain")


@each_section
def test_it_is_read(libreswan: tuple[int, ...], tmp_path: Path, one: Printed) -> None:
    told = checked(tmp_path, one.step.lines)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize(
    "lines",
    [
        ("conn NAME", "    fragmentatio=yes"),
        ("conn NAME", "    fragmentation=ye"),
        ("fragmentation=yes",),
        ("config setup", "    fragmentation=yes"),
    ],
    ids=lambda lines: lines[-1].strip(),
)
def test_what_is_wrong_is_refused(libreswan: tuple[int, ...], tmp_path: Path, lines: tuple[str, ...]) -> None:
    """The parser that the others pass is not blind."""
    assert checked(tmp_path, lines).returncode != 0


@each_section
def test_pluto_starts_with_it_and_loads_the_connection(
    libreswan: tuple[int, ...], tmp_path: Path, one: Printed
) -> None:
    is_conn = one.step.lines[0].startswith("conn ")
    lines = (*one.step.lines, *ENDS) if is_conn else (*one.step.lines, "conn NAME", *ENDS)
    with running(tmp_path / "pluto", lines) as pluto:
        pluto.add("NAME")
        assert '"NAME": added IKEv2 connection' in pluto.log


@each_conn
def test_it_changes_the_connection(libreswan: tuple[int, ...], tmp_path: Path, one: Printed) -> None:
    """A default is no cure: what pluto tells of the connection differs from what it tells without."""
    if one.origin.rpartition("-")[0] in RESTORING:
        return
    told = {}
    for name, lines in {"with": (*one.step.lines, *ENDS), "without": ("conn NAME", *ENDS)}.items():
        with running(tmp_path / name, lines) as pluto:
            pluto.add("NAME")
            told[name] = pluto.status("NAME")
    assert told["with"] != told["without"]


def test_of_two_conns_of_one_name_the_first_counts(libreswan: tuple[int, ...], tmp_path: Path) -> None:
    """So a setting must go into the conn that is there, as the heading says."""
    twice = ("conn NAME", *ENDS, "    encapsulation=no", "", "conn NAME", *ENDS, "    encapsulation=yes")
    with running(tmp_path / "twice", twice) as pluto:
        pluto.add("NAME")
        both = pluto.status("NAME")
    with running(tmp_path / "first", twice[:4]) as pluto:
        pluto.add("NAME")
        assert both == pluto.status("NAME")


@pytest.fixture(scope="module")
def pluto(libreswan: tuple[int, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pluto]:
    """A running pluto with one connection."""
    with running(tmp_path_factory.mktemp("ipsec") / "pluto", ("conn NAME", *ENDS)) as daemon:
        yield daemon


@pytest.mark.parametrize("command, versions", [(c, v) for _, c, v in of_program("ipsec")])
def test_ipsec_knows_the_command(pluto: Pluto, libreswan: tuple[int, ...], command: str, versions: str) -> None:
    words = shlex.split(command)[1:]
    # The old script finds the daemon of this test only when it is told so.
    words[1:1] = pluto.where if words[0] == "auto" else []
    told = pluto.ipsec(*words)
    said = told.stdout + told.stderr
    if knows(libreswan, versions):
        assert told.returncode == 0, said
        assert "unknown IPsec command" not in said
    else:
        assert "unknown IPsec command" in said, "an older version than the step says knows it"


@pytest.mark.parametrize("command", [c for _, c, _ in of_program("journalctl") if " ipsec" in c])
def test_the_service_has_the_name_that_we_print(libreswan: tuple[int, ...], command: str) -> None:
    words = shlex.split(command)
    assert (ROOT / f"lib/systemd/system/{words[words.index('-u') + 1]}.service").exists()
