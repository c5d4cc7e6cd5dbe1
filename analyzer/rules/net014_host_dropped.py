"""The capturing host itself dropped an IKE packet, and recorded it.

What it means
    The packet never left this computer, or never reached its IKE service: a local firewall, antivirus, the filter
    driver of another VPN, or an adapter with a smaller MTU. The network is not to blame.
Seen as
    A drop record of the packet (pktmon event 170, in pcapng ``epb_verdict``), and no answer; or every answer dropped,
    and the client goes no further. pktmon of the adapters alone (``--comp nics``) probably records no drops by TCP/IP
    and the Windows firewall above them; a second run without it shows those.
Not to be confused with
    Packets lost by the capture itself (CAP005); a drop after which the same message went through (said as a remark).
Certain when
    Every sending was dropped: the record is the strongest evidence there is.
References
    docs/domain/root-causes.md no. 40, docs/domain/windows-traces.md; draft-ietf-opsawg-pcapng section 4.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.silence import dropped_frames, lasts
from analyzer.rules.shared.wording import exchange_name, frames

_CULPRITS = "its own firewall, antivirus, another VPN's filter driver or the adapter's MTU"


def check(sa: IkeSa) -> Iterator[Observation]:
    """Each exchange of which a packet was dropped."""
    if not sa.dropped:
        return
    for exchange in sa.exchanges:
        asked, told = dropped_frames(sa, exchange.requests), dropped_frames(sa, exchange.responses)
        if asked and not exchange.responses and exchange.outcome in ("unanswered", "open at end of capture"):
            yield _request_dropped(sa, exchange, asked)
        elif told and _lacks_its_answer(sa, exchange):
            yield _response_dropped(sa, exchange, told)
        elif asked or told:
            yield Observation(
                title=(
                    f"The capturing host dropped {'' if asked else 'an answer to '}{exchange_name(exchange)} "
                    f"(frame {(asked or told)[0]}), and the exchange went on all the same."
                ),
                detail="Recorded by the host itself.",
                frames=frames(asked, told),
                confidence=Confidence.STRONG,
                severity=Severity.INFORMATION,
                is_remark=True,
            )


def _request_dropped(sa: IkeSa, exchange: Exchange, dropped: tuple[int, ...]) -> Observation:
    count = _hit(sa, exchange.requests)
    all_of_them = count == exchange.attempts
    which = f"{count} of {exchange.attempts} times" if not all_of_them else "every time" if count > 1 else "sent once"
    others = "" if all_of_them else " The other sendings were not dropped here, and got no answer either."
    return Observation(
        title=(
            f"The capturing host itself dropped the {exchange_name(exchange)} request ({which}, frame {dropped[0]}): "
            f"{_CULPRITS} stops it, not the network."
        ),
        detail=f"The host recorded the drop, so the packet went no further.{others}",
        frames=frames(exchange.frames, dropped),
        confidence=Confidence.PROVED if all_of_them and lasts(sa, exchange) else Confidence.POSSIBLE,
        severity=Severity.BLOCKING if exchange.is_setup else Severity.DEGRADING,
    )


def _response_dropped(sa: IkeSa, exchange: Exchange, dropped: tuple[int, ...]) -> Observation:
    return Observation(
        title=(
            f"The answer to {exchange_name(exchange)} is in the trace, but the capturing host itself dropped it (frame "
            f"{dropped[0]}): {_CULPRITS} stops it, not the network."
        ),
        detail="The host recorded the drop of each answer, and the client goes no further.",
        frames=frames(exchange.frames, dropped),
        confidence=Confidence.PROVED if lasts(sa, exchange, exchange.responses[0].time) else Confidence.POSSIBLE,
        severity=Severity.BLOCKING if exchange.is_setup else Severity.DEGRADING,
    )


def _lacks_its_answer(sa: IkeSa, exchange: Exchange) -> bool:
    """Each answer was dropped, and whoever asked does nothing that it could only do with the answer."""
    if not exchange.requests or _hit(sa, exchange.responses) < len(exchange.responses):
        return False
    return sa.last_asked[exchange.sender] is exchange and not sa.esp_i_to_r


def _hit(sa: IkeSa, attempts: Sequence[Attempt]) -> int:
    return sum(bool(dropped_frames(sa, (attempt,))) for attempt in attempts)


RULE = Rule(
    code="NET014",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.DROPPED,
    remedies=("host-firewall",),
)
