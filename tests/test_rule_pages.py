"""Pages of rules: what is written is up to date, complete, and what ``explain`` prints."""

from __future__ import annotations

import csv

import pytest

import analyzer
from analyzer.errors import UsageError
from analyzer.ike.registry import windows_errors
from analyzer.report.rule_page import HEADINGS, as_text, examples, explain, page_of
from analyzer.report.rule_table import as_text as table
from analyzer.rules.engine import all_rules
from analyzer.rules.model import Rule
from tests import write_rule_pages as writer
from tests.rules.cases import CASES, capture_of

RULES = all_rules()
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)


def test_the_examples_are_up_to_date() -> None:
    assert writer.EXAMPLES.read_text(encoding="utf-8") == writer.examples_text(), "run make docs"


def test_the_pages_are_up_to_date() -> None:
    wanted = writer.pages()
    assert {path.name for path in writer.PAGES.glob("*.md")} == {f"{rule.code}.md" for rule in RULES}
    stale = [str(p) for p, text in wanted.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    assert stale == [], "run make docs"


@each_rule
def test_a_page_is_complete(rule: Rule) -> None:
    page = page_of(rule)
    # What a reader cannot look up (references to the developers' notes) is left out.
    assert tuple(heading for heading, _ in page.sections) in (HEADINGS, HEADINGS[:-1])
    assert all(text for _, text in page.sections)
    assert "docs/domain/" not in as_text(page)
    assert page.title.endswith(".")
    assert page.example
    assert page.says, "the first case must need no options beside its ladder"


@each_rule
def test_a_page_is_found_by_code_and_by_id(rule: Rule) -> None:
    assert explain(rule.code) == explain(rule.code.lower()) == explain(f" {rule.id} ") == as_text(page_of(rule))


@each_rule
def test_the_table_names_the_rule(rule: Rule) -> None:
    assert any(line.startswith(rule.code) and rule.id in line for line in table().splitlines())


@pytest.mark.parametrize("what", ["FRG00", "udp-4500-block", "nonsense", "\x1b[31m", "", "99999999"])
def test_what_is_not_known_is_a_usage_error_in_one_line(what: str) -> None:
    with pytest.raises(UsageError) as raised:
        explain(what)
    assert "\n" not in str(raised.value)
    assert str(raised.value).isprintable()


def test_what_is_near_is_named() -> None:
    with pytest.raises(UsageError, match=r"did you mean .*udp-4500-blocked"):
        explain("udp-4500-block")


def test_cannot_tell_is_explained() -> None:
    assert "Take another trace" in explain("cannot-tell")


@pytest.mark.parametrize("error", windows_errors.all_errors().values(), ids=lambda e: e.name)
def test_a_windows_error_leads_to_verdicts_that_exist(error: windows_errors.WindowsError) -> None:
    assert set(error.verdicts) <= {rule.id for rule in RULES}
    text = explain(error.name)
    assert text.startswith(f"Windows error {error.name}: ")
    assert all(verdict in text for verdict in error.verdicts)


def test_windows_errors_are_listed_once() -> None:
    path = writer.ROOT / "analyzer" / "ike" / "registry" / "windows_errors.csv"
    codes = [row["code"] for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())]
    assert len(codes) == len(set(codes))


@each_rule
def test_examples_fire(rule: Rule) -> None:
    assert examples()[rule.code]["says"]


def test_every_remedy_that_a_finding_gives_is_on_its_rules_page() -> None:
    pages = {rule.code: set(page_of(rule).remedies) for rule in RULES}
    for case in CASES:
        for finding in capture_of(case).analysis.findings:
            assert set(finding.remedies) <= pages[finding.rule], (finding.rule, case.name)


def test_the_public_names_are_there() -> None:
    assert {"read", "validate", "compare", "Capture", "Comparison", "Validation"} <= set(dir(analyzer))
