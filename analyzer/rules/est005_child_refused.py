"""A CREATE_CHILD_SA request was refused: a tunnel, or the rekeying of one, is not made.

What it means
    The login stands, and a tunnel (Child SA) that was asked for afterwards was refused: the first one, where IKE_AUTH
    made none (RFC 6023), or the successor of one whose keys expire. A rekeying that is refused each time ends the
    tunnel at the end of its lifetime: "it drops every hour". The usual reason is a PFS group: the Child SA of IKE_AUTH
    needs none, so that a mismatch shows at the first rekeying only.
Seen as
    CREATE_CHILD_SA answered with a Notify alone, and none of the same kind that goes well afterwards.
Not to be confused with
    TEMPORARY_FAILURE and INVALID_KE_PAYLOAD, which have the same shape: the request comes again and is answered in
    full. Two rekeyings that cross, of which one gives way. An answer to IKE_AUTH without room for a Child SA, and no
    CREATE_CHILD_SA (AUT005). CREATE_CHILD_SA without an answer (RTX001).
Certain when
    It was refused more than once, or IKE_AUTH made no tunnel either. Which error it was is encrypted.
References
    docs/domain/encrypted-messages.md no. 1, no. 2; RFC 7296 sections 1.3, 2.8, 2.25; RFC 6023.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.inferred.child_refusals import is_rekeying
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.advice import advise
from analyzer.rules.shared.wording import delay, frames, times

#: Seconds after the login: an initiator that asked for no Child SA in IKE_AUTH makes one without delay.
_AT_ONCE = 2.0
#: Seconds after which a request that was only put off has come again (strongSwan waits about 15 s).
_AGAIN = 30.0


def check(sa: IkeSa) -> Iterator[Observation]:
    """The requests that were refused for good, those for a tunnel and those for its successor."""
    refused = sa.refused_children
    if not refused:
        return
    if _is_first_tunnel(sa, refused[0]):
        yield _no_tunnel(sa, refused)
        return
    for rekeying in (True, False):
        of_kind = [e for e in refused if is_rekeying(e) == rekeying]
        if of_kind:
            yield _not_renewed(sa, of_kind, rekeying=rekeying)


def _is_first_tunnel(sa: IkeSa, refused: Exchange) -> bool:
    """No tunnel stood before: IKE_AUTH made none, or may have made none, since the server takes such logins."""
    if sa.esp_i_to_r or sa.esp_r_to_i or is_rekeying(refused) or refused.sender != "initiator":
        return False
    authentication = sa.authentication
    if authentication.outcome == "without-child":
        return True
    answered = authentication.answered_at
    return (
        authentication.outcome == "grant"
        and answered is not None
        and refused is sa.of(numbers.CREATE_CHILD_SA)[0]
        and (refused.requests[0].time - answered) / 1e9 <= _AT_ONCE
        and any(m.is_response and numbers.CHILDLESS_IKEV2_SUPPORTED in m.notifies for m in sa.messages)
    )


def _no_tunnel(sa: IkeSa, refused: tuple[Exchange, ...]) -> Observation:
    response = refused[0].response
    assert response is not None
    shown = sa.authentication.outcome == "without-child"
    return Observation(
        title=(
            f"The login went well, but the tunnel (Child SA) that the client then asked for was refused "
            f"{times(len(refused))} (CREATE_CHILD_SA answered with {response.length} bytes, a mere notify), and no ESP "
            "follows."
        ),
        detail=(
            "The error is encrypted, the server's log has it: traffic selectors (TS_UNACCEPTABLE), ESP proposal or PFS "
            "group (NO_PROPOSAL_CHOSEN), no free address (INTERNAL_ADDRESS_FAILURE)."
            + (
                ""
                if shown
                else " The server takes logins without a tunnel (CHILDLESS_IKEV2_SUPPORTED); if IKE_AUTH made one all "
                "the same, it is a further one that was refused."
            )
        ),
        frames=frames(*(e.frames for e in sa.authentication.rounds[-1:]), *(e.frames for e in refused)),
        confidence=Confidence.STRONG if shown else Confidence.POSSIBLE,
        remedies=advise("child-sa", sa),
    )


def _not_renewed(sa: IkeSa, refused: list[Exchange], *, rekeying: bool) -> Observation:
    first = refused[0]
    response = first.response
    assert response is not None
    who, other = ("client", "server") if first.sender == "initiator" else ("server", "client")
    answered = sa.authentication.answered_at
    since = f" {delay((first.requests[0].time - answered) / 1e9)} after the login" if answered is not None else ""
    what = (
        "rekeying of the tunnel (Child SA)" if rekeying else "request for a new IKE SA or a further tunnel (Child SA)"
    )
    return Observation(
        title=(
            f"The {who}'s {what} was refused {times(len(refused))}{since if len(refused) == 1 else ''}: the {other} "
            f"answered CREATE_CHILD_SA with {response.length} bytes, a mere notify, and none went well afterwards."
        ),
        detail=(
            "The error is encrypted, the log of the side that refused has it. Most often the PFS group (the key "
            "exchange group of the ESP proposal) differs: IKE_AUTH makes the first tunnel without one, so that the "
            "difference shows at the first rekeying. The tunnel ends when its keys expire, so the connection drops at "
            "regular intervals, every hour for example."
        ),
        frames=frames(*(e.frames for e in refused)),
        confidence=_confidence(sa, refused),
        severity=Severity.DEGRADING,
        remedies=advise("child-sa", sa),
    )


def _confidence(sa: IkeSa, refused: list[Exchange]) -> Confidence:
    if len(refused) > 1:
        return Confidence.STRONG
    waited = (sa.capture.last - refused[0].responses[0].time) / 1e9
    return Confidence.PROBABLE if waited >= _AGAIN else Confidence.POSSIBLE


RULE = Rule(
    code="EST005",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.STRONG,
    topics=("child-sa",),
)
