"""Other systems than this one: names that Windows and a browser lack are asked for, never assumed."""

from __future__ import annotations

import ast
import hashlib
import os
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import mypy
import pytest

ROOT = Path(__file__).resolve().parent.parent

#: What typeshed, which comes with mypy, knows of the standard library by system.
TYPESHED = Path(mypy.__file__).parent / "typeshed" / "stdlib"


def holds(test: ast.expr, platform: str) -> bool:
    """Whether an ``if`` of a stub is true on a system; what asks for neither system nor version counts as true."""
    if not {n.attr for n in ast.walk(test) if isinstance(n, ast.Attribute)} & {"platform", "version_info"}:
        return True
    system = SimpleNamespace(platform=platform, version_info=sys.version_info)
    return bool(eval(compile(ast.Expression(test), "stub", "eval"), {"sys": system}))


def defined(body: list[ast.stmt], platform: str) -> set[str]:
    """The names that the statements of a stub define on a system."""
    names: set[str] = set()
    for node in body:
        if isinstance(node, ast.If):
            names |= defined(node.body if holds(node.test, platform) else node.orelse, platform)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return names


@cache
def lacking(module: str, platform: str = "win32") -> frozenset[str]:
    """The names of a module of the standard library that Linux has and another system has not."""
    stub = TYPESHED.joinpath(*module.split("."))
    path = stub / "__init__.pyi" if stub.is_dir() else stub.with_suffix(".pyi")
    if not path.exists():
        return frozenset()
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return frozenset(defined(body, "linux") - defined(body, platform))


def test_typeshed_knows():
    """By the Python documentation: "Availability: Unix"."""
    assert {"killpg", "getuid", "setsid", "fork", "WNOHANG", "O_NONBLOCK"} <= lacking("os")
    assert {"SIGKILL", "SIGHUP", "SIGPIPE", "SIGALRM", "alarm", "pthread_sigmask"} <= lacking("signal")
    assert {"AF_UNIX"} <= lacking("socket") and {"poll"} <= lacking("select") and {"tzset"} <= lacking("time")
    assert {"getrlimit"} <= lacking("resource") and {"ioctl"} <= lacking("fcntl") and {"getpwuid"} <= lacking("pwd")
    assert not {"kill", "open", "dup2", "get_terminal_size"} & lacking("os") and "SIGTERM" not in lacking("signal")


def assumed(source: str, platform: str) -> list[str]:
    """The names that a module uses as if every system had them: ``os.killpg``, ``from signal import SIGKILL``."""
    tree = ast.parse(source)
    modules: dict[str, str] = {}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name: alias.name.lstrip("_") for alias in node.names}
            if any(alias.name in ("fcntl", "resource", "pwd", "grp", "termios", "pty") for alias in node.names):
                found.append(ast.unparse(node))
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{a.name}" for a in node.names if a.name in lacking(node.module, platform)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            module = modules[node.value.id]
            if node.attr in lacking(module, platform):
                found.append(f"{module}.{node.attr}")
    return found


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_no_name_is_assumed_that_a_system_lacks(platform: str):
    found = {
        str(path.relative_to(ROOT)): names
        for path in sorted((ROOT / "analyzer").rglob("*.py"))
        if (names := assumed(path.read_text(encoding="utf-8"), platform))
    }
    assert found == {}, "ask for them with getattr()"


def test_what_would_be_found():
    source = (
        "import os, signal as s\nfrom os import fork\nimport resource\nos.killpg(1, s.SIGKILL)\ngetattr(os, 'setsid')"
    )
    assert assumed(source, "win32") == ["os.fork", "import resource", "os.killpg", "signal.SIGKILL"]


#: Takes away what Windows lacks and what could be used by mistake. (Not all: the standard library here is Linux's.)
NO_POSIX = """
import os, select, signal, subprocess, sys, time
for module, names in [
    (os, "killpg getpgid setsid setpgid fork getuid geteuid set_blocking mkfifo sysconf getloadavg pread O_NONBLOCK"),
    (signal, "SIGHUP SIGKILL SIGPIPE SIGALRM alarm setitimer pthread_sigmask"),
    (select, "poll epoll"),
    (time, "tzset"),
]:
    for name in names.split():
        delattr(module, name)
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
subprocess.Popen.kill = subprocess.Popen.terminate
"""

#: As Pyodide in a browser: neither threads nor programs, not all modules, and nowhere a terminal.
BROWSER = """
import _thread, socket, subprocess, sys, threading
def start(*_, **__):
    raise RuntimeError("can't start new thread")
threading.Thread.start = threading._start_new_thread = _thread.start_new_thread = start
class Popen(subprocess.Popen):
    def __init__(self, *_, **__):
        raise OSError(138, "emscripten does not support processes.")
subprocess.Popen = Popen
del socket.inet_pton, socket.inet_ntop, socket.inet_aton, socket.inet_ntoa
for name in ("fcntl", "resource", "pwd", "grp", "termios", "bz2", "lzma", "multiprocessing"):
    sys.modules[name] = None
"""


