"""The steps of a scenario: a verb and what it needs.

::

    initiate              the client connects (and the step ends when it is up or has given up)
    start                 the same, but the next step begins at once
    ping 3                echo requests through the tunnel, client to server
    sweep 1472 1400 ...   echo requests with DF beside the tunnel, of these many bytes of data
    terminate             the client deletes the IKE SA; "server terminate": the server does
    rekey ike|child       the client rekeys
    wait 2                seconds
    fault WORDS           see sample_pcaps.lab.live.faults; "heal" ends all of them
    move                  the client gets another address, as when it roams
    address add|del       the client gets a second address beside its own, or loses it
    kill server           the server's daemon dies without a word
    begin, end            the captures; without these words they last from before the first step to after the last
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from sample_pcaps.lab.live import capture, faults
from sample_pcaps.lab.live.daemon import Daemon
from sample_pcaps.lab.live.network import (
    CLIENT,
    CLIENT6,
    CLIENT6_MOVED,
    CLIENT_MOVED,
    INNER_SERVER,
    INNER_SERVER6,
    SERVER,
    SERVER6,
    Network,
)
from sample_pcaps.lab.live.shell import LabError

_GIVE_UP = 240


@dataclass(slots=True)
class Stage:
    """Everything that a step can act on."""

    network: Network
    folder: Path
    points: Mapping[str, capture.Point]
    ipv6: bool
    daemons: dict[str, Daemon] = field(default_factory=dict)
    captures: dict[str, capture.Tcpdump] = field(default_factory=dict)

    def begin(self) -> None:
        """Start the captures."""
        for name, point in self.points.items():
            self.captures[name] = capture.begin(self.network, point, self.folder / f"{name}.pcap")

    def end(self) -> None:
        """End the captures that still run."""
        for tcpdump in self.captures.values():
            if tcpdump.process.poll() is None:
                tcpdump.finish()

    def fault(self, words: str) -> None:
        """Break the network."""
        for fault in faults.parse(words):
            self.network.on(fault.host, "nft", "-f", "-", text=fault.rules)

    def do(self, step: str) -> None:
        """Do one step; a connection that fails is no error, that is what the lab is for."""
        network, ipv6 = self.network, self.ipv6
        match step.split():
            case ["initiate"]:
                self.daemons["client"].initiate(_GIVE_UP)
            case ["start"]:
                Thread(target=self.daemons["client"].initiate, args=[_GIVE_UP], daemon=True).start()
            case ["ping", count]:
                inner = INNER_SERVER6 if ipv6 else INNER_SERVER
                network.on("client", "ping", "-c", count, "-i", "0.2", "-W", "1", inner, check=False)
            case ["sweep", *sizes]:
                for size in sizes:
                    to = SERVER6 if ipv6 else SERVER
                    network.on("client", "ping", "-c", "1", "-W", "1", "-M", "do", "-s", size, to, check=False)
                    network.on("client", "ip", "route", "flush", "cache")
            case ["terminate"]:
                self.daemons["client"].terminate()
            case ["server", "terminate"]:
                self.daemons["server"].terminate()
            case ["rekey", ("ike" | "child") as what]:
                self.daemons["client"].rekey(what)
            case ["wait", seconds]:
                time.sleep(float(seconds))
            case ["fault", *words]:
                self.fault(" ".join(words))
            case ["heal"]:
                for host in ("client", "router1", "router2", "server"):
                    network.on(host, "nft", "flush", "ruleset")
            case ["move"]:
                self._move()
            case ["address", ("add" | "del") as what]:
                address = f"{CLIENT6_MOVED}/64" if ipv6 else f"{CLIENT_MOVED}/24"
                network.on("client", "ip", "addr", what, address, "dev", "eth0")
            case ["kill", "server"]:
                self.daemons["server"].end(kill=True)
            case ["begin"]:
                self.begin()
            case ["end"]:
                self.end()
            case _:
                raise LabError(f"no such step: {step}")

    def _move(self) -> None:
        """Give the client another address of its network, and take the old one away."""
        old, new, bits = (CLIENT6, CLIENT6_MOVED, 64) if self.ipv6 else (CLIENT, CLIENT_MOVED, 24)
        gateway = "2001:db8:1::1" if self.ipv6 else "192.0.2.1"
        self.network.on("client", "ip", "addr", "add", f"{new}/{bits}", "dev", "eth0")
        self.network.on("client", "ip", "addr", "del", f"{old}/{bits}", "dev", "eth0")
        family = "-6" if self.ipv6 else "-4"
        self.network.on("client", "ip", family, "addr", "replace", f"{new}/{bits}", "dev", "eth0")
        self.network.on("client", "ip", family, "route", "replace", "default", "via", gateway)
