"""An IKE SA of a capture as a ladder: what was on the wire, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from analyzer.ike.registry import name, numbers
from analyzer.packets.tables import EspFlow, IcmpRow
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt
from analyzer.report.ladder.model import (
    Encrypted,
    Esp,
    Host,
    Icmp,
    IpFragments,
    Ladder,
    Options,
    Payload,
    Sa,
    Step,
)
from analyzer.report.ladder.model import Message as What
from analyzer.report.ladder.words import EXCHANGES, ICMP_NAMES

if TYPE_CHECKING:
    from analyzer.ike.message import IKE
    from analyzer.ike.payloads import Notify
    from analyzer.packets.icmp import IcmpError

#: Steps printed; of a long session the first ones tell how it was set up.
MAX_STEPS = 40

_MILLISECOND = 1_000_000
_CLIENT, _SERVER, _ROUTER = "C", "S", "R"
_ORDER = {_CLIENT: 0, _SERVER: 1, _ROUTER: 2}
#: Of one ICMP error on one line.
_MOST_SENDINGS = 8
_OUTCOMES = {
    "unanswered": "unanswered",
    "superseded": "superseded",
    "open at end of capture": "open-at-end",
}
_IKEV1_NAMES = {
    numbers.V1_IDENTITY_PROTECTION: "IKEv1 Main Mode",
    numbers.V1_AGGRESSIVE: "IKEv1 Aggressive Mode",
    numbers.V1_QUICK_MODE: "IKEv1 Quick Mode",
    numbers.V1_INFORMATIONAL: "IKEv1 Informational",
    numbers.V1_TRANSACTION: "IKEv1 Transaction",
}


def ladder_of(sa: IkeSa, *, max_steps: int = MAX_STEPS) -> Ladder:
    """Draw an IKE SA as a ladder, its zero at the first message.

    Parameters
    ----------
    sa : IkeSa
        The SA.
    max_steps : int
        Steps kept, in time.
    """
    zero = sa.start
    hosts = _hosts(sa)
    planned = [*_messages(sa, hosts, zero), *((step.time, step) for step in (*_esp(sa, zero), *_icmp(sa, hosts, zero)))]
    planned.sort(key=lambda plan: plan[0])
    # Messages are read only where they are shown.
    shown = [step if isinstance(step, Step) else step() for _, step in planned[:max_steps]]
    named = {name for step in shown for name in (step.sender, step.receiver)}
    shown_hosts = {_CLIENT: sa.initiator, _SERVER: sa.responder}
    shown_hosts |= {key: address for address, key in hosts.items() if key in named}
    # The client's addresses stand on the left of an arrow; those of one letter in the order in which they appear.
    order = sorted(shown_hosts, key=lambda key: _ORDER[key[0]])
    return Ladder(
        hosts=tuple(Host(key, shown_hosts[key]) for key in order),
        steps=tuple(shown),
        options=Options(start=zero if zero >= 0 else None),
        sas=(Sa(1, f"{sa.spi_i:016x}", f"{sa.spi_r:016x}" if sa.spi_r else ""),),
    )


def _hosts(sa: IkeSa) -> dict[str, str]:
    """The name of each address: the two sides, where they moved to, and who sent ICMP errors about their packets.

    A side that goes on from another address (MOBIKE, a NAT that forgot it) is C2 or S2 there; routers are R, R2.
    """
    # Hostile packets go from an address to itself: then it is both.
    names = {sa.responder: _SERVER} | {sa.initiator: _CLIENT}
    numbers_of = Counter(names.values())
    for address, letter in _others(sa):
        if address not in names:
            numbers_of[letter] += 1
            names[address] = letter if numbers_of[letter] == 1 else f"{letter}{numbers_of[letter]}"
    return names


def _others(sa: IkeSa) -> Iterable[tuple[str, str]]:
    """Addresses, each with the letter of what is there: who talks with the server is the client, wherever it is."""
    for message in sa.messages:
        src, dst = message.src, message.dst
        outward = src == sa.initiator or dst == sa.responder
        if {src, dst}.isdisjoint((sa.initiator, sa.responder)):
            outward = message.is_initiator
        yield src, _CLIENT if outward else _SERVER
        yield dst, _SERVER if outward else _CLIENT
    for row in sa.icmp:
        yield _address(sa, row.src), _ROUTER


def _address(sa: IkeSa, index: int) -> str:
    return sa.messages[0].address_text(index)


#: When a step is, and how it is made.
Plan = tuple[int, Step | Callable[[], Step]]


def _messages(sa: IkeSa, hosts: Mapping[str, str], zero: int) -> Iterable[Plan]:
    for attempts, outcome, is_response in _sendings(sa):
        # Clocks jump: in the ladder the first sending is the earliest.
        time = _shown(min(a.time for a in attempts) - zero)
        yield time, partial(_step, hosts, time, attempts, outcome, is_response=is_response)


def _sendings(sa: IkeSa) -> Iterable[tuple[Sequence[Attempt], str, bool]]:
    """The sendings of each message, what became of it, and whether it is a response."""
    if sa.version < 2:
        for message in sa.messages:
            yield (Attempt((message,)),), "", message.src != sa.initiator
        return
    for exchange in sa.exchanges:
        if exchange.requests:
            yield exchange.requests, _OUTCOMES.get(exchange.outcome, ""), False
        if exchange.responses:
            yield exchange.responses, "response-only" if not exchange.requests else "", True


def _step(hosts: Mapping[str, str], time: int, attempts: Sequence[Attempt], outcome: str, *, is_response: bool) -> Step:
    """One line: all sendings of one message."""
    attempt = max(attempts, key=lambda a: (a.complete, a.length))
    first = attempt.messages[0]
    sender, receiver = hosts[first.src], hosts[first.dst]
    begin, *again = sorted(a.time for a in attempts)
    return Step(
        time=time,
        sender=sender,
        receiver=receiver,
        sport=first.sport,
        dport=first.dport,
        what=_what(attempt, is_response=is_response),
        repeats=tuple(_shown(time - begin) for time in again),
        outcome=outcome or None,
        frames=tuple(sorted({f for a in attempts for f in a.frames})),
    )


def _shown(time: int) -> int:
    """To the millisecond: what is read is the order of events and their distance; frames give the exact time."""
    return round(time / _MILLISECOND) * _MILLISECOND


def _what(attempt: Attempt, *, is_response: bool) -> What:
    """What was sent: its header and payloads as dpkt's classes read them, how it was cut as the tables count it."""
    first = attempt.messages[0]
    ike = first.ike
    cut = attempt.is_ip_fragmented
    missing = tuple(range(first.ip_fragments + 1, first.ip_pieces + 1))
    # Of a set of SKF messages another one may be cut more than the first.
    sizes = first.ip_sizes[: first.ip_pieces] if first.ip_pieces == attempt.ip_fragments and not missing else ()
    return What(
        exchange=_exchange(ike),
        direction="response" if is_response else "request",
        length=attempt.length if len(attempt.messages) > 1 else ike.length,
        contents=tuple(_contents(ike)),
        encrypted=_encrypted(attempt, ike),
        mid=ike.message_id if ike.major == 2 and ike.message_id > 1 else None,
        ip_fragments=IpFragments(attempt.ip_fragments, sizes) if cut else None,
        lost=missing,
        tcp=first.over_tcp,
    )


