"""Did each side announce IKEV2_FRAGMENTATION_SUPPORTED? Three-valued: yes, no, unknown (RFC 7383 section 2.3).

``no`` needs an IKE_SA_INIT message that was captured whole and is no mere error: a 128-byte snapshot, or a
NO_PROPOSAL_CHOSEN, COOKIE or INVALID_KE_PAYLOAD response, says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.ike.registry import numbers
from analyzer.relate.seen.message import Message
from analyzer.relate.seen.yes_no_unknown import YesNoUnknown

_CARRIERS = (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)


def announced(messages: Iterable[Message], *, by_initiator: bool) -> YesNoUnknown:
    """What one side said about IKE fragmentation.

    Parameters
    ----------
    messages : iterable of Message
        All messages of one IKE SA.
    by_initiator : bool
        Which side.
    """
    answer: YesNoUnknown = "unknown"
    for message in messages:
        # SKF messages can only follow where both sides had announced it.
        if message.skf_total:
            return "yes"
        if not _may_carry(message, by_initiator=by_initiator):
            continue
        if message.announces_fragmentation:
            answer = "yes"
        elif answer == "unknown" and message.clear_complete and message.takes_part:
            answer = "no"
    return answer


def is_seen(messages: Iterable[Message], *, by_initiator: bool) -> bool:
    """Whether the notify of one side is in the trace; SKF messages show that it was sent, and are not it."""
    return any(m.announces_fragmentation for m in messages if _may_carry(m, by_initiator=by_initiator))


def _may_carry(message: Message, *, by_initiator: bool) -> bool:
    """Of the first exchange each side sends one kind only: the initiator requests, the responder responses."""
    return (
        message.exchange in _CARRIERS and message.is_response != by_initiator and message.is_initiator == by_initiator
    )
