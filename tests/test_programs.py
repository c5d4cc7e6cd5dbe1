"""Where Wireshark's programs are found, and where they are not looked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from analyzer import programs
from analyzer.programs import found, running


def program(folder: Path, name: str = "editcap", mode: int = 0o755) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(mode)
    return str(folder / name)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder that holds programs of the names, nothing on the path, nothing installed."""
    for name in ("editcap", "editcap.exe", "editcap.bat"):
        program(tmp_path / "ticket", name)
    monkeypatch.chdir(tmp_path / "ticket")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(programs, "_OTHERS", ())
    for name in programs._WINDOWS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("system", ["posix", "nt"])
@pytest.mark.parametrize("path", ["", ".", "::", "./", "../ticket", '"."', ":.:", os.curdir])
def test_never_in_the_working_folder(monkeypatch: pytest.MonkeyPatch, system: str, path: str) -> None:
    monkeypatch.setattr(os, "name", system)
    monkeypatch.setenv("PATH", path)
    assert found("editcap") is None
    monkeypatch.delenv("PATH")
    monkeypatch.setattr(os, "defpath", ".:")
    assert found("editcap") is None


def test_first_on_the_path_then_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = program(tmp_path / "Wireshark.app")
    monkeypatch.setattr(programs, "_OTHERS", (str(tmp_path / "none"), str(tmp_path / "Wireshark.app")))
    assert found("editcap") == installed
    second = program(tmp_path / "b")
    monkeypatch.setenv("PATH", f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    assert found("editcap") == second
    first = program(tmp_path / "a")
    assert found("editcap") == first


@pytest.mark.parametrize("variable", ["ProgramFiles", "ProgramW6432", "ProgramFiles(x86)"])
def test_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Wireshark's installer for Windows puts its programs into %ProgramFiles%\\Wireshark, and not on the path."""
    monkeypatch.setattr(os, "name", "nt")
    installed = program(tmp_path / "Programs" / "Wireshark", "editcap.exe")
    program(tmp_path / "batch", "editcap.bat")
    program(tmp_path / "other", "editcap")
    monkeypatch.setenv("PATH", f"{tmp_path / 'batch'}:{tmp_path / 'other'}")
    assert found("editcap") is None
    monkeypatch.setenv(variable, str(tmp_path / "Programs"))
    assert found("editcap") == installed
    monkeypatch.setenv(variable, "..")  # were it not a full path, it would be the working folder's neighbour
    program(tmp_path / "Wireshark", "editcap.exe")
    assert found("editcap") is None


def test_the_places_of_the_installers() -> None:
    """Wireshark's User's Guide and Homebrew's documentation."""
    source = Path(programs.__file__).read_text(encoding="utf-8")
    for place in ("/Applications/Wireshark.app/Contents/MacOS", "/usr/local/bin", "/opt/homebrew/bin"):
        assert place in source


def test_what_is_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "a", mode=0o644)
    (tmp_path / "b" / "editcap").mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{tmp_path / 'a'}:{tmp_path / 'b'}:{tmp_path / 'a' / 'editcap'}:/dev/null")
    assert found("editcap") is None


def test_a_program_that_does_not_start_leaves_nothing(tmp_path: Path) -> None:
    from analyzer import signals

    with pytest.raises(OSError), running([str(tmp_path / "none")]):
        pass
    assert signals.leftovers == []


def test_without_groups_the_program_itself_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "killpg")
    with running([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        assert process.poll() is None
    assert process.returncode == -9  # POSIX: ended by signal 9
