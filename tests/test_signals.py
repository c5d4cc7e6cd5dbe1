"""Signals and pipes: the command as a process, ended at all sorts of moments. Nothing stays, and one line is said."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: The signals that end the command, what it says, and its exit status: 128 and POSIX's number of the signal.
ENDINGS = [
    (signal.SIGINT, b"ike-analyzer: interrupted\n", 130),
    (signal.SIGTERM, b"ike-analyzer: ended by SIGTERM\n", 143),
    (signal.SIGHUP, b"ike-analyzer: ended by SIGHUP\n", 129),
]
every_ending = pytest.mark.parametrize("number, line, status", ENDINGS, ids=["SIGINT", "SIGTERM", "SIGHUP"])


class Scene:
    """A command in a process of its own, with an own place for programs and for temporary files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.temporary = folder, folder / "tmp"
        self.temporary.mkdir()
        self.environment = {
            **os.environ, "PATH": f"{folder}:/usr/bin:/bin", "TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        self.processes: list[subprocess.Popen[bytes]] = []
        # A format that is editcap's, and more of it than is tried first.
        self.foreign = folder / "x.iptrace"
        self.foreign.write_bytes(b"iptrace 2.0" + bytes(2 << 20))

    def editcap(self, script: str) -> None:
        program = self.folder / "editcap"
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(0o755)

    def start(self, *words: object, before: str = "", **options: object) -> subprocess.Popen[bytes]:
        """``ike-analyzer WORDS``, after a few lines of Python in the same process."""
        code = f"{before}\nimport sys\nsys.argv[1:] = {list(map(str, words))!r}\nfrom analyzer.cli import main\n"
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, "-c", code + "sys.exit(main())"],
            **{"stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe, **options},  # type: ignore[call-overload]
            env=self.environment,
            cwd=self.folder,
        )
        self.processes.append(process)
        return process

    def has_left_nothing(self) -> bool:
        return not list(self.temporary.iterdir())


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    _, error = process.communicate(timeout=60)
    return process.returncode, error


class Alive:
    """A pipe with a name that a program holds open: a byte tells that it runs, the end that nobody is left."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until the program runs that ``process`` starts."""
        while not self._read():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)

    def is_over(self) -> bool:
        """Nobody holds the pipe open any more; waits for the dying."""
        os.set_blocking(self._reader, True)
        while self._read():
            pass
        os.close(self._reader)
        return True

    def _read(self) -> bytes:
        try:
            return os.read(self._reader, 1)
        except BlockingIOError:
            return b""


class TestWhileEditcapRuns:
    @every_ending
    def test_it_ends_with_all_that_it_started(self, scene: Scene, number, line, status):
        alive = Alive(scene.folder / "alive")
        scene.editcap(f"exec > {alive.path}\ntail -f /dev/null &\nprintf x\nexec tail -f /dev/null\n")
        process = scene.start("analyze", scene.foreign)
        alive.wait(process)
        assert not scene.has_left_nothing()
        process.send_signal(number)
        assert ended(process) == (status, line)
        assert alive.is_over()
        assert scene.has_left_nothing()

    def test_two_signals_at_once(self, scene: Scene):
        alive = Alive(scene.folder / "alive")
        scene.editcap(f"exec > {alive.path}\nprintf x\nexec tail -f /dev/null\n")
        process = scene.start("analyze", scene.foreign)
        alive.wait(process)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        assert ended(process) == (130, b"ike-analyzer: interrupted\n")
        assert alive.is_over() and scene.has_left_nothing()

    @pytest.mark.parametrize("made", ["subprocess.Popen", "tempfile.TemporaryDirectory"])
    def test_in_the_moment_in_which_something_is_made(self, scene: Scene, made):
        """Neither the program nor the folder has a name yet: the signal must wait until they have one."""
        alive = Alive(scene.folder / "alive")
        scene.editcap(f"exec > {alive.path}\nprintf x\nexec tail -f /dev/null\n")
        before = f"""
import signal, subprocess, tempfile
class Made({made}):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        signal.raise_signal(signal.SIGTERM)
{made} = Made
"""
        assert ended(scene.start("analyze", scene.foreign, before=before)) == (143, ENDINGS[1][1])
        assert alive.is_over() and scene.has_left_nothing()

    @pytest.mark.parametrize("made", ["subprocess.Popen", "tempfile.TemporaryDirectory"])
    def test_so_in_a_program_of_somebody_else(self, scene: Scene, made):
        """Python's own Ctrl-C: KeyboardInterrupt, behind the moment."""
        scene.editcap("exec tail -f /dev/null\n")
        before = f"""
import signal, subprocess, tempfile
class Made({made}):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        signal.raise_signal(signal.SIGINT)
{made} = Made
import analyzer
from analyzer import signals
try:
    analyzer.read({str(scene.foreign)!r})
except KeyboardInterrupt:
    sys.exit(7 if signals.leftovers else 9)
"""
        status, error = ended(scene.start(before="import sys\n" + before))
        assert (status, error) == (9, b"")
        assert scene.has_left_nothing()

    def test_without_the_command_ctrl_c_tidies_up_too(self, scene: Scene):
        alive = Alive(scene.folder / "alive")
        scene.editcap(f"exec > {alive.path}\nprintf x\nexec tail -f /dev/null\n")
        process = scene.start(before=f"import analyzer\nanalyzer.read({str(scene.foreign)!r})")
        alive.wait(process)
        process.send_signal(signal.SIGINT)
        status, error = ended(process)
        assert status == -signal.SIGINT and error.endswith(b"\nKeyboardInterrupt\n")
        assert alive.is_over() and scene.has_left_nothing()


