"""IKE_AUTH was answered with a short refusal.

What it means
    The responder received the whole request and said no. Why is encrypted: authentication failed, traffic selectors,
    no address to assign.
Seen as
    An IKE_AUTH response whose first inner payload is a Notify and that has room for one or two of them only.
Not to be confused with
    Lost fragments: here the answer is complete. The first answer of an EAP login begins with IDr and is longer.
Certain when
    The response is complete; its size and first inner payload are facts, the reason is not in the trace.
References
    domain.md section 9 no. 22, 1.4.2; RFC 7296 section 2.21.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.progress import is_short_refusal
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.wording import frames
from analyzer.wire.registry import numbers


def check(sa: IkeSa) -> Iterator[Observation]:
    """The last IKE_AUTH exchange."""
    auth = sa.of(numbers.IKE_AUTH)
    if not auth or not is_short_refusal(auth[-1]) or auth[-1].sender != "initiator" or sa.esp_r_to_i:
        return
    response = auth[-1].response
    assert response is not None
    yield Observation(
        title=(
            f"The server received IKE_AUTH whole and refused it with an answer of {response.length} bytes (one "
            "notify): "
            "authentication, traffic selectors or address assignment failed; fragmentation is not the cause."
        ),
        detail="The reason is encrypted: the server's log has it. AUTHENTICATION_FAILED is the usual one.",
        frames=frames(auth[-1].frames),
        confidence=Confidence.STRONG,
    )


RULE = Rule(
    code="AUT001",
    id="auth-failed",
    severity=Severity.BLOCKING,
    order=22,
    check=check,
    ceiling=Confidence.STRONG,
    remedies=("read-server-log",),
)
