"""Network faults as nftables rules.

A fault is a few words: ``drop WHAT DIRECTION``, ``reject WHAT``, ``ignore icmp`` or ``block icmp``. What is dropped is
dropped as it enters the router next to its sender, before anything can put IP fragments together again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sample_pcaps.lab.live.network import SERVER
from sample_pcaps.lab.live.shell import LabError

#: What a rule matches. For IPv6 the next header is 44 (Fragment header, RFC 8200 section 4.5).
MATCHES = {
    "fragments": ("ip frag-off & 0x3fff != 0", "meta protocol ip6 ip6 nexthdr 44"),
    "first-fragments": ("ip frag-off & 0x3fff == 0x2000", "exthdr frag exists frag frag-off 0 frag more-fragments 1"),
    "later-fragments": ("ip frag-off & 0x1fff != 0", "exthdr frag exists frag frag-off != 0"),
    "udp/500": ("udp dport 500", "udp sport 500"),
    "udp/4500": ("udp dport 4500", "udp sport 4500"),
    # An IKE message on UDP 4500 begins with four zero bytes, ESP does not (RFC 3948 section 2.2).
    "ike/4500": ("udp dport 4500 @th,64,32 0", "udp sport 4500 @th,64,32 0"),
    "esp": ("udp dport 4500 @th,64,32 != 0", "udp sport 4500 @th,64,32 != 0"),
    "tcp/80": ("tcp dport 80", "tcp sport 80"),
    "icmp": ("meta l4proto icmp", "meta l4proto ipv6-icmp"),
}
#: Direction -> the router that is the first to receive, and its device.
ENTRANCES = {"c2s": ("router1", "lan"), "s2c": ("router2", "lan")}
#: An ICMP rule must leave neighbour discovery alone.
_ERRORS = "icmp type { destination-unreachable, time-exceeded }", "icmpv6 type { 1, 2, 3, 4 }"
_REJECTIONS = {
    "admin-prohibited": ("icmp type admin-prohibited", "icmpv6 type admin-prohibited"),
    "host-unreachable": ("icmp type host-unreachable", "icmpv6 type addr-unreachable"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Rules for one host: what ``nft -f -`` reads there."""

    host: str
    rules: str


def parse(words: str) -> list[Fault]:
    """Translate a fault into rules.

    Parameters
    ----------
    words : str
        ``drop WHAT c2s|s2c``; ``drop WHAT at client`` (its own firewall, behind the capture there); ``block icmp`` (the
        routers' errors reach nobody); ``ignore icmp`` (they reach the client which ignores them);
        ``reject admin-prohibited|host-unreachable`` (by router2); ``silence server`` (its own firewall drops IKE);
        ``nat client``, ``nat client ports`` (other source ports),
        ``nat server``, ``nat server 500`` (forwards no more than UDP 500).

    Returns
    -------
    list of Fault

    Examples
    --------
    >>> [fault] = parse("drop later-fragments c2s")
    >>> fault.host, "ip frag-off & 0x1fff != 0 drop" in fault.rules
    ('router1', True)
    >>> parse("drop everything c2s")
    Traceback (most recent call last):
        ...
    sample_pcaps.lab.live.shell.LabError: no such fault: drop everything c2s
    """
    match words.split():
        case ["drop", what, direction] if what in MATCHES and direction in ENTRANCES:
            host, device = ENTRANCES[direction]
            return [Fault(host, _ingress(device, words, [f"{match} drop" for match in MATCHES[what]]))]
        case ["drop", what, "at", "client"] if what in MATCHES:
            return [Fault("client", _ingress("eth0", words, [f"{match} drop" for match in MATCHES[what]]))]
        case ["block", "icmp"]:
            rules = [f"{match} drop" for match in _ERRORS]
            return [
                Fault(host, _hook(hook, words, rules))
                for host in ("router1", "router2")
                for hook in ("output", "forward")
            ]
        case ["ignore", "icmp"]:
            return [Fault("client", _hook("input", words, [f"{match} drop" for match in _ERRORS]))]
        case ["reject", how] if how in _REJECTIONS:
            icmp, icmp6 = _REJECTIONS[how]
            ports = "udp dport { 500, 4500 }"
            rules = [f"meta nfproto ipv4 {ports} reject with {icmp}", f"meta nfproto ipv6 {ports} reject with {icmp6}"]
            return [Fault("router2", _hook("forward", words, rules))]
        case ["silence", "server"]:
            return [Fault("server", _hook("input", words, ["udp dport { 500, 4500 } drop"]))]
        case ["nat", "client"]:
            return [Fault("router1", _nat("postrouting", "srcnat", 'oifname "wan" masquerade'))]
        case ["nat", "client", "ports"]:
            rule = 'oifname "wan" meta l4proto udp masquerade to :20000-30000 random'
            return [Fault("router1", _nat("postrouting", "srcnat", rule))]
        case ["nat", "server", "500"]:
            return [Fault("router2", _nat("prerouting", "dstnat", f'iifname "wan" udp dport 500 dnat to {SERVER}'))]
        case ["nat", "server"]:
            rule = f'iifname "wan" udp dport {{ 500, 4500 }} dnat to {SERVER}'
            return [Fault("router2", _nat("prerouting", "dstnat", rule))]
    raise LabError(f"no such fault: {words}")


def _table(family: str, words: str, hook: str, rules: list[str]) -> str:
    """Return a table named after the fault with one chain: its hook, then its rules."""
    name = "_".join(re.findall(r"\w+", words))
    return "\n".join([f"table {family} {name} {{", "chain faults {", f"type {hook};", *rules, "}", "}", ""])


def _ingress(device: str, words: str, rules: list[str]) -> str:
    return _table("netdev", words, f"filter hook ingress device {device} priority -500", rules)


def _hook(hook: str, words: str, rules: list[str]) -> str:
    return _table("inet", f"{words} {hook}", f"filter hook {hook} priority 0", rules)


def _nat(hook: str, priority: str, rule: str) -> str:
    return _table("ip", f"nat {hook}", f"nat hook {hook} priority {priority}", [rule])
