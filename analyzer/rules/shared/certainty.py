"""How sure an absence can make: the same yardstick for every rule that rests on silence."""

from __future__ import annotations

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.rules.model import Confidence
from analyzer.rules.shared.silence import left

#: Sendings after which silence is more than bad luck.
_ENOUGH = 3
#: Seconds of silence that make up for fewer sendings.
_LONG = 10.0


def of_silence(sa: IkeSa, exchange: Exchange) -> Confidence:
    """``probable`` when the request was repeated enough and the capture is sound, else ``possible``."""
    facts = sa.capture
    if facts.lost_packets or facts.damaged or facts.cut or sa.one_way:
        return Confidence.POSSIBLE
    # An absence counts in full only where the capture began before the IKE SA did (docs/domain/root-causes.md).
    if not any(e.requests for e in sa.of(numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)):
        return Confidence.POSSIBLE
    waited = (facts.last - exchange.requests[0].time) / 1e9
    sent = left(sa, exchange)
    enough = sent >= _ENOUGH or (sent >= 2 and waited >= _LONG)
    return Confidence.PROBABLE if enough else Confidence.POSSIBLE