def run(system: str, *words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = f"import sys\nsys.argv[1:] = {list(map(str, words))!r}\nfrom analyzer.cli import main\nsys.exit(main())"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{system}\n{command}"],
        capture_output=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=300,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """A folder with captures, and an editcap that gives the sample whatever it is asked."""
    folder = tmp_path_factory.mktemp("place")
    sample = (samples / "809-fragments-lost.pcapng").read_bytes()
    (folder / "lost.pcapng").write_bytes(sample)
    (folder / "fixed.pcapng").write_bytes((samples / "809-fixed.pcapng").read_bytes())
    (folder / "old.cap").write_bytes(b"iptrace 2.0" + bytes(100))
    record = struct.pack("<IIII", 1, 0, 1000, 1000) + bytes(1000)
    (folder / "long.pcap").write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + record * 40000)
    (folder / "bin").mkdir()
    for name, script in (("editcap", f'cp {folder}/lost.pcapng "$4"'), ("tshark", "echo TShark 4.0.17")):
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / "bin" / name).chmod(0o755)
    return folder


COMMANDS = [
    ("analyze", "lost.pcapng"),
    ("analyze", "--json", "lost.pcapng"),
    ("analyze", "--json", "long.pcap"),
    ("analyze", "old.cap"),
    ("analyze", "lost.pcapng", "--plot", "out.svg"),
    ("compare", "lost.pcapng", "lost.pcapng"),
    ("validate", "fixed.pcapng"),
    ("doctor",),
    ("explain", "FRG001"),
    ("rules",),
    ("guide",),
    ("--help",),
]


@cache
def plainly(place: Path, words: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    """A command on this system as it is."""
    return run("", *words, cwd=place, PATH=f"{place}/bin:/usr/bin:/bin", PYTHONIOENCODING="utf-8:strict")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("system", [NO_POSIX, BROWSER], ids=["without POSIX", "a browser"])
def test_every_command_ends_well(place: Path, words: tuple[str, ...], system: str):
    there, here = run(system, *words, cwd=place, PATH=f"{place}/bin:/usr/bin:/bin"), plainly(place, words)
    if system == BROWSER and words == ("analyze", "old.cap"):
        assert (there.returncode, there.stdout) == (2, b"")
        assert there.stderr == b"ike-analyzer: old.cap: cannot be converted: emscripten does not support processes.\n"
        return
    assert (there.returncode, there.stderr) == (here.returncode, here.stderr) and there.returncode in (0, 1, 3)
    if system == BROWSER and words == ("doctor",):
        assert b"tshark        broken" in there.stdout and there.stdout.endswith(
            b"Everything that is needed is here.\n"
        )
        return
    assert there.stdout == here.stdout


def test_the_digest_without_a_thread(place: Path):
    done = run(BROWSER, "analyze", "--json", "long.pcap", cwd=place)
    assert hashlib.sha256((place / "long.pcap").read_bytes()).hexdigest().encode() in done.stdout


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_what_we_print_ourselves_any_console_can_show(place: Path, words: tuple[str, ...]):
    """Windows consoles know 256 characters; which ones, depends on the country. All know ASCII."""
    done = plainly(place, words)
    assert done.returncode in (0, 1, 3) and done.stdout.isascii() and done.stderr == b""


@pytest.mark.parametrize(
    "code_page, shown", [("cp437", b"B\x81ro \\u0416.pcapng"), ("cp1251", b"B\\xfcro \xc6.pcapng")]
)
def test_a_name_that_the_console_cannot_show_is_escaped(place: Path, code_page: str, shown: bytes):
    (place / "Büro Ж.pcapng").write_bytes((place / "fixed.pcapng").read_bytes())
    done = run("", "analyze", "Büro Ж.pcapng", cwd=place, PYTHONIOENCODING=f"{code_page}:strict")
    assert (done.returncode, done.stderr) == (0, b"") and done.stdout.startswith(shown)
    done = run("", "analyze", "Büro Ж.pcap", cwd=place, PYTHONIOENCODING=f"{code_page}:strict")
    said = b"ike-analyzer: " + shown[:-2] + b": no such file; did you mean '" + shown + b"'?\n"
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.parametrize("system", [NO_POSIX, BROWSER], ids=["without POSIX", "a browser"])
def test_every_sample_is_told_alike(samples: Path, system: str):
    captures = sorted(str(path) for path in samples.glob("*.pcapng"))
    there, here = run(system, "analyze", "--json", *captures, cwd=samples), plainly_all(samples, tuple(captures))
    assert len(captures) >= 7 and there.returncode == here.returncode
    assert (there.stdout, there.stderr) == (here.stdout, b"")


@cache
def plainly_all(samples: Path, captures: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    return run("", "analyze", "--json", *captures, cwd=samples)


#: NumPy takes these indices only in the machine's width, and a browser's has 32 bits: columns.py turns them.
OF_A_WIDTH = ("bincount", "repeat", "reduceat")


def test_indices_are_given_in_the_width_of_the_machine():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.attr}"
        for path in sorted((ROOT / "analyzer").rglob("*.py"))
        if path.name != "columns.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in OF_A_WIDTH
    ]
    assert found == []
