"""What a terminal gets: its width, folded ladders, colour where the user wants it; a file gets none of that."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import analyzer
from analyzer.report import rule_page, terminal
from analyzer.report.layout import Layout

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted((ROOT / "sample_pcaps").glob("*.pcapng"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_a_file_has_110_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert terminal.layout_of(io.StringIO()) == Layout(width=110, folds=False)


@pytest.mark.parametrize(("columns", "width"), [("70", 70), ("200", 200), ("40", 60)])
def test_a_terminal_has_its_own(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal.layout_of(Terminal()) == Layout(width=width, folds=True)


@pytest.mark.parametrize(
    ("wanted", "stream", "environment", "coloured"),
    [
        ("auto", Terminal, {}, True),
        ("auto", io.StringIO, {}, False),
        ("auto", Terminal, {"NO_COLOR": "1"}, False),
        ("auto", Terminal, {"NO_COLOR": ""}, True),  # https://no-color.org: when not an empty string
        ("auto", io.StringIO, {"FORCE_COLOR": "1"}, True),
        ("auto", io.StringIO, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ("auto", Terminal, {"TERM": "dumb"}, False),
        ("always", io.StringIO, {"NO_COLOR": "1"}, True),
        ("never", Terminal, {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colour(monkeypatch: pytest.MonkeyPatch, wanted, stream, environment, coloured) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert terminal.is_coloured(wanted, stream()) is coloured


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_colour_changes_no_word(path: Path) -> None:
    text = analyzer.read(path).text(verbose=True)
    painted = terminal.painted(text)
    assert painted != text
    assert re.sub(r"\x1b\[[\d;]*m", "", painted) == text
    assert painted.count("\x1b[0m") == painted.count("\x1b[") / 2


def test_a_page_is_as_wide_as_it_is_told() -> None:
    # The first line is of names.
    for line in rule_page.explain("NET014", width=60).split("For example")[0].splitlines()[1:]:
        assert len(line) <= 60 or line.startswith("      "), line
    assert max(map(len, rule_page.explain("809", width=60).splitlines())) <= 60


def test_failed_is_red_and_connected_green() -> None:
    assert terminal.painted("VERDICT  failed: x (strong)").startswith("\x1b[1;31m")
    assert terminal.painted("VERDICT  connected-ok (strong)").startswith("\x1b[1;32m")
    assert terminal.painted("VERDICT  one-way-capture (cannot-tell)").startswith("\x1b[1;33m")
    assert terminal.painted("  VERDICT  failed") == "  VERDICT  failed"


def run(*words: str, columns: int) -> str:
    """What the command prints to a terminal of so many columns."""
    pty = pytest.importorskip("pty")
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "analyzer", *words], stdout=slave, cwd=ROOT, env=environment | {"TERM": "xterm"}
    )
    os.close(slave)
    parts = []
    while True:
        part = b""
        with suppress(OSError):  # how Linux says that the other end is closed
            part = os.read(master, 65536)
        if not part:
            break
        parts.append(part)
    process.wait()
    os.close(master)
    return b"".join(parts).decode().replace("\r\n", "\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("columns", [60, 90])
def test_a_real_terminal(columns: int) -> None:
    text = run("analyze", "sample_pcaps/809-fragments-lost.pcapng", columns=columns)
    assert "\x1b[1;31mVERDICT  failed: " in text
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    for line in plain.splitlines():
        assert len(line) <= columns or line.startswith("  Wireshark: "), line
    assert "          | " in plain
