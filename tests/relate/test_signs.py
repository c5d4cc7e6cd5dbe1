"""Which signs an IKE SA bears, from ladders in which each thing is written down, and that no rule misses one."""

from __future__ import annotations

from pathlib import Path

import pytest

import analyzer
from analyzer.relate.signs import Sign
from analyzer.rules.engine import all_rules
from analyzer.rules.shared.evidence import EVIDENCE
from tests.relate.seen import INIT, only_sa
from tests.rules.cases import CASES, capture_of

AUTH = "+0.1 C:4500 > S:4500 IKE_AUTH request "
LAB = sorted(Path("sample_pcaps/lab/captures").glob("*.pcapng"))


@pytest.mark.parametrize(
    ("steps", "signs"),
    [
        ("", Sign(0)),
        (f"{AUTH} 400 SK{{IDi}}\n", Sign(0)),
        (f"{AUTH} 3000 SK{{IDi}} ip-fragments 3\n", Sign.IP_FRAGMENTS),
        (f"{AUTH} 400 SK{{IDi}}\n+0.2 C:4500 < S:4500 IKE_AUTH response 300 SK{{IDr}}\n", Sign.AUTH_ANSWER),
        (f"{AUTH} 400 SK{{EAP}}\n", Sign.EAP),
        (f"{AUTH} 400 SK{{IDi}} dropped\n", Sign.DROPPED),
        ("+0.1 C:4500 > S:4500 IKE_INTERMEDIATE request 400 SK{KE}\n", Sign.INTERMEDIATE),
        ("+0.1 C:500 < S:500 IKE_SA_INIT response N(NO_PROPOSAL_CHOSEN)\n", Sign.ERROR),
        ("+0.1 C:500 < S:500 IKE_SA_INIT response N(COOKIE)\n", Sign.ERROR),
    ],
)
def test_a_sign_of_each_thing_that_is_there(steps: str, signs: Sign) -> None:
    assert Sign(only_sa(INIT, steps).signs) == signs


def test_a_known_mtu_is_a_sign_of_sizes() -> None:
    assert Sign(only_sa(INIT, mtu=1400).signs) == Sign.SIZES


def no_rule_without_its_sign(capture: analyzer.Capture) -> None:
    for sa in capture.analysis.sas:
        for rule in all_rules():
            if rule.signs is None or rule.signs & sa.signs or sa.version not in rule.versions:
                continue
            if rule.is_verdict and not any(EVIDENCE[need](sa) for need in rule.needs):
                assert [seen.title for seen in rule.check(sa) if not seen.is_remark] == [], rule.code


@pytest.mark.parametrize("case", CASES, ids=[f"{c.rule}-{c.name.replace(' ', '-')}" for c in CASES])
def test_without_its_signs_a_rule_makes_no_verdict(case) -> None:
    no_rule_without_its_sign(capture_of(case))


@pytest.mark.parametrize("path", LAB, ids=lambda path: path.stem)
def test_without_its_signs_a_rule_makes_no_verdict_of_real_daemons(path: Path) -> None:
    no_rule_without_its_sign(analyzer.read(path))


def test_rules_with_signs_can_be_a_verdict() -> None:
    """Others are never asked for one, so a sign at them would mean nothing."""
    assert [rule.code for rule in all_rules() if rule.signs is not None and not rule.is_verdict] == []
