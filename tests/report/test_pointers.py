"""Where to look: frame numbers where Wireshark counts as we do, times and addresses where it does not."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

import analyzer
from analyzer.report.pointers import counting, pointer
from analyzer.report.validation_text import as_text
from tests.formats import formats
from tests.relate.captures import GOES_ON, INIT, raw_packets

#: An IKE_AUTH that nobody answers.
SILENT = "+0.08 C:4500 > S:4500 IKE_AUTH request 480 SK{IDi} x4 at +1 +3 +7\n"
ETHERNET = bytes.fromhex("020000000001 020000000002 0800".replace(" ", ""))


@pytest.fixture(scope="module")
def etl() -> analyzer.Capture:
    packets = [(time, len(data) + 14, ETHERNET + data) for time, data in raw_packets(INIT, SILENT, GOES_ON)]
    return analyzer.read("trace.etl", stream=io.BytesIO(formats.netsh(packets)))


def test_frame_numbers_of_files_that_wireshark_opens() -> None:
    analysis = analyzer.read("sample_pcaps/udp-4500-blocked.pcapng").analysis
    (found,) = [f for f in analysis.findings if f.rule == "NET002"]
    assert pointer(analysis, found) == f"Wireshark: {found.filter}"
    assert counting(analysis) == ""


def test_times_and_addresses_of_an_etl(etl: analyzer.Capture) -> None:
    """The last request of IKE_AUTH leaves 7.08 s after the first packet; a millisecond on either side."""
    analysis = etl.analysis
    assert (analysis.format, etl.verdict.id) == ("etl", "udp-4500-blocked")
    (found,) = [f for f in analysis.findings if f.rule == "NET002"]
    (sa,) = analysis.sas
    text = pointer(analysis, found)
    assert "frame.number" not in text
    assert "ip.addr == 10.0.0.2 && ip.addr == 203.0.113.7" in text
    span = re.search(r"frame\.time_epoch >= (\S+) && frame\.time_epoch <= (\S+)", text)
    assert span is not None
    assert float(span[1]) == pytest.approx(sa.start / 1e9 - 0.001, abs=1e-4)
    assert float(span[2]) == pytest.approx(sa.start / 1e9 + 7.08 + 0.001, abs=1e-4)


def test_no_frame_number_is_told_of_an_etl(etl: analyzer.Capture) -> None:
    for text in (etl.text(), etl.text(verbose=True), as_text(etl.analysis, analyzer.validate(etl))):
        assert not re.search(r"frame\.number|  #\d|\(frames? \d", text)
    assert "Wireshark opens no .etl: make a .pcapng of it" in etl.text()


def test_a_trace_without_packets_says_that_this_is_why(shared_captures: Path) -> None:
    text = analyzer.read(shared_captures / "dev/airbus-cert+etl-parser/AMSITrace.etl").text()
    why = " ".join(text.split("\nWHY\n")[1].split("\n\n")[0].split())
    assert why == "The trace holds 21 events, but no packet: it was taken without packet capture."
    assert "Check the interface" not in text
    assert text.count("Windows lost 3 events") == 1 and "CAP005" not in text
