"""Messages of one IKE SA to exchanges: who asked, how often, what answered.

RFC 7296 section 2.1; RFC 7383 section 2.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.formats.records import NO_TIME
from analyzer.ike.registry import numbers
from analyzer.relate.seen.exchange import Attempt, Exchange, Outcome, Role
from analyzer.relate.seen.message import Message

#: A request sent once may still be answered for this long; a trace that ends sooner cannot tell.
PATIENCE = 5_000_000_000
#: Two sendings this far apart, or three: the silence after the first is then a fact.
_SECOND_SENDING = 400_000_000
#: An answer may take this many round trips (as measured on IKE_SA_INIT) before a repeat says anything.
_ROUND_TRIPS = 3

_RETRY_REASONS = {numbers.COOKIE: "cookie", numbers.INVALID_KE_PAYLOAD: "invalid_ke"}
_FIRST_EXCHANGES = (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)


def pair_messages(messages: Sequence[Message], capture_end: int, *, alive: bool = False) -> tuple[Exchange, ...]:
    """Group the messages of an IKEv2 SA into exchanges.

    Parameters
    ----------
    messages : sequence of Message
        Of one SA, in the order of capture, without capture duplicates.
    capture_end : int
        Time of the capture's last packet, ns.
    alive : bool
        ESP of this SA comes from the responder: its IKE_AUTH was answered, however little of that was captured.

    Returns
    -------
    tuple of Exchange
        In the order of their first message.
    """
    groups: dict[tuple[int, int, int], tuple[list[Message], list[Message]]] = {}
    for message in messages:
        key = message.exchange_key
        group = groups.get(key)
        if group is None:
            group = groups[key] = ([], [])
        group[message.is_response].append(message)
    highest = {1: -1, 0: -1}
    for by_initiator, _, message_id in groups:
        highest[by_initiator] = max(highest[by_initiator], message_id)
    round_trip = _round_trip(groups)
    exchanges: list[Exchange] = []
    for (by_initiator, kind, message_id), (requests, responses) in groups.items():
        sender: Role = "initiator" if by_initiator else "responder"
        rounds = (
            _split_by_retry(requests, responses)
            if kind in _FIRST_EXCHANGES and len(requests) > 1
            else [(requests, responses, "")]
        )
        for retry, (asked, answered, reason) in enumerate(rounds):
            sent, got = _attempts(asked), _attempts(answered)
            if len(sent) > 1 and not reason and _is_refragmented(sent):
                reason = "refragmented"
            # With a window of 1 a higher message ID means that this exchange had ended well, seen or not.
            followed = message_id < highest[by_initiator] or (alive and kind == numbers.IKE_AUTH)
            outcome: Outcome = (
                "superseded" if retry < len(rounds) - 1 else _outcome(sent, got, capture_end, round_trip, followed)
            )
            exchanges.append(Exchange(sender, kind, message_id, sent, got, outcome, retry, reason))
    if len(exchanges) > 1:
        exchanges.sort(key=_first_time)
    return tuple(exchanges)


def _first_time(exchange: Exchange) -> int:
    return (exchange.requests or exchange.responses)[0].messages[0].row


def _round_trip(groups: dict[tuple[int, int, int], tuple[list[Message], list[Message]]]) -> int:
    """Round trip of the first IKE_SA_INIT, ns; 0 when not seen."""
    requests, responses = groups.get((1, numbers.IKE_SA_INIT, 0), ([], []))
    if not requests or not responses:
        return 0
    before = [r.time for r in requests if r.time <= responses[0].time]
    return responses[0].time - before[-1] if before else 0


def _split_by_retry(
    requests: list[Message], responses: list[Message]
) -> list[tuple[list[Message], list[Message], str]]:
    """Cut the first exchange where COOKIE or INVALID_KE_PAYLOAD made the initiator send a changed request."""
    rounds: list[tuple[list[Message], list[Message], str]] = [([], [], "")]
    seen: set[int] = set()
    demanded = ""
    for message in sorted((*requests, *responses), key=lambda m: m.row):
        if message.is_response:
            rounds[-1][1].append(message)
            demanded = next((_RETRY_REASONS[n] for n in message.notifies if n in _RETRY_REASONS), demanded)
        else:
            if demanded and message.digest not in seen:
                rounds.append(([], [], demanded))
                demanded = ""
            seen.add(message.digest)
            rounds[-1][0].append(message)
    return rounds


def _attempts(messages: list[Message]) -> tuple[Attempt, ...]:
    """Cut a run of equal messages into sendings: an SKF set begins anew when a number of it comes again."""
    if len(messages) == 1:
        return (Attempt((messages[0],)),)
    attempts: list[list[Message]] = []
    seen: set[int] = set()  # numbers in the last of them
    for message in messages:
        total, number = message.skf_total, message.skf_number
        if attempts and 0 < total == attempts[-1][0].skf_total and number not in seen:
            attempts[-1].append(message)
            seen.add(number)
        else:
            attempts.append([message])
            seen = {number}
    return tuple(Attempt(tuple(a)) for a in attempts)


def _is_refragmented(sent: tuple[Attempt, ...]) -> bool:
    """Sent whole first and in SKF later, or in more SKF fragments (RFC 7383 sections 2.4, 2.5.2)."""
    return sent[-1].skf_total > sent[0].skf_total


def _outcome(
    sent: tuple[Attempt, ...], got: tuple[Attempt, ...], capture_end: int, round_trip: int, followed: bool
) -> Outcome:
    if not sent:
        return "response only"
    if followed or any(a.complete for a in got):
        return "answered"
    # Packets without a time (pcapng's Simple Packet Block) cannot show how long nothing came.
    waited = capture_end - sent[0].time if sent[0].time != NO_TIME else 0
    if len(sent) >= 3:
        patience = _SECOND_SENDING
    elif len(sent) == 2:
        patience = max(_SECOND_SENDING, _ROUND_TRIPS * round_trip)
    else:
        patience = PATIENCE
    return "unanswered" if waited >= patience else "open at end of capture"
