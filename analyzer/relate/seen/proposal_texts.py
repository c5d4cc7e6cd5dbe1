"""Proposals of an SA payload as text, as the first exchange carries them in the clear."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.relate.seen.message import Message


def proposal_texts(messages: Iterable[Message]) -> tuple[str, ...]:
    """The proposals in the first SA payload that can be read; empty without any.

    Parameters
    ----------
    messages : iterable of Message
        Requests of the first exchange for what is offered, its responses for what is chosen.
    """
    from analyzer.ike.payloads import SA
    from analyzer.ike.proposals import proposal_text

    for message in messages:
        for payload in message.ike.payloads:
            if isinstance(payload, SA):
                return tuple(proposal_text(p) for p in payload.proposals)
    return ()
