"""An IKE SA of a capture as a ladder: what was on the wire, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.relate.exchange import Attempt
from analyzer.relate.message import Message
from analyzer.relate.sa import IkeSa
from analyzer.report.ladder_model import (
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
from analyzer.report.ladder_model import Message as What
from analyzer.report.ladder_words import EXCHANGES, ICMP_NAMES
from analyzer.wire.registry import name, numbers
from analyzer.wire.tables import EspFlow

#: Steps printed; of a long session the first ones tell how it was set up.
MAX_STEPS = 40

_MILLISECOND = 1_000_000
_CLIENT, _SERVER = "C", "S"
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
    steps = [*_messages(sa, zero), *_esp(sa, zero), *_icmp(sa, zero)]
    steps.sort(key=lambda step: step.time)
    addresses = {_CLIENT: sa.initiator, _SERVER: sa.responder}
    return Ladder(
        hosts=tuple(Host(key, address) for key, address in addresses.items()),
        steps=tuple(steps[:max_steps]),
        options=Options(start=zero if zero >= 0 else None),
        sas=(Sa(1, f"{sa.spi_i:016x}", f"{sa.spi_r:016x}" if sa.spi_r else ""),),
    )


def _messages(sa: IkeSa, zero: int) -> Iterable[Step]:
    if sa.version < 2:
        for message in sa.messages:
            yield _step(sa, zero, (Attempt((message,)),), "", is_response=message.src != sa.initiator)
        return
    for exchange in sa.exchanges:
        if exchange.requests:
            outcome = _OUTCOMES.get(exchange.outcome, "")
            yield _step(sa, zero, exchange.requests, outcome, is_response=False)
        if exchange.responses:
            outcome = "response-only" if not exchange.requests else ""
            yield _step(sa, zero, exchange.responses, outcome, is_response=True)


def _step(sa: IkeSa, zero: int, attempts: Sequence[Attempt], outcome: str, *, is_response: bool) -> Step:
    """One line: all sendings of one message."""
    attempt = max(attempts, key=lambda a: (a.complete, a.length))
    first = attempt.messages[0]
    sender, receiver = (_CLIENT, _SERVER) if first.src == sa.initiator else (_SERVER, _CLIENT)
    begin = attempts[0].time
    return Step(
        time=_shown(begin - zero),
        sender=sender,
        receiver=receiver,
        sport=first.sport,
        dport=first.dport,
        what=_what(attempt, is_response=is_response),
        repeats=tuple(_shown(a.time - begin) for a in attempts[1:]),
        outcome=outcome or None,
        frames=tuple(sorted({f for a in attempts for f in a.frames})),
    )


def _shown(time: int) -> int:
    """To the millisecond: what is read is the order of events and their distance; frames give the exact time."""
    return round(time / _MILLISECOND) * _MILLISECOND


def _what(attempt: Attempt, *, is_response: bool) -> What:
    first = attempt.messages[0]
    cut = attempt.is_ip_fragmented
    missing = tuple(range(first.ip_fragments + 1, first.ip_pieces + 1))
    return What(
        exchange=_exchange(first),
        direction="response" if is_response else "request",
        length=attempt.length,
        contents=_contents(first),
        encrypted=_encrypted(attempt),
        mid=first.message_id if first.version == 2 and first.message_id > 1 else None,
        ip_fragments=IpFragments(attempt.ip_fragments, () if missing else first.ip_sizes[: first.ip_pieces])
        if cut
        else None,
        lost=missing,
        tcp=first.over_tcp,
    )


def _exchange(message: Message) -> str:
    if message.version == 1:
        return _IKEV1_NAMES.get(message.exchange, f"exchange {message.exchange}")
    known = name("exchange", message.exchange)
    return known if known in EXCHANGES else f"exchange {message.exchange}"


def _contents(message: Message) -> tuple[Payload, ...]:
    if message.version == 1:
        return ()
    found: list[Payload] = []
    notifies = iter(message.notifies)
    for kind in message.payloads:
        if kind == numbers.N:
            number = next(notifies, None)
            if number is not None:
                found.append(Payload("N", (_notify(number),)))
        elif kind in _SHOWN:
            found.append(Payload(_SHOWN[kind]))
    return tuple(found)


_SHOWN = {numbers.SA: "SA", numbers.KE: "KE", numbers.NONCE: "No", numbers.CERTREQ: "CERTREQ"}


def _notify(number: int) -> str:
    known = name("notify", number)
    return known if known.isupper() or "_" in known else f"notify {number}"


def _encrypted(attempt: Attempt) -> Encrypted | None:
    inner = attempt.inner_payload
    total = attempt.skf_total
    if inner is None and not total:
        return None
    shown = None if inner is None else _inner_name(inner)
    numbers_seen = tuple(sorted({m.skf_number for m in attempt.messages})) if total else ()
    return Encrypted(inner=shown, numbers=numbers_seen, total=total)


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


def _icmp(sa: IkeSa, zero: int) -> Iterable[Step]:
    text = sa.messages[0].address_text
    for row in sa.icmp:
        if row.error.meaning in ICMP_NAMES:
            to_client = text(row.quoted_src) == sa.initiator
            yield Step(
                time=_shown(row.time - zero),
                sender=_SERVER if to_client else _CLIENT,
                receiver=_CLIENT if to_client else _SERVER,
                what=Icmp(name=row.error.meaning, mtu=row.error.mtu),
                frames=(row.frame,),
            )


def steps_left_out(sa: IkeSa, max_steps: int = MAX_STEPS) -> int:
    """Steps that :func:`ladder_of` does not show."""
    messages = sum(bool(e.requests) + bool(e.responses) for e in sa.exchanges) if sa.version >= 2 else len(sa.messages)
    flows = sum(bool(flow.spi) for flow in sa.flows)
    reports = sum(row.error.meaning in ICMP_NAMES for row in sa.icmp)
    return max(messages + flows + reports - max_steps, 0)
