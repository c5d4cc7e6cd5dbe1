"""On port 4500 ESP gets through and IKE does not.

What it means
    A device on the way looks into UDP 4500: it lets the tunnel's packets pass and drops IKE, which begins with four
    zero bytes (the non-ESP marker).
Seen as
    A small IKE request on 4500, repeated and unanswered, while ESP in UDP keeps arriving from the host that is asked,
    and never any IKE.
Not to be confused with
    A blocked port (NET002): then nothing comes from 4500. IKE that came from there before: what let it pass does not
    drop it now; then the host does not answer (EST003), or only larger messages are lost (RTX001 says so). An IKE
    daemon that drops the request or hangs while its kernel goes on with ESP: a trace of one side cannot tell it from
    this. Large requests: they are lost for size.
Certain when
    Never from one side. Probable when the request is small and repeated and ESP comes after that.
References
    docs/domain/root-causes.md no. 33; RFC 3948 section 2.2; RFC 7296 section 2.23.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.inferred.mtu.path_mtu import TOO_BIG
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import certainty
from analyzer.rules.shared.wording import exchange_name, frames, octets, pieces, times

#: Above this a packet may be lost for its size (IPv6's minimum MTU).
_SMALL = 1280


def check(sa: IkeSa) -> Iterator[Observation]:
    """Unanswered requests behind the non-ESP marker."""
    for exchange in sa.unanswered:
        request = exchange.request
        if request is None or exchange.responses or not _is_small_and_marked(exchange):
            continue
        # A Delete is left unanswered by whoever has dropped the IKE SA already.
        if request.inner_payload == numbers.D or sa.orphans:
            continue
        asker, asked = request.messages[0].address_numbers
        facts = sa.capture
        esp = facts.esp_from_4500.get((asked, asker))
        again = exchange.times[min(1, exchange.attempts - 1)]
        if esp is None or esp <= again or (asked, asker) in facts.ike_from_4500:
            continue
        if any(i.error.meaning in TOO_BIG for i in sa.icmp_errors_about(exchange.sender, exchange.times[0])):
            continue
        first = request.messages[0]
        yield Observation(
            title=(
                f"The {octets(request.length)} {exchange_name(exchange)} request on UDP 4500 ({pieces(request)}) was "
                f"sent {times(exchange.attempts)} and got no answer, while ESP comes from {first.dst} port 4500: "
                "most likely a device on the way lets ESP pass and drops IKE."
            ),
            detail=(
                f"The last ESP came {(esp - exchange.times[0]) / 1e9:.1f} s after the request was first sent. An IKE "
                f"daemon on {first.dst} that does not answer while its kernel goes on with the tunnel looks the same."
            ),
            frames=frames(exchange.frames),
            confidence=certainty.of_silence(sa, exchange),
        )


def _is_small_and_marked(exchange: Exchange) -> bool:
    return all(
        m.nat_t and not m.over_tcp and not m.is_ip_fragmented and m.largest_ip_packet <= _SMALL
        for attempt in exchange.requests
        for m in attempt.messages
    )


RULE = Rule(
    code="NET012",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.PROBABLE,
    remedies=("middlebox-policy",),
)
