"""A router or firewall reports that it forbids IKE ("administratively prohibited").

What it means
    A packet filter on the way, or on the gateway, drops IKE and says so; the source of the report is the device.
Seen as
    ICMP 3/9, 3/10 or 3/13 (ICMPv6 1/1, 1/5, 1/6) that quotes the request (or the answer), and no answer after it.
Not to be confused with
    ICMP about other traffic of the same hosts; an error after which the request was answered all the same (said as a
    remark); a device that forbids only later IP fragments: the quote then shows a fragment.
Certain when
    It quotes this message. It can be forged.
References
    docs/domain/root-causes.md no. 4, docs/domain/icmp.md; RFC 1812 section 5.2.7.1; RFC 4443 section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Observation, Rule, Severity
from analyzer.rules.shared import refusal
from analyzer.rules.shared.silence import ADMIN_PROHIBITED


def check(sa: IkeSa) -> Iterator[Observation]:
    """Each exchange of the initiator."""
    for found in refusal.refused(sa, ADMIN_PROHIBITED):
        attempts = found.exchange.requests if found.about == "request" else found.exchange.responses
        port = attempts[0].messages[0].dport
        quoted = found.rows[0].error.quoted
        what = "later IP fragments" if quoted is not None and quoted.fragment_offset else f"UDP port {port}"
        conclusion = f"{refusal.who(sa, found)} reports that a filter forbids it"
        hint = f"{what} must be permitted there."
        yield refusal.observed(sa, found, conclusion, hint, remedies=("admin-prohibited",))


RULE = Rule(
    code="NET004",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.ICMP,
    topics=("admin-prohibited",),
)
