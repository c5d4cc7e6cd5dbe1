"""Is everything here that the tool needs? Python, packages, tshark, the formats that can be read; and a trial run."""

from __future__ import annotations

import os
import platform
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from io import BytesIO
from typing import Literal

import analyzer
from analyzer.printable import printable
from analyzer.programs import found, running

State = Literal["ok", "missing", "broken"]

#: What each package is for; without the first two nothing works.
_PACKAGES = (
    ("numpy", "reads captures", True),
    ("dpkt", "decodes fragments, ICMP and IKE payloads", True),
    ("pandas", "the frames for notebooks (cap.messages ...)", False),
    ("matplotlib", "the plots (--plot)", False),
    ("pyshark", "a second opinion on single frames, together with tshark", False),
)
_OLDEST = (3, 11)

#: How long tshark may take to tell its version, and how much of what it says is read, bytes.
SECONDS = 20.0
_MOST = 1 << 14

READABLE = "pcap, pcapng, Windows ETL, NetMon, snoop; packed with {}; in .zip and .tar archives"
CONVERTIBLE = "what else Wireshark's editcap reads"
_TO_INSTALL = "to install it: apt-get install tshark, or Wireshark from www.wireshark.org"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``needed``: without it nothing works."""

    name: str
    state: State
    detail: str
    needed: bool


def examine() -> Iterator[Finding]:
    """Look at one thing after another.

    Examples
    --------
    >>> [f.state for f in examine() if f.name in ("Python", "trial run")]
    ['ok', 'ok']
    """
    new_enough = sys.version_info >= _OLDEST
    wanted = ".".join(map(str, _OLDEST))
    detail = f"{platform.python_version()}, {printable(sys.executable)}"
    yield Finding("Python", "ok" if new_enough else "broken", f"{detail} (needs {wanted} or newer)", True)
    yield Finding("ike-analyzer", "ok", analyzer.__version__, True)
    for name, purpose, needed in _PACKAGES:
        yield _package(name, purpose, needed=needed)
    packers = ["gzip", "bzip2", "xz"]
    if sys.version_info < (3, 14):  # from then on it comes with Python
        zstd = _package("backports.zstd", "reads .zst", needed=False, name="zstd")
        yield zstd
        packers += ["zstd"] if zstd.state == "ok" else []
    else:
        packers += ["zstd"]
    yield _tshark()
    yield _trial()
    yield Finding("readable", "ok", READABLE.format(", ".join(packers)), False)
    yield _editcap()


def is_healthy(findings: list[Finding]) -> bool:
    """Nothing that is needed is missing or broken."""
    return all(f.state == "ok" for f in findings if f.needed)


def as_text(findings: list[Finding]) -> str:
    """One line for each thing.

    Examples
    --------
    >>> print(as_text([Finding("tshark", "missing", "not on the path", False)]), end="")
    tshark        missing  not on the path
    <BLANKLINE>
    Everything that is needed is here.
    """
    lines = [f"{f.name:<12}  {f.state:<7}  {f.detail}" for f in findings]
    lacking = ", ".join(f.name for f in findings if f.needed and f.state != "ok")
    lines += ["", f"Not usable yet: {lacking}." if lacking else "Everything that is needed is here."]
    return "\n".join(lines) + "\n"


def _package(package: str, purpose: str, *, needed: bool, name: str = "") -> Finding:
    name = name or package
    try:
        return Finding(name, "ok", f"{metadata.version(package)}: {purpose}", needed)
    except metadata.PackageNotFoundError:
        return Finding(name, "missing", f"{purpose}; to install it: pip install {package}", needed)


def _tshark() -> Finding:
    program = found("tshark")
    if program is None:
        lacking = f"pyshark needs it, and a few conversions; all else works without; {_TO_INSTALL}"
        return Finding("tshark", "missing", lacking, False)
    where = printable(program)
    try:
        version = re.search(rb"\d{1,3}\.\d{1,3}\.\d{1,3}", _said([program, "--version"]))
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("tshark", "broken", f"{where} does not start: {type(error).__name__}", False)
    return Finding("tshark", "ok", f"{version[0].decode() if version else 'version unknown'}, {where}", False)


def _said(command: list[str]) -> bytes:
    """The first kilobytes that a program prints. It and what it started are ended then, or when it takes too long."""
    with running(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.wait(SECONDS)
        # What it started may hold the pipe open, and say nothing. (Windows cannot do this before Python 3.12.)
        set_blocking = getattr(os, "set_blocking", None)
        if set_blocking is not None:
            set_blocking(process.stdout.fileno(), False)
        try:
            return os.read(process.stdout.fileno(), _MOST)
        except BlockingIOError:
            return b""


def _editcap() -> Finding:
    program = found("editcap")
    if program is None:
        return Finding("convertible", "missing", f"{CONVERTIBLE}: it is not installed; {_TO_INSTALL}", False)
    return Finding("convertible", "ok", f"{CONVERTIBLE}, by way of {printable(program)}", False)


def _trial() -> Finding:
    """Read a capture of one IKE_SA_INIT request, made here."""
    try:
        capture = analyzer.read("trial.pcap", stream=BytesIO(_one_request()))
        seen = capture.analysis.related.capture.ike_messages
    except Exception as error:  # noqa: BLE001 - whatever is broken, it is to be named
        return Finding("trial run", "broken", f"{type(error).__name__}: {error}", True)
    right = seen == 1 and capture.verdict.id
    state: State = "ok" if right else "broken"
    return Finding("trial run", state, "reads a capture and gives a verdict" if right else "gives nothing", True)


def _one_request() -> bytes:
    """A pcap file (raw IP) with one bare IKE_SA_INIT header from 192.0.2.1 to 192.0.2.2."""
    ike = struct.pack(">QQBBBBII", 1, 0, 0, 0x20, 34, 0x08, 0, 28)
    udp = struct.pack(">HHHH", 500, 500, 8 + len(ike), 0) + ike
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, b"\xc0\0\2\1", b"\xc0\0\2\2") + udp
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    return header + struct.pack("<IIII", 1_700_000_000, 0, len(ip), len(ip)) + ip
