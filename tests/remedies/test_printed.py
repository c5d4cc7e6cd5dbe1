"""What we print to be pasted: each line has a parser, a table or a source; words hold no lines of their own."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from analyzer.remedies import catalogue, syntaxes
from tests.remedies.printed import (
    INLINE,
    OUR_OWN,
    ROOT,
    WINDOWS,
    Printed,
    commands_in_words,
    of_program,
    printed,
    words,
)

each_printed = pytest.mark.parametrize("one", printed(), ids=str)

#: Settings that remedies name as what to look for, and what their words say of them.
TO_LOOK_FOR = {"fragmentation = no", "fragmentation=no", "ddos-mode=busy"}


@each_printed
def test_each_line_has_somebody_who_vouches_for_it_or_says_that_nobody_does(one: Printed) -> None:
    """A remedy prints "not confirmed" where there is nobody; the guide and the README may not need that."""
    step = one.step
    assert step.syntax in syntaxes()
    if one.origin.rpartition("-")[0] not in catalogue():
        ours = all(line.split()[0] in OUR_OWN for line in step.commands)
        assert ours or step.confirmed or one.origin in INLINE


def test_commands_in_running_text_are_those_that_are_listed() -> None:
    """And all that are listed are there: who writes one, lists it, and so has it held to its parser."""
    found = {command for _, command in commands_in_words()}
    assert {command for command in found if command.split()[0] not in WINDOWS} == set(INLINE)


def test_each_program_of_a_shell_that_needs_no_source_is_tried() -> None:
    """tests/daemons takes its commands from ``of_program``; a program that nothing asks for is not checked."""
    asked = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "daemons").glob("test_*.py"))
    for program in syntaxes()["shell"].programs:
        assert re.search(rf"(of_program|commands)\(\"{program}\"\)", asked), program


def test_no_dotted_name_stands_where_it_may_be_taken_for_a_line() -> None:
    """``charon.fragment_size = 576`` in strongswan.conf stops charon: no text that users read holds such a name."""
    lines = [(str(one), line) for one in printed() for line in one.step.lines]
    dotted = [(place, text) for place, text in (*words(), *lines) if re.search(r"\bcharon(-\w+)?\.[a-z]", text)]
    assert dotted == []


def test_settings_in_words_stand_in_lines_too() -> None:
    """``name = value`` in a sentence is held to the parser that has the line."""
    lines = {line.strip() for one in printed() for line in one.step.lines}
    for entry in catalogue().values():
        if entry.product in ("strongswan", "libreswan", "openiked", "pfsense-opnsense", "any-server", "any-side"):
            for setting in re.findall(r"\b[a-z][\w-]*(?: = |=)\w+", entry.what):
                assert setting in lines | TO_LOOK_FOR, (entry.id, setting)


@pytest.mark.parametrize("command", [command for _, command, _ in of_program("editcap")])
def test_editcap_takes_its_options(tshark: Path, samples: Path, tmp_path: Path, command: str) -> None:
    given = {"IN": str(samples / "connected-ok.pcapng"), "OUT": str(tmp_path / "out.pcapng")}
    program, *options = [given.get(word, word) for word in shlex.split(command)]
    subprocess.run([tshark.with_name(program), *options], check=True, capture_output=True, timeout=60)
    assert all(made.stat().st_size > 0 for made in tmp_path.iterdir())
    assert list(tmp_path.iterdir())
