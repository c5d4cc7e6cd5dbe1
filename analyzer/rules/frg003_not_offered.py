"""The client did not offer IKE fragmentation.

What it means
    Without notify 16430 in its IKE_SA_INIT request, neither side may use RFC 7383: large messages are left to IP
    fragmentation.
Seen as
    An IKE_SA_INIT request whose payloads are all in the capture, without IKEV2_FRAGMENTATION_SUPPORTED.
Not to be confused with
    A request cut short by the capture (128-byte pktmon default): that is not assessed. The vendor ID "FRAGMENTATION"
    is an older, different mechanism.
Certain when
    The payload chain was captured to its end.
References
    docs/domain/root-causes.md no. 10, docs/domain/ike-fragmentation.md, docs/domain/products.md; RFC 7383 section 2.3.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import name, numbers
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.advice import enable_on_client
from analyzer.rules.shared.wording import frames

_FIRST = (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)


def check(sa: IkeSa) -> Iterator[Observation]:
    """The initiator's announcement."""
    if sa.fragmentation_i != "no":
        return
    requests = [m for m in sa.messages if m.exchange in _FIRST and not m.is_response]
    exchange = name("exchange", requests[0].exchange)
    yield Observation(
        title=(
            f"The client did not offer IKE fragmentation (no IKEV2_FRAGMENTATION_SUPPORTED, 16430, in its {exchange})."
        ),
        detail=(
            "The server's setting cannot be seen from this: a server announces it only to a client that offers it. "
            "Windows offers it since Windows 10 version 1803 unless the profile switches it off."
        ),
        frames=frames(*(m.frames for m in requests)),
        confidence=Confidence.STRONG,
        remedies=enable_on_client(sa),
    )


RULE = Rule(
    code="FRG003",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.STRONG,
    needs=("init-request-payloads",),
    is_verdict=False,
    topics=("enable-ike-fragmentation",),
)
