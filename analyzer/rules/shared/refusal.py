"""ICMP errors that answer IKE: which exchange they are about, what came of it, and how sure that makes a rule.

The rules on port unreachable, administratively prohibited and routing differ in what they conclude, not in this.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from analyzer.packets.tables import IcmpRow
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.rules.model import Confidence, Observation, Severity
from analyzer.rules.shared.silence import dropped_frames, is_last, lasts, reports
from analyzer.rules.shared.wording import exchange_name, frames, silence_after, times


@dataclass(frozen=True, slots=True)
class Refusal:
    """ICMP errors of one meaning about one message.

    Attributes
    ----------
    exchange : Exchange
    rows : tuple of IcmpRow
        The errors, the first one first.
    about : str
        ``request`` or ``response``.
    stands : bool
        Nothing answered the request after it (or the client went on asking in spite of the answer).
    """

    exchange: Exchange
    rows: tuple[IcmpRow, ...]
    about: Literal["request", "response"]
    stands: bool


def refused(sa: IkeSa, meanings: Collection[str]) -> Iterator[Refusal]:
    """Each exchange of the initiator about which a host or router sent such an ICMP error."""
    if not sa.icmp:
        return
    for exchange in sa.exchanges:
        if exchange.sender != "initiator" or not exchange.requests:
            continue
        rows = tuple(r for r in reports(sa, exchange) if r.error.meaning in meanings)
        if not exchange.responses and exchange.outcome in ("unanswered", "open at end of capture"):
            if rows:
                yield Refusal(exchange, rows, "request", stands=not dropped_frames(sa, exchange.requests))
            continue
        answered = exchange.responses[0].time if exchange.responses else exchange.times[-1]
        earlier = tuple(r for r in rows if r.time < answered)
        if earlier:
            yield Refusal(exchange, earlier, "request", stands=False)
        back = tuple(r for r in reports(sa, exchange, about_response=True) if r.error.meaning in meanings)
        in_vain = exchange.is_setup and exchange.times[-1] > answered and is_last(sa, exchange)
        if back and in_vain:
            yield Refusal(exchange, back, "response", stands=True)


def observed(sa: IkeSa, refusal: Refusal, conclusion: str, hint: str, remedies: tuple[str, ...]) -> Observation:
    """What to say of it.

    Parameters
    ----------
    sa : IkeSa
    refusal : Refusal
    conclusion : str
        Who says what, as the beginning of a sentence about the message: ``203.0.113.7 reports that ...``.
    hint : str
        What follows from it where nothing answered later.
    remedies : tuple of str
        Where nothing answered later.
    """
    exchange, row = refusal.exchange, refusal.rows[0]
    name = exchange_name(exchange)
    evidence = frames(exchange.frames, (r.frame for r in refusal.rows))
    said = f"{conclusion} ({icmp_number(row)}, frame {row.frame})"
    if not refusal.stands:
        came = "no answer came" if not exchange.responses else "the request was answered all the same"
        return Observation(
            title=f"{said}, about {name}; {came}.",
            detail=_match(sa, refusal),
            frames=evidence,
            confidence=Confidence.STRONG,
            severity=Severity.INFORMATION,
            is_remark=True,
        )
    if refusal.about == "request":
        sent = f"The client's {name} request was sent {times(exchange.attempts)} and got no other answer"
    else:
        again = sum(t > exchange.responses[0].time for t in exchange.times)
        sent = f"It is about the server's answer; the client, who lacks it, sent its request {times(again)} more"
    return Observation(
        title=f"{said}, about the {name} {refusal.about}: {hint}",
        detail=f"{sent}; {silence_after(sa, exchange)}. {_match(sa, refusal)}",
        frames=evidence,
        confidence=_confidence(sa, refusal),
        # Once the connection stood, its loss is another matter than an attempt that fails.
        severity=None if exchange.is_setup else Severity.DEGRADING,
        remedies=remedies,
    )


def who(sa: IkeSa, refusal: Refusal) -> str:
    """Who sent it: the other end itself, or something before it."""
    source = sa.messages[0].address_text(refusal.rows[0].src)
    if source == sa.responder:
        return f"The gateway {source} itself"
    if source == sa.initiator:
        return f"The client {source} itself"
    return f"A router or firewall on the way, {source},"


def is_from_end(sa: IkeSa, refusal: Refusal) -> bool:
    """The host for which the message was meant sent it, not a router."""
    end = sa.responder if refusal.about == "request" else sa.initiator
    return sa.messages[0].address_text(refusal.rows[0].src) == end


def icmp_number(row: IcmpRow) -> str:
    """``ICMP 3/13``: type and code."""
    return f"ICMP{'v6' if row.error.ip_version == 6 else ''} {row.error.type}/{row.error.code}"


def _match(sa: IkeSa, refusal: Refusal) -> str:
    quoted = refusal.rows[0].error.quoted
    if quoted is None or quoted.dport is None:
        what = "the addresses"
        if quoted is not None and quoted.fragment_offset:
            what = "the addresses, and a later IP fragment: the first one may have passed"
    elif quoted.spi_i is not None:
        what = f"the addresses, UDP port {quoted.dport} and the initiator SPI"
    else:
        what = f"the addresses and UDP port {quoted.dport}"
    count = f" {len(refusal.rows)} such ICMP messages came." if len(refusal.rows) > 1 else ""
    return f"The ICMP message quotes {what} of the request.{count} ICMP is not authenticated: it can be forged."


def _confidence(sa: IkeSa, refusal: Refusal) -> Confidence:
    """An ICMP error that quotes the very message names the reason; what it lacks, or the trace lacks, takes from it."""
    exchange, quoted = refusal.exchange, refusal.rows[0].error.quoted
    answered = exchange.responses[0].time if refusal.about == "response" else None
    if exchange.outcome == "open at end of capture" or not lasts(sa, exchange, answered):
        return Confidence.POSSIBLE
    return Confidence.STRONG if quoted is None or quoted.dport is None else Confidence.PROVED
