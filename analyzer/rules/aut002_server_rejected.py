"""The server granted IKE_AUTH, and the client did not accept that.

What it means
    The client checks the server as well: its certificate (name, purpose, chain, revocation) or its identity. Windows
    shows 13801 and its like. The server believes that all is well until it is told.
Seen as
    A full IKE_AUTH response that arrives whole, and the client's INFORMATIONAL with a short Notify
    (AUTHENTICATION_FAILED), after which it says no more on this IKE SA: at once, or after seconds in which it waits for
    a revocation list. Or the client drops what was granted without a word and begins anew.
Not to be confused with
    A response of which a part is missing (FRG002, FRG009). A Delete, which a user who hangs up sends as well (EST004);
    the server's (EST001); one for the Child SA only, or an answer without room for a Child SA (AUT005). An address
    update of MOBIKE, which may be as short, comes from port 4500, and after which the client goes on. Who asks on
    although the answer is there has not read it (RTX003).
Certain when
    IKE_AUTH is on port 500, where MOBIKE never is, and a short notify of the client ends it; or that notify comes at
    once. Where the client moved to port 4500 without a NAT, as MOBIKE does, it is possible at most.
References
    docs/domain/root-causes.md no. 23, docs/domain/encrypted-messages.md no. 7, docs/domain/windows.md; RFC 7296
    section 2.21.2; RFC 4555 sections 3.3, 3.6.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.inferred.rejection import Rejection
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.relate.seen.features import Feature
from analyzer.relate.seen.lookups import Lookups
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.abandoned import begun_anew
from analyzer.rules.shared.wording import delay, frames, init_frames

#: Seconds: a check that waits for nobody takes 3 to 37 ms (strongSwan), and on port 4500 a notify of MOBIKE that is as
#: short came after 0.9 s at the soonest.
_AT_ONCE = 0.5
#: Lookups that are named.
_NAMED = 3


def check(sa: IkeSa) -> Iterator[Observation]:
    """What the client did after the last IKE_AUTH answer."""
    last = sa.authentication.last
    if last is None or last.response is None:
        return
    if sa.rejection is not None:
        yield _rejected(sa, last, sa.rejection)
    elif again := begun_anew(sa):
        yield _dropped(sa, last, again)


def _rejected(sa: IkeSa, last: Exchange, rejection: Rejection) -> Observation:
    found = sa.lookups
    confidence = _confidence(rejection, found)
    may = "it may reject" if confidence is Confidence.POSSIBLE else "most likely it rejects"
    mobike = (
        f" {_why_mobike(rejection)}, and a notify of MOBIKE about the client's addresses is as long: then the "
        "connection stands, and the client's log says so."
        if confidence is Confidence.POSSIBLE
        else ""
    )
    return Observation(
        title=(
            f"The server accepted IKE_AUTH ({_answer(last)}), and the client ended it {delay(rejection.after)} later "
            f"with a short notify, as AUTHENTICATION_FAILED is: {may} the server's certificate{_because(found)}; "
            "fragmentation is not the cause."
        ),
        detail=(
            "Why the client ended it is encrypted; its own log or error code says it (Windows: 13801 and the like). "
            "Usual reasons: the name dialled is not in the certificate, its purpose is not server authentication, its "
            f"root is not trusted, its chain is not sent, its revocation list cannot be fetched.{_waited_for(found)}"
            f"{mobike}"
        ),
        frames=frames(init_frames(sa), last.frames, found.frames[:_NAMED], rejection.exchange.frames),
        confidence=confidence,
        remedies=("server-certificate",),
    )


def _confidence(rejection: Rejection, found: Lookups) -> Confidence:
    if rejection.may_be_mobike:
        return Confidence.POSSIBLE
    if not rejection.on_port_4500 or rejection.after <= _AT_ONCE:
        return Confidence.STRONG
    return Confidence.PROBABLE if found.unanswered else Confidence.POSSIBLE


def _why_mobike(rejection: Rejection) -> str:
    if rejection.may_be_mobike:
        return "The client moved to port 4500 without a NAT, as MOBIKE does"
    return f"{delay(rejection.after).capitalize()} are long for a check that waits for nobody"


def _because(found: Lookups) -> str:
    if not found.unanswered:
        return " or identity"
    row = found.unanswered[0]
    return f", whose revocation list it could not fetch (no answer of {row.dst} port {row.dport}, frame {row.frame})"


def _waited_for(found: Lookups) -> str:
    """What stands in the trace between the answer and the notify."""
    if found.unanswered:
        ends = dict.fromkeys(f"{r.dst} port {r.dport}" for r in found.unanswered)
        return (
            f" In between it asked {', '.join(list(ends)[:_NAMED])} for a TCP connection and got none: that is how the "
            "wait for a revocation list or an OCSP responder looks."
        )
    if found.names:
        names = dict.fromkeys(row.name for row in found.names)
        return (
            f" In between it looked up {', '.join(list(names)[:_NAMED])} (frame {found.names[0].frame}), as for a "
            "revocation list or an OCSP responder."
        )
    return ""


def _dropped(sa: IkeSa, last: Exchange, again: str) -> Observation:
    return Observation(
        title=(
            f"The server accepted IKE_AUTH ({_answer(last)}), and {again}: the client does not accept the server's "
            "certificate, or it cannot use the tunnel (Child SA)."
        ),
        detail=(
            "Some clients (Libreswan, OpenIKED) drop what they do not accept without a word; the client's own log says "
            "why. A user who dials again right away looks the same."
        ),
        frames=frames(init_frames(sa), last.frames),
        confidence=Confidence.POSSIBLE,
        remedies=("server-certificate", "child-sa"),
    )


def _answer(last: Exchange) -> str:
    assert last.response is not None
    return f"{last.response.length:,} bytes, arrived whole"


RULE = Rule(
    code="AUT002",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.AUTH_ANSWER,
    ceiling=Confidence.STRONG,
    topics=("child-sa", "server-certificate"),
)
