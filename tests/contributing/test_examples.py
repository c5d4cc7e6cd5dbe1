"""The examples of CONTRIBUTING.md: each is a diff, applied to a copy of the project, and what it promises is run."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import dpkt
import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What a contributor has."""
    for name in ("analyzer", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "sample_pcaps", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def apply(copy: Path, name: str) -> None:
    diff = HERE / f"{name}.diff"
    subprocess.run(["git", "apply", "--whitespace=error", str(diff)], cwd=copy, check=True)


def run(copy: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Python in the copy, whose analyzer comes before any that is installed."""
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=300)


def files_of(name: str) -> dict[str, tuple[int, int]]:
    """The files of a diff, with the lines that it adds to each and takes away."""
    changes: dict[str, tuple[int, int]] = {}
    file = ""
    for line in (HERE / f"{name}.diff").read_text(encoding="utf-8").splitlines():
        if line.startswith("+++ "):
            file = line.removeprefix("+++ b/")
            changes[file] = (0, 0)
        elif line.startswith(("+", "-")) and not line.startswith("---"):
            added, gone = changes[file]
            changes[file] = (added + (line[0] == "+"), gone + (line[0] == "-"))
    return changes


@pytest.mark.parametrize(
    ("name", "files", "lines"),
    [("rule", 2, ["analyzer/rules/catalogue.csv"]), ("format", 1, ["analyzer/formats/table.py"])]
    + [("number", 0, ["analyzer/ike/registry/notify.csv"]), ("output", 1, ["analyzer/report/outputs.py"])],
)
def test_an_example_is_as_small_as_it_is_told(name: str, files: int, lines: list[str]) -> None:
    """New files, and one line in each of the others."""
    changes = files_of(name)
    assert {file for file, change in changes.items() if change == (1, 0)} == set(lines)
    assert len(changes) == files + len(lines) and all(gone == 0 for _, gone in changes.values())
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert all(f"`{file}`" in page for file in changes), changes


def test_a_rule(copy: Path) -> None:
    apply(copy, "rule")
    files = ["tests/rules/test_cases.py", "tests/rules/test_engine.py"]
    tests = run(copy, "-m", "pytest", "-v", "-p", "no:cacheprovider", *files, "-k", "NET015")
    assert tests.returncode == 0 and "after-two-seconds] PASSED" in tests.stdout, tests.stdout
    assert "slow-answer" in run(copy, "-m", "analyzer", "explain", "NET015").stdout


def test_a_format(copy: Path) -> None:
    """The sample's packets without their Ethernet headers, and some bytes of damage between two of them."""
    apply(copy, "format")
    with (ROOT / "sample_pcaps" / "809-fragments-lost.pcapng").open("rb") as file:
        packets = [*dpkt.pcapng.Reader(file)]
    records = [
        struct.pack(">III", int(time), round(time % 1 * 1e6) * 1000, len(frame) - 14) + frame[14:]
        for time, frame in packets
        if frame[12:14] == b"\x08\x00"
    ]
    (copy / "lost.rawlog").write_bytes(b"RAWLOG1\n" + b"".join(records[:5]) + bytes(50) + b"".join(records[5:]))
    said = run(copy, "-m", "analyzer", "analyze", "lost.rawlog").stdout
    assert "ike-auth-ip-fragments-lost-upstream" in said
    assert f"{len(records)} packets" in said and "capture-damaged" in said


def test_a_number(copy: Path) -> None:
    apply(copy, "number")
    code = "from analyzer.ike import registry; print(registry.name('notify', 41000))"
    assert run(copy, "-c", code).stdout == "EXAMPLE_NOTIFY\n"


def test_an_output(copy: Path) -> None:
    apply(copy, "output")
    capture = ROOT / "sample_pcaps" / "809-fragments-lost.pcapng"
    said = run(copy, "-m", "analyzer", "analyze", "--brief", capture).stdout
    assert said == "ike-auth-ip-fragments-lost-upstream probable\n"
    assert "--brief" in run(copy, "-m", "analyzer", "analyze", "--help").stdout
