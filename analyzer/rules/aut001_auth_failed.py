"""IKE_AUTH was answered with a short refusal.

What it means
    The responder received the whole request and said no. Why is encrypted: authentication failed, traffic selectors,
    no address to assign.
Seen as
    An IKE_AUTH response whose first inner payload is a Notify and that has room for one or two of them only: the
    cipher suite, in the clear in IKE_SA_INIT, says how long such a message is.
Not to be confused with
    Lost fragments: here the answer is complete. A refusal in the middle of an EAP login (AUT004). The first answer of
    an EAP login begins with IDr and is longer. A Child SA that fails inside an accepted login (AUT005): the answer
    then holds IDr and AUTH as well.
Certain when
    The response is complete; its size and first inner payload are facts, the reason is not in the trace.
References
    docs/domain/root-causes.md no. 22, docs/domain/encrypted-messages.md no. 2; RFC 7296 section 2.21.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames

#: A request without a certificate is smaller (docs/domain/encrypted-messages.md no. 3).
_WITH_CERTIFICATE = 900


def check(sa: IkeSa) -> Iterator[Observation]:
    """The last IKE_AUTH exchange."""
    authentication = sa.authentication
    last = authentication.last
    if last is None or authentication.outcome != "refusal" or sa.esp_r_to_i or authentication.is_alive:
        return
    request, response = last.request, last.response
    assert response is not None
    if request is not None and request.inner_payload == numbers.EAP:
        return
    suite = f" under {authentication.cipher_suite.name}" if authentication.cipher_suite is not None else ""
    yield Observation(
        title=(
            f"The server received IKE_AUTH whole and refused it with an answer of {response.length} bytes, a short "
            "notify: most likely authentication failed (certificate, pre-shared key or identity); fragmentation is "
            "not the cause."
        ),
        detail=(
            f"The reason is encrypted, the server's log has it. A message of {response.length} bytes{suite} that "
            "begins with a notify holds one or two of them and nothing else. AUTHENTICATION_FAILED is the usual one; "
            "errors about traffic selectors or address assignment have the same size."
            + (" The EAP login before it had succeeded." if authentication.uses_eap else "")
        ),
        frames=frames(last.frames),
        confidence=Confidence.STRONG,
        remedies=_remedies(request.length if request is not None else 0),
    )


def _remedies(request: int) -> tuple[str, ...]:
    """What to look at: a request that is too small for a certificate was a login by key or password."""
    return ("credentials", "client-certificate") if request >= _WITH_CERTIFICATE else ("credentials",)


RULE = Rule(
    code="AUT001",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.AUTH_ANSWER,
    ceiling=Confidence.STRONG,
    remedies=("read-server-log",),
    topics=("client-certificate", "credentials"),
)
