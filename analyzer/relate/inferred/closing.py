"""How a login that was granted ended, where a Delete of the IKE SA ended it: who sent it, how long after the login.

That it was for the IKE SA follows from what comes after it; why it was sent is encrypted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.formats.records import NO_TIME
from analyzer.ike.registry import numbers
from analyzer.relate.inferred.authentication import Authentication
from analyzer.relate.seen.exchange import Attempt, Exchange, Role
from analyzer.relate.seen.neighbours import Neighbour

#: From the rekeying of an IKE SA to the Delete of the old one, ns.
_REKEYED = 60_000_000_000
#: UDP keeps no order: a Delete may overtake the answer to IKE_AUTH by so much, ns.
_OVERTAKES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Closing:
    """The Delete that ended the IKE SA.

    Attributes
    ----------
    exchange : Exchange
        The first of several Deletes that follow each other at once.
    by : Role
        Who decided it: a client whose IKE SA the server has deleted has nothing left to delete itself.
    after : float
        Seconds from the answer to IKE_AUTH.
    replaced : bool
        The same client had logged in anew before: the older session is cleared away.
    """

    exchange: Exchange
    by: Role
    after: float
    replaced: bool


def closing(
    authentication: Authentication, rekeyings: Iterable[Exchange], siblings: Iterable[Neighbour], start: int
) -> Closing | None:
    """How an IKE SA ended.

    Parameters
    ----------
    authentication : Authentication
    rekeyings : iterable of Exchange
        Its CREATE_CHILD_SA exchanges.
    siblings : iterable of Neighbour
        Other IKE SAs of the same two hosts.
    start : int
        When it began, ns.

    Returns
    -------
    Closing or None
        None where the login was not granted, no Delete ended it, or rekeying had replaced it.
    """
    deletion, answered = authentication.deletion, authentication.answered_at
    if deletion is None or answered is None or authentication.outcome != "grant" or _is_rekeyed(deletion, rekeyings):
        return None
    begun = deletion.requests[0].time
    # Simple packet blocks of pcapng have no time.
    if NO_TIME in (begun, answered) or begun < answered - _OVERTAKES:
        return None
    replaced = any(n.auth_answered and start < n.start < begun for n in siblings)
    by: Role = "initiator" if _client_deletes(authentication, deletion) else "responder"
    return Closing(deletion, by, max(begun - answered, 0) / 1e9, replaced)


def _client_deletes(authentication: Authentication, deletion: Exchange) -> bool:
    """The client sends a Delete too: then the server's was not for the IKE SA, or they crossed.

    From that which ended the IKE SA on there is nothing but Deletes.
    """
    later = authentication.later
    return any(e.sender == "initiator" for e in later[later.index(deletion) :])


def _is_rekeyed(deletion: Exchange, rekeyings: Iterable[Exchange]) -> bool:
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
        for e in rekeyings
    )


def _begins_with(attempt: Attempt | None) -> int | None:
    return attempt.inner_payload if attempt is not None else None
