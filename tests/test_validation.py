"""The check after the fix, and its text. Expected results follow from RFC 7383 section 2.3 and from the ladders."""

from __future__ import annotations

import io
import json

import pytest

import analyzer
from analyzer.report.ladder.notation import parse
from analyzer.report.validation_text import as_json, as_text
from analyzer.validation import Subject
from sample_pcaps.lab.maker import make

HOSTS = "C = 10.0.0.2   S = 203.0.113.7\n"
FRAG = "N(IKEV2_FRAGMENTATION_SUPPORTED)"
ON_OFF = f"+0.000 C:500 > S:500 IKE_SA_INIT request {FRAG}\n+0.030 C:500 < S:500 IKE_SA_INIT response\n"
ON_ON = f"+0.000 C:500 > S:500 IKE_SA_INIT request {FRAG}\n+0.030 C:500 < S:500 IKE_SA_INIT response {FRAG}\n"
OFF_OFF = "+0.000 C:500 > S:500 IKE_SA_INIT request\n+0.030 C:500 < S:500 IKE_SA_INIT response\n"
SKF = "+0.075 C:4500 > S:4500 IKE_AUTH request SKF{IDi} 1-3/3 (1200 1200 500)\n"
ANSWER = "+0.120 C:4500 < S:4500 IKE_AUTH response SKF{IDr} 1-2/2 (1200 500)\n"
ESP = "+0.200 C:4500 > S:4500 ESP spi 0x11111111 count 3\n+0.210 C:4500 < S:4500 ESP spi 0x22222222 count 3\n"
CUT = "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 x3 at +1 +2\n"
LATE = "+40 C:40000 > S:9 UDP\n"

ALL = {
    "client-offers-fragmentation",
    "server-accepts-fragmentation",
    "request-in-one-piece",
    "response-in-one-piece",
    "ike-auth-answered",
    "established",
}


def seen(*steps: str, hosts: str = HOSTS) -> analyzer.Capture:
    return analyzer.read("trace.pcapng", stream=io.BytesIO(make(parse(hosts + "".join(steps)))))


def results(capture: analyzer.Capture, subject: Subject = "both") -> dict[str, str]:
    return {check.id: check.result for check in analyzer.validate(capture, subject).checks}


def test_a_fix_that_worked_passes_everything() -> None:
    capture = seen(ON_ON, SKF, ANSWER, ESP)
    assert results(capture) == dict.fromkeys(ALL, "pass")
    assert analyzer.validate(capture).exit_status == 0
    assert "RESULT: all checks pass." in as_text(capture.analysis, analyzer.validate(capture))


def test_the_server_still_has_it_off() -> None:
    capture = seen(ON_OFF, CUT, LATE)
    assert results(capture) == {
        "client-offers-fragmentation": "pass",
        "server-accepts-fragmentation": "fail",
        "request-in-one-piece": "fail",
        "response-in-one-piece": "cannot-tell",
        "ike-auth-answered": "fail",
        "established": "fail",
    }
    text = as_text(capture.analysis, analyzer.validate(capture))
    assert "FAIL         the server accepts IKE fragmentation" in text
    assert "although the client offered it" in " ".join(text.split())
    assert "the 3,468-byte message went as 3 IP fragments" in " ".join(text.split())
    assert analyzer.validate(capture).exit_status == 1


def test_a_server_cannot_be_judged_by_a_client_that_does_not_offer() -> None:
    """RFC 7383 section 2.3: the responder announces it only in answer to the initiator."""
    found = results(seen(OFF_OFF, CUT, LATE))
    assert found["client-offers-fragmentation"] == "fail"
    assert found["server-accepts-fragmentation"] == "cannot-tell"


@pytest.mark.parametrize(
    ("subject", "checks"),
    [
        ("client", ALL - {"server-accepts-fragmentation", "response-in-one-piece"}),
        ("server", ALL - {"client-offers-fragmentation", "request-in-one-piece"}),
    ],
)
def test_one_side_alone(subject: Subject, checks: set[str]) -> None:
    assert set(results(seen(ON_ON, SKF, ANSWER, ESP), subject)) == checks


