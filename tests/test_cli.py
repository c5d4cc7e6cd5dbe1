"""The command as its users run it: a process with arguments, output, errors and an exit status."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import analyzer
from analyzer import cli
from analyzer.report.ladder.notation import parse
from sample_pcaps.lab.maker import make
from tests.relate.captures import GOES_ON, HOSTS

ROOT = Path(__file__).resolve().parent.parent

HEALTHY, FAULT, USAGE, CANNOT_TELL = 0, 1, 2, 3

#: Exit status and key words of each sample.
SAMPLES = {
    "809-fixed": (HEALTHY, "connected-ok"),
    "809-fragments-lost": (FAULT, "ike-auth-ip-fragments-lost-upstream"),
    "connected-ok": (HEALTHY, "connected-ok"),
    "filtered-capture": (HEALTHY, "connected-ok"),
    "invalid-ke-then-ok": (HEALTHY, "connected-ok"),
    "ipv6-fragments-lost": (FAULT, "ike-auth-ip-fragments-lost-upstream"),
    "no-proposal-chosen": (FAULT, "no-proposal-chosen-ike"),
    "no-response": (FAULT, "no-response-ike-sa-init"),
    "pktmon-128-bytes": (FAULT, "ike-auth-ip-fragments-lost-upstream"),
    "response-fragments-lost": (FAULT, "ike-auth-response-fragments-lost"),
    "udp-4500-blocked": (FAULT, "udp-4500-blocked"),
}


def run(*arguments: object, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """``ike-analyzer ARGUMENTS`` in a process of its own, from another folder than the project's."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "analyzer", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        cwd=ROOT / "tests",
    )


def refused(done: subprocess.CompletedProcess[bytes], *words: str) -> None:
    """It ended as a mistake of its user: nothing printed, one line that says what is wrong."""
    error = done.stderr.decode()
    assert done.returncode == USAGE, error
    assert done.stdout == b""
    assert error.startswith("ike-analyzer: ") and error.endswith("\n") and error.count("\n") == 1, error
    for word in words:
        assert word in error


@pytest.fixture
def sample(samples: Path) -> Path:
    return samples / "809-fragments-lost.pcapng"


