"""The IKE SA was established.

What it means
    IKE did its work. If the user still has no connection, the cause lies elsewhere (routing, DNS, the tunnel's
    traffic).
Seen as
    IKE_AUTH answered with the shape of success, ESP both ways, or later exchanges that only an established SA has.
Not to be confused with
    An answer to IKE_AUTH after which either side deletes the IKE SA within two seconds, or the client sends a notify;
    the first round of an EAP login.
Certain when
    ESP comes from the responder, or rekeying and liveness checks are answered.
References
    domain.md section 9 no. 47, 1.4.6.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.progress import shows_life
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.wording import announcements, frames
from analyzer.wire.registry import numbers


def check(sa: IkeSa) -> Iterator[Observation]:
    """How far the SA came."""
    if sa.reached not in ("established", "closed"):
        return
    esp = f"ESP flows ({sa.esp_i_to_r:,} packets out, {sa.esp_r_to_i:,} back)"
    both = sa.esp_i_to_r > 0 and sa.esp_r_to_i > 0
    later = any(shows_life(e) for e in sa.of(numbers.CREATE_CHILD_SA, numbers.INFORMATIONAL))
    sure = both or later
    proof = (
        esp
        if both
        else "later exchanges are answered"
        if later
        else "the answer has the shape of success; no ESP is in the trace"
    )
    ended = ", and was deleted later" if sa.reached == "closed" else ""
    yield Observation(
        title=(
            f"The IKEv2 connection {sa.initiator} > {sa.responder} was established{ended}: {proof}; "
            f"{announcements(sa)}."
        ),
        detail=_auth_detail(sa),
        frames=frames(*(e.frames for e in sa.of(numbers.IKE_SA_INIT, numbers.IKE_AUTH))),
        confidence=_confidence(sa, sure=bool(sure)),
    )


def _confidence(sa: IkeSa, *, sure: bool) -> Confidence:
    if sure:
        return Confidence.STRONG
    # The first answer to an EAP login begins with IDr too, and a client can reject an answer without a word.
    last = sa.of(numbers.IKE_AUTH)[-1:]
    ends_eap = any(e.response is not None and e.response.inner_payload == numbers.AUTH for e in last)
    lived = sa.esp_i_to_r > 0 or sa.esp_r_to_i > 0 or sa.reached == "closed"
    return Confidence.PROBABLE if ends_eap or lived else Confidence.POSSIBLE


def _auth_detail(sa: IkeSa) -> str:
    auth = sa.auth
    if auth is None or auth.request is None or auth.response is None:
        return "IKE_AUTH is not in the trace."
    return f"IKE_AUTH request {auth.request.length:,} bytes, response {auth.response.length:,} bytes."


RULE = Rule(
    code="OK001",
    id="connected-ok",
    severity=Severity.INFORMATION,
    order=47,
    check=check,
    ceiling=Confidence.STRONG,
)