def test_a_truncated_trace_cannot_tell_what_was_offered() -> None:
    """128 bytes a packet end before the notifies, so neither yes nor no."""
    capture = seen(ON_ON, SKF, ANSWER, ESP, hosts=HOSTS + "snaplen 128\n")
    assert results(capture)["request-in-one-piece"] == "pass"
    cut = seen(ON_ON, hosts=HOSTS + "snaplen 128\n")
    found = analyzer.validate(cut)
    assert {c.id: c.result for c in found.checks}["client-offers-fragmentation"] == "cannot-tell"
    assert "cut short" in as_text(cut.analysis, found)
    assert found.exit_status == 3


def test_an_offer_that_is_not_in_the_trace_is_called_inferred() -> None:
    checks = {one.id: one for one in analyzer.validate(seen(SKF, ANSWER, ESP)).checks}
    for side in ("client-offers-fragmentation", "server-accepts-fragmentation"):
        assert checks[side].result == "pass"
        assert "the offer itself is not in this trace" in checks[side].because


def test_nothing_to_check() -> None:
    capture = seen("+0 C:40000 > S:9 UDP\n")
    found = analyzer.validate(capture)
    assert found.checks == ()
    assert found.exit_status == 3
    assert "No IKEv2 connection attempt is in this trace." in as_text(capture.analysis, found)


def test_open_at_the_end_cannot_be_told() -> None:
    found = results(seen(ON_ON, SKF))
    assert found["ike-auth-answered"] == "cannot-tell"
    assert found["established"] == "cannot-tell"


def test_ike_sa_init_without_answer_fails() -> None:
    found = results(seen(f"+0 C:500 > S:500 IKE_SA_INIT request {FRAG} x4 at +1 +3 +7\n", LATE))
    assert (found["ike-auth-answered"], found["established"]) == ("fail", "fail")


def test_a_failed_attempt_before_the_success_does_not_count() -> None:
    later = f"""
+20.000 C:500 > S:500 IKE_SA_INIT request {FRAG} sa 2
+20.030 C:500 < S:500 IKE_SA_INIT response {FRAG} sa 2
+20.075 C:4500 > S:4500 IKE_AUTH request SKF{{IDi}} 1-3/3 (1200 1200 500) sa 2
+20.120 C:4500 < S:4500 IKE_AUTH response SKF{{IDr}} 1-2/2 (1200 500) sa 2
+20.200 C:4500 > S:4500 ESP spi 0x11111111 count 3
+20.210 C:4500 < S:4500 ESP spi 0x22222222 count 3
"""
    capture = seen(ON_OFF, CUT, later)
    found = analyzer.validate(capture)
    assert (len(found.checked), found.superseded, found.exit_status) == (1, 1, 0)
    assert "Not checked: 1 earlier attempt, since a later one succeeded." in as_text(capture.analysis, found)


def test_the_json_says_the_same() -> None:
    capture = seen(ON_OFF, CUT, LATE)
    report = json.loads(as_json(capture.analysis, analyzer.validate(capture)))
    assert report["schema"] == "ike-analyzer/validation/1"
    assert report["exit_status"] == 1
    (sa,) = report["sas"]
    assert {c["id"]: c["result"] for c in sa["checks"]} == results(capture)
    assert sa["checks"][1]["frames"] == [2]


def test_silence_that_the_trace_cannot_show_is_no_failure() -> None:
    """Only first fragments are in the trace, as with a filter on the ports: what was answered cannot be told."""
    only_first = "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 lost 2,3 x3 at +1 +2\n"
    capture = seen(OFF_OFF, only_first, LATE)
    assert capture.verdict.exit_status == 3
    found = results(capture)
    assert (found["ike-auth-answered"], found["established"]) == ("cannot-tell", "cannot-tell")


