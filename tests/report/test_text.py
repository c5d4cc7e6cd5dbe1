"""The text report: what it says first, that it repeats nothing, that no capture can steer a terminal by it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzer
from analyzer.report.ladder.notation import parse
from analyzer.report.ladder.of_sa import ladder_of
from analyzer.report.ladder.values import Line, split_numbers
from analyzer.report.layout import WIDTH
from analyzer.report.text import as_text
from analyzer.rules.model import Finding, Severity
from sample_pcaps.lab.maker import make
from tests.relate.captures import GOES_ON, HOSTS, INIT, capture

SAMPLES = sorted(p.stem for p in (Path(__file__).resolve().parents[2] / "sample_pcaps").glob("*.ladder"))


def flat(text: str) -> str:
    """Words of a text, unwrapped."""
    return " ".join(text.split())


class TestReference:
    @pytest.fixture
    def text(self, shared_captures: Path) -> str:
        return analyzer.read(shared_captures / "dev/corelight+zeek-spicy-ipsec/ipsec_client.pcap").text(verbose=True)

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

    def test_facts_of_the_ike_sa(self, text):
        """By hand from tshark: TTL 128 of the client, 49 of the server; the server's NAT-D hash is not the client's."""
        facts = flat(text.split("\nIKE SA 1 ")[1].split("  C = ")[0])
        assert "IKE fragmentation: client no, server no" in facts
        assert "NAT: The client is behind a NAT, the server is not; IKE moved to UDP 4500 with IKE_AUTH." in facts
        assert "Trace taken at the client: the client's packets have not passed a router, the server's have" in facts
        assert "The client looks like a Windows client (vendor ID MS NT5 ISAKMPOAKLEY version 9 and 3 more" in facts
        assert "The server looks like strongSwan" in facts
        assert "MTU client > server: 1,460..1,467 (" in facts

    def test_what_ike_would_have_sent(self, text):
        """By hand: 3,468 bytes need 3 fragments of at most 1,460 bytes of IP, and 3 of at most 1,280."""
        plan = flat(text).split("What if: ")[1].split(" C = ")[0]
        assert "the 3,468-byte IKE_AUTH request would go in 3 fragments" in plan
        assert "With a limit of 1,280 bytes, which nearly every path takes, it is still 3." in plan

    def test_frames_can_be_pasted_into_wireshark(self, text):
        assert re.search(r"^  Wireshark: frame\.number in \{[\d, ]+\}$", text, re.MULTILINE)

    def test_the_command_that_helps_can_be_pasted_too(self, text):
        """One line each, as the remedy holds them: nothing is wrapped into a command."""
        lines = [line.strip() for line in text.splitlines() if line.startswith("      ")]
        assert "fragmentation = yes" in lines and "swanctl --load-conns" in lines


def commands(cap: analyzer.Capture) -> list[str]:
    """Lines of remedies that are to be pasted."""
    remedies = [remedy for finding in cap.analysis.findings for remedy in finding.remedies]
    return [line.strip() for remedy in remedies for line in remedy.split("\n") if line.startswith("  ")]


def decisive(cap: analyzer.Capture) -> Finding | None:
    """The finding that is the verdict."""
    verdict = cap.verdict
    found = [f for f in cap.analysis.findings if (f.rule, f.sa, f.title) == (verdict.rule, verdict.sa, verdict.text)]
    assert len(found) <= 1
    return found[0] if found else None


def is_apart(cap: analyzer.Capture, finding: Finding) -> bool:
    """It is about other packets than the verdict."""
    first = decisive(cap)
    return first is None or not set(finding.frames) <= set(first.frames)


def sections(text: str) -> dict[str, str]:
    """The text below each heading of the report; those of the IKE SAs left out."""
    headings = "VERDICT|WHY|WHAT TO DO|ALSO FOUND|NOT ASSESSED|ABOUT THE CAPTURE"
    parts = re.split(rf"^({headings})(?=\n|  )|^(?=IKE SA \d)", text, flags=re.MULTILINE)
    found = {}
    for at in range(1, len(parts), 2):
        if parts[at] is not None:
            assert parts[at] not in found, "a heading stands twice"
            found[parts[at]] = parts[at + 1]
    return found


class TestSamples:
    @pytest.mark.parametrize("name", SAMPLES)
    def test_prose_fits_the_width(self, samples: Path, name):
        text = analyzer.read(samples / f"{name}.pcapng").text(verbose=True)
        assert text.endswith("\n") and not text.endswith("\n\n") and "\n\n\n" not in text
        for line in text.splitlines():
            assert line == line.rstrip()
            command_or_ladder = line.startswith(("  +", "      ", "  Wireshark:"))
            assert len(line) <= WIDTH or command_or_ladder, line

    @pytest.mark.parametrize("name", SAMPLES)
    def test_commands_stand_in_one_piece(self, samples: Path, name):
        cap = analyzer.read(samples / f"{name}.pcapng")
        lines = cap.text(verbose=True).splitlines()
        given = [line.strip() for line in lines if line.startswith("      ")]
        of_verdict = decisive(cap)
        wanted = commands(cap) if cap.verdict.exit_status and of_verdict else []
        assert set(given) <= set(wanted)
        for remedy in of_verdict.remedies if of_verdict and cap.verdict.exit_status else ():
            for line in remedy.split("\n"):
                assert not line.startswith("  ") or f"      {line.strip()}" in lines

    @pytest.mark.parametrize("name", SAMPLES)
    def test_no_sentence_is_said_twice(self, samples: Path, name):
        cap = analyzer.read(samples / f"{name}.pcapng")
        text = flat(cap.text(verbose=True))
        assert text.count(flat(cap.verdict_text)) == 1
        for finding in cap.analysis.findings:
            # That a request is sent again without an answer is what the verdict explains.
            assert text.count(flat(finding.title)) == (finding.rule != "RTX001" or is_apart(cap, finding))
            assert not finding.detail.strip() or text.count(flat(finding.detail)) <= 1
            for remedy in finding.remedies:
                assert text.count(flat(remedy.split("\nVerify:")[0])) <= 1, remedy

    @pytest.mark.parametrize("name", SAMPLES)
    def test_every_finding_is_there(self, samples: Path, name):
        """The decisive one as verdict and why, a failure with detail and filter, a remark with its frames."""
        cap = analyzer.read(samples / f"{name}.pcapng")
        text, found = cap.text(verbose=True), sections(cap.text(verbose=True))
        others = flat(found.get("ALSO FOUND", ""))
        first = decisive(cap)
        assert first is not None and first.id in found["VERDICT"]
        assert first.rule not in others
        for finding in cap.analysis.findings:
            if finding is first:
                continue
            if finding.rule == "RTX001" and not is_apart(cap, finding):
                assert "Explained by the verdict: RTX001 unanswered-retransmits" in others
                continue
            heading = f"{finding.rule} {finding.severity.value}, {finding.confidence.value} {finding.id} "
            assert f"{heading}{flat(finding.title)}" in others
            entry = others.split(f"{heading}{flat(finding.title)}")[1]
            if finding.severity is Severity.INFORMATION or set(finding.frames) <= set(first.frames):
                told = re.match(r" \(frames? ([\d, -]+)( \.\.\.)?\)", entry)
                assert told is not None, "a remark carries its frames"
                numbers = split_numbers(told[1].replace(" ", ""), Line("", 0))
                assert numbers == finding.frames[: len(numbers)] and (numbers == finding.frames or told[2])
            else:
                assert entry.startswith(f" {flat(finding.detail)}".rstrip()) and finding.filter in entry
        assert f"\n  Wireshark: {first.filter}\n" in text

    @pytest.mark.parametrize("name", SAMPLES)
    def test_a_failure_has_why_and_what_to_do_and_a_success_neither(self, samples: Path, name):
        cap = analyzer.read(samples / f"{name}.pcapng")
        text, found, first = cap.text(verbose=True), sections(cap.text(verbose=True)), decisive(cap)
        assert first is not None
        failed = cap.verdict.exit_status != 0
        assert ("WHY" in found, "WHAT TO DO" in found) == (failed, failed)
        where = found["WHY" if failed else "VERDICT"]
        assert flat(first.detail) in flat(where) and first.filter in where
        for remedy in first.remedies:
            told = flat(remedy.split("\nVerify:")[0])
            assert told in flat(found["WHAT TO DO"]) if failed else told not in flat(text)
        assert "ike-analyzer guide" not in text

    @pytest.mark.parametrize("name", SAMPLES)
    def test_what_is_printed_of_each_ike_sa_is_a_ladder(self, samples: Path, name):
        cap = analyzer.read(samples / f"{name}.pcapng")
        (sa,) = cap.analysis.sas
        text = cap.text(verbose=True)
        ladder = text[text.index("\n  C = ") : text.index("\nALSO FOUND")]
        assert parse(ladder) == ladder_of(sa)
        # Times of repeats and lists of frames may be as long as they are; what each message holds is short.
        assert all(len(re.split(r"  (x\d|#)", line)[0]) <= 135 for line in ladder.splitlines())

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
        assert f"\nVERDICT  {promised[name]} (" in analyzer.read(samples / f"{name}.pcapng").text(verbose=True)


class TestWords:
    def test_what_cannot_be_known_is_said(self, samples: Path):
        text = flat(analyzer.read(samples / "pktmon-128-bytes.pcapng").text(verbose=True))
        assert "IKE fragmentation: client unknown, server unknown" in text
        assert "NOT ASSESSED" in text
        assert "cut packets short, so the notifies of IKE_SA_INIT cannot be read" in text

    def test_a_filter_is_named(self, samples: Path):
        text = flat(analyzer.read(samples / "filtered-capture.pcapng").text(verbose=True))
        assert 'the filter "udp port 500 or udp port 4500"' in text

    def test_no_ike(self):
        text = capture("+0 C:40000 > S:9 UDP\n").text(verbose=True)
        assert text.startswith("ladder.pcapng: 1 packet, 0 IKE messages, 0 IKE SAs, ")
        assert "no-ike-in-capture" in text

    def test_two_ike_sas_are_told_apart(self):
        cap = capture(INIT, "+9 C:500 > S:500 IKE_SA_INIT request sa 2 x3 at +1 +3\n", GOES_ON)
        text = cap.text(verbose=True)
        assert "IKE SA 1 " in text and "IKE SA 2 " in text
        assert "RTX001 unanswered-retransmits IKE SA 2" in text
        # Which of the two decides is said once, at the head.
        assert text.count("NET001") == 0 and text.count("failed: no-response-ike-sa-init") == 1
        assert "\n  IKE SA 2: The gateway" in text

    def test_the_users_mtu(self):
        text = flat(capture(INIT, mtu=1400).text(verbose=True))
        assert "MTU client > server: 1,400 (given by the user)" in text

    def test_a_number_stays_with_its_unit(self, samples: Path):
        for name in SAMPLES:
            for line in analyzer.read(samples / f"{name}.pcapng").text(verbose=True).splitlines():
                assert not re.match(r" +(s|ms|bytes?|packets?|times)\b", line), line

    def test_a_trace_that_cannot_tell_says_how_to_take_one_that_can(self):
        text = capture("+0 C:40000 > S:9 UDP\n").text(verbose=True)
        assert "\nVERDICT  no-ike-in-capture (cannot-tell)\n" in text
        assert text.endswith("\n  - How to take a trace that can tell: ike-analyzer guide.\n")

    def test_cannot_tell_is_not_said_twice(self):
        cap = capture(INIT)
        assert (cap.verdict.id, cap.verdict.confidence.value, cap.verdict.exit_status) == (
            "cannot-tell",
            "cannot-tell",
            3,
        )
        text = cap.text(verbose=True)
        assert "\nVERDICT  cannot-tell\n" in text
        # What would decide it is told, and nothing else.
        assert sections(text).keys() & {"WHY", "WHAT TO DO"} == {"WHAT TO DO"}
        assert "decides it" in flat(text)

    def test_a_long_session_says_what_is_not_drawn(self):
        steps = "".join(
            f"+{10 + i} C:500 > S:500 INFORMATIONAL request 57 SK{{}}\n"
            f"+{10 + i}.1 C:500 < S:500 INFORMATIONAL response 57 SK{{}}\n"
            for i in range(30)
        )
        assert "\n  ... and 22 more steps\n" in capture(INIT, steps).text(verbose=True)


#: Both connections end in the air: nothing fails, nothing shows success.
class TestManyIkeSas:
    #: Answered, and nothing after: five of them between one client and one server.
    GOOD = "".join(
        f"+{i}.00 C:500 > S:500 IKE_SA_INIT request sa {i}\n+{i}.03 C:500 < S:500 IKE_SA_INIT response sa {i}\n"
        f"+{i}.05 C:500 > S:500 IKE_AUTH request 400 sa {i}\n+{i}.10 C:500 < S:500 IKE_AUTH response 300 sa {i}\n"
        for i in range(1, 6)
    )
    BAD = "+9 D:500 > S:500 IKE_SA_INIT request sa 9 x4 at +1 +3 +7\n"
    THREE = HOSTS.strip() + "  D = 10.0.0.9\n"

    def many(self, count: int):
        steps = [f"+{i}.0 C:500 > S:500 IKE_SA_INIT request sa {i}\n" for i in range(1, count + 1)]
        return capture(*steps, GOES_ON)

    def test_one_is_shown_and_the_others_counted(self):
        text = self.many(5).text()
        assert len(re.findall(r"^IKE SA \d", text, re.MULTILINE)) == 1
        assert "\n  4 more like it, of the same client\n" in text
        assert text.endswith("\nOne at a time: --sa N, --client ADDRESS, --between 10:40 10:45. All of them: --json.\n")

    def test_other_clients_are_named(self):
        cap = capture(self.GOOD, self.BAD, self.BAD.replace("D:500", "E:500").replace("sa 9", "sa 10"), GOES_ON,
                      hosts=self.THREE.strip() + "  E = 10.0.0.10\n")  # fmt: skip
        text = cap.text()
        assert "\n  1 more like it, of 1 other client: 10.0.0.10\n" in text
        assert "\n1 cannot be decided: 10.0.0.2.\n" in as_text(cap.analysis, max_sas=1)

    def test_the_gravest_are_shown(self):
        cap = capture(self.GOOD, self.BAD, GOES_ON, hosts=self.THREE)
        assert "\nIKE SA 6 " in as_text(cap.analysis, max_sas=1)
        assert "\nIKE SA 1 " not in as_text(cap.analysis, max_sas=1)

    def test_the_one_that_decides_is_shown(self):
        """Failures that a later success makes past are graver than it, and do not decide."""
        esp = "+20.0 C:4500 > S:4500 ESP spi 0xc1 count 20\n+20.1 S:4500 > C:4500 ESP spi 0xc2 count 20\n"
        failed = "".join(f"+{i} C:500 > S:500 IKE_SA_INIT request sa {i} x3 at +0.1 +0.3\n" for i in range(1, 5))
        later = (
            "+10.00 C:500 > S:500 IKE_SA_INIT request sa 9\n+10.03 C:500 < S:500 IKE_SA_INIT response sa 9\n"
            "+10.05 C:4500 > S:4500 IKE_AUTH request 400 sa 9\n+10.10 C:4500 < S:4500 IKE_AUTH response 300 sa 9\n"
        )
        cap = capture(failed, later, esp, GOES_ON)
        assert cap.verdict.id == "connected-ok"
        text = as_text(cap.analysis)
        assert "\nIKE SA 1 " in text and "\n  3 more like it, of the same client\n" in text and "\nIKE SA 5 " in text
        assert "OK001" not in text  # it is the verdict

    def test_the_same_remark_is_made_once(self):
        text = capture(self.GOOD, GOES_ON).text(verbose=True)
        assert re.search(r"^RTX002 .* requests-answered  IKE SA 1, 5$", text, re.MULTILINE)
        assert text.count("requests were answered") == 1

    def test_the_same_failure_is_told_once(self):
        """A client that tries again and again: the verdict says it, the others are counted."""
        steps = "".join(f"+{10 * i} C:500 > S:500 IKE_SA_INIT request sa {i} x3 at +1 +3\n" for i in (1, 2, 3))
        cap = capture(steps, GOES_ON)
        text = flat(cap.text(verbose=True))
        assert text.count("never answered IKE_SA_INIT") == 1
        assert "VERDICT failed: no-response-ike-sa-init (probable) 3 IKE SAs of one client: all got no answer" in text
        assert "2 more like it, of the same client" in text


class TestSafety:
    """Names and texts from outside are escaped (docs/architecture.md)."""

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
