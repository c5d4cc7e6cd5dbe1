"""Which CREATE_CHILD_SA requests were refused for good, read from the short notify that answers them.

An error is a Notify alone (RFC 7296 sections 1.3, 2.25). TEMPORARY_FAILURE and INVALID_KE_PAYLOAD have the same shape,
and the request comes again and goes well; so does one of two that crossed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from analyzer.ike.registry import numbers
from analyzer.relate.inferred.authentication import Authentication
from analyzer.relate.seen.exchange import Exchange

#: Two rekeyings that cross lie within this of each other, ns (RFC 7296 section 2.25: one of them is put off).
_CROSSES = 2_000_000_000


def refused_children(authentication: Authentication, exchanges: Iterable[Exchange]) -> tuple[Exchange, ...]:
    """The refused ones after which none of the same kind goes well.

    Parameters
    ----------
    authentication : Authentication
        Whose cipher suite says how long one notify is.
    exchanges : iterable of Exchange
        CREATE_CHILD_SA exchanges of the IKE SA, of both sides.
    """
    refused: list[Exchange] = []
    begun: list[int] = []
    done = {True: -1, False: -1}
    for e in exchanges:
        if e.outcome != "answered" or e.request is None or e.response is None or e.response.inner_payload is None:
            continue
        if not authentication.makes_child(e):
            refused.append(e)
        else:
            begun.append(e.requests[0].time)
            done[is_rekeying(e)] = max(done[is_rekeying(e)], e.responses[0].time)
    begun.sort()
    return tuple([e for e in refused if not _is_made_good(e, done[is_rekeying(e)]) and not _gave_way(e, begun)])


def _is_made_good(refused: Exchange, done: int) -> bool:
    """The last of the same kind that went well was answered after this one had been asked."""
    return done >= refused.requests[0].time


def _gave_way(refused: Exchange, begun: Sequence[int]) -> bool:
    """One that went well crossed it; ``begun`` are the times at which those were asked, in order."""
    asked = refused.requests[0].time
    at = bisect_left(begun, asked - _CROSSES)
    return at < len(begun) and begun[at] <= asked + _CROSSES


def is_rekeying(exchange: Exchange) -> bool:
    """It begins with a notify, as REKEY_SA for a Child SA; a new Child SA or IKE SA begins with SA."""
    return exchange.request is not None and exchange.request.inner_payload == numbers.N
