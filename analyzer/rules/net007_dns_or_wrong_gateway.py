"""The name of the VPN gateway does not lead to it.

What it means
    The client does not learn the gateway's address, or learns a wrong one, so IKE never begins or goes astray.
Seen as
    No IKE at all, and a DNS failure (NXDOMAIN, SERVFAIL, REFUSED) for a name that looks like a VPN's, or an answer that
    leads nowhere (0.0.0.0, a loopback address). Or IKE_SA_INIT without an answer to the private address that such a
    name gave.
Not to be confused with
    A search list: the name with a suffix fails, the name itself is found; split DNS, where a private address is right
    inside the office; names that have nothing to do with the VPN.
Certain when
    Never: which name the VPN profile uses is not in the trace, and DNS over HTTPS hides names. Possible at best.
References
    docs/domain/root-causes.md no. 2; RFC 1035 section 4.1.1; RFC 1918.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from analyzer.packets.tables import NameRow
from analyzer.relate.build import KEPT, Related
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import silence
from analyzer.rules.shared.wording import frames

#: Names by which people call a VPN gateway; "vpn" anywhere, the others as a word of their own.
_VPN_NAME = re.compile(r"vpn|ipsec|ikev2|(?<![a-z])(?:ike|ras|rras|ravpn|remoteaccess|directaccess)(?![a-z])", re.I)
#: RCODEs by which a name is refused (RFC 1035 section 4.1.1).
_FAILURES = {2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}

#: Private use and link-local (RFC 1918, 3927, 4193, 4291); Python's is_private holds more, as addresses for examples.
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
)


def check(related: Related) -> Iterator[Observation]:
    """DNS responses of the capture."""
    facts = related.capture
    named = [row for row in facts.names if _VPN_NAME.search(row.name)]
    if not named:
        return
    if not facts.ike_messages:
        yield from _no_ike(named, facts.names)
        return
    private = {a: row for row in named for a in row.addresses if _is_private(a)}
    for sa in related.sas[:KEPT] if private else ():
        row = private.get(sa.responder)
        if row is not None and row.time <= sa.start and _is_silent(sa):
            yield _private(sa, row)
            return


def _no_ike(named: Sequence[NameRow], names: Sequence[NameRow]) -> Iterator[Observation]:
    found = sorted({row.name.lower() for row in names if any(not _leads_nowhere(a) for a in row.addresses)})
    failed = [r for r in named if r.rcode in _FAILURES and not _is_found_otherwise(r.name.lower(), found)]
    nowhere = [r for r in named if r.addresses and all(_leads_nowhere(a) for a in r.addresses)]
    for rows, what in ((failed, "fails"), (nowhere, "leads nowhere")):
        if rows:
            row = rows[0]
            said = _FAILURES[row.rcode] if what == "fails" else ", ".join(row.addresses[:4])
            yield Observation(
                title=(
                    f"There is no IKE in this capture, and the DNS lookup of {row.name} {what} ({said}, frame "
                    f"{row.frame}): if that is the gateway's name, the client has no address to connect to."
                ),
                detail=(
                    f"The answer came from the DNS server {row.server}. Which name the VPN profile uses is not in the "
                    "trace."
                ),
                frames=frames(r.frame for r in rows),
                confidence=Confidence.POSSIBLE,
            )
            return


def _private(sa: IkeSa, row: NameRow) -> Observation:
    return Observation(
        title=(
            f"IKE_SA_INIT to {sa.responder} is not answered, and DNS gave this private address for {row.name} (frame "
            f"{row.frame}): from outside the gateway's own network it leads nowhere."
        ),
        detail="Inside that network, or through another tunnel, a private address is right (split DNS).",
        frames=frames((row.frame,), sa.init.frames if sa.init is not None else ()),
        confidence=Confidence.POSSIBLE,
    )


def _is_silent(sa: IkeSa) -> bool:
    return any(not silence.is_explained(sa, e) for e in silence.unanswered(sa, silence.FIRST_EXCHANGES))


def _is_found_otherwise(name: str, found: Sequence[str]) -> bool:
    """The name itself, the name with a suffix, or the name without one was found (search lists try them all).

    ``found`` is in order, so that 2,000 lookups of 2,000 names are no comparison of each with each.

    >>> [_is_found_otherwise(n, ["vpn.example.org"]) for n in ("vpn", "vpn.example.org.lan", "vpn.example.com", "vp")]
    [True, True, False, False]
    """
    beginnings = accumulate(name.split("."), lambda begin, label: f"{begin}.{label}")
    with_suffix = f"{name}."
    return _next(found, with_suffix).startswith(with_suffix) or any(_next(found, b) == b for b in beginnings)


def _next(found: Sequence[str], text: str) -> str:
    """The first of some texts in order that is not before another one; empty when all are."""
    at = bisect_left(found, text)
    return found[at] if at < len(found) else ""


def _is_private(text: str) -> bool:
    """
    >>> _is_private("10.20.30.40"), _is_private("fd00::1"), _is_private("203.0.113.10")
    (True, True, False)
    """
    return any(ipaddress.ip_address(text) in network for network in _PRIVATE)


def _leads_nowhere(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return address.is_unspecified or address.is_loopback


RULE = Rule(
    code="NET007",
    severity=Severity.BLOCKING,
    check=check,
    scope="capture",
    ceiling=Confidence.POSSIBLE,
    remedies=("dns-name", "reach-gateway"),
)
