"""strongSwan on one host: its configuration, its daemon (``charon-systemd``) and what ``swanctl`` asks of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sample_pcaps.lab.live.certificates import CLIENT_ID, SERVER_ID, Tree, more_roots
from sample_pcaps.lab.live.network import INNER_SERVER, INNER_SERVER6, POOL, POOL6, Network
from sample_pcaps.lab.live.shell import await_text, run, start, stop

Settings = dict[str, "str | Settings"]
PROGRAM = "/usr/sbin/charon-systemd"
PROPOSAL = "aes256gcm16-prfsha384-ecp384"
USER, PASSWORD, SECRET = "alice", "correct horse battery staple", "a secret of both ends"
_PLUGINS = (
    "random nonce openssl pem pkcs1 pkcs8 x509 pubkey revocation constraints mgf1 gcm drbg curve25519 hmac kdf aes "
    "eap-identity eap-mschapv2 eap-tls md5 socket-default kernel-libipsec kernel-netlink vici"
)
#: Seconds of patience: 1 + 1.8 + 3.24 + 5.83, four attempts in all. The defaults take 165 seconds.
_CHARON: Settings = {
    "load": _PLUGINS,
    "install_routes": "yes",
    "retransmit_timeout": "1.0",
    "retransmit_base": "1.8",
    "retransmit_tries": "3",
}


def merged(base: Mapping[str, object], changes: Mapping[str, object]) -> Settings:
    """Return settings with changes laid over them; an empty value takes a setting away.

    >>> merged({"a": {"b": "1", "c": "2"}}, {"a": {"b": "", "d": 3}})
    {'a': {'c': '2', 'd': '3'}}
    """
    out: Settings = {}
    for key in (*base, *(key for key in changes if key not in base)):
        old, new = base.get(key), changes.get(key)
        if isinstance(old, Mapping) or isinstance(new, Mapping):
            out[key] = merged(old if isinstance(old, Mapping) else {}, new if isinstance(new, Mapping) else {})
        else:
            value = str(old if new is None else new)
            if value:
                out[key] = value
    return out


def written(settings: Settings, indent: str = "") -> str:
    """Write settings the way that strongSwan reads them.

    >>> print(written({"a": {"b": "1"}}), end="")
    a {
      b = 1
    }
    """
    lines = []
    for key, value in settings.items():
        if isinstance(value, str):
            lines.append(f"{indent}{key} = {value}\n")
        else:
            lines += [f"{indent}{key} {{\n", written(value, indent + "  "), f"{indent}}}\n"]
    return "".join(lines)


@dataclass(frozen=True, slots=True)
class Side:
    """What one end is told.

    Attributes
    ----------
    role : str
        ``client`` or ``server``.
    login : str
        ``psk``, ``certificates``, ``eap-mschapv2`` or ``eap-tls``.
    keys, peer_keys : Tree
        The own certificate's tree, and the one whose root is trusted.
    here, there : str
        Addresses; the server takes anybody.
    changes : dict
        ``charon``, ``connection`` (with ``local``, ``remote``, ``child``) and ``secret`` to lay over the usual ones;
        ``roots``: number of further roots to trust.
    copies : int
        Number of connections of this kind.
    """

    role: str
    login: str
    keys: Tree
    peer_keys: Tree
    here: str
    there: str
    changes: Mapping[str, object]
    copies: int = 1

    @property
    def ipv6(self) -> bool:
        """Whether the connection is over IPv6."""
        return ":" in self.here


def connection(side: Side) -> Settings:
    """Return the ``connections`` entry of ``swanctl.conf`` of one side."""
    is_client = side.role == "client"
    inner = f"{INNER_SERVER6}/128" if side.ipv6 else f"{INNER_SERVER}/32"
    child: Settings = {"esp_proposals": "aes256gcm16", ("remote_ts" if is_client else "local_ts"): inner}
    local, remote = _login(side)
    base: Settings = {
        "version": "2",
        "local_addrs": side.here,
        "proposals": PROPOSAL,
        "local": local,
        "remote": remote,
    }
    if is_client:
        base |= {"remote_addrs": side.there, "vips": "::" if side.ipv6 else "0.0.0.0"}
    else:
        base |= {"pools": "pool", "unique": "never", "send_cert": "always"}
    changes = side.changes.get("connection")
    out = merged(base, changes if isinstance(changes, Mapping) else {})
    extra = out.pop("child", {})
    out["children"] = {"net": merged(child, extra if isinstance(extra, Mapping) else {})}
    return out


def _login(side: Side) -> tuple[Settings, Settings]:
    is_client = side.role == "client"
    me, peer = (CLIENT_ID, SERVER_ID) if is_client else (SERVER_ID, CLIENT_ID)
    mine: Settings = {"auth": "pubkey", "id": me, "certs": "own.pem"}
    theirs: Settings = {"auth": "pubkey", "id": peer, "cacerts": "root.pem"}
    if side.login == "psk":
        return {"auth": "psk", "id": me}, {"auth": "psk", "id": peer}
    if side.login.startswith("eap-"):
        eap: Settings = {"auth": side.login}
        eap |= {"eap_id": USER, "id": USER} if side.login == "eap-mschapv2" else {"id": CLIENT_ID}
        if side.login == "eap-tls":
            eap |= {"certs": "own.pem"} if is_client else {"cacerts": "root.pem"}
        elif not is_client:
            eap |= {"id": "%any", "eap_id": "%any"}
        return (eap, theirs) if is_client else (mine, eap)
    return mine, theirs


def swanctl_conf(side: Side) -> str:
    """Return ``swanctl.conf`` of one side."""
    secret = str(side.changes.get("secret", PASSWORD if side.login == "eap-mschapv2" else SECRET))
    conf: Settings = {"connections": _copies(side)}
    if side.login == "psk":
        conf["secrets"] = {"ike-1": {"secret": f'"{secret}"'}}
    elif side.login == "eap-mschapv2":
        conf["secrets"] = {"eap-1": {"id": USER, "secret": f'"{secret}"'}}
    if side.role == "server":
        conf["pools"] = {"pool": {"addrs": POOL6 if side.ipv6 else POOL}}
    return written(conf)


def _copies(side: Side) -> Settings:
    """Return the connections: ``vpn``, or ``vpn1``, ``vpn2`` ... with children ``net1``, ``net2`` ..."""
    one = connection(side)
    if side.copies == 1:
        return {"vpn": one}
    children = one["children"]
    assert isinstance(children, dict)
    return {f"vpn{n}": one | {"children": {f"net{n}": children["net"]}} for n in range(1, side.copies + 1)}


def charon_conf(side: Side, folder: Path) -> str:
    """Return ``strongswan.conf``: everything that is left out keeps its default."""
    changes = side.changes.get("charon")
    charon = merged(_CHARON, changes if isinstance(changes, Mapping) else {})
    charon["filelog"] = {
        "main": {
            "path": str(folder / "charon.log"),
            "time_format": "%H:%M:%S",
            "time_add_ms": "yes",
            "flush_line": "yes",
            "default": "1",
            "mgr": "2",
        }
    }
    charon = merged(charon, {"plugins": {"vici": {"socket": f"unix://{folder / 'vici'}"}}})
    return written({"charon": charon, "charon-systemd": {"journal": {"default": "-1"}}})


@dataclass(slots=True)
class Strongswan:
    """A running daemon."""

    network: Network
    side: Side
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> Path:
        """File that holds what the daemon says."""
        return self.folder / "charon.log"

    def swanctl(self, *arguments: str, timeout: float = 200, check: bool = False) -> str:
        """Ask the daemon for something, and return what ``swanctl`` says."""
        command = ("swanctl", *arguments, "--uri", f"unix://{self.folder / 'vici'}")
        return run("env", f"SWANCTL_DIR={self.folder}", *command, timeout=timeout, check=check)

    def initiate(self, timeout: float) -> None:
        """Connect, all copies at once, and wait until each is up or has failed."""
        names = ["net"] if self.side.copies == 1 else [f"net{n}" for n in range(1, self.side.copies + 1)]
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda name: self.swanctl("--initiate", "--child", name, timeout=timeout), names))

    def terminate(self) -> None:
        """Delete the IKE SA."""
        self.swanctl("--terminate", "--ike", "vpn")

    def rekey(self, what: str) -> None:
        """Rekey the ``ike`` or the ``child`` SA."""
        self.swanctl("--rekey", f"--{what}", "vpn" if what == "ike" else "net")

    def end(self, *, kill: bool = False) -> None:
        """End the daemon; it says goodbye to its peers unless it is killed."""
        stop(self.process, kill=kill)


def begin(network: Network, side: Side, folder: Path) -> Strongswan:
    """Configure a daemon, start it and wait until it is ready.

    Parameters
    ----------
    network : Network
        The host is ``side.role``.
    side : Side
        What it is told.
    folder : Path
        Where its configuration, socket and log are written.
    """
    for name in ("x509", "x509ca", "private"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    if side.login != "psk":
        shutil.copy(side.keys.certificate(side.role), folder / "x509" / "own.pem")
        shutil.copy(side.keys.key(side.role), folder / "private" / "own.pem")
        shutil.copy(side.keys.certificate(f"{side.role}-issuer"), folder / "x509" / "issuer.pem")
        shutil.copy(side.peer_keys.certificate("root"), folder / "x509ca" / "root.pem")
    for root in more_roots(int(str(side.changes.get("roots", 0))), folder.parent.parent):
        shutil.copy(root, folder / "x509ca" / root.name)
    (folder / "swanctl.conf").write_text(swanctl_conf(side))
    (folder / "strongswan.conf").write_text(charon_conf(side, folder))
    env = {**os.environ, "STRONGSWAN_CONF": str(folder / "strongswan.conf"), "SWANCTL_DIR": str(folder)}
    process = start(network.inside(side.role, PROGRAM), folder / "output.log", env)
    daemon = Strongswan(network, side, folder, process)
    await_text(daemon.log, "spawning", process)
    until = time.monotonic() + 5
    while not (folder / "vici").exists() and time.monotonic() < until:
        time.sleep(0.02)
    daemon.swanctl("--load-all", check=True)
    return daemon
