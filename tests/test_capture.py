"""``analyzer.read`` and the capture that it gives."""

from __future__ import annotations

import gc
import hashlib
import io
import os
from pathlib import Path

import pytest

import analyzer
from analyzer import Capture, Confidence, InputError, Severity, UsageError
from analyzer.frames.contracts import CONTRACTS
from tests.relate.captures import INIT, capture


class TestRead:
    def test_by_text_and_by_path(self, samples: Path):
        path = samples / "809-fragments-lost.pcapng"
        assert analyzer.read(path).verdict == analyzer.read(str(path)).verdict

    def test_a_stream_is_read_and_left_open(self, samples: Path):
        stream = io.BytesIO((samples / "connected-ok.pcapng").read_bytes())
        cap = analyzer.read("ticket 4711", stream=stream)
        assert (cap.path, cap.name, cap.verdict.id) == ("ticket 4711", "ticket 4711", "connected-ok")
        assert not stream.closed

    def test_the_file_is_closed(self, samples: Path):
        # An unclosed file would warn when it is collected, and warnings are errors here.
        before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        cap = analyzer.read(samples / "connected-ok.pcapng", sha256=True)
        gc.collect()
        after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        assert cap.analysis.sas and before == after

    def test_the_hash_is_made_when_asked_for(self, samples: Path):
        path = samples / "connected-ok.pcapng"
        assert analyzer.read(path).analysis.sha256 is None
        assert analyzer.read(path, sha256=True).analysis.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

    @pytest.mark.parametrize("port", [0, -1, 65536, 10**9])
    def test_no_such_port(self, samples: Path, port):
        with pytest.raises(UsageError, match="port"):
            analyzer.read(samples / "connected-ok.pcapng", ports=[port])

    @pytest.mark.parametrize("mtu", [0, -1, 67, 65536])
    def test_no_such_mtu(self, samples: Path, mtu):
        with pytest.raises(UsageError, match="MTU"):
            analyzer.read(samples / "connected-ok.pcapng", mtu=mtu)

    @pytest.mark.parametrize("mtu", [68, 65535])
    def test_the_least_and_the_largest_mtu(self, samples: Path, mtu):
        assert analyzer.read(samples / "connected-ok.pcapng", mtu=mtu).analysis.mtu == mtu

    def test_a_mistake_of_the_caller_is_told_before_the_file_is_opened(self):
        with pytest.raises(UsageError):
            analyzer.read("no-such-file.pcap", mtu=3)

    @pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x1f\x8b\x08", bytes(100)])
    def test_what_is_no_capture(self, content):
        with pytest.raises(InputError) as caught:
            analyzer.read("ticket.bin", stream=io.BytesIO(content))
        assert str(caught.value).startswith("ticket.bin: ")
        assert len(str(caught.value).splitlines()) == 1

    def test_other_ports(self):
        ladder = "+0 C:10500 > S:10500 IKE_SA_INIT request\n+0.1 C:10500 < S:10500 IKE_SA_INIT response\n"
        assert len(capture(ladder).analysis.sas) == 0
        assert len(capture(ladder, ports=[10500]).analysis.sas) == 1
        assert len(capture(ladder, ports=iter([9, 10500])).analysis.sas) == 1

    def test_ports_come_besides_the_usual_ones(self):
        assert len(capture(INIT, ports=[10500]).analysis.sas) == 1