def _exchange(ike: IKE) -> str:
    if ike.major == 1:
        return _IKEV1_NAMES.get(ike.exchange, f"exchange {ike.exchange}")
    known = name("exchange", ike.exchange)
    return known if known in EXCHANGES else f"exchange {ike.exchange}"


def _contents(ike: IKE) -> Iterable[Payload]:
    from analyzer.ike.payloads import Notify

    for payload in ike.payloads if ike.major == 2 else ():
        if isinstance(payload, Notify):
            yield Payload("N", (_notify(payload),))
        elif payload.payload_type in _SHOWN:
            yield Payload(_SHOWN[payload.payload_type])


_SHOWN = {numbers.SA: "SA", numbers.KE: "KE", numbers.NONCE: "No", numbers.CERTREQ: "CERTREQ"}


def _notify(notify: Notify) -> str:
    return notify.name if notify.name.isupper() or "_" in notify.name else f"notify {notify.type}"


def _encrypted(attempt: Attempt, ike: IKE) -> Encrypted | None:
    """SK or SKF; which payload comes first inside is said by fragment 1 only (RFC 7383 section 2.5)."""
    if ike.inner_payload is None:
        return None
    fragment = ike.fragment
    if fragment is None:
        return Encrypted(inner=_inner_name(ike.inner_payload))
    begins = next((m.ike.inner_payload for m in attempt.messages if m.skf_number == 1), None)
    return Encrypted(
        inner=None if begins is None else _inner_name(begins),
        numbers=tuple(sorted({m.skf_number for m in attempt.messages})),
        total=fragment.total,
    )


