"""Completion and scripts, read by the shells that they are for, and by shellcheck."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import analyzer
from analyzer.arguments import parser
from analyzer.completion import script
from tests.daemons.conftest import need

SCRIPT = Path(analyzer.__file__).parent / "report" / "scripts" / "trace.sh"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_shell_takes_its_completion(tmp_path: Path, shell: str) -> None:
    need(shell)
    (tmp_path / "completion").write_text(script(shell, parser()), encoding="utf-8")
    done = subprocess.run([shell, "-n", tmp_path / "completion"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_fish_offers_what_the_parser_knows(tmp_path: Path) -> None:
    need("fish")
    (tmp_path / "completion").write_text(script("fish", parser()), encoding="utf-8")
    asked = f"source {tmp_path / 'completion'}; complete -C 'ike-analyzer guide --script '"
    done = subprocess.run(["fish", "-N", "-c", asked], capture_output=True, text=True, check=True)
    assert {line.split("\t")[0] for line in done.stdout.splitlines()} == {"windows", "linux"}


def test_shellcheck_finds_nothing_in_the_script_that_takes_a_trace() -> None:
    need("shellcheck")
    done = subprocess.run(["shellcheck", SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
