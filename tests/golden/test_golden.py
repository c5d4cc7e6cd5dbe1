"""The text report of each sample, word for word: what a user sees is the test.

After a wanted change of wording, write them anew and read the difference before it is kept::

    IKE_ANALYZER_UPDATE_GOLDEN=1 python -m pytest tests/golden
    git diff tests/golden
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import analyzer

GOLDEN = Path(__file__).resolve().parent
SAMPLES = sorted(p.stem for p in (GOLDEN.parents[1] / "sample_pcaps").glob("*.ladder"))
UPDATE = os.environ.get("IKE_ANALYZER_UPDATE_GOLDEN", "") not in ("", "0")


@pytest.mark.parametrize("name", SAMPLES)
def test_report(samples: Path, name):
    report = analyzer.read(samples / f"{name}.pcapng").text()
    golden = GOLDEN / f"{name}.txt"
    if UPDATE:
        golden.write_text(report, encoding="utf-8")
    assert report.splitlines() == golden.read_text(encoding="utf-8").splitlines()


def test_every_golden_report_has_its_sample():
    assert sorted(p.stem for p in GOLDEN.glob("*.txt")) == SAMPLES
