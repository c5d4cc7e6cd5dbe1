"""Libreswan on one host: its configuration, its daemon (``pluto``) and what ``whack`` asks of it.

Debian's package conflicts with strongSwan's, so it is unpacked into a folder, not installed. The daemon looks for its
helpers in one fixed place: the folder is mounted there, in the daemon's own mount namespace, where nobody else sees it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sample_pcaps.lab.live.certificates import CLIENT_ID, SERVER_ID
from sample_pcaps.lab.live.network import INNER_SERVER, Network
from sample_pcaps.lab.live.shell import LabError, await_text, run, start, stop
from sample_pcaps.lab.live.strongswan import SECRET, Side

#: What the unpacked daemon needs beside it.
LIBRARIES = (
    "libnss3-tools libcap-ng0 libcurl3-nss libevent-core-2.1-7 libevent-pthreads-2.1-7 libldap-2.5-0 libldns3 "
    "libnspr4 libnss3 libpam0g libselinux1 libunbound8 libaudit1"
)
#: The inside of the tunnel: without ESP in the kernel nothing is ever sent there.
_INNER_CLIENT = "198.51.100.129/32"
_SETTINGS = {
    "ikev2": "insist",
    "ike": "aes_gcm256-sha2_384;dh20",
    "esp": "aes_gcm256",
    "leftupdown": "%disabled",
    "retransmit-interval": "1000ms",
    "retransmit-timeout": "12s",
    "auto": "ignore",
}


def unpacked(folder: Path) -> Path:
    """Return the folder that holds the unpacked package, which is downloaded where it is not there yet.

    Raises
    ------
    LabError
        It cannot be downloaded, or a library that it needs is missing.
    """
    root = folder / "libreswan"
    pluto = root / "usr/libexec/ipsec/pluto"
    if not pluto.exists():
        root.mkdir(parents=True, exist_ok=True)
        run(
            "sh",
            "-c",
            'cd "$1" && apt-get -qq download libreswan && dpkg -x libreswan_*.deb .',
            "sh",
            str(root),
            timeout=300,
        )
    if "not found" in run("ldd", str(pluto)):
        raise LabError(f"missing: apt-get install --no-install-recommends {LIBRARIES}")
    return root


def conf(side: Side) -> str:
    """Return ``ipsec.conf`` of one side."""
    is_client = side.role == "client"
    me, peer = (CLIENT_ID, SERVER_ID) if is_client else (SERVER_ID, CLIENT_ID)
    inner = f"{INNER_SERVER}/32"
    settings = _SETTINGS | {
        "left": side.here,
        "leftid": f"@{me}",
        "leftsubnet": _INNER_CLIENT if is_client else inner,
        "right": side.there if is_client else "%any",
        "rightid": f"@{peer}",
        "rightsubnet": inner if is_client else _INNER_CLIENT,
    }
    if side.login == "psk":
        settings["authby"] = "secret"
    else:
        settings |= {"authby": "rsasig", "leftcert": "own", "leftsendcert": "always", "sendca": "issuer"}
    changes = side.changes.get("connection")
    settings |= {str(key): str(value) for key, value in (changes if isinstance(changes, Mapping) else {}).items()}
    setup = side.changes.get("setup")
    head = "".join(f"  {key}={value}\n" for key, value in (setup if isinstance(setup, Mapping) else {}).items())
    return f"config setup\n{head}conn vpn\n" + "".join(f"  {key}={value}\n" for key, value in settings.items())


@dataclass(slots=True)
class Libreswan:
    """A running daemon."""

    network: Network
    side: Side
    folder: Path
    programs: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> Path:
        """File that holds what the daemon says."""
        return self.folder / "pluto.log"

    def ask(self, program: str, *arguments: str, timeout: float = 60) -> str:
        """Ask the daemon for something with one of its programs."""
        socket = str(self.folder / "run" / "pluto.ctl")
        command = (str(self.programs / program), "--ctlsocket", socket, *arguments)
        return self.network.on(self.side.role, *command, check=False, timeout=timeout)

    def initiate(self, timeout: float) -> None:
        """Connect, and wait until the connection is up or has failed; pluto itself would try for ever."""
        self.ask("whack", "--name", "vpn", "--initiate", "--asynchronous")
        until = time.monotonic() + min(timeout, 15)
        while time.monotonic() < until and not re.search(r"rejected|fatal|established IKE SA", self.log.read_text()):
            time.sleep(0.2)

    def terminate(self) -> None:
        """Delete the IKE SA."""
        self.ask("whack", "--name", "vpn", "--terminate")

    def rekey(self, what: str) -> None:
        """Rekey the ``ike`` or the ``child`` SA."""
        self.ask("whack", f"--rekey-{'ike' if what == 'ike' else 'ipsec'}", "--name", "vpn")

    def end(self, *, kill: bool = False) -> None:
        """End the daemon."""
        stop(self.process, kill=kill)


def begin(network: Network, side: Side, folder: Path) -> Libreswan:
    """Configure pluto, start it and wait until it is ready; the parameters are those of strongSwan's ``begin``."""
    programs = unpacked(folder.parent.parent) / "usr/libexec/ipsec"
    for name in ("run", "nss"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    run("certutil", "-N", "-d", f"sql:{folder / 'nss'}", "--empty-password")
    if side.login != "psk":
        _store(side, folder)
    (folder / "ipsec.conf").write_text(conf(side))
    (folder / "ipsec.secrets").write_text(f': PSK "{side.changes.get("secret", SECRET)}"\n')
    command = [
        str(programs / "pluto"),
        "--nofork",
        "--no-dnssec",
        "--nhelpers",
        "1",
        "--config",
        str(folder / "ipsec.conf"),
    ]
    command += [
        "--secretsfile",
        str(folder / "ipsec.secrets"),
        "--rundir",
        str(folder / "run"),
        "--ipsecdir",
        str(folder),
    ]
    command += ["--nssdir", str(folder / "nss"), "--logfile", str(folder / "pluto.log")]
    mounted = ["sh", "-c", 'mount --bind "$0" /usr/libexec && exec "$@"', str(programs.parent), *command]
    process = start(network.inside(side.role, *mounted), folder / "output.log", dict(os.environ))
    daemon = Libreswan(network, side, folder, programs, process)
    await_text(daemon.log, "listening for IKE messages", process)
    daemon.ask("addconn", "--config", str(folder / "ipsec.conf"), "vpn")
    if "added IKEv2 connection" not in daemon.log.read_text():
        raise LabError(f"pluto on the {side.role} did not take its connection: {daemon.log}")
    return daemon


def _store(side: Side, folder: Path) -> None:
    """Put key and certificates into the daemon's NSS database."""
    database, keys, peers = f"sql:{folder / 'nss'}", side.keys, side.peer_keys
    bundle = str(folder / "own.p12")
    run(
        *("openssl", "pkcs12", "-export", "-name", "own", "-out", bundle, "-passout", "pass:"),
        *("-in", str(keys.certificate(side.role)), "-inkey", str(keys.key(side.role))),
        *("-certfile", str(keys.certificate(f"{side.role}-issuer"))),
    )
    run("pk12util", "-i", bundle, "-d", database, "-W", "", "-K", "")
    run("certutil", "-A", "-n", "root", "-t", "CT,,", "-d", database, "-i", str(peers.certificate("root")))


#: Lines of pluto's log worth keeping: they say why.
_TELLING = re.compile(
    r"initiating IKEv2|sent IKE_|established|reject|fatal|ERROR|fail|retransmi|timeout|delet|fragment"
)
_MOST_TELLING = 10


def telling(log: str) -> list[str]:
    """Return the lines of pluto's log that say what happened, without time and paths.

    >>> telling('Nov 25 08:00:00.1: "vpn" #1: initiating IKEv2 connection\\nNov 25 08:00:00.2: loading secrets')
    ['"vpn" #1: initiating IKEv2 connection']
    """
    lines = [re.sub(r"^\w+ +\d+ [\d:.]+: ", "", line) for line in log.splitlines() if _TELLING.search(line)]
    lines = [line for line in lines if '"vpn"' in line]
    return lines if len(lines) <= _MOST_TELLING else lines[: _MOST_TELLING - 1] + ["..."]


if __name__ == "__main__":
    try:
        unpacked(Path(sys.argv[1]))
    except LabError as error:
        sys.exit(str(error))
