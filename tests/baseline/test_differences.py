"""What counts as a difference between two answers, and under which path it is told."""

from __future__ import annotations

import copy

from tests.baseline.differences import ABSENT, Difference, differences


def finding(rule, sa="11", **changed):
    return {"rule": rule, "sa": sa, "severity": "blocking", "confidence": "probable", "frames": [1, 2]} | changed


def answer(**changed):
    report = {
        "verdict": {"id": "udp-4500-blocked", "confidence": "probable"},
        "sas": [{"spi_i": "11", "nat": {"initiator": "no"}, "path_mtu": {"lower": 1400, "upper": None}}],
        "findings": [finding("NET002"), finding("RTX001", confidence="possible")],
        "not_assessed": [{"rule": "FRG001", "sa": "11", "because": "filtered"}],
    }
    return {"captures": [{"report": report | changed, "exit": 1, "text": ["VERDICT  failed"]}], "errors": []}


def test_equal_answers_differ_in_nothing():
    assert differences(answer(), copy.deepcopy(answer())) == []


def test_a_verdict():
    changed = answer(verdict={"id": "udp-4500-blocked", "confidence": "possible"})
    assert differences(answer(), changed) == [Difference("verdict.confidence", "probable", "possible")]


def test_fields_of_an_ike_sa():
    changed = answer(sas=[{"spi_i": "11", "nat": {"initiator": "yes"}, "path_mtu": {"lower": 1400, "upper": 1500}}])
    assert differences(answer(), changed) == [
        Difference("sas.nat.initiator", "no", "yes"),
        Difference("sas.path_mtu.upper", "null", "1500"),
    ]


def test_a_finding_is_known_by_its_rule():
    """One more in front of the others changes nothing about them."""
    changed = answer(
        findings=[finding("FRG001"), finding("NET002", frames=[1]), finding("RTX001", confidence="possible")]
    )
    assert sorted(map(str, differences(answer(), changed))) == sorted(
        map(
            str,
            [
                Difference("findings.NET002.frames", "[1, 2]", "[1]"),
                Difference("findings.FRG001", ABSENT, "blocking probable"),
            ],
        )
    )


def test_a_finding_that_is_gone():
    changed = answer(findings=[finding("NET002")])
    assert differences(answer(), changed) == [Difference("findings.RTX001", "blocking possible", ABSENT)]


def test_two_findings_of_one_rule_are_told_apart():
    twice = answer(findings=[finding("NET002", frames=[1]), finding("NET002", frames=[2])])
    changed = answer(findings=[finding("NET002", frames=[3]), finding("NET002", frames=[2])])
    assert differences(twice, changed) == [Difference("findings.NET002.frames", "[1]", "[3]")]


def test_the_same_finding_on_another_ike_sa():
    before, after = answer(findings=[finding("NET002", sa="11")]), answer(findings=[finding("NET002", sa="22")])
    assert {(d.before, d.after) for d in differences(before, after)} == {
        ("blocking probable", ABSENT),
        (ABSENT, "blocking probable"),
    }


def test_the_order_of_findings():
    changed = answer(findings=[finding("RTX001", confidence="possible"), finding("NET002")])
    assert differences(answer(), changed) == [
        Difference("findings.order", '["NET002", "RTX001"]', '["RTX001", "NET002"]')
    ]


def test_what_was_not_assessed():
    changed = answer(not_assessed=[])
    assert differences(answer(), changed) == [Difference("not_assessed.FRG001", "filtered", ABSENT)]


def test_a_field_that_one_version_does_not_have():
    assert differences(answer(), answer(tally=[1])) == [Difference("tally", ABSENT, "[1]")]


def test_an_ike_sa_more():
    sas = [*answer()["captures"][0]["report"]["sas"], {"spi_i": "22", "verdict": {"id": "connected-ok"}}]
    assert differences(answer(), answer(sas=sas)) == [Difference("sas", ABSENT, "connected-ok")]


def test_what_the_text_report_says():
    changed = answer()
    changed["captures"][0]["text"] = ["VERDICT  degraded"]
    assert differences(answer(), changed) == [Difference("text", '["VERDICT  failed"]', '["VERDICT  degraded"]')]


def test_a_capture_that_cannot_be_read_any_more():
    refused = {"captures": [], "errors": ["not a capture"]}
    assert differences(answer(), refused) == [
        Difference("captures", "udp-4500-blocked probable", ABSENT),
        Difference("errors", "[]", '["not a capture"]'),
    ]
