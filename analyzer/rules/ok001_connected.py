"""The IKE SA was established.

What it means
    IKE did its work. If the user still has no connection, the cause lies elsewhere (routing, DNS, the tunnel's
    traffic).
Seen as
    IKE_AUTH answered with the shape of success, ESP both ways, or later exchanges that only an established SA has.
Not to be confused with
    An answer to IKE_AUTH after which somebody deletes the IKE SA before it was used (EST001, EST004), or the client
    sends a notify of the size of an error (AUT002); the first round of an EAP login; an answer without room for a Child
    SA (AUT005). A client that begins anew without having used the connection (AUT002). A client that rejects the server
    without a word (Libreswan, OpenIKED) looks like one whose tunnel nobody uses: this is possible at most there.
Certain when
    ESP goes both ways, or rekeying is answered, and no later trouble is in plain sight: a rekeying that was refused, a
    liveness check that was answered after many seconds, no tunnel. Liveness checks alone show the IKE SA, not the
    tunnel.
References
    docs/domain/root-causes.md no. 47, docs/domain/encrypted-messages.md no. 6.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.abandoned import begun_anew, may_not_have_arrived, repeats_another
from analyzer.rules.shared.closing import tells_the_end
from analyzer.rules.shared.wording import announcements, frames

#: Seconds after which a liveness check is answered late: nobody was there in between.
_LATE = 5.0


def check(sa: IkeSa) -> Iterator[Observation]:
    """How far the SA came."""
    if sa.reached not in ("established", "closed") or begun_anew(sa) or tells_the_end(sa):
        return
    if doubt := may_not_have_arrived(sa) or repeats_another(sa):
        yield _in_doubt(sa, doubt)
        return
    proof, confidence = _proof(sa)
    if trouble := _trouble(sa):
        proof, confidence = f"{proof}, but {trouble}", max(confidence, Confidence.PROBABLE, key=lambda c: c.rank)
    ended = ", and was deleted later" if sa.reached == "closed" else ""
    yield Observation(
        title=(
            f"The IKEv2 connection {sa.initiator} > {sa.responder} was established{ended}: {proof}; "
            f"{announcements(sa)}."
        ),
        detail=_detail(sa, confidence),
        frames=frames(*(e.frames for e in sa.of(numbers.IKE_SA_INIT, numbers.IKE_AUTH))),
        confidence=confidence,
    )


def _proof(sa: IkeSa) -> tuple[str, Confidence]:
    """What shows it best, as a clause, and how sure that is."""
    esp = f"ESP flows ({sa.esp_i_to_r:,} packet{'' if sa.esp_i_to_r == 1 else 's'} out, {sa.esp_r_to_i:,} back)"
    if sa.esp_i_to_r and sa.esp_r_to_i:
        return esp, Confidence.STRONG
    if sa.authentication.is_alive:
        return "later exchanges are answered", _of_life(sa)
    if sa.rekeyed:
        return "another IKE SA made it by rekeying", Confidence.PROBABLE
    shape = "the answer has the shape of success; "
    if sa.esp_i_to_r or sa.esp_r_to_i:
        # Of a session whose ESP comes back the trace may lack the answer.
        return f"{shape if sa.authentication.outcome == 'grant' else ''}{esp}", Confidence.PROBABLE
    # The first answer to an EAP login begins with IDr too, and a client can reject an answer without a word.
    ends_eap = any(a.inner_payload == numbers.AUTH for e in sa.authentication.rounds for a in e.responses)
    # A Delete without ESP before it tells nothing of how well it went (EST004).
    lived = ends_eap and sa.reached == "established"
    return f"{shape}no ESP is in the trace", Confidence.PROBABLE if lived else Confidence.POSSIBLE


def _of_life(sa: IkeSa) -> Confidence:
    """The IKE SA stands; that its login made a tunnel is another matter."""
    if sa.shows_tunnel or sa.authentication.outcome != "grant":
        return Confidence.STRONG
    return Confidence.PROBABLE if sa.reached == "established" else Confidence.POSSIBLE


def _trouble(sa: IkeSa) -> str:
    """What came later and is no sign of health, as a clause; empty where nothing is."""
    if sa.refused_children:
        return "a later CREATE_CHILD_SA was refused"
    if sa.authentication.outcome == "without-child" and not (sa.esp_i_to_r or sa.esp_r_to_i or sa.shows_tunnel):
        return "without a tunnel (Child SA)"
    checks = [e for e in sa.authentication.later if sa.authentication.is_check(e) and e.outcome == "answered"]
    late = max([(e.responses[0].time - e.times[0]) / 1e9 for e in checks if e.responses], default=0.0)
    if late >= _LATE:
        return f"a liveness check was answered only after {late:.1f} s"
    again = max([e.span for e in checks], default=0.0)
    return f"a liveness check was sent again for {again:.1f} s, although it was answered" if again >= _LATE else ""


def _in_doubt(sa: IkeSa, abandoned: str) -> Observation:
    return Observation(
        title=f"IKE_AUTH was answered in the shape of success, but {abandoned}: whether it served cannot be told.",
        detail=(
            f"{_auth_detail(sa)} A client that cannot use the connection (certificate, address, tunnel) may drop it "
            "without a word; its own log says so."
        ),
        frames=frames(*(e.frames for e in sa.of(numbers.IKE_SA_INIT, numbers.IKE_AUTH))),
        confidence=Confidence.CANNOT_TELL,
        remedies=("better-trace",),
        is_remark=True,
    )


def _detail(sa: IkeSa, confidence: Confidence) -> str:
    """Sizes, and what a mere shape of success leaves open."""
    sizes = _auth_detail(sa)
    if confidence is Confidence.STRONG or sa.authentication.outcome != "grant":
        return sizes
    silent = (
        " A client that does not accept the server's certificate or the tunnel may say nothing at all (Libreswan, "
        "OpenIKED): its own log tells."
        if confidence is Confidence.POSSIBLE and not any(e.sender == "initiator" for e in sa.authentication.later)
        else ""
    )
    return (
        f"{sizes} Whether the tunnel (Child SA) was made as well cannot be seen in an answer of that size: ESP both "
        f"ways would tell.{silent}"
    )


def _auth_detail(sa: IkeSa) -> str:
    auth = sa.auth
    if auth is None:
        return "IKE_AUTH is not in the trace."
    return f"IKE_AUTH request {_size(auth.request)}, response {_size(auth.response)}."


def _size(attempt: Attempt | None) -> str:
    return "not in the trace" if attempt is None else f"{attempt.length:,} bytes"


RULE = Rule(
    code="OK001",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.STRONG,
    topics=("better-trace",),
)
