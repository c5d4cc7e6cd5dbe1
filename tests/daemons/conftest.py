"""What the tests of printed settings need: real products, in network namespaces of their own, as root.

``make test-daemons`` installs them. A test whose product is missing is skipped and says what would install it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemons.charon import Charon, running
from tests.daemons.pluto import ROOT

#: Program -> Debian package.
PACKAGES = {
    "certutil": "libnss3-tools",
    "charon-systemd": "charon-systemd",
    "fish": "fish",
    "iked": "openiked",
    "ikectl": "openiked",
    "ip": "iproute2",
    "iptables-translate": "iptables",
    "journalctl": "systemd",
    "ping": "iputils-ping",
    "pki": "strongswan-pki",
    "shellcheck": "shellcheck",
    "ss": "iproute2",
    "swanctl": "strongswan-swanctl",
    "systemctl": "systemd",
    "tcpdump": "tcpdump",
    "unshare": "util-linux",
    "zsh": "zsh",
}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "daemons: needs the parsers of real products: make test-daemons")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("daemons")


def need(*programs: str, root: bool = False) -> None:
    """Skip a test whose programs are not here."""
    if root and os.geteuid() != 0:
        pytest.skip("makes a network namespace: must run as root")
    missing = sorted({PACKAGES[program] for program in programs if shutil.which(program, path=_PATH) is None})
    if missing:
        pytest.skip(f"missing: apt-get install --no-install-recommends {' '.join(missing)} (make test-daemons)")


def version(*command: str) -> tuple[int, ...]:
    """First number with a full stop in what a program prints.

    >>> version("echo", "strongSwan 5.9.8 swanctl")
    (5, 9, 8)
    """
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    found = re.search(r"\d+(?:\.\d+)+", run.stdout + run.stderr)
    assert found, f"{command} tells no version"
    return tuple(map(int, found[0].split(".")))


@pytest.fixture(scope="session")
def strongswan() -> tuple[int, ...]:
    """The version of strongSwan that is installed."""
    need("charon-systemd", "swanctl", "pki", "unshare", "ip", root=True)
    return version("swanctl", "--help")


@pytest.fixture(scope="session")
def charon(strongswan: tuple[int, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Charon]:
    """A running charon with no settings of ours."""
    with running(tmp_path_factory.mktemp("charon")) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def libreswan() -> tuple[int, ...]:
    """The version of Libreswan that is unpacked."""
    need("unshare", "ip", "certutil", root=True)
    pluto = ROOT / "usr/libexec/ipsec/pluto"
    if not pluto.exists():
        pytest.skip("Libreswan is not unpacked in build/daemons/libreswan: make test-daemons")
    return version(str(pluto), "--version")


@pytest.fixture(scope="session")
def openiked() -> tuple[int, ...]:
    """The version of OpenIKED that is installed."""
    need("iked", "ikectl", "unshare", root=True)
    return version("dpkg-query", "--show", "--showformat=${Version}", "openiked")
