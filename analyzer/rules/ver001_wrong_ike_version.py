"""IKEv1 where IKEv2 was expected.

What it means
    The client speaks IKEv1 (L2TP/IPsec, XAUTH, an old site-to-site profile), or a peer refuses IKEv2.
Seen as
    Messages of major version 1 and none of version 2, or N(INVALID_MAJOR_VERSION) in answer to IKE_SA_INIT.
Not to be confused with
    An "Automatic" Windows profile that tried IKEv2 first: then both versions are in the trace.
Certain when
    The version octet is in every header; whether IKEv1 was wanted is not in the trace.
References
    domain.md section 9 no. 34, 2.6; RFC 7296 section 2.5.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.wording import frames
from analyzer.wire.registry import name, numbers

#: The names under which everybody knows them (domain.md 2.6).
_MODES = {numbers.V1_IDENTITY_PROTECTION: "Main Mode", numbers.V1_AGGRESSIVE: "Aggressive Mode"}


def check(sa: IkeSa) -> Iterator[Observation]:
    """The version of the SA, or a refusal of it."""
    if sa.version == 1:
        kinds = list(dict.fromkeys(_MODES.get(m.exchange) or name("exchange", m.exchange, 1) for m in sa.messages))
        yield Observation(
            title=(
                f"{sa.initiator} and {sa.responder} speak IKEv1 ({', '.join(kinds[:4])}), not IKEv2: this tool does "
                "not judge "
                "IKEv1, and remedies for IKEv2 do not apply."
            ),
            detail="L2TP/IPsec and XAUTH profiles use IKEv1. If IKEv2 was intended, set the tunnel type to IKEv2.",
            frames=frames(m.frame for m in sa.messages[:20]),
            confidence=Confidence.CANNOT_TELL,
            severity=Severity.INFORMATION,
        )
        return
    refusals = [m for m in sa.messages if numbers.INVALID_MAJOR_VERSION in m.notifies and m.is_response]
    if refusals and sa.auth is None:
        yield Observation(
            title=f"{sa.responder} refuses IKEv2 (INVALID_MAJOR_VERSION): it speaks another version of IKE only.",
            detail="A clear, unauthenticated answer to IKE_SA_INIT.",
            frames=frames(m.frame for m in refusals),
            confidence=Confidence.STRONG,
        )


RULE = Rule(
    code="VER001",
    id="wrong-ike-version",
    severity=Severity.BLOCKING,
    order=34,
    check=check,
    ceiling=Confidence.STRONG,
    versions=(1, 2),
)
