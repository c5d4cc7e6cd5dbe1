"""Which versions the daemons are of."""

from __future__ import annotations

import re
from functools import cache

from sample_pcaps.lab.live.shell import run


@cache
def of(kind: str) -> str:
    """Name a daemon with its Debian version.

    Parameters
    ----------
    kind : str
        ``strongswan`` or ``libreswan``.
    """
    if kind == "strongswan":
        version = run("dpkg-query", "-W", "-f", "${Version}", "charon-systemd", check=False)
        return f"strongSwan {version}".strip()
    found = re.search(r"Candidate: (\S+)", run("apt-cache", "policy", "libreswan", check=False))
    return f"Libreswan {found[1]}" if found else "Libreswan"
