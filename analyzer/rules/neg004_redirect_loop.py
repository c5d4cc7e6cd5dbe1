"""The gateway sends the client to another gateway, and that one sends it on.

What it means
    A gateway may redirect clients to spread its load. Once is normal. Gateways that redirect to each other, or to
    themselves, keep a client from ever connecting.
Seen as
    An IKE_SA_INIT response with N(REDIRECT) that names the new gateway, and nothing chosen. The request at the new
    gateway carries N(REDIRECTED_FROM) with the old one.
Not to be confused with
    Load balancing: one redirect, then a connection elsewhere: where the client's attempt there is in the trace, and is
    not redirected once more, this rule is silent. A redirect after IKE_AUTH is encrypted and not seen.
Certain when
    The new gateway is the one that the client was redirected from, or the gateway names itself. The answer is not
    authenticated, so it could be forged; its nonce speaks against that.
References
    docs/domain/root-causes.md no. 36; RFC 5685 sections 3, 7.2.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.printable import printable
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.features import Feature
from analyzer.relate.seen.neighbours import Neighbour
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.rounds import is_negotiated
from analyzer.rules.shared.wording import frames, init_frames

#: Gateway identity types (RFC 5685 section 7.2).
_IPV4, _IPV6, _FQDN = 1, 2, 3
_LONGEST_NAME = 253
#: A client goes where it is sent within this time, ns; a name has to be looked up first.
_SOON = 10_000_000_000


def check(sa: IkeSa) -> Iterator[Observation]:
    """The answer to IKE_SA_INIT."""
    answers = [m for e in sa.of(numbers.IKE_SA_INIT) for a in e.responses for m in a.messages]
    redirects = [m for m in answers if numbers.REDIRECT in m.notifies and numbers.SA not in m.payloads]
    if not redirects or is_negotiated(sa):
        return
    target = _gateway([d for m in redirects for d in m.notify_data(numbers.REDIRECT)])
    came_from = _gateway([d for m in sa.sent_by("initiator") for d in m.notify_data(numbers.REDIRECTED_FROM)])
    where = frames(init_frames(sa), (m.frame for m in redirects))
    followed = _followed(sa, target, redirects[0].time)
    if followed and not any(n.redirected for n in followed):
        # What became of the client is told where it went.
        return
    if target and target in (came_from, sa.responder):
        back = "itself" if target == sa.responder else f"{target}, from where the client was sent here"
        yield Observation(
            title=f"{sa.responder} redirects the client to {back}: it goes in circles and never connects.",
            detail="A clear, unauthenticated answer to IKE_SA_INIT.",
            frames=where,
            confidence=Confidence.STRONG,
            remedies=("redirect",),
        )
        return
    again = f" although {came_from} had sent it here" if came_from else ""
    yield Observation(
        title=(
            f"{sa.responder} redirects the client to {target or 'another gateway'}{again}: what becomes of the "
            "connection is to be seen there."
        ),
        detail="One redirect is ordinary load balancing.",
        frames=where,
        confidence=Confidence.STRONG,
        severity=Severity.INFORMATION,
        is_remark=True,
    )


def _followed(sa: IkeSa, target: str, since: int) -> list[Neighbour]:
    """Attempts of the same client that follow right after it: at the gateway that is named, or at another one."""
    soon = [n for n in sa.neighbours if n.initiator == sa.initiator and 0 <= n.start - since <= _SOON]
    return [n for n in soon if n.responder == target] or [n for n in soon if n.responder != sa.responder]


def _gateway(data: list[bytes]) -> str:
    """Gateway of a REDIRECT or REDIRECTED_FROM notify: type (1), length (1), identity; empty when it makes no sense.

    Examples
    --------
    >>> _gateway([bytes.fromhex("0104c0000205")]), _gateway([b"\\x03\\x03vpn"]), _gateway([b"\\x01\\x10a"])
    ('192.0.2.5', 'vpn', '')
    """
    if not data or len(data[0]) < 2:
        return ""
    kind, length = data[0][0], data[0][1]
    identity = data[0][2 : 2 + length]
    if (kind, len(identity)) in ((_IPV4, 4), (_IPV6, 16)):
        return str(ipaddress.ip_address(identity))
    if kind == _FQDN and len(identity) == length:
        return printable(identity[:_LONGEST_NAME].decode("ascii", "backslashreplace"))
    return ""


RULE = Rule(
    code="NEG004",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.ERROR,
    ceiling=Confidence.STRONG,
    topics=("redirect",),
)
