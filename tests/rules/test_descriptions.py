"""What a rule says of itself (its ceiling, its remedies) is what its cases show."""

from __future__ import annotations

from functools import cache

import pytest

from analyzer.remedies import catalogue, remedy
from analyzer.rules.engine import all_rules
from analyzer.rules.model import Finding, Rule
from tests.rules.cases import CASES, capture_of

each_rule = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)


@cache
def _found(rule: Rule) -> list[Finding]:
    """What a rule finds in its own cases."""
    own = [capture_of(case) for case in CASES if case.rule == rule.code]
    return [finding for capture in own for finding in capture.analysis.findings if finding.rule == rule.code]


def _texts(name: str) -> set[str]:
    """Of all remedies for a topic; of one remedy where it is named itself, as those are that say what does not help."""
    entries = [entry for entry in catalogue().values() if name in (entry.topic, entry.id)]
    return {line for entry in entries for line in remedy(entry.id)}


@each_rule
def test_ceiling_is_reached(rule: Rule) -> None:
    """A rule that claims to be surer than it ever is, is run for nothing."""
    surest = min(_found(rule), key=lambda finding: finding.rank, default=None)
    assert surest is not None and (surest.severity, surest.confidence) == (rule.severity, rule.ceiling)


@each_rule
def test_remedies_are_drawn_from_all_that_are_named_and_from_nothing_else(rule: Rule) -> None:
    named = [_texts(name) for name in (*rule.topics, *rule.remedies)]
    drawn = {line for finding in _found(rule) for line in finding.remedies}
    assert drawn <= set().union(*named)
    assert all(drawn & texts for texts in named)
