"""What is said while pip and apt-get install: a line for each package, all of it when something fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SAY = Path(__file__).resolve().parents[2] / "make" / "say.py"


def say(*lines: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run it over a program that prints these lines and ends with this status."""
    program = f"import sys; print({chr(10).join(lines)!r}); sys.exit({status})"
    return subprocess.run(
        [sys.executable, str(SAY), sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl (16.9 MB)", "  numpy 2.4.6"),
        ("Using cached etl_parser-1.0.1-py3-none-any.whl", "  etl_parser 1.0.1"),
        ("  Downloading etl-parser-1.0.1.tar.gz (42 kB)", "  etl-parser 1.0.1"),
        ("Processing /wheels/types_pyyaml-6.0.12.20261113-py3-none-any.whl (from x)", "  types_pyyaml 6.0.12.20261113"),
        ("  Downloading pandas-3.1.1-cp311-cp311-manylinux_2_28_x86_64.whl.metadata (91 kB)", None),
        ("  Building wheel for etl-parser (setup.py): started", "  building etl-parser"),
        ("  Building wheel for etl-parser (pyproject.toml): started", "  building etl-parser"),
        ("  Building wheel for etl-parser (setup.py): finished with status 'done'", None),
        ("Installing collected packages: pluggy, numpy, pandas", "  unpacking 3 packages"),
        ("Requirement already satisfied: numpy>=2.0", None),
        ("Successfully installed numpy-2.4.6", None),
        ("Obtaining file:///srv/ike-analyzer-0.1", None),
        ("Get:9 http://example.org/debian bookworm/main amd64 tshark amd64 4.0.17-0 [145 kB]", "  tshark 4.0.17-0"),
        ("Get:2 http://example.org/debian bookworm/main amd64 Packages [8790 kB]", None),
        ("Get:1 http://example.org/debian bookworm InRelease [151 kB]", None),
        ("Setting up tshark (4.0.17-0+deb12u3) ...", None),
    ],
)  # fmt: skip
def test_a_line_for_each_package(line, said):
    done = say(line)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{said}\n" if said else "", "")


def test_a_failure_says_everything_and_keeps_its_status():
    lines = "Collecting numpy", "  Downloading numpy-2.4.6-py3-none-any.whl (1 kB)", "ERROR: no space left"
    done = say(*lines, status=23)
    assert (done.returncode, done.stdout) == (23, "  numpy 2.4.6\n")
    assert done.stderr.splitlines() == list(lines)


def test_it_is_said_at_once(tmp_path):
    """What takes minutes is told while it does: this program ends well only if its line is heard before it ends."""
    heard = tmp_path / "heard"
    program = f"""
import pathlib, sys, time
print("Installing collected packages: numpy", flush=True)
for _ in range(600):
    if pathlib.Path({str(heard)!r}).exists():
        sys.exit()
    time.sleep(0.1)
sys.exit("nobody heard")
"""
    with subprocess.Popen([sys.executable, str(SAY), sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"unpacking 1 packages"
        heard.touch()
        assert process.wait() == 0
