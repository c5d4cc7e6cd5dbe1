"""The document: which IKE SAs are shown, what is folded, what is told once, in which order."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import pytest

from analyzer.analysis import Analysis, analyse
from analyzer.report.document.choose import document_of
from analyzer.report.document.values import Document
from tests.relate.captures import GOES_ON, HOSTS, capture

TWO = HOSTS.strip() + "  D = 10.0.0.9\n"
SIX = TWO.strip() + "  E = 10.0.0.10  F = 10.0.0.11\n"
SAMPLES = sorted((Path(__file__).resolve().parents[3] / "sample_pcaps").glob("*.pcapng"))


def silent(number: int, at: int, client: str = "C") -> str:
    """An attempt that nobody answers."""
    return f"+{at} {client}:500 > S:500 IKE_SA_INIT request sa {number} x4 at +1 +3 +7\n"


def asked(number: int, at: int) -> str:
    """One request at the end of the capture: nobody knows what becomes of it."""
    return f"+{at} C:500 > S:500 IKE_SA_INIT request sa {number}\n"


def refused(number: int, at: int, client: str) -> str:
    return (
        f"+{at} {client}:500 > S:500 IKE_SA_INIT request sa {number}\n"
        f"+{at}.03 {client}:500 < S:500 IKE_SA_INIT response 36 N(NO_PROPOSAL_CHOSEN) sa {number}\n"
    )


def connected(number: int, at: int, client: str) -> str:
    return (
        f"+{at} {client}:500 > S:500 IKE_SA_INIT request sa {number}\n"
        f"+{at}.03 {client}:500 < S:500 IKE_SA_INIT response sa {number}\n"
        f"+{at}.07 {client}:4500 > S:4500 IKE_AUTH request 600 SK{{IDi}} sa {number}\n"
        f"+{at}.12 {client}:4500 < S:4500 IKE_AUTH response 500 SK{{IDr}} sa {number}\n"
        f"+{at}.5 {client}:4500 > S:4500 ESP spi 0x11aa0001 count 9\n"
        f"+{at}.6 {client}:4500 < S:4500 ESP spi 0x22aa0001 count 9\n"
    )


def of(*steps: str, hosts: str = HOSTS, **options: int) -> Document:
    return document_of(capture(*steps, hosts=hosts).analysis, **options)


class TestIkeSas:
    def test_one_of_each_cause(self):
        """Twice the same of one client and of another, a refusal, and a success that is only counted."""
        steps = [silent(1, 1), silent(2, 9), silent(3, 10, "D"), refused(4, 20, "E"), connected(5, 30, "F")]
        document = of(*steps, "+60 C:40000 > S:9 UDP\n", hosts=SIX)
        assert [(sa.number, sa.says_verdict) for sa in document.sas] == [(1, False), (4, True)]
        first, second = document.sas
        assert (first.others.count, first.others.clients, first.others.named) == (2, 1, ("10.0.0.9",))
        assert (second.others.count, second.others.named) == (0, ())
        assert [(o.said, o.count, o.named) for o in document.not_shown] == [("1 connected", 1, ("10.0.0.11",))]
        assert document.headline and document.said == document.sas[0].verdict.text

    def test_the_advice_of_each_cause_is_told_with_it(self):
        document = of(silent(1, 1), silent(2, 2, "D"), refused(3, 20, "E"), GOES_ON, hosts=SIX)
        assert document.advice and document.sas[1].advice
        assert {one.text for one in document.advice}.isdisjoint(one.text for one in document.sas[1].advice)

    def test_what_is_past_gets_no_advice(self):
        document = of(refused(1, 1, "C"), connected(2, 30, "C"), GOES_ON, hosts=SIX)
        assert document.is_healthy and [sa.number for sa in document.sas] == [1, 2]
        assert document.sas[0].says_verdict and document.sas[0].advice == ()

    def test_of_many_causes_the_one_that_decides_and_the_gravest(self):
        steps = [asked(1, 55), silent(3, 57, "D"), refused(4, 58, "E")]
        document = of(*steps, "+69.5 C:40000 > S:9 UDP\n", hosts=SIX, max_sas=1)
        assert [sa.number for sa in document.sas] == [document.verdict.sa]
        shown = sum(1 + sa.others.count for sa in document.sas)
        assert shown + sum(others.count for others in document.not_shown) == 3

    def test_clients_behind_one_nat_have_their_ports(self):
        steps = [silent(1, 1).replace("C:500", "C:1025"), silent(2, 2).replace("C:500", "C:1030")]
        (sa,) = of(*steps, GOES_ON).sas
        assert sa.others.named == ("10.0.0.2 port 1030",)

    def test_those_that_somebody_chose_are_all_shown(self):
        cap = capture(silent(1, 1), silent(2, 9), silent(3, 10, "D"), GOES_ON, hosts=TWO)
        document = document_of(cap.analysis.only(numbers=[1, 2]))
        assert [sa.number for sa in document.sas] == [1, 2]

    def test_one_alone_is_not_named_and_its_verdict_not_said_again(self):
        document = of(silent(1, 1), GOES_ON)
        (sa,) = document.sas
        assert (document.sa, sa.number, sa.says_verdict) == (None, 1, False)
        assert sa.verdict == document.verdict

    def test_a_long_ladder_is_cut(self):
        steps = "".join(
            f"+{i}.000 C:4500 > S:4500 INFORMATIONAL request 80 SK mid {i}\n"
            f"+{i}.050 C:4500 < S:4500 INFORMATIONAL response 80 SK mid {i}\n"
            for i in range(2, 32)
        )
        (sa,) = of(steps).sas
        assert (len(sa.ladder.steps), sa.left_out) == (40, 20)


class TestFindings:
    def test_what_several_ike_sas_have_is_said_once(self):
        """Both neither offer nor get IKE fragmentation."""
        document = of(silent(1, 1), refused(2, 30, "D"), GOES_ON, hosts=TWO)
        assert [also.sas for also in document.also_found if also.finding.rule == "FRG003"] == [(1, 2)]

    @pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
    def test_a_remedy_is_told_once(self, path: Path):
        document = document_of(analyse(path))
        told = [one.text for one in document.advice]
        for also in document.also_found:
            told += [one.text for one in also.advice]
        assert len(told) == len(set(told))
        assert bool(told) != document.is_healthy

    @pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
    def test_nothing_that_was_found_is_left_out(self, path: Path):
        analysis = analyse(path)
        document = document_of(analysis)
        told = {also.finding.id for also in document.also_found}
        told |= {document.decisive.id} if document.decisive else set()
        told |= {sa.verdict.id for sa in document.sas}
        assert told == {finding.id for finding in analysis.findings}
        assert {one.because for one in document.unassessed} == {n.because for n in analysis.judgement.not_assessed}

    def test_healthy_captures_get_no_advice(self):
        document = document_of(analyse("sample_pcaps/connected-ok.pcapng"))
        assert document.is_healthy and not document.cannot_tell
        assert document.advice == () and all(also.advice == () for also in document.also_found)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_it_is_plain_data(path: Path):
    analysis = analyse(path)
    document = document_of(analysis)
    assert pickle.loads(pickle.dumps(document)) == document
    with pytest.raises(dataclasses.FrozenInstanceError):
        document.sa = 7  # type: ignore[misc]
    assert document == document_of(anew(analysis))


def anew(analysis: Analysis) -> Analysis:
    return dataclasses.replace(analysis)
