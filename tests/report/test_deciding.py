"""The one log or capture that would decide what a trace leaves open."""

from __future__ import annotations

from dataclasses import replace

import pytest

import analyzer
from analyzer.report.deciding import decides
from analyzer.rules.model import Confidence, Severity
from tests.relate.captures import INIT, capture


def told(*steps: str, hosts: str | None = None) -> str:
    cap = capture(*steps, **({"hosts": hosts} if hosts else {}))
    assert cap.verdict.exit_status == 3, cap.verdict
    (sa,) = cap.analysis.sas
    return " ".join(decides(sa, cap.verdict))


def test_a_login_that_ends_in_the_air_is_in_the_clients_log() -> None:
    auth = "+0.1 C:500 > S:500 IKE_AUTH request 254 SK{IDi}\n+0.2 C:500 < S:500 IKE_AUTH response 220 SK{IDr}\n"
    cap = capture(INIT, auth)
    unsure = replace(cap.verdict, severity=Severity.INFORMATION, confidence=Confidence.CANNOT_TELL, rule="")
    (text,) = decides(cap.analysis.sas[0], unsure)
    assert text == "The client's log of that minute decides it: it says who closed the connection, and why."


def test_nothing_after_ike_sa_init_seen_at_the_server_is_decided_at_the_client() -> None:
    text = told(INIT, "+4 C:40000 > S:9 UDP\n", hosts="C = 10.0.0.2  S = 203.0.113.7  at S\n")
    assert text.startswith("A trace at the client 10.0.0.2 of the same attempt decides it")


@pytest.mark.parametrize("sample", ["809-fragments-lost", "connected-ok", "no-response"])
def test_a_verdict_needs_nothing_more(sample: str) -> None:
    cap = analyzer.read(f"sample_pcaps/{sample}.pcapng")
    assert list(decides(cap.analysis.sas[0], cap.verdict)) == []


def test_rules_on_the_capture_say_so_themselves() -> None:
    cap = capture("+0 C:500 > S:500 IKE_SA_INIT request\n")
    assert cap.verdict.rule.startswith("CAP")
    assert list(decides(cap.analysis.sas[0], cap.verdict)) == []
    assert "guide --script windows" in cap.text()
