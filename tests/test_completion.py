"""Completion is made from the parser, so that it knows each command and option; bash's own machinery runs it."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest

from analyzer.arguments import SHELLS, parser
from analyzer.completion import commands_of, script
from analyzer.rules.catalogue import causes


def bash(tmp_path: Path, *words: str) -> set[str]:
    """What bash offers for the last word."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not here")
    (tmp_path / "completion").write_text(script("bash", parser()), encoding="utf-8")
    # What bash does when somebody presses the tab key: the words, where the cursor is, then the function that
    # `complete -p` names.
    run = """
source "$0"
[ "$(complete -p ike-analyzer)" = "complete -o filenames -F _ike_analyzer ike-analyzer" ] || exit 3
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ike_analyzer; printf '%s\\n' "${COMPREPLY[@]}"
"""
    done = subprocess.run(
        ["bash", "--norc", "-u", "-c", run, str(tmp_path / "completion"), "ike-analyzer", *words],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return set(done.stdout.splitlines())


def test_commands_and_files(tmp_path: Path) -> None:
    (tmp_path / "my trace.pcapng").touch()
    assert bash(tmp_path, "val") == {"validate"}
    assert bash(tmp_path, "my") == {"my trace.pcapng"}
    assert bash(tmp_path, "analyze", "my") == {"my trace.pcapng"}


def test_options_and_their_values(tmp_path: Path) -> None:
    assert bash(tmp_path, "analyze", "--ver") == {"--verbose"}
    assert bash(tmp_path, "analyze", "--color", "a") == {"auto", "always"}
    assert bash(tmp_path, "guide", "--script", "") == {"windows", "linux"}
    assert bash(tmp_path, "completion", "z") == {"zsh"}


def test_rules_verdicts_and_windows_errors(tmp_path: Path) -> None:
    assert bash(tmp_path, "explain", "FRG00") == {code for code in causes() if code.startswith("FRG00")}
    assert bash(tmp_path, "explain", "udp-4") == {"udp-4500-blocked"}
    assert bash(tmp_path, "explain", "1380") == {"13801", "13805", "13806"}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_option_is_in_it(shell: str) -> None:
    text = script(shell, parser())
    for command in commands_of(parser()):
        assert command.name in text
        for option in command.options:
            for name in option.names:
                assert (name if shell != "fish" else name.lstrip("-")) in text, name


@pytest.mark.parametrize("shell", SHELLS)
def test_it_cannot_fall_behind(shell: str) -> None:
    """A new command with a new option is there without a line written for it."""
    whole = parser()
    (verbs,) = [action for action in whole._actions if isinstance(action, argparse._SubParsersAction)]
    verbs.add_parser("fax", help="send it").add_argument("--tone", choices=("high", "low"))
    text = script(shell, whole)
    assert all(word in text for word in ("fax", "tone", "high"))


def test_bash_takes_it(tmp_path: Path) -> None:
    """The other shells do in tests/daemons/test_shells.py."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not here")
    (tmp_path / "completion").write_text(script("bash", parser()), encoding="utf-8")
    done = subprocess.run(["bash", "-n", tmp_path / "completion"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
