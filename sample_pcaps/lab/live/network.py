"""Client -- router1 -- router2 -- server, each in a network namespace of its own, joined by veth pairs.

::

    client eth0 ------ lan router1 wan ------ wan router2 lan ------ eth0 server
           192.0.2.0/24         198.51.100.0/30         203.0.113.0/25
           2001:db8:1::/64      2001:db8:2::/64         2001:db8:3::/64

All addresses are reserved for documentation (RFC 5737, RFC 3849), MAC addresses too (RFC 7042 section 2.1.2).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sample_pcaps.lab.live.shell import run

HOSTS = ("client", "router1", "router2", "server")
CLIENT, CLIENT_MOVED, SERVER = "192.0.2.10", "192.0.2.77", "203.0.113.10"
CLIENT6, CLIENT6_MOVED, SERVER6 = "2001:db8:1::10", "2001:db8:1::77", "2001:db8:3::10"
#: Behind the server, and where the server's pool of addresses for clients begins: only ESP shows them.
INNER_SERVER, POOL = "203.0.113.200", "198.51.100.128/25"
INNER_SERVER6, POOL6 = "2001:db8:3:ff::200", "2001:db8:2:ff::/120"
#: The outer side of router2: what a client dials when the server is behind a NAT.
ROUTER2_OUTSIDE, ROUTER2_OUTSIDE6 = "198.51.100.2", "2001:db8:2::2"

#: host, device, address, IPv6 address, last byte of the MAC address, name of the link.
_DEVICES = (
    ("client", "eth0", f"{CLIENT}/24", f"{CLIENT6}/64", 0x10, "client"),
    ("router1", "lan", "192.0.2.1/24", "2001:db8:1::1/64", 0x11, "client"),
    ("router1", "wan", "198.51.100.1/30", "2001:db8:2::1/64", 0x12, "middle"),
    ("router2", "wan", f"{ROUTER2_OUTSIDE}/30", f"{ROUTER2_OUTSIDE6}/64", 0x22, "middle"),
    ("router2", "lan", "203.0.113.1/25", "2001:db8:3::1/64", 0x21, "server"),
    ("server", "eth0", f"{SERVER}/25", f"{SERVER6}/64", 0x20, "server"),
)
_ROUTES = (
    ("client", "default", "192.0.2.1", "2001:db8:1::1"),
    ("router1", "default", ROUTER2_OUTSIDE, ROUTER2_OUTSIDE6),
    ("router2", "default", "198.51.100.1", "2001:db8:2::1"),
    ("server", "default", "203.0.113.1", "2001:db8:3::1"),
)
#: Offloads would let the capture see packets that never were on a wire, with unfinished checksums.
_OFFLOADS = ("tx", "rx", "gso", "gro", "tso", "sg")
DEFAULT_MTU = 1500


@dataclass(slots=True)
class Network:
    """The namespaces of one scenario; use as a context manager.

    Attributes
    ----------
    tag : str
        Prefix of the namespaces' names, so that several scenarios can run at once.
    mtus : dict of str to int
        MTU in bytes of the links ``client``, ``middle`` and ``server``, where it is not 1500.
    tapped : str, optional
        Link (``client`` or ``middle``) that runs through the namespace ``wire`` (:mod:`sample_pcaps.lab.live.wire`).
    ipv6 : bool
        Whether the hosts speak IPv6: what they say unasked would be in every capture.
    """

    tag: str
    mtus: dict[str, int] = field(default_factory=dict)
    tapped: str | None = None
    ipv6: bool = True

    def name(self, host: str) -> str:
        """Name of a host's namespace.

        >>> Network("lab1").name("client")
        'lab1-client'
        """
        return f"{self.tag}-{host}"

    def inside(self, host: str, *command: str) -> list[str]:
        """Return the command line that runs a command on a host."""
        return ["ip", "netns", "exec", self.name(host), *command]

    def on(self, host: str, *command: str, check: bool = True, timeout: float = 60, text: str | None = None) -> str:
        """Run a command on a host to its end and return its output."""
        return run(*self.inside(host, *command), check=check, timeout=timeout, text=text)

    def __enter__(self) -> Network:
        try:
            self._build()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def _build(self) -> None:
        for host in (*HOSTS, *(("wire",) if self.tapped else ())):
            run("ip", "netns", "add", self.name(host))
            if not self.ipv6:
                self.on(
                    host, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"
                )
        for near, far in zip(_DEVICES[::2], _DEVICES[1::2], strict=True):
            self._link(near[:2], far[:2], near[5])
        for host, device, address, address6, last, link in _DEVICES:
            self._configure(host, device, address, address6, last, self.mtus.get(link, DEFAULT_MTU))
        for host, to, via, via6 in _ROUTES:
            run("ip", "-n", self.name(host), "route", "add", to, "via", via)
            if self.ipv6:
                run("ip", "-n", self.name(host), "-6", "route", "add", to, "via", via6)
        for address in (f"{INNER_SERVER}/32", *((f"{INNER_SERVER6}/128",) if self.ipv6 else ())):
            run("ip", "-n", self.name("server"), "addr", "add", address, "dev", "lo")

    def _link(self, near: tuple[str, str], far: tuple[str, str], link: str) -> None:
        """Join two devices, directly or through the namespace of the wire."""
        ends = [(near, far)]
        if link == self.tapped:
            ends = [(near, ("wire", "near")), (far, ("wire", "far")), (("wire", "trunk0"), ("wire", "trunk1"))]
        for (host, device), (peer, peer_device) in ends:
            run(
                *("ip", "link", "add", "name", device, "netns", self.name(host), "type", "veth"),
                *("peer", "name", peer_device, "netns", self.name(peer)),
            )
            for owner, name in ((host, device), (peer, peer_device)):
                if owner == "wire":
                    # A wire says nothing of its own.
                    self.on("wire", "sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1")
                    self.on("wire", "ip", "link", "set", name, "mtu", "1600", "up")
                self._without_offloads(owner, name)

    def _without_offloads(self, host: str, device: str) -> None:
        switches = [word for offload in _OFFLOADS for word in (offload, "off")]
        self.on(host, "ethtool", "-K", device, *switches)

    def _configure(self, host: str, device: str, address: str, address6: str, last: int, mtu: int) -> None:
        namespace = self.name(host)
        # No duplicate address detection and no router advertisements: an address works at once, and nobody adds one.
        settings = [f"net.ipv6.conf.{device}.{key}=0" for key in ("accept_dad", "accept_ra", "router_solicitations")]
        if host.startswith("router"):
            settings += ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]
        self.on(host, "sysctl", "-qw", *settings)
        mac = f"00:00:5e:00:53:{last:02x}"
        run("ip", "-n", namespace, "link", "set", device, "address", mac, "mtu", str(mtu), "up")
        run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "-n", namespace, "addr", "add", address, "dev", device)
        if self.ipv6:
            run("ip", "-n", namespace, "addr", "add", address6, "dev", device, "nodad")

    def _remove(self) -> None:
        for host in (*HOSTS, "wire"):
            run("ip", "netns", "del", self.name(host), check=False)
