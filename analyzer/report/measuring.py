"""The size of packets that the path takes: what this trace measured, and how to measure it beside the next one.

Pings that no router may cut tell the path MTU (docs/domain/path-mtu.md no. 5). In the trace they are read as such
(:mod:`analyzer.relate.inferred.mtu.echo_sweep`), so what was measured stands in the next report.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.protocol import IPV4_HEADER, IPV6_HEADER
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import OTHER_SIDE, ROLES, Exchange

#: Rules whose verdict hangs on the size of packets.
ABOUT_SIZE = ("FRG001", "FRG002", "FRG008", "FRG009", "FRG011", "MTU001", "NEG006")
#: Clues that bound the path itself, not the sender's own link.
_OF_PATH = ("echo-sweep", "icmp-too-big", "refragmented", "given")

#: An ICMP echo header.
_ECHO = 8
#: What Ethernet takes: larger packets are not yet cut where they are captured.
_ETHERNET = 1500
#: What every IPv6 path takes (RFC 8200 section 5), and nearly every IPv4 path.
_SAFE = 1280
#: What every IPv4 host takes (RFC 791 section 3.2); and how near two sizes tell nothing apart.
_LEAST, _CLOSE = 576, 40

_WAYS = {"initiator": "client > server", "responder": "server > client"}


def measured(sa: IkeSa, rule: str, said: str) -> Iterator[str]:
    """What pings in this trace say of the path; nothing where no verdict hangs on that, or it was ``said`` already."""
    if rule not in ABOUT_SIZE:
        return
    for role in ROLES:
        ends = sa.addresses[role], sa.addresses[OTHER_SIDE[role]]
        sweep = sa.capture.ping_sweeps.get(ends)
        if sweep is None or not sweep.sizes:
            continue
        found = [clue.text for clue in sa.mtu_clues[role] if clue.kind == "echo-sweep"]
        if found and found[0][1:] not in said:
            yield f"Measured, {_WAYS[role]}: {found[0]}."
        elif sweep.passed is None:
            sizes = ", ".join(f"{size.ip_length:,}" for size in sweep.sizes[:6])
            yield (
                f"Pings with DF to {ends[1]} (IP packets of {sizes} bytes) got no answer: ICMP echo is filtered on the "
                "way or not answered there, so they say nothing about the path."
            )


def to_measure(sa: IkeSa, rule: str) -> Iterator[str]:
    """How to measure the path beside the next trace, where the verdict hangs on it and it is not known.

    Examples
    --------
    >>> import analyzer
    >>> cap = analyzer.read("sample_pcaps/809-fragments-lost.pcapng")
    >>> next(to_measure(cap.analysis.sas[0], "FRG001"))[:98]
    'While you capture again: ping -f -l 1472 203.0.113.10 (1,500 bytes of IP, as here), then 1252, the'
    """
    if rule not in ABOUT_SIZE or any(clue.kind in _OF_PATH for role in ROLES for clue in sa.mtu_clues[role]):
        return
    header = IPV6_HEADER if ":" in sa.responder else IPV4_HEADER
    lost, overhead = _lost(sa), header + _ECHO
    if lost <= _LEAST:
        return
    lower = _SAFE if lost > _SAFE + _CLOSE else _LEAST
    yield (
        f"While you capture again: {_ping(sa, lost - overhead)} ({lost:,} bytes of IP, as here), then "
        f"{lower - overhead}, then between: the next report reads the path MTU from it. No answer at all only means "
        "that ICMP echo is filtered."
    )


def _ping(sa: IkeSa, size: int) -> str:
    """In the words of the client's system, where that is known."""
    six = "-6 " if ":" in sa.responder else ""
    windows = f"ping {six or '-f '}-l {size} {sa.responder}"
    others = f"ping {six}-M do -s {size} {sa.responder}"
    known = sa.product_keys("initiator")
    if "windows-client" in known:
        return windows
    return others if known else f"{windows} or, on Linux, {others}"


def _lost(sa: IkeSa) -> int:
    """The largest IP packet of what was not answered, or was answered in vain, at most what Ethernet takes."""
    stuck = [e for e in sa.exchanges if e.is_setup and e.outcome != "answered"] or list(sa.exchanges)
    return min(max(map(_largest, stuck), default=0), _ETHERNET)


def _largest(exchange: Exchange) -> int:
    return max((a.largest_ip_packet for a in (*exchange.requests, *exchange.responses)), default=0)
