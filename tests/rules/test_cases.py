"""The rules' cases: what each rule must say of a conversation, written down as data (:mod:`tests.rules.cases`)."""

from __future__ import annotations

import pytest

from analyzer.rules.engine import all_rules
from analyzer.rules.model import Confidence
from tests.rules import cases
from tests.rules.cases import CASES, HERE, Case
from tests.rules.claims import failed_claims

CODES = [rule.code for rule in all_rules()]

#: Rules that say that something is not there: an answer, a fragment, a notify, a request.
RESTS_ON_ABSENCE = {
    *("FRG001", "FRG002", "FRG003", "FRG004", "FRG007", "NET001", "NET002", "RTX001", "RTX002", "CAP006"),
    *("FRG008", "FRG009", "FRG010", "FRG011", "NET011", "NET012"),
    *("AUT003", "AUT006", "EST002", "EST003"),
    *("NET006", "NET008", "NET009", "NET013"),
}


@pytest.mark.parametrize("case", CASES, ids=[f"{c.rule}-{c.name.replace(' ', '-')}" for c in CASES])
def test_case(case: Case) -> None:
    failed = failed_claims(case)
    assert not failed, "\n\n".join(failed)


@pytest.mark.parametrize("code", CODES)
def test_every_rule_has_the_cases_that_it_needs(code: str) -> None:
    cases = [case for case in CASES if case.rule == code]
    assert cases, f"{code}.yml is missing"
    assert len({case.name for case in cases}) == len(cases)
    assert all(case.why.strip() for case in cases)
    assert any(case.kind == "fires" for case in cases)
    assert any(case.kind == "silent" for case in cases)
    assert code not in RESTS_ON_ABSENCE or any(case.lacks for case in cases)


@pytest.mark.parametrize("case", [c for c in CASES if c.lacks], ids=lambda c: f"{c.rule}-{c.name.replace(' ', '-')}")
def test_less_evidence_makes_a_rule_say_less(case: Case) -> None:
    """Not assessed, silent, "cannot tell", or less sure than the rule is elsewhere."""
    if case.kind == "fires" and not case.verdict.endswith("cannot-tell"):
        surest = min(_rank(c) for c in CASES if c.rule == case.rule and c.kind == "fires")
        assert _rank(case) > surest


def _rank(case: Case) -> int:
    """Of the confidence with which the rule fires."""
    return Confidence(case.expect.split()[2]).rank


def test_every_verdict_is_that_of_some_case() -> None:
    """But for those of rules that can never be the answer."""
    told = {case.verdict.split()[0] for case in CASES}
    wanted = {rule.id for rule in all_rules() if rule.is_verdict} | {"cannot-tell"}
    # Whatever it blames was lost in IP fragments: FRG001 or FRG002 says so as surely, and stands before it.
    assert wanted - told == {"fragmentation-negotiated-but-not-used"}


def test_a_case_without_a_verdict_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cases, "HERE", tmp_path)
    (tmp_path / "XYZ001.yml").write_text("- {name: a, why: b, ladder: c, expect: silent}\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"XYZ001: a: lacks \{'verdict'\}"):
        cases.read_cases("XYZ001")


def test_no_cases_without_a_rule() -> None:
    assert sorted(path.stem for path in HERE.glob("*.yml")) == sorted(CODES)
