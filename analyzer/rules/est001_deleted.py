"""The connection was established and then deleted.

What it means
    One side ended a connection that stood. Within seconds it is a refusal after the login: conditional access, a
    licence limit, a duplicate session. Long after it is mostly a normal hang-up.
Seen as
    The shape of success, then an INFORMATIONAL request that begins with a Delete, and nothing more on this IKE SA. Who
    sent it is in the clear.
Not to be confused with
    Rekeying: the old IKE SA is deleted right after CREATE_CHILD_SA made its successor. A Delete for a Child SA, which
    is answered with one, or after which the IKE SA is used on. A session that its own successor replaces. A client
    that rejects the server's answer at once (AUT002). A user's hang-up.
Certain when
    The Delete and its sender are facts; that it was for the IKE SA follows from what comes after it; why is encrypted.
References
    domain.md section 9 no. 27, 1.4.6; RFC 7296 sections 1.4.1, 2.4, 2.8.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.exchange import Exchange
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.wording import frames
from analyzer.wire.registry import numbers

#: Seconds after the login: a server that deletes so soon never let the user work; so late it ends a session.
_AT_ONCE, _EARLY = 10.0, 120.0
#: Seconds between the rekeying of an IKE SA and the Delete of the old one.
_REKEYED = 60.0
#: Seconds after which an IKE SA that is still there would mostly have been used again.
_QUIET = 1.0


def check(sa: IkeSa) -> Iterator[Observation]:
    """The Delete that ended the IKE SA."""
    authentication = sa.authentication
    deletion, answered = authentication.deletion, authentication.answered_at
    if deletion is None or not deletion.requests or answered is None or _is_rekeyed(sa, deletion):
        return
    if authentication.outcome != "grant" or (authentication.rejection is not None and deletion.sender == "initiator"):
        return
    after = (deletion.requests[0].time - answered) / 1e9
    if after < 0:
        return
    by_server = deletion.sender == "responder" and not _client_deletes_too(sa, deletion)
    if by_server and after <= _EARLY and not _is_replaced(sa, deletion):
        yield _by_server(sa, deletion, after)
    else:
        yield _hang_up(sa, deletion, after)


def _by_server(sa: IkeSa, deletion: Exchange, after: float) -> Observation:
    traffic = "ESP had gone both ways" if sa.esp_i_to_r and sa.esp_r_to_i else "no ESP had gone both ways"
    answered = bool(deletion.responses)
    return Observation(
        title=(
            f"The connection was established, and the server deleted it {_seconds(after)} later ({traffic}): the "
            "login was accepted and then the session was ended by the server."
        ),
        detail=(
            "Usual reasons: conditional access or posture check, licence or session limit, a second session of the "
            "same user, no address left, an administrator. The server's log has it; in the trace it is encrypted."
            + ("" if answered else " The Delete is not answered here, so it may have been for the Child SA only.")
        ),
        frames=frames(*(e.frames for e in sa.authentication.rounds[-1:]), deletion.frames),
        confidence=_confidence(sa, deletion),
        severity=Severity.BLOCKING if after <= _AT_ONCE else Severity.DEGRADING,
        remedies=("session-policy", "read-server-log"),
    )


def _hang_up(sa: IkeSa, deletion: Exchange, after: float) -> Observation:
    who = "server" if deletion.sender == "responder" and not _client_deletes_too(sa, deletion) else "client"
    return Observation(
        title=f"The {who} deleted the IKE SA {_seconds(after)} after the login.",
        detail=f"A Delete of the {who} after a session that worked is how a connection normally ends.",
        frames=frames(deletion.frames),
        confidence=_confidence(sa, deletion),
        severity=Severity.INFORMATION,
        is_remark=True,
    )


def _confidence(sa: IkeSa, deletion: Exchange) -> Confidence:
    """That it was the IKE SA shows in what does not come after it."""
    quiet = bool(deletion.responses) and (sa.capture.last - deletion.responses[0].time) / 1e9 >= _QUIET
    return Confidence.STRONG if quiet else Confidence.POSSIBLE


def _client_deletes_too(sa: IkeSa, deletion: Exchange) -> bool:
    """The client sends a Delete of its own after the server's: then that was not for the IKE SA, or they crossed."""
    begun = deletion.requests[0].time
    return any(
        e.sender == "initiator"
        and e.exchange == numbers.INFORMATIONAL
        and e.requests
        and e.requests[0].time >= begun
        and e.requests[0].inner_payload == numbers.D
        for e in sa.exchanges
    )


def _is_rekeyed(sa: IkeSa, deletion: Exchange) -> bool:
    """A CREATE_CHILD_SA was answered shortly before, and what it replaced is deleted then.

    One that begins with SA both ways makes a new IKE SA; one that begins with N(REKEY_SA) a new Child SA. The Delete of
    an old Child SA is answered with a Delete: where that answer is seen to be empty, it was for the IKE SA.
    """
    begun = deletion.requests[0].time
    replaced = (numbers.SA,) if deletion.responses else (numbers.SA, numbers.N)
    return any(
        e.request is not None
        and e.request.inner_payload in replaced
        and (e.response is None or e.response.inner_payload == numbers.SA)
        and e.outcome == "answered"
        and 0 <= begun - e.requests[-1].time <= _REKEYED * 1e9
        for e in sa.of(numbers.CREATE_CHILD_SA)
    )


def _is_replaced(sa: IkeSa, deletion: Exchange) -> bool:
    """The same client had logged in anew before: the server clears away the older session."""
    return any(
        n.auth_answered
        and (n.initiator, n.responder) == (sa.initiator, sa.responder)
        and sa.start < n.start < deletion.requests[0].time
        for n in sa.neighbours
    )


def _seconds(after: float) -> str:
    """
    >>> _seconds(0.027), _seconds(3.24), _seconds(3600.4)
    ('27 ms', '3.2 s', '3,600 s')
    """
    return f"{after * 1000:.0f} ms" if after < 1 else f"{after:.1f} s" if after < 100 else f"{after:,.0f} s"


RULE = Rule(
    code="EST001",
    id="established-then-deleted",
    severity=Severity.BLOCKING,
    order=27,
    check=check,
    ceiling=Confidence.STRONG,
    topics=("read-server-log", "session-policy"),
)
