"""UDP stays silent, and the client tries TCP.

What it means
    The network blocks UDP, and the client falls back to IKE over TCP (or to SSTP on port 443). Where that works, only
    speed suffers; where it is refused too, this network lets no VPN out.
Seen as
    An unanswered IKE_SA_INIT or IKE_AUTH over UDP, then TCP to port 4500 or 443 of the same gateway.
Not to be confused with
    A visit to the gateway's web page on 443; a TCP connection that was open before.
Certain when
    IKE itself is seen in TCP. A connection on 443 without it may be anything in TLS.
References
    docs/domain/root-causes.md no. 39; RFC 9329 sections 2, 5.1, 6.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from analyzer.packets.tables import HandshakeRow
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import SETUP_EXCHANGES, Exchange
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import silence
from analyzer.rules.shared.wording import exchange_name, frames, times

#: A fallback follows the last UDP request at the latest so much later, ns.
_SOON = 120_000_000_000
#: Unanswered connection attempts after which silence is more than bad luck.
_ENOUGH = 3


def check(sa: IkeSa) -> Iterator[Observation]:
    """The first unanswered request over UDP."""
    stuck = [e for e in silence.unanswered(sa, tuple(SETUP_EXCHANGES)) if not e.requests[0].messages[0].over_tcp]
    if not stuck:
        return
    exchange = stuck[0]
    silent = (
        f"{exchange_name(exchange)} over UDP port {exchange.requests[0].messages[0].dport} was sent "
        f"{times(exchange.attempts)} without an answer"
    )
    begun = [n for n in sa.siblings if n.over_tcp and exchange.times[0] <= n.start <= exchange.times[-1] + _SOON]
    answered = [n for n in begun if n.answered]
    if answered:
        yield _remark(
            f"{silent}; the client then went on with IKE over TCP port {answered[0].responder_port}, which is "
            "answered: UDP does not pass here.",
            "IKE and ESP in TCP are slower than in UDP; another network, or UDP opened here, helps.",
            frames(exchange.frames, (n.first_frame for n in answered)),
            Confidence.STRONG,
        )
        return
    rows = _tries(sa, exchange)
    if rows:
        yield _handshakes(silent, exchange, rows)


def _tries(sa: IkeSa, exchange: Exchange) -> list[HandshakeRow]:
    rows = sa.capture.tcp_tries.get((sa.initiator, sa.responder), ())
    since, until = exchange.times[0], exchange.times[-1] + _SOON
    # Of a client that goes on for hours only the tries at this time are looked at.
    begin, end = bisect_left(rows, since, key=_time), bisect_right(rows, until, key=_time)
    opened = {r.sport for r in rows[begin:end] if not (r.is_answer or r.is_reset)}
    later = rows[begin:] if opened else ()
    return [r for r in later if (r.dport if r.is_answer or r.is_reset else r.sport) in opened]


def _time(row: HandshakeRow) -> int:
    return row.time


def _handshakes(silent: str, exchange: Exchange, rows: Sequence[HandshakeRow]) -> Observation:
    asked = [r for r in rows if not (r.is_answer or r.is_reset)]
    port = asked[0].dport
    evidence = frames(exchange.frames, (r.frame for r in rows))
    if any(r.is_answer for r in rows):
        unseen = "what it carries is not seen (IKE over TCP, SSTP, a web page)"
        what = "no IKE is seen in it" if port == 4500 else unseen
        return _remark(
            f"{silent}; the client then opened TCP port {port} of the gateway, which accepts: UDP does not pass here, "
            "TCP does.",
            f"Of the TCP connection {what}.",
            evidence,
            Confidence.POSSIBLE,
        )
    refused = any(r.is_reset for r in rows)
    enough = len(asked) >= _ENOUGH
    return Observation(
        title=(
            f"{silent}; the client then tried TCP port {port} of the gateway, {times(len(asked))}, and "
            f"{'was refused' if refused else 'got no answer'}: neither UDP nor TCP leads to the VPN from here."
        ),
        detail="The gateway may not offer IKE over TCP or SSTP at all.",
        frames=evidence,
        confidence=Confidence.STRONG if refused else Confidence.PROBABLE if enough else Confidence.POSSIBLE,
        remedies=("tcp-encapsulation",),
    )


def _remark(title: str, detail: str, evidence: tuple[int, ...], confidence: Confidence) -> Observation:
    return Observation(
        title=title,
        detail=detail,
        frames=evidence,
        confidence=confidence,
        severity=Severity.INFORMATION,
        remedies=("tcp-encapsulation",),
        is_remark=True,
    )


RULE = Rule(
    code="NET013",
    severity=Severity.DEGRADING,
    check=check,
    ceiling=Confidence.STRONG,
    topics=("tcp-encapsulation",),
)
