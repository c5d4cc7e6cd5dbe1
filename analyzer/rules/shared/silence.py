"""What a trace holds that explains why a request stayed unanswered, so that all rules on silence step aside alike.

A drop that the host recorded outranks an ICMP error, an ICMP error outranks every conclusion from silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.ike.registry import numbers
from analyzer.packets.tables import IcmpRow
from analyzer.protocol import NAT_T_PORT
from analyzer.relate.inferred.mtu.path_mtu import TOO_BIG
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.relate.seen.neighbours import Neighbour
from analyzer.relate.seen.pairing import PATIENCE

#: What an ICMP error says that explains silence, whatever the size of the packet (docs/domain/icmp.md).
PORT_UNREACHABLE = frozenset({"port-unreachable"})
ADMIN_PROHIBITED = frozenset({"admin-prohibited"})
UNROUTED = frozenset({"unreachable-routing", "ttl-exceeded"})
REFUSALS = PORT_UNREACHABLE | ADMIN_PROHIBITED | UNROUTED

FIRST_EXCHANGES = (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)

#: Sendings after which silence is more than bad luck.
_ENOUGH = 3
#: Another IKE SA counts as tried at the same time when it began this shortly before the first request, ns.
_SAME_TIME = 5_000_000_000


def dropped_frames(sa: IkeSa, attempts: Iterable[Attempt]) -> tuple[int, ...]:
    """Frames in which the capturing host recorded that it dropped a packet of these sendings."""
    return tuple(frame for attempt in attempts for m in attempt.messages for frame in sa.dropped.get(m.row, ()))


def reports(sa: IkeSa, exchange: Exchange, *, about_response: bool = False) -> tuple[IcmpRow, ...]:
    """ICMP errors that quote an exchange's request (or response), in the order of capture.

    Which message an error quotes, :mod:`analyzer.relate.seen.attribution` says.
    """
    about = sa.icmp_by_message
    if not about:
        return ()
    attempts = exchange.responses if about_response else exchange.requests
    found = [row for attempt in attempts for m in attempt.messages for row in about.get(m.row, ())]
    return tuple(sorted(found, key=lambda row: row.frame))


def refusals(sa: IkeSa, exchange: Exchange) -> tuple[IcmpRow, ...]:
    """ICMP errors that explain why this request got no answer."""
    return tuple(r for r in reports(sa, exchange) if r.error.meaning in REFUSALS)


def is_too_big(sa: IkeSa, exchange: Exchange) -> bool:
    """A router reports that a packet of this request is too big for the path."""
    return any(r.error.meaning in TOO_BIG for r in reports(sa, exchange))


def is_explained(sa: IkeSa, exchange: Exchange) -> bool:
    """The trace itself names why this request got no answer: rules that rest on silence have nothing to add.

    Of sendings that the host let out nobody knows why they were not answered, though it dropped others.
    """
    return (bool(exchange.requests) and not left(sa, exchange)) or bool(refusals(sa, exchange))


def left(sa: IkeSa, exchange: Exchange) -> int:
    """How many sendings of the request the capturing host is not known to have dropped."""
    if not sa.dropped:
        return exchange.attempts
    return sum(not dropped_frames(sa, (attempt,)) for attempt in exchange.requests)


def lasts(sa: IkeSa, exchange: Exchange, since: int | None = None) -> bool:
    """Nothing came of it for long enough: asked three times (after a time), or the trace goes on for 5 s in silence.

    Where the trace itself names the reason, the reason is sure; that no answer came later must be sure as well. A trace
    that lost packets cannot show that.
    """
    facts = sa.capture
    if facts.lost_packets or facts.damaged or facts.cut or sa.one_way:
        return False
    after = exchange.times if since is None else tuple(t for t in exchange.times if t > since)
    enough = _ENOUGH if since is None else _ENOUGH - 1
    last = max(exchange.times[-1], since or 0)
    return len(after) >= enough or facts.last - last >= PATIENCE


def is_last(sa: IkeSa, exchange: Exchange) -> bool:
    """The initiator asks nothing further after it, and no traffic of its own shows that it went on."""
    last = sa.last_asked[exchange.sender]
    return last is exchange and not sa.esp_i_to_r and sa.reached not in ("established", "closed")


def is_eap_round(sa: IkeSa, exchange: Exchange) -> bool:
    """An IKE_AUTH request after an answered one: the EAP or RADIUS side is what stalls.

    Source: docs/domain/root-causes.md no. 24.
    """
    return exchange.exchange == numbers.IKE_AUTH and any(
        e.sender == "initiator" and e.message_id < exchange.message_id and e.outcome == "answered"
        for e in sa.of(numbers.IKE_AUTH)
    )


def answered_meanwhile(sa: IkeSa, exchange: Exchange) -> tuple[Neighbour, ...]:
    """Other IKE SAs between the same two hosts that surely began, and were answered, while this one asked in vain."""
    since = exchange.requests[0].messages[0].time_bounds[1] - _SAME_TIME
    until = exchange.requests[-1].messages[0].time_bounds[0]
    return tuple(
        n
        for n in sa.siblings
        if n.init_answered is not None and n.asked and not n.over_tcp
        if since <= n.start_earliest <= n.init_answered <= until
    )


def is_one_of_many(sa: IkeSa, exchange: Exchange) -> bool:
    """Others from its address were answered at the same time, so that neither the way nor the gateway is down."""
    return bool(answered_meanwhile(sa, exchange)) and not is_too_big(sa, exchange)


def begun_on_4500(sa: IkeSa) -> tuple[Neighbour, ...]:
    """IKE SAs between the same two hosts that began on UDP 4500 and were answered there."""
    return tuple(
        n for n in sa.siblings if n.init_answered is not None and n.heard_on_4500 and n.responder_port == NAT_T_PORT
    )


def only_500_is_silent(sa: IkeSa, exchange: Exchange) -> bool:
    """UDP 500 was silent all the time, while the same gateway's UDP 4500 was heard.

    Source: docs/domain/root-causes.md no. 6.
    """
    first = exchange.requests[0].messages[0]
    if first.dport == NAT_T_PORT or first.over_tcp or exchange.responses or sa.side == "responder":
        return False
    heard = sa.capture.last_heard
    begun = (sa.responder, NAT_T_PORT)
    if begun not in heard or (sa.responder, first.dport) in heard:
        return False
    return heard[begun] >= exchange.times[0] or bool(begun_on_4500(sa))


def unanswered(sa: IkeSa, kinds: Sequence[int]) -> tuple[Exchange, ...]:
    """Unanswered requests of the initiator of some exchange types, of whose answer nothing at all is in the trace."""
    return tuple(
        e for e in sa.unanswered if e.exchange in kinds and e.sender == "initiator" and e.requests and not e.responses
    )
