"""What is told at once: what failed, why, what to do, the ladder, in few lines; and what waits for --verbose."""

from __future__ import annotations

import io
import statistics
from pathlib import Path

import pytest

import analyzer
from analyzer.remedies import catalogue
from analyzer.report.advice import _at_once
from analyzer.report.document.choose import document_of
from analyzer.report.ladder.notation import parse, render
from analyzer.report.ladder.of_sa import ladder_of
from analyzer.report.layout import Layout
from analyzer.report.text import as_text
from sample_pcaps.lab.maker import make
from tests.relate.captures import GOES_ON, HOSTS, INIT, capture, pings

SAMPLES = sorted((Path(__file__).resolve().parents[2] / "sample_pcaps").glob("*.pcapng"))
EACH = pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
#: An IKE_AUTH in three IP fragments that nobody answers.
LOST = "+0.08 C:4500 > S:4500 IKE_AUTH request 3440 SK{IDi} ip-fragments 3 x4 at +1 +3 +7\n"


def flat(text: str) -> str:
    return " ".join(text.split())


class TestLength:
    def test_a_failure_takes_a_screen_and_a_success_half_of_it(self):
        lines = {path.stem: len(analyzer.read(path).text().splitlines()) for path in SAMPLES}
        assert max(lines.values()) <= 42
        assert statistics.median(lines.values()) <= 30
        assert all(
            lines[name] <= 24 for name in ("809-fixed", "connected-ok", "filtered-capture", "invalid-ke-then-ok")
        )

    @EACH
    def test_all_else_is_told_when_asked(self, path: Path):
        cap = analyzer.read(path)
        brief, whole = cap.text(), cap.text(verbose=True)
        assert len(brief) < len(whole)
        assert "ALSO FOUND" not in brief and "NOT ASSESSED" not in brief and "NAT:" not in brief
        assert brief.splitlines()[-1].startswith(("More with --verbose: ", "  "))
        assert "More with --verbose" not in whole
        # It begins alike, and ends with the ladder alike.
        assert brief.split("WHAT TO DO")[0].splitlines()[:3] == whole.splitlines()[:3]
        for line in render(ladder_of(cap.analysis.sas[0]), brief=True).splitlines():
            assert line in brief and line in whole

    def test_the_last_line_says_what_there_is_more(self):
        text = analyzer.read("sample_pcaps/no-response.pcapng").text()
        told = "what to do in full, who the two sides are, NAT and MTU, what could not be assessed"
        assert text.endswith(f"\nMore with --verbose: {told}.\n")


class TestSaidOnce:
    @EACH
    def test_addresses_and_spis_stand_in_the_ladder_only(self, path: Path):
        text = analyzer.read(path).text()
        (sa,) = analyzer.read(path).analysis.sas
        assert text.count(f"{sa.spi_i:016x}") == 1

    def test_an_unanswered_request_is_not_told_beside_the_verdict_that_explains_it(self):
        document = document_of(analyzer.read("sample_pcaps/809-fragments-lost.pcapng").analysis)
        (explained,) = [also for also in document.also_found if also.depth == "explained"]
        assert explained.finding.rule == "RTX001"
        assert "RTX001" not in analyzer.read("sample_pcaps/809-fragments-lost.pcapng").text()

    def test_how_to_verify_is_said_once(self):
        text = analyzer.read("sample_pcaps/no-response.pcapng").text(verbose=True)
        assert text.count("an IKE_SA_INIT response comes back") == 1


class TestAdvice:
    def test_that_for_the_known_product_comes_first_and_no_other_product_is_named(self):
        """Both sides say by their vendor IDs that they are Windows."""
        text = analyzer.read("sample_pcaps/809-fragments-lost.pcapng").text()
        to_do = flat(text.split("WHAT TO DO")[1].split("IKE SA 1")[0])
        assert to_do.startswith("- Windows RRAS server: ")
        assert "--script" in to_do
        for other in ("FortiGate", "strongSwan", "Libreswan", "Cisco", "another product"):
            assert other not in to_do

    def test_what_is_for_another_product_than_the_one_that_is_known_waits(self):
        (sa,) = analyzer.read("sample_pcaps/809-fragments-lost.pcapng").analysis.sas
        keys = ("fortigate-fragmentation", "rras-fragmentation", "gateway-fragmentation", "permit-ip-fragments")
        entries = [catalogue()[key] for key in keys]
        assert {entry.id for entry in _at_once(entries, sa)} == {"rras-fragmentation", "permit-ip-fragments"}
        # Of no IKE SA nothing is known: the first three are told.
        assert [entry.id for entry in _at_once(entries, None)] == list(keys[:3])

    def test_no_advice_at_all_is_worse_than_one_for_another_product(self):
        (sa,) = analyzer.read("sample_pcaps/809-fragments-lost.pcapng").analysis.sas
        only = catalogue()["fortigate-fragmentation"]
        assert list(_at_once([only], sa)) == [only]

    @EACH
    def test_no_more_than_four_things(self, path: Path):
        document = document_of(analyzer.read(path).analysis)
        assert len([one for one in document.advice if one.brief]) <= 4
        assert not document.advice or document.advice[0].brief


