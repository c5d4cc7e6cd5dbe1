"""The analysis: plain data that goes from process to process."""

from __future__ import annotations

import pickle
from dataclasses import fields
from pathlib import Path

import pytest

from analyzer.analysis import Analysis, analyse, analyse_each
from analyzer.report.json_report import as_dict
from analyzer.report.text import as_text
from tests.conftest import ROOT
from tests.relate.captures import INIT, of_packets, raw_packets

SAMPLES = sorted(path for path in (ROOT / "sample_pcaps").rglob("*") if path.suffix == ".pcapng")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_pickled_analysis_says_the_same(path: Path):
    for analysis in analyse_each(path, sha256=True):
        fresh = pickle.dumps(analysis)
        said = as_text(analysis), as_dict(analysis)
        for pickled in (fresh, pickle.dumps(analysis)):
            other = pickle.loads(pickled)
            # What was worked out in the meantime is not taken along.
            assert set(vars(other)) == {field.name for field in fields(Analysis)}
            assert (as_text(other), as_dict(other)) == said


def test_packets_out_of_order_keep_their_places():
    request, response = raw_packets(INIT)[:2]
    analysis = of_packets([response, request]).analysis
    other = pickle.loads(pickle.dumps(analysis))
    assert [analysis.wire.place(frame) for frame in (1, 2)] == [other.wire.place(frame) for frame in (1, 2)] == [2, 1]


def test_what_it_is_called_does_not_change_with_the_part(samples: Path):
    whole = analyse(samples / "809-fragments-lost.pcapng")
    part = whole.between(19, 21)
    assert (part.name, part.wire.messages.frame.tolist()) == (whole.name, [19, 20])
    assert len(whole.wire.messages.frame) > 2


def test_it_cannot_be_changed(samples: Path):
    with pytest.raises(AttributeError):
        analyse(samples / "connected-ok.pcapng").path = "another"  # type: ignore[misc]
