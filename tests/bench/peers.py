"""The analyzer and the programs that it is measured beside, each as a whole command."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Peer:
    """A program and how it is measured.

    ``packets`` is how many packets of a capture it gets (all of them if 0); the time for the whole is then scaled.
    ``accepted`` are the exit statuses of a success. ``missing`` says why it cannot run here, if it cannot.
    """

    name: str
    command: tuple[str, ...]
    packets: int = 0
    accepted: tuple[int, ...] = (0,)
    missing: str = ""

    def on(self, file: Path) -> list[str]:
        """The command with the capture's path where it belongs."""
        return [str(file) if word == "FILE" else word for word in self.command]


ANALYZER = "ike-analyzer"


def peers(analyzer: str = "", tshark_packets: int = 50_000, pyshark_packets: int = 2_000) -> list[Peer]:
    """All of them, the analyzer first; ``analyzer`` is another command for it, with the word ``FILE`` in it."""
    own = tuple(shlex.split(analyzer)) or (str(Path(sys.executable).parent / ANALYZER), "analyze", "FILE")
    fields = ("frame.number", "isakmp.ispi", "isakmp.exchangetype", "isakmp.messageid")
    columns = (word for name in fields for word in ("-e", name))
    tshark = ("tshark", "-r", "FILE", "-Y", "isakmp", "-T", "fields", *columns)
    tcpdump = ("tcpdump", "-nr", "FILE", "udp port 500 or udp port 4500")
    return [
        # Status 1 is a finding, 3 a capture that cannot tell: both are a report.
        Peer(ANALYZER, own, accepted=(0, 1, 3), missing=_without_program(own[0])),
        Peer("tcpdump", tcpdump, missing=_without_program("tcpdump")),
        Peer("tshark", tshark, tshark_packets, missing=_without_program("tshark")),
        Peer("dpkt", _script("dpkt_loop"), 50_000, missing=_without_module("dpkt")),
        Peer(
            "pyshark",
            _script("pyshark_loop"),
            pyshark_packets,
            missing=_without_module("pyshark") or _without_program("tshark"),
        ),
    ]


def _script(name: str) -> tuple[str, ...]:
    return sys.executable, str(Path(__file__).with_name(f"{name}.py")), "FILE"


def _without_program(name: str) -> str:
    return "" if shutil.which(name) else f"{name} is not installed"


def _without_module(name: str) -> str:
    return "" if find_spec(name) else f"the Python package {name} is not installed"