class TestLimits:
    def test_what_limits_the_trust_stands_below_the_verdict(self):
        text = analyzer.read("sample_pcaps/pktmon-128-bytes.pcapng").text()
        assert "Mind the limits of this trace: packets were cut short by the capture (CAP001)." in flat(text)
        assert text.index("Mind the limits") < text.index("WHY")

    def test_damage_is_one(self):
        data = make(parse(HOSTS + INIT + LOST + GOES_ON))
        text = analyzer.read("cut.pcapng", stream=io.BytesIO(data[:-9])).text()
        assert "(capture-cut)" in flat(text.split("VERDICT")[1].split("\n\n")[1])

    def test_a_sound_trace_has_none(self):
        assert "Mind" not in analyzer.read("sample_pcaps/809-fragments-lost.pcapng").text()


class TestMeasure:
    def test_how_the_path_is_measured_next_time(self):
        """A fragment of 1,500 bytes was lost: 1,472 of data and 28 of headers; 1,252 make the 1,280 of RFC 8200."""
        text = flat(analyzer.read("sample_pcaps/809-fragments-lost.pcapng").text())
        assert "ping -f -l 1472 203.0.113.10 (1,500 bytes of IP, as here), then 1252, then between" in text
        assert "No answer at all only means that ICMP echo is filtered" in text

    def test_over_ipv6_headers_are_longer_and_nothing_says_df(self):
        """40 bytes of IPv6 and 8 of ICMPv6 (RFC 8200 section 3, RFC 4443 section 4.1)."""
        text = flat(analyzer.read("sample_pcaps/ipv6-fragments-lost.pcapng").text())
        assert "ping -6 -l 1448 2001:db8:113::10 (1,496 bytes of IP, as here), then 1232, then between" in text

    def test_both_systems_where_the_clients_is_not_known(self):
        text = flat(capture(INIT, LOST, GOES_ON).text())
        assert "ping -f -l 1472 203.0.113.7 or, on Linux, ping -M do -s 1472 203.0.113.7" in text

    def test_the_next_report_says_what_was_found(self):
        sweep = pings((1500, False), (1440, False), (1400, True))
        text = flat(capture(INIT, LOST, sweep, "+90 C:40000 > S:9 UDP\n").text())
        assert (
            "Measured, client > server: pings to 203.0.113.7 with DF: 1,400 bytes of IP are answered, 1,440 and" in text
        )
        assert "While you capture again" not in text

    def test_pings_that_nobody_answers_say_nothing(self):
        text = flat(capture(INIT, LOST, pings((1500, False), (1280, False)), "+90 C:40000 > S:9 UDP\n").text())
        assert "(IP packets of 1,280, 1,500 bytes) got no answer: ICMP echo is filtered" in text

    def test_it_is_not_asked_for_where_size_plays_no_part(self):
        assert "ping" not in analyzer.read("sample_pcaps/no-proposal-chosen.pcapng").text()


class TestWidth:
    @EACH
    @pytest.mark.parametrize("width", [60, 80, 99])
    def test_no_line_of_prose_or_ladder_is_longer(self, path: Path, width: int):
        text = as_text(analyzer.read(path).analysis, layout=Layout(width=width, folds=True, verbose=True))
        for line in text.splitlines():
            is_copied = line.startswith(("      ", "  Wireshark:")) and not line.startswith("          |")
            words = line.split()
            assert len(line) <= width or is_copied or len(words) == 1 or max(map(len, words)) > width - 10, line

    @EACH
    def test_a_folded_ladder_reads_as_the_same(self, path: Path):
        (sa,) = analyzer.read(path).analysis.sas
        for width in (58, 78):
            folded = render(ladder_of(sa), brief=True, width=width)
            assert max(map(len, folded.splitlines())) <= width
            assert parse(folded) == ladder_of(sa)


def test_one_line_for_each_capture():
    cap = analyzer.read("sample_pcaps/809-fragments-lost.pcapng")
    text = cap.output("quiet")
    assert text.count("\n") == 1 and text.endswith(".\n")
    assert text.startswith(
        "sample_pcaps/809-fragments-lost.pcapng: failed: ike-auth-ip-fragments-lost-upstream (probable): "
    )
    assert cap.verdict.text in text
