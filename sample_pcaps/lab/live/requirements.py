"""What the lab needs from the system."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sample_pcaps.lab.live.libreswan import LIBRARIES

#: program -> Debian package.
PROGRAMS = {
    "ip": "iproute2",
    "nft": "nftables",
    "tcpdump": "tcpdump",
    "ethtool": "ethtool",
    "ping": "iputils-ping",
    "sysctl": "procps",
    "pki": "strongswan-pki",
    "swanctl": "strongswan-swanctl",
    "charon-systemd": "charon-systemd",
}
#: plugin of strongSwan -> Debian package.
PLUGINS = {
    "kernel-libipsec": "libcharon-extra-plugins",
    "eap-mschapv2": "libcharon-extauth-plugins",
    "mgf1": "libstrongswan-standard-plugins",
    "curve25519": "libstrongswan-extra-plugins",
}
#: What tests/daemons need beside these: program -> Debian package. Libreswan is unpacked: see libreswan.py.
PARSERS = {
    "certutil": "libnss3-tools",
    "fish": "fish",
    "iked": "openiked",
    "iptables": "iptables",
    "shellcheck": "shellcheck",
    "systemctl": "systemd",
    "unshare": "util-linux",
    "zsh": "zsh",
}
_PLUGIN = "/usr/lib/ipsec/plugins/libstrongswan-{}.so"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def packages() -> list[str]:
    """Return the Debian packages that the lab and the tests with real parsers need.

    Examples
    --------
    >>> {"charon-systemd", "openiked", "tcpdump", "libnss3"} <= set(packages())
    True
    """
    return sorted({*PROGRAMS.values(), *PLUGINS.values(), *PARSERS.values(), *LIBRARIES.split()})


def missing(root: bool | None = None, path: str = _PATH) -> str:
    """Say in one line what is missing, or nothing.

    Parameters
    ----------
    root : bool, optional
        Whether this is root; by default it is found out.
    path : str
        Where programs are looked for.

    Examples
    --------
    >>> missing(root=False)
    'the lab makes network namespaces: it must run as root'
    >>> missing(root=True, path="/nowhere").split()[:3]
    ['missing:', 'apt-get', 'install']
    """
    if not (os.geteuid() == 0 if root is None else root):
        return "the lab makes network namespaces: it must run as root"
    packages = {package for program, package in PROGRAMS.items() if shutil.which(program, path=path) is None}
    packages |= {package for plugin, package in PLUGINS.items() if not Path(_PLUGIN.format(plugin)).exists()}
    if packages:
        return f"missing: apt-get install --no-install-recommends {' '.join(sorted(packages))}"
    return "" if Path("/dev/net/tun").exists() else "missing: /dev/net/tun"


if __name__ == "__main__":
    print(*packages(), sep="\n")
