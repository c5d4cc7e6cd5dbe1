"""What a report for machines lists."""

from __future__ import annotations

import io

import pytest

from analyzer.analysis import Analysis, analyse
from analyzer.report import listing
from analyzer.report.listing import ListedSa, listing_of
from tests.fuzz.hostile import many_sas, repeats
from tests.relate.captures import GOES_ON, INIT, capture


def of(raw: bytes) -> Analysis:
    return analyse("flood.pcap", stream=io.BytesIO(raw))


def number(one: ListedSa) -> int:
    return one.sa.number


def test_every_ike_sa_once_in_the_order_of_appearance():
    found = listing_of(of(many_sas(7)), number)
    assert found.sas == (1, 2, 3, 4, 5, 6, 7)
    assert list(found.spi_i) == [1, 2, 3, 4, 5, 6, 7] and len(set(found.spi_i.values())) == 7
    assert "analysis-limit" not in found.quality


def test_of_too_many_the_first_ones_and_that_of_the_verdict(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listing, "MAX_SAS", 3)
    analysis = of(many_sas(20))
    found = listing_of(analysis, number)
    assert found.sas[:3] == (1, 2, 3)
    assert found.sas[3:] == ((analysis.verdict.sa,) if (analysis.verdict.sa or 0) > 3 else ())
    assert "analysis-limit" in found.quality
    assert {finding.sa for finding in found.findings} <= {None, *found.sas}


def test_what_is_kept_is_up_to_the_output():
    kept = listing_of(capture(INIT, GOES_ON).analysis, lambda one: (one.verdict.id, one.auth_request))
    assert kept.sas == ((kept.verdict.id, None),)


def test_requests_are_counted_and_the_fullest_sending_told():
    found = listing_of(of(repeats(4)), lambda one: one)
    assert [one.auth_response for one in found.sas] == [None]
    auth = "+0.1 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 x3 at +1 +2\n"
    ((sent, answer),) = listing_of(
        capture(INIT, auth, GOES_ON).analysis, lambda one: (one.auth_request, one.auth_response)
    ).sas
    assert answer is None and sent is not None
    assert (sent.length, sent.ip_fragments, sent.skf_total, sent.attempts, sent.complete) == (3468, 3, 0, 3, True)