def test_an_answer_that_only_leaves_the_server_establishes_nothing_yet() -> None:
    """strongSwan asks again after 4 s: a trace that ends before that does not show that it arrived.

    Source: docs/domain/retransmission.md.
    """
    capture = seen("at S\n", ON_ON, SKF, ANSWER, "+0.300 C:40000 > S:9 UDP\n")
    assert capture.verdict.exit_status == 3
    assert results(capture)["established"] == "cannot-tell"


class TestMany:
    """Forty clients: a line for each, and the worst check by check."""

    @staticmethod
    def clients(count: int, without: int = 0) -> analyzer.Capture:
        hosts = "S = 203.0.113.7 " + " ".join(f"C{i} = 10.0.0.{i}" for i in range(1, count + 1)) + "\n"
        steps = "".join(
            f"+{i}.00 C{i}:500 > S:500 IKE_SA_INIT request {FRAG} sa {i}\n"
            f"+{i}.03 C{i}:500 < S:500 IKE_SA_INIT response {FRAG if i != without else ''} sa {i}\n"
            f"+{i}.05 C{i}:500 > S:500 IKE_AUTH request 400 SK{{IDi}} sa {i}\n"
            f"+{i}.10 C{i}:500 < S:500 IKE_AUTH response 300 SK{{IDr}} sa {i}\n"
            f"+{i}.20 C{i} > S ESP spi 0x{i:08x} count 3\n+{i}.21 C{i} < S ESP spi 0x1{i:07x} count 3\n"
            for i in range(1, count + 1)
        )
        return seen(steps, hosts=hosts)

    def test_healthy_ones_are_a_table(self) -> None:
        capture = self.clients(40)
        lines = as_text(capture.analysis, analyzer.validate(capture)).splitlines()
        assert len(lines) == 40 + 5  # the file, a blank, the columns, then a blank and the result
        assert sum(line.endswith("all pass") for line in lines) == 40
        assert lines[-1] == "RESULT: all checks pass."

    def test_the_one_that_fails_comes_first_and_is_told_check_by_check(self) -> None:
        capture = self.clients(40, without=7)
        text = as_text(capture.analysis, analyzer.validate(capture))
        assert text.splitlines()[3].split()[:3] == ["10.0.0.7", ">", "203.0.113.7"]
        assert "FAIL: server-accepts-fragmentation" in text.splitlines()[3]
        assert text.count("its IKE_SA_INIT response has no notify 16430") == 1
        assert len(text.splitlines()) < 60

    def test_a_few_are_told_in_full(self) -> None:
        capture = self.clients(3)
        assert as_text(capture.analysis, analyzer.validate(capture)).count("SPI ") == 3


class TestBefore:
    def changed(self, before: analyzer.Capture, after: analyzer.Capture) -> str:
        text = as_text(after.analysis, analyzer.validate(after), before=before.analysis)
        return " ".join(text.split("WHAT CHANGED")[1].split("RESULT")[0].split())

    def test_what_was_then_and_what_is_now(self) -> None:
        told = self.changed(seen(ON_OFF, CUT, LATE), seen(ON_ON, SKF, ANSWER, ESP))
        assert "IKE fragmentation: client yes, server no then; client yes, server yes now" in told
        assert "IKE_AUTH request: 3 IP fragments then; 3 SKF fragments now" in told
        assert "verdict: ike-auth-ip-fragments-lost-upstream then; connected now" in told

    def test_nothing_has_changed(self) -> None:
        assert self.changed(seen(ON_OFF, CUT, LATE), seen(ON_OFF, CUT, LATE)) == "Nothing that is checked has changed."

    def test_a_client_that_tests_from_elsewhere_is_taken_for_the_same_where_there_is_one(self) -> None:
        elsewhere = seen(ON_ON, SKF, ANSWER, ESP, hosts=HOSTS.replace("10.0.0.2", "10.9.9.9"))
        assert "connected now" in self.changed(seen(ON_OFF, CUT, LATE), elsewhere)

    def test_other_clients_are_no_comparison(self) -> None:
        told = self.changed(TestMany.clients(2), seen(ON_ON, SKF, ANSWER, ESP, hosts=HOSTS.replace(".2", ".99")))
        assert told == "No client of trace.pcapng is in this trace: nothing can be compared."
