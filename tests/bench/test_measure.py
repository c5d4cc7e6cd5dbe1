"""The benchmark's own figures: what a process needed, how a slice is scaled, and what is said when a program fails."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.bench import measure, pcapfile, peers, results
from tests.bench.measure import Run

ROOT = Path(__file__).parents[2]


def test_peak_memory_is_the_command_s():
    # From a small process, as the bench is: this one has read many captures.
    measures = "import sys; from tests.bench.measure import run; print(run([sys.executable, '-c', sys.argv[1]]))"
    done = subprocess.run(
        [sys.executable, "-c", measures, "bytearray(b'x') * 300_000_000"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    peak = re.fullmatch(r"Run\(seconds=[\d.]+, peak=(\d+), problem=''\)", done.stdout.strip())
    assert peak
    assert 300_000_000 < int(peak[1]) < 350_000_000


def test_bench_stays_small():
    """A child's peak memory begins with its parent's: what measures must not bring NumPy along."""
    loaded = "import tests.bench.bench, sys; sys.exit('numpy' in sys.modules or 'dpkt' in sys.modules)"
    assert not subprocess.run([sys.executable, "-c", loaded], cwd=ROOT).returncode


def test_a_failure_is_told_in_the_command_s_own_words():
    failed = measure.run([sys.executable, "-c", "import sys; sys.exit('no such thing')"])
    assert failed.problem == "exit status 1: no such thing"
    assert not measure.run([sys.executable, "-c", "raise SystemExit(3)"], accepted=(0, 1, 3)).problem


def test_median_of_time_and_largest_of_memory():
    result = results.of_whole("esp", "tcpdump", 10, [Run(3.0, 7), Run(1.0, 9), Run(2.0, 8)])
    assert (result.seconds, result.peak, result.is_scaled) == (2.0, 9, False)


def test_targets_compare_the_analyzer_with_the_others():
    def of(program: str, seconds: float, peak: int = 1) -> results.Result:
        return results.of_whole("mixed", program, 10, [Run(seconds, peak)])

    met = {one.target: one.met for one in results.check([of("ike-analyzer", 1), of("tshark", 31), of("tcpdump", 0.13)])}
    assert met == {
        "at least 30 times as fast as tshark": True,
        "at most 8 times as long as tcpdump": True,
        "peak memory under 400 MB": True,
    }
    missed = results.check([of("ike-analyzer", 1, 400_000_000), of("tshark", 29), of("tcpdump", 0.12)])
    assert [one.met for one in missed] == [False] * 3


def test_what_cannot_be_scaled_is_no_result():
    """On a busy machine a slice may take no longer than the start alone; no figure comes from that."""
    result = results.scaled("esp", "pyshark", 1_000, 10, [Run(1.0, 5)], [Run(1.1, 5)])
    assert "too busy" in result.problem


def test_a_failed_program_is_no_check():
    failed = results.of_whole("mixed", "ike-analyzer", 10, [Run(0.01, 1, "exit status 2: broken")])
    tshark = results.of_whole("mixed", "tshark", 10, [Run(10, 1)])
    assert results.check([failed, tshark]) == []
    assert "failed: exit status 2: broken" in results.as_markdown([failed, tshark], [], {})


def test_first_packets_are_a_capture(tmp_path: Path):
    whole, part = tmp_path / "whole.pcap", tmp_path / "part.pcap"
    whole.write_bytes(pcapfile.FILE_HEADER + b"".join(pcapfile.record(n, bytes(60 + n)) for n in range(5)))
    assert pcapfile.first_packets(whole, part, 3) == 3
    assert part.read_bytes() == whole.read_bytes()[: 24 + 3 * 16 + 60 + 61 + 62]
    assert (pcapfile.count(whole), pcapfile.count(part)) == (5, 3)


def test_whole_bench_at_a_thousandth(tmp_path: Path):
    """With a stand-in for the analyzer, and all the other programs missing."""
    stand_in = f"{sys.executable} -c 'import sys; sys.exit(1)' FILE"
    said = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench", "--scale", "0.001", "--repeat", "1", "--analyzer", stand_in],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env=os.environ | {"BENCH_DIR": str(tmp_path / "captures"), "PATH": "", "PYTHONPATH": str(ROOT)},
    ).stdout  # fmt: skip
    assert "tshark is left out: tshark is not installed." in said
    written = json.loads((tmp_path / "build" / "bench" / "result.json").read_text())
    assert {(one["capture"], one["program"]) for one in written["results"]} == {
        (capture, program) for capture in ("mixed", "dense", "esp") for program in ("ike-analyzer", "dpkt")
    }
    assert {one["packets"] for one in written["results"]} == {1300, 248, 700}
    assert (tmp_path / "build" / "bench" / "result.md").read_text() in said


def test_commands_name_the_capture_once():
    for peer in peers.peers():
        assert sum(word == "a.pcap" for word in peer.on(Path("a.pcap"))) == 1
