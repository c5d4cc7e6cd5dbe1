"""``explain RULE --script``: the remedy as a script, or one line that says why there is none."""

from __future__ import annotations

from importlib.resources import files

import pytest

from analyzer import cli
from analyzer.errors import UsageError
from analyzer.remedies import catalogue, script_of
from analyzer.report.rule_page import explain, script
from analyzer.rules.engine import all_rules

SCRIPT = (files("analyzer.remedies") / "scripts" / "enable-server-fragmentation.ps1").read_text(encoding="ascii")


@pytest.mark.parametrize("what", ["FRG004", "frg004", "fragmentation-not-accepted-by-responder", "FRG001", "FRG002"])
def test_prints_the_script_of_a_remedy_on_the_rules_page(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", what, "--script"]) == 0
    assert capsys.readouterr().out == SCRIPT


@pytest.mark.parametrize("what", ["RTX001", "wrong-ike-version", "809", "cannot-tell", "-2146762487", "no-such-rule"])
def test_without_a_script_it_is_one_line_and_a_usage_error(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", what, "--script"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ike-analyzer: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("rule", all_rules(), ids=lambda r: r.code)
def test_a_rule_has_a_script_if_its_page_tells_of_it(rule) -> None:
    """The page of FRG004 and its like names the command that prints it."""
    if "--script" in explain(rule.code):
        assert script(rule.code) == SCRIPT
    else:
        with pytest.raises(UsageError):
            script(rule.code)


def test_a_remedy_without_a_script_has_none() -> None:
    assert [key for key in catalogue() if script_of(key)] == ["rras-fragmentation"]


@pytest.mark.parametrize("code", ["809", "0x800B0109", "868", "720"])
def test_a_windows_error_prints_within_a_terminals_width(code: str) -> None:
    assert max(map(len, explain(code).splitlines())) <= 100
