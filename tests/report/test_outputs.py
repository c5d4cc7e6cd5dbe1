"""The registry of outputs: a new one is one file and one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

import analyzer
from analyzer.analysis import Analysis
from analyzer.cli import main
from analyzer.errors import UsageError
from analyzer.report import outputs
from analyzer.report.json_report import as_json
from analyzer.report.outputs import OUTPUTS, Output, output
from analyzer.report.text import as_text

SAMPLE = "sample_pcaps/809-fragments-lost.pcapng"


def shout(analysis: Analysis) -> Iterator[str]:
    yield analysis.verdict.id.upper()
    yield "!\n"


@pytest.fixture
def shouting(monkeypatch: pytest.MonkeyPatch) -> None:
    """One file, one line."""
    module = ModuleType("shouting_output")
    module.parts = shout  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shouting_output", module)
    monkeypatch.setattr(outputs, "OUTPUTS", (*OUTPUTS, Output("shout", "shouting_output:parts", "say it loud", "--\n")))
    monkeypatch.setattr("analyzer.arguments.OUTPUTS", outputs.OUTPUTS)


def test_what_there_is():
    assert [one.name for one in OUTPUTS] == ["text", "json", "quiet"]
    capture = analyzer.read(SAMPLE)
    assert capture.output("text") == capture.text() == as_text(capture.analysis)
    assert capture.output("json") == as_json(capture.analysis) + "\n"


@pytest.mark.parametrize("one", OUTPUTS, ids=lambda one: one.name)
def test_each_ends_its_last_line(one: Output):
    text = "".join(one.parts(analyzer.read(SAMPLE).analysis))
    assert text.endswith("\n") and not text.endswith("\n\n")


def test_no_such_output():
    with pytest.raises(UsageError, match="no output 'fax': there are text, json, quiet"):
        output("fax")
    with pytest.raises(UsageError, match="no output 'fax'"):
        analyzer.read(SAMPLE).output("fax")


@pytest.mark.usefixtures("shouting")
def test_a_new_output_is_an_option_of_the_command_and_a_name_in_python(capsys: pytest.CaptureFixture[str]):
    said = "IKE-AUTH-IP-FRAGMENTS-LOST-UPSTREAM!\n"
    assert analyzer.read(SAMPLE).output("shout") == said
    assert main(["analyze", "--shout", SAMPLE, SAMPLE]) == 1
    assert capsys.readouterr().out == f"{said}--\n{said}"
    main(["analyze", "--help"])
    assert "say it loud" in capsys.readouterr().out
