"""Which arrival at one side is which sending of the other: by content, IP identification and order."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.relate.seen.message import Message

#: What is the same at both ends: exchange, response?, message ID, number and total of an SKF fragment, length.
Key = tuple[int, bool, int, int, int, int]

#: An arrival may seem this much earlier than its sending (ns): the estimate of the clocks is no better.
_SLACK = 50_000_000


@dataclass(frozen=True, slots=True)
class Passage:
    """One sending, and its arrival at the other side; ``arrived`` is None when the other capture has none."""

    sent: Message
    arrived: Message | None


def key_of(message: Message) -> Key:
    """
    Two messages with the same key in one IKE SA and direction are the same message, sent once or again.
    """
    return (
        message.exchange,
        message.is_response,
        message.message_id,
        message.skf_number,
        message.skf_total,
        message.length,
    )


def match(sent: Sequence[Message], arrived: Sequence[Message], offset: int | None) -> list[Passage]:
    """Match what one side of an IKE SA sent with what the other received of it.

    Parameters
    ----------
    sent, arrived : sequences of Message
        Of one IKE SA and direction, each in the order of its own capture, capture duplicates left out.
    offset : int or None
        What to add to the sender's clock to have the receiver's, ns; None when it is not known yet.

    Returns
    -------
    list of Passage
        One for each sending, in order.
    """
    by_key: dict[Key, list[Message]] = defaultdict(list)
    for message in arrived:
        by_key[key_of(message)].append(message)
    groups: dict[Key, list[Message]] = defaultdict(list)
    for message in sent:
        groups[key_of(message)].append(message)
    found: dict[int, Message] = {}
    for key, sendings in groups.items():
        found |= _match_repeats(sendings, [a for a in by_key[key] if _same_bytes(sendings[0], a)], offset)
    return [Passage(message, found.get(message.row)) for message in sent]


def _same_bytes(sent: Message, arrived: Message) -> bool:
    """The digest covers the captured bytes: it can be compared only where both were captured whole."""
    comparable = sent.complete and arrived.complete and sent.captured == arrived.captured
    return not comparable or sent.digest == arrived.digest


def _match_repeats(sendings: Sequence[Message], arrivals: Sequence[Message], offset: int | None) -> dict[int, Message]:
    """Arrivals by the row of their sending, for sendings of the same bytes."""
    if offset is None:
        return _by_identification(sendings, arrivals)
    found: dict[int, Message] = {}
    waiting = sorted(sendings, key=_time, reverse=True)
    before: list[Message] = []
    for arrival in sorted(arrivals, key=_time):
        while waiting and waiting[-1].time + offset <= arrival.time + _SLACK:
            before.append(waiting.pop())
        # The last sending before it that has no arrival yet.
        if before:
            found[before.pop().row] = arrival
    return found


def _time(message: Message) -> int:
    return message.time


def _by_identification(sendings: Sequence[Message], arrivals: Sequence[Message]) -> dict[int, Message]:
    """Without clocks: a NAT keeps the IP identification as a rule (0 says nothing, RFC 6864); the rest by order."""
    same: dict[int, deque[Message]] = defaultdict(deque)
    for arrival in arrivals:
        if arrival.ip_id:
            same[arrival.ip_id].append(arrival)
    found = {m.row: same[m.ip_id].popleft() for m in sendings if same.get(m.ip_id)}
    taken = {arrival.row for arrival in found.values()}
    rest = [m for m in sendings if m.row not in found]
    left = [a for a in arrivals if a.row not in taken]
    return found | {m.row: a for m, a in zip(rest, left, strict=False)}
