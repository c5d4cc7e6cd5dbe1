"""The document: which IKE SAs are shown, what is folded, what is told once, in which order."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import pytest

from analyzer.analysis import Analysis, analyse
from analyzer.report.document import MAX_SAS, Document, document_of
from tests.relate.captures import GOES_ON, HOSTS, capture

TWO = HOSTS.strip() + "  D = 10.0.0.9\n"
SAMPLES = sorted((Path(__file__).resolve().parents[2] / "sample_pcaps").glob("*.pcapng"))


def silent(number: int, at: int, client: str = "C") -> str:
    """An attempt that nobody answers."""
    return f"+{at} {client}:500 > S:500 IKE_SA_INIT request sa {number} x4 at +1 +3 +7\n"


def asked(number: int, at: int) -> str:
    """One request at the end of the capture: nobody knows what becomes of it."""
    return f"+{at} C:500 > S:500 IKE_SA_INIT request sa {number}\n"


def of(*steps: str, hosts: str = HOSTS, **options: int) -> Document:
    return document_of(capture(*steps, hosts=hosts).analysis, **options)


class TestIkeSas:
    def test_all_of_a_few(self):
        document = of(*(silent(i, i) for i in range(1, MAX_SAS + 1)), GOES_ON)
        assert [sa.number for sa in document.sas] == [1, 2, 3, 4, 5]
        assert (document.not_shown.count, document.not_shown.verdicts) == (0, ())

    def test_of_many_the_one_that_decides_and_the_gravest_in_the_order_of_appearance(self):
        steps = [asked(1, 55), asked(2, 56), silent(3, 57, "D"), asked(4, 68), asked(5, 69)]
        document = of(*steps, "+69.5 C:40000 > S:9 UDP\n", hosts=TWO, max_sas=2)
        assert document.verdict.sa == document.sa == 3
        assert 3 in [sa.number for sa in document.sas] == sorted(sa.number for sa in document.sas)
        assert document.not_shown.count == 3
        assert sum(count for _, count in document.not_shown.verdicts) == 3

    def test_verdicts_of_very_many_are_not_counted(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("analyzer.report.document.TALLIED", 1)
        document = of(*(asked(i, i) for i in range(1, 6)), GOES_ON, max_sas=3)
        assert (document.not_shown.count, document.not_shown.verdicts) == (2, ())

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
        document = of(*(silent(i, 10 * i) for i in (1, 2, 3)), "+90 C:40000 > S:9 UDP\n")
        for also in document.also_found:
            assert list(also.sas) == sorted(set(also.sas))
        same = [also for also in document.also_found if also.depth == "as the verdict"]
        assert [also.finding.rule for also in same] == ["NET001"]
        # The verdict is that of one of the three: the other two are told together.
        assert len(same[0].sas) == 2 and document.sa not in same[0].sas

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
