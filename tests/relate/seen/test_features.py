"""Which features an IKE SA has, from ladders in which each thing is written down, and that no rule misses one."""

from __future__ import annotations

from pathlib import Path

import pytest

import analyzer
from analyzer.relate.seen.features import Feature
from analyzer.rules.engine import all_rules
from analyzer.rules.shared.evidence import EVIDENCE
from tests.relate.captures import INIT, only_sa
from tests.rules.cases import CASES, capture_of

AUTH = "+0.1 C:4500 > S:4500 IKE_AUTH request "
LAB = sorted(Path("sample_pcaps/lab/captures").glob("*.pcapng"))


@pytest.mark.parametrize(
    ("steps", "features"),
    [
        ("", Feature(0)),
        (f"{AUTH} 400 SK{{IDi}}\n", Feature(0)),
        (f"{AUTH} 3000 SK{{IDi}} ip-fragments 3\n", Feature.IP_FRAGMENTS),
        (f"{AUTH} 400 SK{{IDi}}\n+0.2 C:4500 < S:4500 IKE_AUTH response 300 SK{{IDr}}\n", Feature.AUTH_ANSWER),
        (f"{AUTH} 400 SK{{EAP}}\n", Feature.EAP),
        (f"{AUTH} 400 SK{{IDi}} dropped\n", Feature.DROPPED),
        ("+0.1 C:4500 > S:4500 IKE_INTERMEDIATE request 400 SK{KE}\n", Feature.INTERMEDIATE),
        ("+0.1 C:500 < S:500 IKE_SA_INIT response N(NO_PROPOSAL_CHOSEN)\n", Feature.ERROR),
        ("+0.1 C:500 < S:500 IKE_SA_INIT response N(COOKIE)\n", Feature.ERROR),
    ],
)
def test_a_feature_of_each_thing_that_is_there(steps: str, features: Feature) -> None:
    assert Feature(only_sa(INIT, steps).features) == features


def test_a_known_mtu_is_a_feature_of_sizes() -> None:
    assert Feature(only_sa(INIT, mtu=1400).features) == Feature.SIZES


def no_rule_without_its_feature(capture: analyzer.Capture) -> None:
    for sa in capture.analysis.sas:
        for rule in all_rules():
            if rule.features is None or rule.features & sa.features or sa.version not in rule.versions:
                continue
            if rule.is_verdict and not any(EVIDENCE[need](sa) for need in rule.needs):
                assert [seen.title for seen in rule.check(sa) if not seen.is_remark] == [], rule.code


@pytest.mark.parametrize("case", CASES, ids=[f"{c.rule}-{c.name.replace(' ', '-')}" for c in CASES])
def test_without_its_features_a_rule_makes_no_verdict(case) -> None:
    no_rule_without_its_feature(capture_of(case))


@pytest.mark.parametrize("path", LAB, ids=lambda path: path.stem)
def test_without_its_features_a_rule_makes_no_verdict_of_real_daemons(path: Path) -> None:
    no_rule_without_its_feature(analyzer.read(path))


def test_rules_with_signs_can_be_a_verdict() -> None:
    """Others are never asked for one, so a feature at them would mean nothing."""
    assert [rule.code for rule in all_rules() if rule.features is not None and not rule.is_verdict] == []
