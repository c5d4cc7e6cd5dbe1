"""The IKE SA was established.

What it means
    IKE did its work. If the user still has no connection, the cause lies elsewhere (routing, DNS, the tunnel's
    traffic).
Seen as
    IKE_AUTH answered with the shape of success, ESP both ways, or later exchanges that only an established SA has.
Not to be confused with
    An answer to IKE_AUTH after which either side deletes the IKE SA within two seconds, or the client sends a notify
    of the size of an error; the first round of an EAP login; an answer without room for a Child SA (AUT005). A client
    that begins anew without having used the connection: then this cannot be told.
Certain when
    ESP comes from the responder, or rekeying and liveness checks are answered.
References
    docs/domain/root-causes.md no. 47, docs/domain/encrypted-messages.md no. 6.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.inferred.progress import REPEATS_WITHIN
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt
from analyzer.relate.seen.neighbours import MANY_ATTEMPTS
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import announcements, frames

#: Seconds within which a client that begins anew repeats the attempt; likewise from the attempt before to this one.
_ANEW, _AT_ONCE = 60.0, 10.0
#: Larger packets may be lost for their size on some path (IPv6's minimum MTU).
_SMALL = 1280


def check(sa: IkeSa) -> Iterator[Observation]:
    """How far the SA came."""
    if sa.reached not in ("established", "closed"):
        return
    if abandoned := _abandoned(sa):
        yield _in_doubt(sa, abandoned)
        return
    proof, confidence = _proof(sa)
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
        return "later exchanges are answered", Confidence.STRONG
    if sa.rekeyed:
        return "another IKE SA made it by rekeying", Confidence.PROBABLE
    shape = "the answer has the shape of success; "
    if sa.esp_i_to_r or sa.esp_r_to_i:
        # Of a session whose ESP comes back the trace may lack the answer.
        return f"{shape if sa.authentication.outcome == 'grant' else ''}{esp}", Confidence.PROBABLE
    # The first answer to an EAP login begins with IDr too, and a client can reject an answer without a word.
    ends_eap = any(a.inner_payload == numbers.AUTH for e in sa.authentication.rounds for a in e.responses)
    lived = ends_eap or sa.reached == "closed"
    return f"{shape}no ESP is in the trace", Confidence.PROBABLE if lived else Confidence.POSSIBLE


def _abandoned(sa: IkeSa) -> str:
    """Why the shape of success is no success here, as a clause; empty where nothing speaks against it.

    Some clients drop what they cannot use without a word, and dial again.
    """
    if not sa.authentication.rounds or sa.authentication.later or sa.esp_i_to_r or sa.esp_r_to_i:
        return ""
    if reason := _may_not_have_arrived(sa):
        return reason
    same_server = [n for n in sa.neighbours if n.responder == sa.responder]
    first = sa.messages[0]
    port = first.sport if first.is_initiator else first.dport
    same_client = [n for n in same_server if (n.initiator, n.initiator_port) == (sa.initiator, port)]
    earlier, later = [n for n in same_client if n.end < sa.start], [n for n in same_client if n.start > sa.end]
    # Several connections that one client makes side by side are no repeats.
    if len(same_server) > MANY_ATTEMPTS or len(earlier) + len(later) < len(same_client):
        return ""
    if later and (gap := (later[0].start - sa.end) / 1e9) <= _ANEW:
        return f"the client said nothing more on it and began anew {gap:.3f} s later"
    left = [n.end for n in earlier if n.auth_answered]
    if left and (gap := (sa.start - max(left)) / 1e9) <= _AT_ONCE:
        return f"it repeats one that was answered as well and left {gap:.3f} s before, and nothing follows it"
    return ""


def _may_not_have_arrived(sa: IkeSa) -> str:
    """At the server a large answer is only seen to leave; a client that lacks it asks again, a little later."""
    large = [
        a
        for e in sa.authentication.rounds[-1:]
        for a in e.responses
        if a.is_ip_fragmented or a.skf_total or a.largest_ip_packet > _SMALL
    ]
    if sa.side != "responder" or not large:
        return ""
    waited = (sa.capture.last - large[-1].time) / 1e9
    if waited >= REPEATS_WITHIN:
        return ""
    return (
        f"the trace, taken at the server, ends {waited:.1f} s after the answer left, before a client that lacks it "
        "would ask again"
    )


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
    return (
        f"{sizes} Whether the tunnel (Child SA) was made as well cannot be seen in an answer of that size: ESP both "
        "ways would tell."
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
