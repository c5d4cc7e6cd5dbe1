"""strongSwan's daemon in a network namespace of its own, with its files in one folder."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Debian's plugins; the socket and the log in the folder. What is printed comes last, as at the end of a user's file.
_CONF = """\
charon {{
    load_modular = yes
    plugins {{
        include /etc/strongswan.d/charon/*.conf
        vici {{
            socket = unix://{folder}/vici
        }}
    }}
    filelog {{
        log {{
            path = {folder}/log
            default = 1
            flush_line = yes
        }}
    }}
}}
include {folder}/printed.conf
"""
#: Where swanctl looks for keys and certificates.
_FOLDERS = ("x509", "x509ca", "x509ocsp", "x509aa", "x509ac", "x509crl", "pubkey", "private", "rsa", "ecdsa", "pkcs8")


@dataclass(frozen=True, slots=True)
class Charon:
    """A running charon."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def swanctl(self, *arguments: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Run swanctl; its files are in the folder."""
        return subprocess.run(
            ["swanctl", *arguments, "--uri", f"unix://{self.folder}/vici"],
            env=environment(self.folder),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def set(self, settings: str) -> None:
        """Change the settings of strongswan.conf as a user does, and reload them."""
        (self.folder / "printed.conf").write_text(settings, encoding="utf-8")
        told = self.swanctl("--reload-settings")
        assert told.returncode == 0, told.stderr


def environment(folder: Path) -> dict[str, str]:
    """Where strongSwan's programs find their files."""
    return os.environ | {"STRONGSWAN_CONF": str(folder / "strongswan.conf"), "SWANCTL_DIR": str(folder)}


def write(folder: Path, settings: str) -> None:
    """The files that charon and swanctl read at the start."""
    (folder / "strongswan.conf").write_text(_CONF.format(folder=folder), encoding="utf-8")
    (folder / "printed.conf").write_text(settings, encoding="utf-8")
    (folder / "swanctl.conf").touch()
    for name in _FOLDERS:
        (folder / name).mkdir(exist_ok=True)


@contextmanager
def running(folder: Path, settings: str = "") -> Iterator[Charon]:
    """Start charon with settings, and wait until it answers.

    Raises
    ------
    AssertionError
        It ended, or does not answer; its log says why.
    """
    write(folder, settings)
    process = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && exec charon-systemd"],
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    daemon = Charon(folder, process)
    try:
        until = time.monotonic() + 30
        while not (folder / "vici").exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        assert daemon.swanctl("--stats").returncode == 0
        yield daemon
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