class TestCapture:
    def test_what_it_knows(self, samples: Path):
        cap = analyzer.read(samples / "809-fragments-lost.pcapng")
        assert (cap.name, cap.analysis.format, cap.notes) == ("809-fragments-lost.pcapng", "pcapng", ())
        assert [i.link_type for i in cap.analysis.interfaces] == [1]
        assert "809-fragments-lost.pcapng: 50 packets, 1 IKE SA" in repr(cap)

    def test_its_verdict(self, samples: Path):
        verdict = analyzer.read(samples / "809-fragments-lost.pcapng").verdict
        assert (verdict.id, verdict.exit_status) == ("ike-auth-ip-fragments-lost-upstream", 1)
        assert (verdict.severity, verdict.confidence) == (Severity.BLOCKING, Confidence.PROBABLE)
        assert (verdict.sa, verdict.rule) == (1, "FRG001")

    @pytest.mark.parametrize("name", sorted(CONTRACTS))
    def test_each_frame_is_a_property(self, samples: Path, name):
        assert isinstance(getattr(Capture, name).__doc__, str)
        cap = analyzer.read(samples / "connected-ok.pcapng")
        assert tuple(getattr(cap, name).columns) == CONTRACTS[name].names

    def test_frames_views_and_reports_agree(self, samples: Path):
        cap = analyzer.read(samples / "809-fragments-lost.pcapng")
        report = cap.report()
        assert report["verdict"]["text"] == cap.verdict_text == cap.verdict.text
        assert cap.verdict_text in " ".join(cap.text().split())
        rules = [f.rule for f in cap.analysis.findings]
        assert [f["rule"] for f in report["findings"]] == cap.findings.rule.tolist() == rules
        assert [s["spi_i"] for s in report["sas"]] == cap.sas.spi_i.tolist()
        assert report["capture"]["ike_messages"] == len(cap.messages)

    def test_the_same_capture_gives_the_same_report(self, samples: Path):
        path = samples / "809-fragments-lost.pcapng"
        assert analyzer.read(path).text() == analyzer.read(path).text()
        assert analyzer.read(path).report() == analyzer.read(path).report()

    def test_the_order_of_asking_does_not_matter(self, samples: Path):
        path = samples / "809-fragments-lost.pcapng"
        one, other = analyzer.read(path), analyzer.read(path)
        frames = {name: getattr(one, name) for name in CONTRACTS}
        assert one.text() == other.text()
        for name in reversed(CONTRACTS):
            assert getattr(other, name).equals(frames[name]), name


def test_the_public_names():
    assert set(analyzer.__all__) <= set(dir(analyzer))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = analyzer.nothing


def test_a_limit_met_only_at_the_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # The datagram whose last fragment is missing becomes a message only when the capture is over: one too many.
    monkeypatch.setattr("analyzer.ike.collect.MAX_MESSAGES", 2)
    cap = capture(INIT, "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 lost 3\n")
    assert [note.id for note in cap.notes] == ["analysis-limit"]
    assert cap.analysis.related.capture.ike_messages == 2
    # Its fragments are left out with it: alone they would look like fragments whose first one was lost.
    assert [sa.orphans for sa in cap.analysis.sas] == [()]
    assert len(cap.analysis.wire.datagrams.fragments) == 2


def test_an_ike_sa_has_one_number_everywhere():
    """From 1, in the order of appearance: text, frames, findings, verdict and plot."""
    steps = "".join(f"+{i} C:500 > S:500 IKE_SA_INIT request sa {i + 1} x3 at +0.2 +0.4\n" for i in range(3))
    cap = capture(steps, "+60 C:40000 > S:9 UDP\n")
    spis = [f"{sa.spi_i:016x}" for sa in cap.analysis.sas]
    assert [sa.number for sa in cap.analysis.sas] == [1, 2, 3]
    for number, spi in enumerate(spis, 1):
        text = cap.only(numbers=[number]).text()
        assert f"\nIKE SA {number}  IKEv2" in text and f" spi {spi} " in text
    for frame in (cap.sas, cap.exchanges, cap.path_mtu):
        assert set(frame["sa"]) == {1, 2, 3}
    assert dict(zip(cap.sas["sa"], cap.sas["spi_i"], strict=True)) == dict(enumerate(spis, 1))
    assert {finding.sa for finding in cap.analysis.findings} <= {None, 1, 2, 3}
    assert set(cap.findings["sa"].dropna()) == {1, 2, 3}
    for number, sa in enumerate(cap.analysis.sas, 1):
        assert cap.analysis.sa(number) is sa
        assert {n.number for n in sa.neighbours} == {1, 2, 3} - {number}
        title = " ".join(text.get_text() for text in cap.plot(sa=number).texts)
        assert f"IKE SA {number} of 3" in title
    for number in (0, 4, -1):
        with pytest.raises(UsageError, match=f"no IKE SA {number} in this capture"):
            cap.analysis.sa(number)
        with pytest.raises(UsageError, match=f"no IKE SA {number} in this capture, which has 1..3"):
            cap.plot(sa=number)