class TestAnalyze:
    def test_every_sample_is_promised(self, samples: Path):
        assert {p.stem for p in samples.glob("*.pcapng")} == set(SAMPLES)

    @pytest.mark.parametrize("name, expected", SAMPLES.items(), ids=str)
    def test_samples(self, samples: Path, name, expected):
        status, verdict = expected
        done = run("analyze", samples / f"{name}.pcapng")
        assert (done.returncode, done.stderr) == (status, b"")
        text = done.stdout.decode()
        assert text.splitlines()[0].startswith(f"{name}.pcapng: ")
        label = "VERDICT  failed: " if status == FAULT else "VERDICT  "
        assert text.splitlines()[2].startswith(f"{label}{verdict} (")

    def test_the_reference(self, shared_captures: Path):
        path = shared_captures / "dev/corelight+zeek-spicy-ipsec/ipsec_client.pcap"
        done = run("analyze", path)
        assert (done.returncode, done.stderr) == (FAULT, b"")
        sentence = " ".join(done.stdout.decode().split("\n\n")[1].split())
        for fact in ("3,468-byte", "3 IP fragments", "1,460..1,467", "3 times", "no answer", "neither side", "16430"):
            assert fact in sentence

    def test_a_capture_that_cannot_tell(self, tmp_path: Path):
        (tmp_path / "no-ike.pcapng").write_bytes(make(parse(HOSTS + GOES_ON)))
        done = run("analyze", tmp_path / "no-ike.pcapng")
        assert (done.returncode, done.stderr) == (CANNOT_TELL, b"")
        assert b"no-ike-in-capture (cannot-tell)" in done.stdout

    def test_standard_input(self, sample: Path):
        done = run("analyze", "-", stdin=sample.read_bytes())
        assert done.returncode == FAULT
        assert done.stdout.splitlines()[1:] == run("analyze", sample).stdout.splitlines()[1:]

    def test_a_pipe_that_brings_it_bit_by_bit(self, sample: Path):
        data = sample.read_bytes()
        with subprocess.Popen(
            [sys.executable, "-m", "analyzer", "analyze", "-", "--json"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
        ) as process:  # fmt: skip
            assert process.stdin is not None and process.stdout is not None
            for at in range(0, len(data), 5000):
                process.stdin.write(data[at : at + 5000])
                process.stdin.flush()
            process.stdin.close()
            report = json.loads(process.stdout.read())
        assert process.returncode == FAULT
        assert (report["file"], report["capture"]["packets"]) == ("-", 50)


class TestArchives:
    @pytest.fixture
    def ticket(self, tmp_path: Path, samples: Path) -> Path:
        with zipfile.ZipFile(tmp_path / "ticket.zip", "w") as archive:
            archive.write(samples / "connected-ok.pcapng", "ok.pcapng")
            archive.writestr("notes.txt", "dear colleague")
            archive.write(samples / "no-response.pcapng", "../in/silent.pcapng")
        return tmp_path / "ticket.zip"

    def test_a_report_for_each_capture(self, ticket: Path):
        done = run("analyze", ticket)
        assert (done.returncode, done.stderr) == (FAULT, b"")
        first, second = done.stdout.decode().split("\n" + "=" * 110 + "\n\n")
        assert first.startswith("ticket.zip/ok.pcapng: ") and "connected-ok" in first
        assert second.startswith("ticket.zip/in/silent.pcapng: ") and "no-response" in second

    def test_a_line_of_json_for_each_capture(self, ticket: Path):
        reports = [json.loads(line) for line in run("analyze", "--json", ticket).stdout.splitlines()]
        assert [report["file"] for report in reports] == [f"{ticket}/ok.pcapng", f"{ticket}/in/silent.pcapng"]

    def test_standard_input(self, ticket: Path):
        reports = [json.loads(x) for x in run("analyze", "--json", "-", stdin=ticket.read_bytes()).stdout.splitlines()]
        assert [report["file"] for report in reports] == ["-/ok.pcapng", "-/in/silent.pcapng"]

    def test_a_member_that_cannot_be_read_is_told_and_the_others_are_read(self, ticket: Path, samples: Path):
        with zipfile.ZipFile(ticket, "a", zipfile.ZIP_LZMA) as archive:
            archive.write(samples / "connected-ok.pcapng", "rare\n.pcapng")
        done = run("analyze", ticket)
        assert done.returncode == USAGE and done.stdout.count(b"VERDICT") == 2
        assert done.stderr.decode().startswith(f"ike-analyzer: {ticket}/rare\\n.pcapng: is packed in a way")
        assert done.stderr.count(b"\n") == 1


class TestSeveralFiles:
    def test_text_is_separated(self, samples: Path):
        done = run("analyze", samples / "connected-ok.pcapng", samples / "no-response.pcapng")
        assert (done.returncode, done.stderr) == (FAULT, b"")
        first, second = done.stdout.decode().split("\n\n" + "=" * 110 + "\n\n")
        assert first.startswith("connected-ok.pcapng: ") and second.startswith("no-response.pcapng: ")

    def test_json_is_one_object_a_line(self, samples: Path):
        paths = [samples / f"{name}.pcapng" for name in sorted(SAMPLES)]
        done = run("analyze", "--json", *paths)
        reports = [json.loads(line) for line in done.stdout.splitlines()]
        assert [r["file"] for r in reports] == [str(p) for p in paths]
        assert [r["verdict"]["id"] for r in reports] == [SAMPLES[name][1] for name in sorted(SAMPLES)]
        assert all(len(r["sha256"]) == 64 for r in reports)

    @pytest.mark.parametrize("position", [0, 1, 2])
    def test_a_bad_one_does_not_stop_the_others(self, samples: Path, position):
        paths = [samples / "connected-ok.pcapng", samples / "no-response.pcapng"]
        paths.insert(position, samples / "MANIFEST")
        done = run("analyze", *paths)
        assert done.returncode == USAGE
        assert done.stderr.decode() == f"ike-analyzer: {samples / 'MANIFEST'}: looks like text, not a capture\n"
        text = done.stdout.decode()
        assert text.startswith("connected-ok.pcapng: ") and "\nno-response.pcapng: " in text
        assert text.count("=" * 110) == 1

    def test_nor_in_json(self, samples: Path):
        done = run("analyze", "--json", samples / "missing.pcap", samples / "no-response.pcapng")
        assert (done.returncode, len(done.stdout.splitlines()), done.stderr.count(b"\n")) == (USAGE, 1, 1)

    @pytest.mark.parametrize(
        "names, status",
        [
            (["connected-ok", "809-fixed"], HEALTHY),
            (["connected-ok", "no-response", "809-fixed"], FAULT),
        ],
    )
    def test_the_gravest_status_counts(self, samples: Path, names, status, capsys):
        assert cli.main(["analyze", *(str(samples / f"{n}.pcapng") for n in names)]) == status

    def test_a_fault_is_graver_than_what_cannot_be_told_and_that_than_health(self, samples: Path, tmp_path, capsys):
        unsure = tmp_path / "no-ike.pcapng"
        unsure.write_bytes(make(parse(HOSTS + GOES_ON)))
        healthy, faulty = str(samples / "connected-ok.pcapng"), str(samples / "no-response.pcapng")
        assert cli.main(["analyze", healthy, str(unsure)]) == CANNOT_TELL
        assert cli.main(["analyze", faulty, str(unsure)]) == FAULT
        assert cli.main(["analyze", faulty, str(unsure), "missing"]) == USAGE


class TestOptions:
    def test_json(self, sample: Path):
        done = run("analyze", "--json", sample)
        assert done.stdout.count(b"\n") == 1 and done.stdout.isascii()
        expected = analyzer.read(sample, sha256=True).report()
        assert json.loads(done.stdout) == expected

    def test_plot(self, sample: Path, tmp_path: Path):
        out = tmp_path / "out.png"
        done = run("analyze", sample, "--plot", out)
        assert (done.returncode, done.stderr) == (FAULT, b"")
        assert out.read_bytes().startswith(b"\x89PNG")
        assert done.stdout.decode().endswith(f"\nPlot: {out}\n")

    def test_plot_as_svg(self, sample: Path, tmp_path: Path, capsys):
        assert cli.main(["analyze", str(sample), "--plot", str(tmp_path / "out.svg")]) == FAULT
        assert (tmp_path / "out.svg").read_bytes().startswith(b"<?xml")

    def test_json_and_plot_together(self, sample: Path, tmp_path: Path):
        out = tmp_path / "out.png"
        done = run("analyze", "--json", "--plot", out, sample)
        assert (done.returncode, done.stderr) == (FAULT, b"")
        assert json.loads(done.stdout)["verdict"]["id"] == "ike-auth-ip-fragments-lost-upstream"
        assert out.read_bytes().startswith(b"\x89PNG")

    def test_mtu(self, sample: Path):
        report = json.loads(run("analyze", "--json", "--mtu", 1400, sample).stdout)
        assert report["sas"][0]["path_mtu"]["initiator_to_responder"] == {"lower": 1400, "upper": 1400}

    def test_port(self, samples: Path, tmp_path: Path):
        ladder = (samples / "809-fragments-lost.ladder").read_text(encoding="utf-8")
        moved = tmp_path / "moved.pcapng"
        # On another port there is no non-ESP marker: the last fragment is 4 bytes shorter.
        elsewhere = ladder.replace(":500 ", ":10500 ").replace(":4500 ", ":10500 ").replace("512)", "508)")
        moved.write_bytes(make(parse(elsewhere)))
        unseen = run("analyze", moved)
        assert unseen.returncode == CANNOT_TELL and b"no-ike-in-capture" in unseen.stdout
        seen = run("analyze", moved, "--port", 9, "--port", 10500)
        assert seen.returncode == FAULT and b"ike-auth-ip-fragments-lost-upstream" in seen.stdout

    def test_options_may_stand_anywhere(self, sample: Path):
        assert run("analyze", "--json", sample).stdout == run("analyze", sample, "--json").stdout


class TestRefusals:
    @pytest.mark.parametrize(
        "content, words",
        [
            (b"", "is empty"),
            (b"No.  Time  Source\n", "looks like text"),
            (b"<!DOCTYPE html><html><body>404</body></html>", "is a web page"),
            (b"\xff\xfeN\0o\0", "looks like text"),
            (bytes(range(256)), "is not a capture"),
            (b"\xd4\xc3\xb2\xa1", "is too short"),
        ],
        ids=["empty", "text", "html", "utf-16", "bytes", "cut in its header"],
    )
    def test_what_is_no_capture(self, tmp_path: Path, content, words, capsys):
        (tmp_path / "ticket.pcap").write_bytes(content)
        assert cli.main(["analyze", str(tmp_path / "ticket.pcap")]) == USAGE
        out, error = capsys.readouterr()
        assert out == "" and error.count("\n") == 1 and f"ticket.pcap: {words}" in error

    def test_archives(self, tmp_path: Path, sample: Path):
        with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
            archive.writestr("notes.txt", "dear colleague")
        refused(
            run("analyze", tmp_path / "t.zip"), "t.zip: holds no capture that can be read: notes.txt (looks like text"
        )
        with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
            archive.write(sample, "t.pcapng")
        refused(run("analyze", tmp_path / "t.zip", "--plot", tmp_path / "t.png"), "--plot draws one capture")
        refused(run("validate", tmp_path / "t.zip"), "is an archive")

    def test_the_same_for_json(self, tmp_path: Path):
        (tmp_path / "ticket.pcap").write_bytes(b"")
        refused(run("analyze", "--json", tmp_path / "ticket.pcap"), "is empty")

    def test_missing_and_directory(self, tmp_path: Path):
        refused(run("analyze", tmp_path / "missing.pcap"), "no such file")
        refused(run("analyze", tmp_path), "is a directory")

    def test_a_name_that_no_file_can_have(self, capsys):
        assert cli.main(["analyze", "a\0b"]) == USAGE
        assert capsys.readouterr().err == "ike-analyzer: a\\x00b: no such file\n"

    @pytest.mark.parametrize("value", ["3", "67", "65536", "-1", "0", "x", "1400.5", ""])
    def test_mtu(self, sample: Path, value, capsys):
        assert cli.main(["analyze", str(sample), f"--mtu={value}"]) == USAGE
        out, error = capsys.readouterr()
        assert out == "" and error.count("\n") == 1 and "mtu" in error.lower()

    @pytest.mark.parametrize("value", ["0", "65536", "-1", "ike", ""])
    def test_port(self, sample: Path, value, capsys):
        assert cli.main(["analyze", str(sample), f"--port={value}"]) == USAGE
        out, error = capsys.readouterr()
        assert out == "" and error.count("\n") == 1 and "port" in error

    @pytest.mark.parametrize(
        "arguments",
        [[], ["analyze"], ["frobnicate"], ["analyze", "--frob", "x"], ["--mtu", "1400"], ["analyze", "x", "--mtu"]],
        ids=" ".join,
    )
    def test_usage(self, arguments):
        refused(run(*arguments), "--help)")

    @pytest.mark.parametrize("out, word", [("missing/out.png", "out.png"), ("out.docx", ".png or .svg")])
    def test_a_plot_that_cannot_be_written(self, sample: Path, tmp_path: Path, out, word, capsys):
        assert cli.main(["analyze", str(sample), "--plot", str(tmp_path / out)]) == USAGE
        printed, error = capsys.readouterr()
        assert printed == "" and error.count("\n") == 1 and word in error
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("link", [None, os.link, os.symlink])
    def test_a_plot_over_its_own_capture(self, sample: Path, tmp_path: Path, link):
        capture = out = tmp_path / "trace.png"
        capture.write_bytes(sample.read_bytes())
        if link is not None:
            out = tmp_path / "other.png"
            link(capture, out)
        refused(run("analyze", capture, "--plot", out), "would overwrite the capture")
        assert capture.read_bytes() == sample.read_bytes() == out.read_bytes()

    def test_a_plot_without_a_name(self, sample: Path):
        refused(run("analyze", sample, "--plot", ""), ".png or .svg")

    @pytest.mark.parametrize("content", [b"backend: nope\nfont.size: x\n\xff", b"no.such.setting: 1\n"])
    def test_a_plot_beside_settings_of_somebody_else(self, sample: Path, tmp_path: Path, content):
        # matplotlib reads a file of this name in the working folder, which may be an unpacked ticket.
        (tmp_path / "matplotlibrc").write_bytes(content)
        done = subprocess.run(
            [sys.executable, "-m", "analyzer", "analyze", str(sample), "--plot", "out.png"],
            capture_output=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        if b"\xff" in content:
            refused(done, "matplotlibrc")
        else:
            assert (done.returncode, done.stderr) == (FAULT, b"")

    def test_a_plot_with_a_backend_that_is_none(self, sample: Path, tmp_path: Path):
        refused(run("analyze", sample, "--plot", tmp_path / "out.png", MPLBACKEND="\x1b[2J"), "MPLBACKEND")

    def test_a_plot_where_matplotlib_cannot_keep_its_cache(self, sample: Path, tmp_path: Path):
        done = run("analyze", sample, "--plot", tmp_path / "out.png", MPLCONFIGDIR="/dev/null/none")
        assert (done.returncode, done.stderr) == (FAULT, b"")

    def test_a_plot_of_several_captures(self, sample: Path, tmp_path: Path):
        refused(run("analyze", sample, sample, "--plot", tmp_path / "out.png"), "one")
        assert not (tmp_path / "out.png").exists()

    def test_without_a_word_of_python(self, tmp_path: Path):
        done = run("analyze", tmp_path / "missing.pcap", "--mtu", "3")
        assert b"Traceback" not in done.stderr and b"Error" not in done.stderr


class TestWhatIsMeant:
    @pytest.mark.parametrize(
        ("arguments", "meant"),
        [
            (["anlyze", "x.pcap"], "did you mean analyze?"),
            (["analyze", "--jsn", "x.pcap"], "did you mean --json?"),
            (["validate", "--sevrer", "x.pcap"], "did you mean --server"),
            (["explain", "FRG01"], "did you mean FRG01"),
            (["explain", "udp-450-blocked"], "did you mean udp-4500-blocked"),
            (["explain", "13810"], "did you mean 138"),
            (["guide", "--script", "windwos"], "choose from"),
        ],
    )
    def test_a_slip_of_the_pen(self, arguments, meant):
        refused(run(*arguments), meant)

    def test_a_file_of_a_near_name(self, tmp_path: Path, sample: Path, monkeypatch, capsys):
        (tmp_path / "trace-monday.pcapng").write_bytes(sample.read_bytes())
        monkeypatch.chdir(tmp_path)
        for words in (["trace-munday.pcapng"], ["analyze", "trace-munday.pcapng"], ["validate", "trace-munday.pcapng"],
                      ["compare", "trace-munday.pcapng", "x"], ["analyze", "x", "trace-munday.pcapng"]):  # fmt: skip
            assert cli.main(words) == USAGE
            assert "did you mean 'trace-monday.pcapng'?" in capsys.readouterr().err
        assert cli.main(["analyze", str(tmp_path / "none" / "a.pcap")]) == USAGE
        assert "did you mean" not in capsys.readouterr().err

    def test_a_near_name_cannot_steer_a_terminal(self, tmp_path: Path, monkeypatch, capsys):
        (tmp_path / "trace-monday.pcapng\x1b[2J").touch()
        monkeypatch.chdir(tmp_path)
        assert cli.main(["analyze", "trace-monday.pcapng[2J"]) == USAGE
        error = capsys.readouterr().err
        assert "did you mean" in error and "\x1b" not in error

    def test_a_command_beside_a_file_of_its_name(self, sample: Path, tmp_path: Path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        for verb in cli.VERBS:
            Path(verb).write_bytes(sample.read_bytes())
        assert cli.main(["guide"]) == HEALTHY
        assert capsys.readouterr().out.startswith("# How to take a good trace")
        assert cli.main(["./rules"]) == FAULT
        assert capsys.readouterr().out.startswith("rules: 50 packets")

    def test_every_command_is_one(self):
        words = run("--help").stdout.decode()
        assert all(f"\n    {verb} " in words for verb in cli.VERBS)
        assert words.split("  COMMAND")[1].count("\n    ") == len(cli.VERBS)

    def test_a_file_alone(self, sample: Path, tmp_path: Path):
        assert run(sample).stdout == run("analyze", sample).stdout
        assert run("-", stdin=sample.read_bytes()).returncode == FAULT
        refused(run(tmp_path), "is a directory")
        refused(run(tmp_path / "\x1b.pcap"), r"\x1b.pcap' is neither a command nor a file")
        refused(run(""), "'' is neither")

    def test_a_file_named_like_what_we_call_standard_input(self, sample: Path, tmp_path: Path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        Path("standard input").write_bytes(sample.read_bytes())
        assert cli.main(["analyze", "standard input"]) == FAULT
        assert capsys.readouterr().out.startswith("standard input: 50 packets")

    def test_a_file_without_a_name(self):
        refused(run("analyze", ""), "'': no such file")


class TestWhatTheSystemLacks:
    @staticmethod
    def shell(script: str, *words: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["sh", "-c", script, sys.executable, *map(str, words)],
            capture_output=True, cwd=ROOT, env={**os.environ, **environment},
        )  # fmt: skip

    @pytest.mark.parametrize("raised, words", [
        (MemoryError(), "not enough memory"),
        (ImportError("No module named 'dpkt'"), "cannot be loaded"),
        (ImportError("long\n\nand\nmultiline\n\x1b"), r"\x1b"),
        (OSError(24, "Too many open files"), "too many open files"),
        (OSError(5, "Input/output error", "a\x1b"), r"a\x1b': Input/output error"),
        (OSError("odd"), "cannot write the report: odd"),
    ])  # fmt: skip
    def test_one_line(self, raised, words, monkeypatch, capsys):
        def fail(*_: object, **__: object) -> None:
            raise raised

        monkeypatch.setattr(analyzer, "read_each", fail)
        monkeypatch.setattr(cli, "_drop", lambda stream: None)
        assert cli.main(["analyze", "x"]) == USAGE
        error = capsys.readouterr().err
        assert error.startswith("ike-analyzer: ") and error.count("\n") == 1 and words in error

    @pytest.mark.parametrize("files", [5, 8])
    def test_few_files_may_be_open(self, sample: Path, tmp_path: Path, files):
        script = f'ulimit -n {files}; "$0" -m analyzer analyze "$1" --plot "$2"'
        done = self.shell(script, sample, tmp_path / "out.png", MPLBACKEND="agg")
        assert b"Traceback" not in done.stderr
        if done.returncode != FAULT:
            assert done.returncode == USAGE and done.stderr.count(b"\n") == 1

    def test_nowhere_for_the_error(self, tmp_path: Path):
        closed = self.shell('"$0" -m analyzer analyze "$1" 2>&-', tmp_path / "missing")
        assert (closed.returncode, closed.stdout) == (USAGE, b"")
        if Path("/dev/full").exists():
            assert self.shell('"$0" -m analyzer analyze "$1" 2>/dev/full', tmp_path / "missing").returncode == USAGE

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
    @pytest.mark.parametrize("option", ["--help", "--version"])
    def test_a_full_disk_for_the_help(self, option):
        done = self.shell(f'"$0" -m analyzer {option} >/dev/full')
        assert (done.returncode, done.stderr.count(b"\n")) == (USAGE, 1)

    @pytest.mark.parametrize("size", [0, 40 << 20], ids=["at once", "a thread waits for more"])
    def test_ctrl_c_while_a_pipe_brings_nothing(self, size):
        # More than a window holds, so that a thread reads ahead.
        record = struct.pack("<IIII", 1, 0, 1000, 1000) + bytes(1000)
        data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + record * (size // 1016)
        with subprocess.Popen(
            [sys.executable, "-u", "-c", _SAYS_WHEN_IT_READS], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=ROOT,
        ) as process:  # fmt: skip
            assert process.stdin is not None and process.stdout is not None and process.stderr is not None
            process.stdin.write(data)
            process.stdin.flush()
            # Each read of the pipe is told: behind the last one nothing comes.
            while int(process.stdout.readline()) < len(data):
                pass
            process.send_signal(signal.SIGINT)
            assert process.stderr.read() == b"ike-analyzer: interrupted\n"
            assert process.wait(60) == 130


#: The command, which tells before each read of its input how many bytes it has.
_SAYS_WHEN_IT_READS = """
import os, sys
from analyzer import cli
class Told:
    def __init__(self): self.seen = 0
    def readinto(self, room):
        print(self.seen, flush=True)
        count = os.readv(0, [room])
        self.seen += count
        return count
class Stdin: buffer = Told()
sys.stdin = Stdin()
sys.argv[1:] = ["analyze", "-"]
sys.exit(cli.main())
"""


class TestOutput:
    def test_a_reader_that_leaves(self, sample: Path):
        # As "| head -1": the first line is read, then the pipe is closed.
        with subprocess.Popen(
            [sys.executable, "-m", "analyzer", "analyze", *[str(sample)] * 30],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
        ) as process:  # fmt: skip
            assert process.stdout is not None and process.stderr is not None
            assert process.stdout.readline().startswith(b"809-fragments-lost.pcapng: ")
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 141

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
    def test_a_full_disk(self, sample: Path):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "analyzer", "analyze", str(sample)],
                stdout=full,
                stderr=subprocess.PIPE,
                cwd=ROOT,
            )
        assert done.returncode == USAGE
        assert done.stderr == b"ike-analyzer: cannot write the report: No space left on device\n"

    @pytest.mark.parametrize("stream, status", [("<&-", USAGE), (">&-", USAGE), ("2>&-", FAULT)])
    def test_a_closed_stream(self, sample: Path, stream, status):
        path = "-" if stream == "<&-" else str(sample)
        done = subprocess.run(
            ["sh", "-c", f'"$0" -m analyzer analyze "$1" {stream}', sys.executable, path], capture_output=True, cwd=ROOT
        )
        assert done.returncode == status
        assert b"Traceback" not in done.stderr

    def test_a_name_with_line_ends_and_escape_codes(self, sample: Path, tmp_path: Path):
        path = tmp_path / "a\nVERDICT  connected-ok\x1b[2J.pcapng"
        path.write_bytes(sample.read_bytes())
        text = run("analyze", path).stdout.decode()
        assert text.startswith(r"a\nVERDICT  connected-ok\x1b[2J.pcapng: 50 packets")
        assert "\x1b" not in text
        line = run("analyze", "--json", path).stdout
        assert line.count(b"\n") == 1 and b"\x1b" not in line
        assert json.loads(line)["file"] == str(path)

    def test_so_in_the_name_of_a_plot(self, sample: Path, tmp_path: Path, capsys):
        cli.main(["analyze", str(sample), "--plot", str(tmp_path / "b\x1b[2J\n.png")])
        assert capsys.readouterr().out.endswith(r"b\x1b[2J\n.png" + "\n")

    def test_so_in_errors(self, tmp_path: Path):
        refused(run("analyze", tmp_path / "a\n\x1b[2J.pcap"), r"a\n\x1b[2J.pcap: no such file")
        refused(run("analyze", "x", "--\x1b[2J\n"), r"\x1b[2J\n")

    def test_a_name_that_is_no_utf8(self, sample: Path, tmp_path: Path):
        path = os.fsencode(tmp_path) + b"/\xff.pcapng"
        try:
            with open(path, "wb") as file:
                file.write(sample.read_bytes())
        except OSError:
            pytest.skip("this file system takes UTF-8 names only")
        done = run("analyze", os.fsdecode(path))
        assert (done.returncode, done.stderr) == (FAULT, b"")
        assert done.stdout.startswith(rb"\udcff.pcapng: 50 packets")
        # RFC 8259 section 8.2: what a lone surrogate in JSON means is not defined, and strict parsers refuse it.
        for verb, field in (("analyze", "file"), ("validate", "file"), ("compare", "server")):
            done = run(verb, "--json", *[os.fsdecode(path)] * (1 + (verb == "compare")))
            assert done.stdout.isascii()
            assert json.loads(done.stdout)[field].encode("utf-8").endswith(rb"/\udcff.pcapng")

    def test_a_terminal_that_knows_ascii_only(self, sample: Path, tmp_path: Path):
        path = tmp_path / "Büro.pcapng"
        path.write_bytes(sample.read_bytes())
        done = run("analyze", path, PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr) == (FAULT, b"")
        assert done.stdout.startswith(rb"B\xfcro.pcapng: 50 packets")


class TestHelp:
    def test_version(self):
        done = run("--version")
        assert (done.returncode, done.stdout.decode()) == (0, f"ike-analyzer {analyzer.__version__}\n")

    def test_help(self):
        done = run("--help")
        assert done.returncode == 0
        words = " ".join(done.stdout.decode().split())
        assert words.startswith("usage: ike-analyzer ") and "analyze" in words
        assert "0 healthy, 1 a blocking or degrading finding, 2 usage or input error, 3 cannot tell" in words

    def test_help_of_analyze(self):
        words = " ".join(run("analyze", "--help").stdout.decode().split())
        for option in ("FILE", "--json", "--plot OUT", "--mtu N", "--port N"):
            assert option in words

    def test_the_installed_command_is_the_same_function(self):
        scripts = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        assert 'ike-analyzer = "analyzer.cli:main"' in scripts


class TestOtherVerbs:
    def test_validate_before_and_after_the_fix(self, samples: Path):
        before = run("validate", samples / "809-fragments-lost.pcapng")
        after = run("validate", samples / "809-fixed.pcapng", "--server")
        assert (before.returncode, before.stderr) == (FAULT, b"")
        assert b"FAIL         the server accepts IKE fragmentation" in before.stdout
        assert (after.returncode, after.stderr) == (HEALTHY, b"")
        assert after.stdout.endswith(b"RESULT: all checks pass.\n")

    def test_validate_as_json(self, samples: Path):
        done = run("validate", "--json", samples / "809-fixed.pcapng")
        assert json.loads(done.stdout)["schema"] == "ike-analyzer/validation/1"

    def test_validate_takes_one_side(self, samples: Path):
        refused(run("validate", samples / "809-fixed.pcapng", "--client", "--server"), "not allowed with")

    def test_compare(self, samples: Path):
        done = run("compare", samples / "809-fixed.pcapng", samples / "809-fixed.pcapng")
        assert (done.returncode, done.stderr) == (HEALTHY, b"")
        assert done.stdout.startswith(b"client 809-fixed.pcapng, server 809-fixed.pcapng\n")

    def test_compare_as_json(self, samples: Path):
        done = run("compare", "--json", samples / "809-fixed.pcapng", samples / "809-fixed.pcapng")
        assert json.loads(done.stdout)["schema"] == "ike-analyzer/comparison/1"

    def test_compare_needs_two_files(self, samples: Path):
        refused(run("compare", samples / "809-fixed.pcapng"), "SERVER")
        refused(run("compare", samples / "809-fixed.pcapng", "-"), "two files")
        refused(run("compare", samples / "809-fixed.pcapng", samples / "MANIFEST"), "looks like text")

    @pytest.mark.parametrize("what", ["FRG001", "udp-4500-blocked", "809", "cannot-tell"])
    def test_explain(self, what):
        done = run("explain", what)
        assert (done.returncode, done.stderr) == (HEALTHY, b"")
        assert what.encode() in done.stdout.splitlines()[0]

    def test_explain_what_is_not_known(self):
        refused(run("explain", "FRG000"), "did you mean")

    def test_rules(self):
        done = run("rules")
        assert (done.returncode, done.stderr) == (HEALTHY, b"")
        assert b"\nFRG001  blocking" in done.stdout
        report = json.loads(run("rules", "--json").stdout)
        assert report["schema"] == "ike-analyzer/rules/1"
        assert {"FRG001", "OK001"} <= {rule["code"] for rule in report["rules"]}

    def test_doctor(self):
        done = run("doctor")
        assert (done.returncode, done.stderr) == (HEALTHY, b"")
        assert done.stdout.endswith(b"Everything that is needed is here.\n")

    def test_guide(self):
        done = run("guide")
        assert (done.returncode, done.stderr) == (HEALTHY, b"")
        assert done.stdout == (ROOT / "docs" / "capture-guide.md").read_bytes()


class TestHowMuch:
    def test_verbose(self, sample: Path):
        brief, whole = run("analyze", sample).stdout.decode(), run("analyze", "-v", sample).stdout.decode()
        assert whole == analyzer.read(sample).text(verbose=True) and brief == analyzer.read(sample).text()
        assert "ALSO FOUND" in whole and "ALSO FOUND" not in brief

    @pytest.mark.parametrize("option", ["-q", "--quiet"])
    def test_a_line_for_each_capture(self, samples: Path, option):
        names = ["connected-ok", "no-response"]
        done = run("analyze", option, *(samples / f"{name}.pcapng" for name in names))
        assert done.returncode == FAULT
        first, second = done.stdout.decode().splitlines()
        assert first.startswith(f"{samples / 'connected-ok.pcapng'}: connected-ok (strong): ")
        assert second.startswith(f"{samples / 'no-response.pcapng'}: failed: no-response-ike-sa-init (probable): ")

    def test_one_way_to_print_at_a_time(self, sample: Path):
        refused(run("analyze", "-q", "--json", sample), "not allowed with")

    def test_colour_where_it_is_wanted(self, sample: Path):
        assert b"\x1b[1;31mVERDICT  failed" in run("analyze", "--color", "always", sample).stdout
        assert b"\x1b" not in run("analyze", sample).stdout
        assert b"\x1b" in run("analyze", sample, FORCE_COLOR="1").stdout
        assert b"\x1b" in run("validate", "--color=always", sample).stdout
        # What machines read is never coloured.
        assert b"\x1b" not in run("analyze", "--json", "--color=always", sample).stdout
        assert b"\x1b" not in run("analyze", "-q", "--color=always", sample).stdout

    def test_validate_before(self, samples: Path):
        new, old = samples / "809-fixed.pcapng", samples / "809-fragments-lost.pcapng"
        text = run("validate", new, "--before", old).stdout.decode()
        assert "IKE_AUTH request: 3 IP fragments then; 7 SKF fragments now" in text
        assert "verdict: ike-auth-ip-fragments-lost-upstream then; connected now" in text
        report = json.loads(run("validate", new, "--before", old, "--json").stdout)
        assert report["before"]["file"] == str(old)
        (one,) = report["before"]["changed"]
        assert {"what": "IKE_AUTH request", "then": "3 IP fragments", "now": "7 SKF fragments"} in one["changes"]
        assert "before" not in json.loads(run("validate", new, "--json").stdout)
        refused(run("validate", "-", "--before", "-", stdin=b""), "read once")
