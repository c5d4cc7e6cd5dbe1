"""The hosts of a ladder as the capture sees them: which address, which MTU, how their system sends."""

from __future__ import annotations

from analyzer.errors import UsageError
from analyzer.report.ladder.model import Host, Ladder, Step

DEFAULT_MTU = 1500

#: Routers between the capture and every other host.
HOPS = 11


class View:
    """What the place of the capture (the ladder's ``at``, else its first host) makes of each host."""

    def __init__(self, ladder: Ladder) -> None:
        if not ladder.hosts:
            raise UsageError("a ladder without hosts makes no packets")
        self._hosts = {host.name: host for host in ladder.hosts}
        self._mtu = ladder.mtu or DEFAULT_MTU
        self.at = ladder.options.at or ladder.hosts[0].name

    def host(self, name: str) -> Host:
        """Return the host of this name."""
        return self._hosts[name]

    def outer(self, name: str) -> str:
        """Return the address that the other side of a NAT sees."""
        host = self._hosts[name]
        return host.nat or host.address

    def seen(self, name: str) -> str:
        """Return the address in the captured packets: a host's own at that host, its outer one elsewhere."""
        return self._hosts[name].address if name == self.at else self.outer(name)

    def addresses(self, step: Step) -> tuple[str, str]:
        """Return source and destination address of a step's packets."""
        src, dst = self.seen(step.sender), self.seen(step.receiver)
        if (":" in src) != (":" in dst):
            raise UsageError(f"{step.sender} and {step.receiver} have addresses of different families")
        return src, dst

    def mtu(self, name: str) -> int:
        """Return the MTU of the host's link."""
        return self._hosts[name].mtu or self._mtu

    def ttl(self, name: str) -> int:
        """Return the TTL with which the host's packets are captured."""
        initial = 128 if self._hosts[name].os == "windows" else 64
        return initial if name == self.at else initial - HOPS

    def sets_df(self, name: str) -> bool:
        """Say whether whole packets leave with DF set: Linux yes, Windows no (docs/domain/path-mtu.md)."""
        return self._hosts[name].os != "windows"
