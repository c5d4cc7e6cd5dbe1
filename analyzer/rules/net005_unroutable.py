"""A router reports that the gateway cannot be reached: no route, no such host, or a loop.

What it means
    IKE is not the problem: packets to this address do not get there. The route is missing, the host is off, or two
    routers send the packet to each other until its TTL is used up.
Seen as
    ICMP 3/0, 3/1 or 11/0 (ICMPv6 1/0, 1/3, 3/0) that quotes the request (or the answer), and no answer after it.
Not to be confused with
    A traceroute to the same host, which quotes other ports; a route that came back while the client was asking (said as
    a remark); ICMP 11/1, which is about reassembly.
Certain when
    It quotes this message. It can be forged.
References
    docs/domain/root-causes.md no. 5, docs/domain/icmp.md; RFC 792; RFC 4443 sections 3.1, 3.3.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.packets.tables import IcmpRow
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Observation, Rule, Severity
from analyzer.rules.shared import refusal
from analyzer.rules.shared.silence import UNROUTED

#: ICMP types and codes by which the last router says that the host itself does not answer on its own link.
_HOST = {(4, 3, 1), (4, 3, 7), (6, 1, 3)}


def check(sa: IkeSa) -> Iterator[Observation]:
    """Each exchange of the initiator."""
    for found in refusal.refused(sa, UNROUTED):
        end = sa.responder if found.about == "request" else sa.initiator
        what, hint = _words(found.rows[0], end)
        yield refusal.observed(sa, found, f"{refusal.who(sa, found)} reports {what}", hint, remedies=("routing",))


def _words(row: IcmpRow, end: str) -> tuple[str, str]:
    error = row.error
    if error.meaning == "ttl-exceeded":
        return (
            "that the packet's TTL was used up",
            f"routers send packets to {end} round in a loop, or the way is too long.",
        )
    if (error.ip_version, error.type, error.code) in _HOST:
        return f"that {end} cannot be reached", "the host is off or has another address, or no route leads there."
    return f"that it has no route to {end}", "routing to it must be put right; no VPN setting helps."


RULE = Rule(
    code="NET005",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.ICMP,
    topics=("routing",),
)
