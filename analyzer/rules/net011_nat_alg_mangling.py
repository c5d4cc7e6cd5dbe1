"""A NAT gives answers to the wrong client.

What it means
    A router keeps source port 500 for each client behind it ("IPsec passthrough", "IPsec ALG") and cannot tell their
    answers from one another: one client gets what another asked for, and its own answers go elsewhere.
Seen as
    IKE_SA_INIT answers of the same gateway with an initiator SPI that their receiver never used, while its own request
    stays unanswered; or answers to this request that went to another client of that gateway.
Not to be confused with
    Answers to a request from before the trace (they come at its very beginning); a trace that holds a request under two
    addresses, before and behind a NAT; a trace of one direction. A false NAT_DETECTION hash alone is no sign of it:
    forced UDP encapsulation makes one on purpose.
Certain when
    Never from one place. Strong when the trace had run for a while before, or shows who asked.
References
    docs/domain/root-causes.md no. 32, docs/domain/nat.md; RFC 7296 section 2.23.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.misdelivered_answers import MisdeliveredAnswer
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames, times

#: An answer this long after the trace began, ns, is to a request that would be in it.
_RUNNING = 5_000_000_000


def check(sa: IkeSa) -> Iterator[Observation]:
    """Answers that went astray, of this SA and to its initiator."""
    if sa.capture.misdelivered_answers and not sa.one_way:
        yield from _answers_of_others(sa)
        yield from _own_answers_elsewhere(sa)


def _answers_of_others(sa: IkeSa) -> Iterator[Observation]:
    for exchange in sa.unanswered:
        if exchange.exchange != numbers.IKE_SA_INIT or exchange.sender != "initiator" or exchange.responses:
            continue
        since = exchange.requests[0].time
        foreign = [
            s
            for s in sa.capture.misdelivered_answers
            if s.src == sa.responder and s.dst == sa.initiator and s.time >= since
        ]
        if not foreign:
            continue
        known = any(s.asked_by for s in foreign)
        running = any(s.time - sa.capture.first >= _RUNNING for s in foreign)
        first = foreign[0]
        whose = f"{first.asked_by[0]} asked for" if first.asked_by else "no host in this trace asked for"
        yield Observation(
            title=(
                f"{sa.initiator} sent IKE_SA_INIT {times(exchange.attempts)} without an answer, but got from "
                f"{sa.responder} an answer that {whose} (initiator SPI {first.spi_i:016x}): a NAT on the way gives "
                "answers to the wrong client."
            ),
            detail="Routers with IPsec passthrough or an IPsec ALG do so when two clients behind them use port 500.",
            frames=frames(exchange.frames, (s.frame for s in foreign)),
            confidence=_confidence(sa, sure=known or running),
        )


def _own_answers_elsewhere(sa: IkeSa) -> Iterator[Observation]:
    astray = [s for s in sa.capture.misdelivered_answers if s.spi_i == sa.spi_i and sa.initiator in s.asked_by]
    if not astray or _got_its_own(sa, astray):
        return
    first = astray[0]
    yield Observation(
        title=(
            f"The answer of {sa.responder} to {sa.initiator} (initiator SPI {sa.spi_i:016x}) went to {first.dst} "
            "instead: a NAT on the way gives answers to the wrong client."
        ),
        detail=(
            f"{first.dst} {'is another client of that gateway' if first.asks_itself else 'never asked for it'}. "
            "Routers with IPsec passthrough or an IPsec ALG do so when two clients behind them use port 500."
        ),
        frames=frames((m.frame for m in sa.messages), (s.frame for s in astray)),
        confidence=_confidence(sa, sure=first.asks_itself),
    )


def _got_its_own(sa: IkeSa, astray: list[MisdeliveredAnswer]) -> bool:
    elsewhere = {s.frame for s in astray}
    return any(m.is_response and m.dst == sa.initiator and m.frame not in elsewhere for m in sa.messages)


def _confidence(sa: IkeSa, *, sure: bool) -> Confidence:
    facts = sa.capture
    sound = not (facts.lost_packets or facts.damaged)
    return Confidence.STRONG if sure and sound else Confidence.POSSIBLE


RULE = Rule(
    code="NET011",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.STRONG,
    remedies=("disable-alg",),
)
