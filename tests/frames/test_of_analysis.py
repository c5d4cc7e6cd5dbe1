"""Frames are made when they are asked for, once."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from analyzer.analysis import analyse
from analyzer.frames.contracts import CONTRACTS
from analyzer.frames.of_analysis import Frames


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_each_contract_is_a_property_that_is_made_once(samples: Path, name: str):
    frames = Frames(analyse(samples / "809-fragments-lost.pcapng"))
    assert name not in vars(frames)
    assert tuple(getattr(frames, name).columns) == CONTRACTS[name].names
    assert getattr(frames, name) is getattr(frames, name)


def test_what_a_plot_needs_besides(samples: Path):
    frames = Frames(analyse(samples / "809-fragments-lost.pcapng"))
    assert frames.name == "809-fragments-lost.pcapng"
    assert frames.verdict_text == frames.analysis.verdict.text


def test_they_go_from_process_to_process(samples: Path):
    frames = Frames(analyse(samples / "809-fragments-lost.pcapng"))
    other = pickle.loads(pickle.dumps(frames))
    assert other.exchanges.equals(frames.exchanges)
