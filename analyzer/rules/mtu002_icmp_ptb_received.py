"""A router said by ICMP that a packet of this connection is too large for its next link.

What it means
    "Fragmentation needed" (ICMP 3/4) or "packet too big" (ICMPv6 2) names the router and, as a rule, the MTU behind it.
    It is how a host learns the path MTU: where the sender then sends smaller packets and is answered, all is well.
Seen as
    The ICMP message with the head of the packet that it is about, and the sizes that the sender uses afterwards.
Not to be confused with
    A black hole (MTU001), where the large packets stay lost. Windows takes no notice of these messages for IKEv1
    ([MS-IKEE]); whether that holds for IKEv2 is not confirmed. Where it does, sizes that do not change are no fault.
Certain when
    The router says so itself: proved. Whether it hurt is seen from what was answered.
References
    docs/domain/root-causes.md no. 17, docs/domain/icmp.md; RFC 1191 sections 3, 4, 7; RFC 8201 section 4; RFC 4443
    section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.inferred.mtu.too_big import TooBig
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import ROLES, Attempt, Exchange, Role
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.advice import advise
from analyzer.rules.shared.ip_fragments_lost import is_answered_in_vain
from analyzer.rules.shared.wording import frames, times

#: Different reports told for each direction; a flood of them says nothing more.
_TOLD = 3

#: ESP that a router goes on complaining about for so long, in ns, and so often, is not being made smaller.
_GOES_ON, _OFTEN = 2 * 10**9, 3

_OURS = ("IKE", "ESP", "ESP or IKE")
_WHO: dict[Role, str] = {"initiator": "client", "responder": "server"}


def check(sa: IkeSa) -> Iterator[Observation]:
    """What routers said about packets of each side."""
    if not sa.icmp:
        return
    for role in ROLES:
        for report in [r for r in sa.too_big[role] if r.about in _OURS][:_TOLD]:
            yield _told(sa, role, report)


def _told(sa: IkeSa, role: Role, report: TooBig) -> Observation:
    harmless = _is_harmless(sa, role, report)
    what = "a packet" if report.count == 1 else f"packets ({times(report.count)})"
    limit = (
        f"its next link takes {report.mtu:,} bytes at most" if report.mtu is not None else "it does not say how much"
    )
    return Observation(
        title=(
            f"The router {report.router} says that {what} of the {_WHO[role]} with {report.quoted:,} bytes "
            f"{'is' if report.count == 1 else 'are'} too large: {limit}; {_afterwards(role, report)}."
        ),
        detail=_detail(sa, role, report, harmless=harmless),
        frames=frames(report.frames),
        confidence=Confidence.PROVED,
        severity=Severity.INFORMATION if harmless else Severity.DEGRADING,
        remedies=() if harmless else _remedies(sa, role),
        is_remark=harmless,
    )


def _afterwards(role: Role, report: TooBig) -> str:
    if report.after == "kept":
        return f"the {_WHO[role]} went on with packets of {report.largest_after:,} bytes"
    if report.after == "shrank":
        return f"the {_WHO[role]} then sent the same in packets of at most {report.largest_after:,} bytes"
    if report.about != "IKE":
        return "whether its ESP became smaller is not seen here"
    return f"nothing that the {_WHO[role]} sent afterwards shows whether it obeys"


def _is_harmless(sa: IkeSa, role: Role, report: TooBig) -> bool:
    """All that was too large is answered in the end; of ESP, nobody goes on complaining."""
    if report.about != "IKE":
        return report.count < _OFTEN or report.last - report.first < _GOES_ON
    limit = report.limit if report.limit is not None else report.quoted - 1
    concerned = [e for e in sa.exchanges if any(a.largest_ip_packet > limit for a in _sent(e, role))]
    if not concerned:
        return sa.reached in ("established", "closed")
    return all(e.outcome == "answered" and not is_answered_in_vain(sa, e) for e in concerned)


def _sent(exchange: Exchange, role: Role) -> tuple[Attempt, ...]:
    return exchange.requests if exchange.sender == role else exchange.responses


def _detail(sa: IkeSa, role: Role, report: TooBig, *, harmless: bool) -> str:
    text = f"ICMP about {report.about}, in frame{'s' if len(report.frames) > 1 else ''} "
    text += ", ".join(map(str, report.frames)) + ("" if report.count <= len(report.frames) else " and more") + "."
    if report.mtu is None and report.plateau is not None:
        text += f" A router that gives no MTU has probably one of {report.plateau:,} (RFC 1191 section 7)."
    if report.after == "kept" and _is_windows(sa, role):
        text += (
            " Windows takes no notice of such ICMP for IKEv1 (for IKEv2 that is not confirmed): sizes that do not "
            "change need not be a fault of this host."
        )
    if harmless and report.about == "IKE":
        text += " What it was about was answered in the end, so it did no harm."
    return text


def _remedies(sa: IkeSa, role: Role) -> tuple[str, ...]:
    return (*advise("path-mtu", sa), *(("not-icmp-for-windows",) if _is_windows(sa, role) else ()))


def _is_windows(sa: IkeSa, role: Role) -> bool:
    return any("windows" in product for product in sa.product_keys(role))


RULE = Rule(
    code="MTU002",
    severity=Severity.DEGRADING,
    check=check,
    topics=("path-mtu",),
)