def _inner_name(inner: int) -> str:
    if inner == 0:
        return ""
    known = name("payload", inner)
    return known if known.isalnum() else str(inner)


def _esp(sa: IkeSa, zero: int) -> Iterable[Step]:
    text = sa.messages[0].address_text
    for flow in sorted(sa.flows, key=lambda f: f.first):
        if flow.spi:
            outward = text(flow.src) == sa.initiator
            yield Step(
                time=_shown(flow.first - zero),
                sender=_CLIENT if outward else _SERVER,
                receiver=_SERVER if outward else _CLIENT,
                sport=flow.sport or None,
                dport=flow.dport or None,
                what=Esp(spi=flow.spi, count=flow.packets, size=flow.largest),
                frames=_span(flow),
            )


def _span(flow: EspFlow) -> tuple[int, ...]:
    return (flow.first_frame,) if flow.packets == 1 else (flow.first_frame, flow.last_frame)


def _icmp(sa: IkeSa, hosts: Mapping[str, str], zero: int) -> Iterable[Step]:
    """One line for the same error again and again, up to some length."""
    same: dict[tuple[str, bool, Icmp], list[IcmpRow]] = {}
    for row in sa.icmp:
        said = _icmp_name(row.error)
        if said:
            to_client = _address(sa, row.quoted_src) == sa.initiator
            what = Icmp(name=said, mtu=row.error.mtu)
            same.setdefault((hosts[_address(sa, row.src)], to_client, what), []).append(row)
    for (sender, to_client, what), unsorted in same.items():
        rows = sorted(unsorted, key=lambda row: row.time)
        for first in range(0, len(rows), _MOST_SENDINGS):
            some = rows[first : first + _MOST_SENDINGS]
            yield Step(
                time=_shown(some[0].time - zero),
                sender=sender,
                receiver=_CLIENT if to_client else _SERVER,
                what=what,
                repeats=tuple(_shown(row.time - some[0].time) for row in some[1:]),
                frames=tuple(sorted(row.frame for row in some)),
            )


def _icmp_name(error: IcmpError) -> str:
    """The notation's name of an error; empty where it has none. Codes: RFC 792, RFC 1812 section 5.2.7.1, RFC 4443."""
    if error.meaning == "unreachable-routing":
        hosts = (3,) if error.ip_version == 6 else (1, 7, 12)
        return "host-unreachable" if error.code in hosts else "net-unreachable"
    return error.meaning if error.meaning in ICMP_NAMES else ""


def steps_left_out(sa: IkeSa, max_steps: int = MAX_STEPS) -> int:
    """Steps that :func:`ladder_of` does not show."""
    messages = sum(bool(e.requests) + bool(e.responses) for e in sa.exchanges) if sa.version >= 2 else len(sa.messages)
    flows = sum(bool(flow.spi) for flow in sa.flows)
    reports = sum(1 for _ in _icmp(sa, _hosts(sa), sa.start))
    return max(messages + flows + reports - max_steps, 0)
