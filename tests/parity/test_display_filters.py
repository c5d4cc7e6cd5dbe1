"""Display filters that findings print: tshark takes each, and it selects the frames that the finding names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import analyzer
from analyzer.rules.model import Confidence, Finding, Severity

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted(p.stem for p in (ROOT / "sample_pcaps").glob("*.ladder"))


def selected(tshark: Path, file: Path, display_filter: str) -> list[int]:
    """Numbers of the frames that a filter selects."""
    command = [str(tshark), "-n", "-r", str(file), "-Y", display_filter, "-T", "fields", "-e", "frame.number"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return [int(line) for line in run.stdout.split()]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_filter_of_the_verdict_selects_its_frames(tshark: Path, samples: Path, name: str) -> None:
    file = samples / f"{name}.pcapng"
    capture = analyzer.read(file)
    (found,) = [
        f for f in capture.analysis.findings if (f.rule, f.title) == (capture.verdict.rule, capture.verdict.text)
    ][:1]
    assert f"Wireshark: {found.filter}" in capture.text()
    assert selected(tshark, file, found.filter) == sorted(found.frames)


def test_a_filter_of_many_frames_is_taken(tshark: Path, samples: Path) -> None:
    """A finding names each of its frames, of a long attempt some thousands."""
    sa, frames = 0, tuple(range(1, 20_001, 2))
    many = Finding("FRG001", "x", sa, Severity.BLOCKING, Confidence.STRONG, "", "", frames, (), 0, True)
    file = samples / "809-fragments-lost.pcapng"
    every = selected(tshark, file, "frame")
    assert selected(tshark, file, many.filter) == [number for number in every if number % 2]


def test_a_filter_that_is_wrong_is_refused(tshark: Path, samples: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        selected(tshark, samples / "connected-ok.pcapng", "frame.number in {4 7")