#: Moments at which Python would swallow an exception, or print a traceback.
MOMENTS = {
    "an import": """
import sys
class Finder:
    def find_spec(self, name, *_):
        if name == "analyzer.arguments": raise_now()
sys.meta_path.insert(0, Finder())
""",
    "a destructor": """
import gc
class Thing:
    def __del__(self): raise_now()
gc.set_threshold = lambda *_: Thing()
""",
    "the end of Python": "import atexit\natexit.register(raise_now)",
    "the end of its threads": "import threading\nthreading._register_atexit(raise_now)",
    "the report": "import analyzer.report.text as t\nt.as_text = lambda *_, **__: raise_now()",
}


class TestAtOtherMoments:
    @every_ending
    def test_while_a_pipe_brings_nothing(self, scene: Scene, samples: Path, number, line, status):
        record = struct.pack("<IIII", 1, 0, 1000, 1000) + bytes(1000)
        process = scene.start("analyze", "-", stdin=subprocess.PIPE)
        assert process.stdin is not None
        # More than a window holds: when it is gone, the command reads.
        process.stdin.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + record * 20000)
        process.send_signal(number)
        error = process.stderr.read() if process.stderr else b""
        assert (process.wait(60), error) == (status, line)

    @every_ending
    @pytest.mark.parametrize("moment", MOMENTS)
    def test_where_an_exception_would_be_lost(self, scene: Scene, samples: Path, moment, number, line, status):
        raising = f"import signal\ndef raise_now(): signal.raise_signal({int(number)})\n"
        before = raising + MOMENTS[moment]
        assert ended(scene.start("analyze", samples / "no-response.pcapng", before=before)) == (status, line)

    def test_a_second_one_while_the_first_is_answered(self, scene: Scene):
        """Tidying begins again and is done; one line is said, not two and not none."""
        before = """
import signal
from analyzer import signals
count = 0
def slow():
    global count
    count += 1
    if count < 4:
        signal.raise_signal(signal.SIGINT)
    open("tidied", "w").close()
signals.leftovers.append(lambda: open("first", "w").close())
signals.leftovers.append(slow)
signals.end_by_signals()
signal.raise_signal(signal.SIGINT)
"""
        assert ended(scene.start(before=before)) == (130, b"ike-analyzer: interrupted\n")
        assert {"first", "tidied"} <= {path.name for path in scene.folder.iterdir()}

    @pytest.mark.parametrize("moment", ["sys.stdout.flush = again(sys.stdout.flush)", "os.write = again(os.write)"])
    def test_a_second_one_while_we_speak(self, scene: Scene, moment):
        """What it interrupts, a write that blocks for instance, is given up; nothing is said twice."""
        before = f"""
import os, signal, sys
from analyzer import signals
def again(call):
    def called(*words):
        call(*words)
        signal.raise_signal(signal.SIGTERM)
    return called
{moment}
signals.end_by_signals()
signal.raise_signal(signal.SIGTERM)
"""
        assert ended(scene.start(before=before)) == (143, ENDINGS[1][1])

    def test_what_cannot_be_undone_does_not_keep_the_rest(self, scene: Scene):
        before = """
import os, signal
from analyzer import signals
signals.leftovers.append(lambda: open("first", "w").close())
signals.leftovers.append(lambda: os.remove("missing"))
signals.end_by_signals()
signal.raise_signal(signal.SIGINT)
"""
        assert ended(scene.start(before=before)) == (130, b"ike-analyzer: interrupted\n")
        assert (scene.folder / "first").exists()

    def test_while_nobody_reads_what_is_printed(self, scene: Scene, samples: Path):
        process = scene.start("analyze", *[samples / "809-fragments-lost.pcapng"] * 60)
        assert process.stdout is not None
        full, last = -1, 0
        while full < 4096 or full != last:  # until no more goes into the pipe
            last = full
            time.sleep(0.5)
            full = struct.unpack("i", fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(4)))[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143

    def test_what_is_complete_is_printed(self, scene: Scene, samples: Path):
        before = """
import signal, analyzer
def read_each(path, **_):
    if path == "2": signal.raise_signal(signal.SIGINT)
    yield from real(SAMPLE)
real, analyzer.read_each = analyzer.read_each, read_each
"""
        before = before.replace("SAMPLE", repr(str(samples / "no-response.pcapng")))
        process = scene.start("analyze", "1", "2", before=before)
        out, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (130, b"ike-analyzer: interrupted\n")
        plain = subprocess.run(
            [sys.executable, "-m", "analyzer", samples / "no-response.pcapng"], capture_output=True, cwd=ROOT
        )
        assert out == plain.stdout

    def test_what_the_caller_ignores_stays_ignored(self, scene: Scene, samples: Path):
        """``nohup ike-analyzer``, and a shell's ``ike-analyzer &``."""
        before = """
import signal
import analyzer.report.text as t
def as_text(capture, **layout):
    for number in ignored: signal.raise_signal(number)
    return real(capture, **layout)
ignored = signal.SIGHUP, signal.SIGINT
for number in ignored: signal.signal(number, signal.SIG_IGN)
real, t.as_text = t.as_text, as_text
"""
        assert ended(scene.start("analyze", samples / "no-response.pcapng", before=before)) == (1, b"")

    @pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full", "2>&1 >/dev/null | true"])
    def test_nobody_to_tell(self, scene: Scene, stderr):
        code = "import os, signal, sys\\nfrom analyzer import signals\\nsignals.end_by_signals()\\n"
        code += "signal.raise_signal(signal.SIGTERM)"
        script = f'set -o pipefail; exec 3>&2; "$0" -c "$(printf \'{code}\')" {stderr}; echo $?'
        done = subprocess.run(
            ["bash", "-c", script, sys.executable], capture_output=True, cwd=ROOT, env=scene.environment
        )
        assert (done.stdout, done.stderr) == (b"143\n", b"")

    def test_another_thread_than_the_first_has_no_signals(self, scene: Scene, samples: Path):
        before = f"""
import sys, threading
from analyzer.cli import main
sys.argv[1:] = ["analyze", {str(samples / "no-response.pcapng")!r}]
statuses = []
thread = threading.Thread(target=lambda: statuses.append(main()))
thread.start(); thread.join()
sys.exit(statuses[0] + 40)
"""
        assert ended(scene.start(before=before)) == (41, b"")

    def test_a_caller_in_python_keeps_his_handlers(self, scene: Scene, samples: Path):
        before = f"""
import signal, sys
from analyzer.cli import main
before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
main(["analyze", {str(samples / "no-response.pcapng")!r}])
sys.exit(before != [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)])
"""
        assert ended(scene.start(before=before)) == (0, b"")


class TestFirstMoments:
    def test_little_is_imported_before_the_handlers_stand(self):
        """Until then Ctrl-C is Python's own, and ends in a traceback."""
        code = """
import sys
before = set(sys.modules)
from analyzer.cli import main
from analyzer import signals
signals.end_by_signals = lambda: print(*sorted(set(sys.modules) - before)) or sys.exit()
main()
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
        ours = {"analyzer", "analyzer.cli", "analyzer.errors", "analyzer.signals", "analyzer.version"}
        assert set(done.stdout.split()) <= ours | {"__future__", "errno", "gc"}

    def test_as_a_module_it_says_so_even_then(self):
        code = """
import runpy, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "analyzer.cli": signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Finder())
runpy.run_module("analyzer", run_name="__main__")
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT)
        assert (done.returncode, done.stderr) == (130, b"ike-analyzer: interrupted\n")


