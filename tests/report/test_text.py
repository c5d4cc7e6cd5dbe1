"""The text report: what it says first, that it repeats nothing, that no capture can steer a terminal by it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzer
from analyzer.report.ladder import parse
from analyzer.report.text import WIDTH, as_text
from sample_pcaps.lab.maker import make
from tests.relate.seen import GOES_ON, HOSTS, INIT, capture

SAMPLES = sorted(p.stem for p in (Path(__file__).resolve().parents[2] / "sample_pcaps").glob("*.ladder"))


def flat(text: str) -> str:
    """Words of a text, unwrapped."""
    return " ".join(text.split())


class TestReference:
    @pytest.fixture
    def text(self, shared_captures: Path) -> str:
        return analyzer.read(shared_captures / "dev/corelight+zeek-spicy-ipsec/ipsec_client.pcap").text()

    def test_it_begins_with_the_file_and_the_verdict(self, text):
        first, blank, verdict, *_ = text.splitlines()
        assert first == "ipsec_client.pcap: 11 packets, 5 IKE messages, 1 IKE SA, 2015-01-14 21:14:02 UTC, 2.1 s"
        assert blank == ""
        assert verdict == "VERDICT  failed: ike-auth-ip-fragments-lost-upstream (probable)"

    def test_one_sentence_says_all(self, text):
        paragraph = flat(text.split("\n\n")[1])
        for fact in ("3,468-byte", "3 IP fragments", "1,460..1,467", "3 times", "no answer", "neither side", "16430"):
            assert fact in paragraph

    def test_the_ladder_shows_it(self, text):
        assert "ip-fragments 3 (1460 1460 620)  x3 at +1.000 +2.000  unanswered  #3-11" in text
        assert "IKE fragmentation: client no, server no  NAT: client yes, server no  seen from: client\n" in text

    def test_frames_can_be_pasted_into_wireshark(self, text):
        assert re.search(r"^  Wireshark: frame\.number in \{[\d, ]+\}$", text, re.MULTILINE)

    def test_the_command_that_helps_can_be_pasted_too(self, text):
        (line,) = [line for line in text.splitlines() if "New-ItemProperty" in line]
        assert line.strip().startswith("New-ItemProperty -Path ") and line.endswith("-Value 1 -Force")


class TestSamples:
    @pytest.mark.parametrize("name", SAMPLES)
    def test_prose_fits_the_width(self, samples: Path, name):
        text = analyzer.read(samples / f"{name}.pcapng").text()
        assert text.endswith("\n") and not text.endswith("\n\n")
        for line in text.splitlines():
            assert line == line.rstrip()
            command_or_ladder = line.startswith(("  +", "      ", "  Wireshark:"))
            assert len(line) <= WIDTH or command_or_ladder, line

    @pytest.mark.parametrize("name", SAMPLES)
    def test_no_sentence_is_said_twice(self, samples: Path, name):
        cap = analyzer.read(samples / f"{name}.pcapng")
        text = flat(cap.text())
        assert text.count(flat(cap.verdict_text)) == 1
        # A healthy connection gets no advice; in JSON it stands beside each finding.
        wanted = 1 if cap.verdict.exit_status else 0
        for finding in cap.found:
            for remedy in finding.remedies:
                assert text.count(flat(remedy)) == wanted, remedy

    @pytest.mark.parametrize("name", SAMPLES)
    def test_every_finding_is_there(self, samples: Path, name):
        cap = analyzer.read(samples / f"{name}.pcapng")
        text = flat(cap.text())
        for finding in cap.found:
            assert f"{finding.rule} {finding.severity.value}, {finding.confidence.value} {finding.id}" in text
            assert flat(finding.title) in text and flat(finding.detail) in text
            assert finding.filter in text

    @pytest.mark.parametrize("name", SAMPLES)
    def test_the_verdict_is_the_file_names_promise(self, samples: Path, name):
        promised = {
            "809-fixed": "connected-ok",
            "809-fragments-lost": "failed: ike-auth-ip-fragments-lost-upstream",
            "connected-ok": "connected-ok",
            "filtered-capture": "connected-ok",
            "invalid-ke-then-ok": "connected-ok",
            "ipv6-fragments-lost": "failed: ike-auth-ip-fragments-lost-upstream",
            "no-proposal-chosen": "failed: no-proposal-chosen-ike",
            "no-response": "failed: no-response-ike-sa-init",
            "pktmon-128-bytes": "failed: ike-auth-ip-fragments-lost-upstream",
            "response-fragments-lost": "failed: ike-auth-response-fragments-lost",
            "udp-4500-blocked": "failed: udp-4500-blocked",
        }
        assert f"\nVERDICT  {promised[name]} (" in analyzer.read(samples / f"{name}.pcapng").text()


class TestWords:
    def test_what_cannot_be_known_is_said(self, samples: Path):
        text = flat(analyzer.read(samples / "pktmon-128-bytes.pcapng").text())
        assert "IKE fragmentation: client unknown, server unknown" in text
        assert "NOT ASSESSED" in text
        assert "--pkt-size 0" in text

    def test_a_filter_is_named(self, samples: Path):
        text = flat(analyzer.read(samples / "filtered-capture.pcapng").text())
        assert 'the filter "udp port 500 or udp port 4500"' in text

    def test_no_ike(self):
        text = capture("+0 C:40000 > S:9 UDP\n").text()
        assert text.startswith("ladder.pcapng: 1 packet, 0 IKE messages, 0 IKE SAs, ")
        assert "no-ike-in-capture" in text

    def test_two_ike_sas_are_told_apart(self):
        cap = capture(INIT, "+9 C:500 > S:500 IKE_SA_INIT request sa 2 x3 at +1 +3\n", GOES_ON)
        text = cap.text()
        assert "IKE SA 1 " in text and "IKE SA 2 " in text
        assert re.search(r"no-response-ike-sa-init  IKE SA 2$", text, re.MULTILINE)

    def test_the_users_mtu(self):
        text = flat(capture(INIT, mtu=1400).text())
        assert "MTU client > server: 1,400 (given by the user)" in text

    def test_a_number_stays_with_its_unit(self, samples: Path):
        for name in SAMPLES:
            for line in analyzer.read(samples / f"{name}.pcapng").text().splitlines():
                assert not re.match(r" +(s|ms|bytes?|packets?|times)\b", line), line

    def test_a_long_session_says_what_is_not_drawn(self):
        steps = "".join(
            f"+{10 + i} C:500 > S:500 INFORMATIONAL request 57 SK{{}}\n"
            f"+{10 + i}.1 C:500 < S:500 INFORMATIONAL response 57 SK{{}}\n"
            for i in range(30)
        )
        assert "\n  ... and 22 more steps\n" in capture(INIT, steps).text()


class TestManyIkeSas:
    def many(self, count: int):
        steps = [f"+{i}.0 C:500 > S:500 IKE_SA_INIT request sa {i}\n" for i in range(1, count + 1)]
        return capture(*steps, GOES_ON)

    def test_some_are_shown_and_the_others_counted(self):
        text = as_text(self.many(5), max_sas=3)
        assert len(re.findall(r"^IKE SA \d", text, re.MULTILINE)) == 3
        assert "2 more IKE SAs are not shown: --json has all of them.\n" in text
        assert "1 more IKE SA is not shown" in as_text(self.many(5), max_sas=4)
        assert "not shown" not in as_text(self.many(5), max_sas=5)

    def test_the_gravest_are_shown(self):
        good = "".join(
            f"+{i}.00 C:500 > S:500 IKE_SA_INIT request sa {i}\n+{i}.03 C:500 < S:500 IKE_SA_INIT response sa {i}\n"
            f"+{i}.05 C:500 > S:500 IKE_AUTH request 400 sa {i}\n+{i}.10 C:500 < S:500 IKE_AUTH response 300 sa {i}\n"
            for i in range(1, 6)
        )
        bad = "+9 D:500 > S:500 IKE_SA_INIT request sa 9 x4 at +1 +3 +7\n"
        cap = capture(good, bad, GOES_ON, hosts=HOSTS.strip() + "  D = 10.0.0.9\n")
        assert "IKE SA 6 " in as_text(cap, max_sas=1)
        assert "IKE SA 1 " not in as_text(cap, max_sas=1)


class TestSafety:
    """Names and texts from outside are escaped (design section 7)."""

    def test_the_files_name(self):
        data = make(parse(HOSTS + INIT))
        text = analyzer.read("a\x1b[2J\nVERDICT  connected-ok\u202e.pcapng", stream=io.BytesIO(data)).text()
        first = text.splitlines()[0]
        assert first.startswith(r"a\x1b[2J\nVERDICT  connected-ok\u202e.pcapng: ")

    def test_the_capture_filter_in_the_file(self):
        # A filter that a file only claims to have been taken with.
        data = make(parse(HOSTS + 'filter "udp port 500"\n' + INIT)).replace(b"udp port 500", b"\x1b[31mred\n!!")
        assert all(c.isprintable() or c == "\n" for c in analyzer.read("x", stream=io.BytesIO(data)).text())

    @settings(max_examples=50)
    @given(position=st.integers(0, 440 - 28), value=st.integers(0, 255))
    def test_any_byte_of_a_message(self, position, value):
        data = bytearray(make(parse(HOSTS + "link raw\n" + INIT)))
        # The first message, behind 20 bytes of IP and 8 of UDP.
        at = data.index(bytes.fromhex(capture(INIT).sas.spi_i[0])) + 16
        data[at + position] = value
        text = analyzer.read("x", stream=io.BytesIO(bytes(data))).text()
        assert all(c.isprintable() or c == "\n" for c in text)
