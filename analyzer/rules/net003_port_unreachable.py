"""A host or firewall answers IKE with ICMP "port unreachable".

What it means
    The packets arrive, and nothing takes them: the IKE service is down, the address is that of the wrong host, or a
    firewall rejects them so.
Seen as
    ICMP 3/3 (ICMPv6 1/4) that quotes the request (or the answer), and no answer after it.
Not to be confused with
    ICMP about another port or an earlier IKE SA; an error after which the request was answered all the same (said as a
    remark: a service that was just starting); a router that says "administratively prohibited" (NET004).
Certain when
    It quotes this message. Whether a service is missing or a firewall rejects, it does not say, and it can be forged.
References
    docs/domain/root-causes.md no. 3, docs/domain/icmp.md; RFC 792; RFC 4443 section 3.1; RFC 7296 section 2.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Observation, Rule, Severity
from analyzer.rules.shared import refusal
from analyzer.rules.shared.silence import PORT_UNREACHABLE


def check(sa: IkeSa) -> Iterator[Observation]:
    """Each exchange of the initiator."""
    for found in refusal.refused(sa, PORT_UNREACHABLE):
        attempts = found.exchange.requests if found.about == "request" else found.exchange.responses
        port = attempts[0].messages[0].dport
        if refusal.is_from_end(sa, found):
            hint = f"no IKE service listens on UDP {port} there, or a firewall on that host rejects it."
        else:
            hint = f"that device rejects UDP {port}, or forwards it to a host where nothing listens."
        conclusion = f"{refusal.who(sa, found)} reports UDP port {port} unreachable"
        yield refusal.observed(sa, found, conclusion, hint, remedies=("gateway-service", "reach-gateway"))


RULE = Rule(
    code="NET003",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.ICMP,
    topics=("gateway-service", "reach-gateway"),
)
