"""Which sizes of IKE packets are known to have passed, and which never were answered (docs/domain/path-mtu.md no. 2).

Only whole packets count, and firmly only those that no router may have cut: with DF, or over IPv6. A request passed
when it was answered, an answer when the next request followed, and any packet passed that is seen where it arrives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.columns import MISSING
from analyzer.relate.inferred.mtu.clue import MtuClue
from analyzer.relate.inferred.side import Side
from analyzer.relate.seen.exchange import Attempt, Exchange, Role
from analyzer.relate.seen.message import Message

#: A larger packet on the sender's side is not yet cut (offload, docs/domain/offload.md), or a jumbo frame.
_ETHERNET = 1500

#: Sendings without answer that are more than bad luck.
_REPEATED = 2


def clues(sent: Sequence[Message], exchanges: Sequence[Exchange], role: Role, side: Side) -> tuple[MtuClue, ...]:
    """The largest packet of one side that passed, and the smallest with DF that never was answered.

    The latter is a weak clue: silence has many reasons.

    Parameters
    ----------
    sent : sequence of Message
        Of one side.
    exchanges : sequence of Exchange
        Of both.
    role : Role
        Whose packets: the side that sent them.
    side : Side
        Where the capture was taken.

    Returns
    -------
    tuple of MtuClue
        At most two.
    """
    found = []
    passed = max(_passed(sent, exchanges, role, side), key=_weight, default=None)
    if passed is not None:
        size = passed.largest_ip_packet
        how = "" if _unbroken(passed) else " without DF, which a router may have cut,"
        arrived = "was answered" if side in (role, "unknown", "middle") else "arrived"
        text = f"a packet of {size:,} bytes{how} {arrived} (frame {passed.frame})"
        found.append(MtuClue("answered", "path", size, None, passed.frames, text, is_weak=not _unbroken(passed)))
    least = _weight(passed)[1] if passed is not None else 0
    silent = [
        (attempt.largest_ip_packet, exchange)
        for exchange in exchanges
        if exchange.outcome == "unanswered"
        and exchange.sender == role
        and exchange.attempts >= _REPEATED
        and not exchange.responses
        for attempt in exchange.requests
        if least < attempt.largest_ip_packet <= _ETHERNET and is_unbroken(attempt)
    ]
    if passed is not None and silent:
        size, exchange = min(silent, key=lambda each: each[0])
        text = f"packets of {size:,} bytes with DF were sent {exchange.attempts} times and not answered"
        found.append(MtuClue("not-answered", "path", None, size - 1, exchange.frames[:6], text, is_weak=True))
    return tuple(found)


def _passed(sent: Sequence[Message], exchanges: Sequence[Exchange], role: Role, side: Side) -> Iterator[Message]:
    """Whole packets of one side that are known to have reached the other."""
    other: Role = "responder" if role == "initiator" else "initiator"
    if side == other:
        yield from (m for m in sent if _is_whole(m))
        return
    # Who sends its next request has the answer to the one before (RFC 7296 section 2.3, a window of one).
    followed = {(e.sender, e.message_id - 1) for e in exchanges}
    for exchange in exchanges:
        if exchange.sender == role and exchange.outcome == "answered":
            # Which sending was answered is not known: count the one that asked the least of the path.
            attempt = min(exchange.requests, key=lambda a: a.largest_ip_packet, default=None)
        elif exchange.sender == other and (other, exchange.message_id) in followed:
            attempt = min(exchange.responses, key=lambda a: a.largest_ip_packet, default=None)
        else:
            continue
        if attempt is not None and attempt.complete:
            yield from (m for m in attempt.messages if _is_whole(m))


def _is_whole(message: Message) -> bool:
    return not message.is_ip_fragmented and 0 < message.largest_ip_packet <= _ETHERNET


def _unbroken(message: Message) -> bool:
    """No router may have cut it on the way."""
    df = message.packet_table.df[message.packets].tolist()
    return bool(df) and all(bit == 1 or (bit == MISSING and ":" in message.src) for bit in df)


def is_unbroken(attempt: Attempt) -> bool:
    """All of it was seen, IP did not cut it, and no router may have: DF is set, or it is IPv6."""
    return attempt.complete and not attempt.is_ip_fragmented and all(map(_unbroken, attempt.messages))


def _weight(message: Message) -> tuple[bool, int]:
    return _unbroken(message), message.largest_ip_packet
