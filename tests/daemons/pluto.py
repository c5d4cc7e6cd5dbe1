"""Libreswan's daemon and programs, unpacked beside strongSwan's packages, with which Debian's package conflicts.

pluto looks for its helpers in one fixed place: the unpacked folder is mounted there, in a namespace of its own.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Where ``make test-daemons`` unpacks the package.
ROOT = Path(__file__).resolve().parents[2] / "build" / "daemons" / "libreswan"
PROGRAMS = ROOT / "usr/libexec/ipsec"
_START = """
ip link set lo up && mount --bind "$0" /usr/libexec && exec "$@"
"""


@dataclass(frozen=True, slots=True)
class Pluto:
    """A running pluto."""

    folder: Path

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def where(self) -> list[str]:
        """Options with which its programs find configuration and daemon."""
        return ["--config", str(self.folder / "ipsec.conf"), "--ctlsocket", str(self.folder / "run" / "pluto.ctl")]

    def status(self, conn: str) -> list[str]:
        """What it tells of a connection that it has loaded."""
        told = subprocess.run(
            [PROGRAMS / "whack", *self.where[2:], "--status"], capture_output=True, text=True, timeout=30, check=True
        )
        return [line for line in told.stdout.splitlines() if f'"{conn}"' in line]

    def add(self, conn: str) -> None:
        """Load a connection; the log says whether it was taken."""
        subprocess.run([PROGRAMS / "addconn", *self.where, conn], capture_output=True, timeout=30, check=False)

    def ipsec(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command ``ipsec``, for this daemon."""
        places = {
            "IPSEC_SBINDIR": str(ROOT / "usr/sbin"),
            "IPSEC_EXECDIR": str(PROGRAMS),
            "IPSEC_CONF": str(self.folder / "ipsec.conf"),
            "IPSEC_RUNDIR": str(self.folder / "run"),
            "IPSEC_NSSDIR": str(self.folder),
        }
        path = f"{ROOT / 'usr/sbin'}:{os.environ.get('PATH', '')}"
        return subprocess.run(
            ["sh", str(ROOT / "usr/sbin/ipsec"), *arguments],
            env=os.environ | places | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


def checked(folder: Path, lines: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """What ``ipsec addconn --checkconfig`` says of a file."""
    file = folder / "ipsec.conf"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    command: list[str | Path] = [PROGRAMS / "addconn", "--checkconfig", "--config", file]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@contextmanager
def running(folder: Path, lines: Sequence[str]) -> Iterator[Pluto]:
    """Start pluto with an ``ipsec.conf``, and wait until it listens.

    Raises
    ------
    AssertionError
        It ended, or does not listen.
    """
    (folder / "run").mkdir(parents=True)
    (folder / "ipsec.conf").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "ipsec.secrets").touch()
    command: list[str | Path] = [PROGRAMS / "pluto", "--nofork", "--no-dnssec", "--nhelpers", "1"]
    command += ["--config", folder / "ipsec.conf"]
    command += ["--secretsfile", folder / "ipsec.secrets", "--rundir", folder / "run", "--ipsecdir", folder]
    command += ["--nssdir", folder, "--logfile", folder / "log"]
    subprocess.run(["certutil", "-N", "-d", f"sql:{folder}", "--empty-password"], timeout=30, check=True)
    process = subprocess.Popen(
        ["unshare", "--net", "--mount", "sh", "-c", _START, PROGRAMS.parent, *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    daemon = Pluto(folder)
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until and process.poll() is None:
            if (folder / "log").exists() and "listening for IKE messages" in daemon.log:
                break
            time.sleep(0.02)
        assert process.poll() is None
        assert "listening for IKE messages" in daemon.log
        yield daemon
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
