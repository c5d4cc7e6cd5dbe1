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
    docs/domain/root-causes.md no. 27, docs/domain/encrypted-messages.md no. 6; RFC 7296 sections 1.4.1, 2.4, 2.8.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.formats.records import NO_TIME
from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames

#: Seconds after the login: a server that deletes so soon never let the user work; so late it ends a session.
_AT_ONCE, _EARLY = 10.0, 120.0
#: From the rekeying of an IKE SA to the Delete of the old one, ns.
_REKEYED = 60_000_000_000
#: Seconds after which an IKE SA that is still there would mostly have been used again.
_QUIET = 1.0


def check(sa: IkeSa) -> Iterator[Observation]:
    """The Delete that ended the IKE SA."""
    authentication = sa.authentication
    deletion, answered, rejection = authentication.deletion, authentication.answered_at, authentication.rejection
    if deletion is None or answered is None or authentication.outcome != "grant" or _is_rekeyed(sa, deletion):
        return
    # What the client rejected at once was its decision, whoever sends a Delete after that.
    if rejection is not None and rejection.sender == "initiator":
        return
    begun = deletion.requests[0].time
    # Simple packet blocks of pcapng have no time.
    if NO_TIME in (begun, answered) or begun < answered:
        return
    after = (begun - answered) / 1e9
    by_client = _client_deletes(sa, deletion)
    if by_client or after > _EARLY or _is_replaced(sa, deletion):
        yield _hang_up(sa, deletion, after, "client" if by_client else "server")
    else:
        yield _by_server(sa, deletion, after)


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


def _hang_up(sa: IkeSa, deletion: Exchange, after: float, who: str) -> Observation:
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


def _client_deletes(sa: IkeSa, deletion: Exchange) -> bool:
    """The client sends a Delete too: then the server's was not for the IKE SA, or they crossed.

    From that which ended the IKE SA on there is nothing but Deletes.
    """
    later = sa.authentication.later
    return any(e.sender == "initiator" for e in later[later.index(deletion) :])


def _is_rekeyed(sa: IkeSa, deletion: Exchange) -> bool:
    """A CREATE_CHILD_SA was answered shortly before, and what it replaced is deleted then.

    One that begins with SA both ways makes a new IKE SA; one that begins with N(REKEY_SA) a new Child SA. The Delete of
    an old Child SA is answered with a Delete: where that answer is seen to be empty, it was for the IKE SA. Where half
    of a CREATE_CHILD_SA is not in the trace, that half may have been such.
    """
    replaced = (None, numbers.SA) if deletion.responses else (None, numbers.SA, numbers.N)
    return any(
        e.outcome in ("answered", "response only")
        and _begins_with(e.request) in replaced
        and _begins_with(e.response) in (None, numbers.SA)
        and deletion.requests[0].time - (e.requests or e.responses)[-1].time <= _REKEYED
        for e in sa.of(numbers.CREATE_CHILD_SA)
    )


def _begins_with(attempt: Attempt | None) -> int | None:
    return attempt.inner_payload if attempt is not None else None


def _is_replaced(sa: IkeSa, deletion: Exchange) -> bool:
    """The same client had logged in anew before: the server clears away the older session."""
    return any(n.auth_answered and sa.start < n.start < deletion.requests[0].time for n in sa.siblings)


def _seconds(after: float) -> str:
    """
    >>> _seconds(0.027), _seconds(0.9), _seconds(1), _seconds(3.24)
    ('27 ms', '900 ms', '1.0 s', '3.2 s')
    >>> _seconds(99.4), _seconds(100), _seconds(100.4), _seconds(3600.4)
    ('99.4 s', '100 s', '100 s', '3,600 s')
    """
    return f"{after * 1000:.0f} ms" if after < 1 else f"{after:.1f} s" if after < 100 else f"{after:,.0f} s"


RULE = Rule(
    code="EST001",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.STRONG,
    topics=("read-server-log", "session-policy"),
)