#: Words of the command; SAMPLE is a capture.
PRINTING = [
    "analyze SAMPLE",
    "analyze --json SAMPLE",
    "analyze --json" + 30 * " SAMPLE",
    "analyze SAMPLE --plot o.svg",
    "validate SAMPLE",
    "validate --json SAMPLE",
    "compare SAMPLE SAMPLE",
    "compare --json SAMPLE SAMPLE",
    "explain 809",
    "rules",
    "rules --json",
    "guide",
    "doctor",
    "--help",
    "--version",
    "analyze --help",
]


class TestAPipeThatCloses:
    @pytest.mark.parametrize(
        ("words", "together"),
        [(words, False) for words in PRINTING] + [(words, True) for words in PRINTING[::5]],
        ids=lambda value: value[:24] if isinstance(value, str) else ("stdout", "stdout and stderr")[value],
    )
    def test_it_ends_with_141_without_a_word(self, scene: Scene, samples: Path, words, together):
        sample = str(samples / "809-fragments-lost.pcapng")
        reader, writer = os.pipe()
        os.close(reader)
        process = scene.start(
            *words.replace("SAMPLE", sample).split(), stdout=writer, stderr=writer if together else subprocess.PIPE
        )
        os.close(writer)
        status, error = ended(process)
        assert (status, error or b"") == (141, b"")

    def test_an_error_that_nobody_reads_is_one_all_the_same(self, scene: Scene, samples: Path):
        reader, writer = os.pipe()
        os.close(reader)
        process = scene.start("analyze", "missing", samples / "no-response.pcapng", stderr=writer)
        os.close(writer)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 2 and out.count(b"VERDICT") == 1
