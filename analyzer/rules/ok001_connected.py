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
    domain.md section 9 no. 47, 1.4.6.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.neighbours import MANY_ATTEMPTS
from analyzer.relate.progress import ASKS_AGAIN
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.wording import announcements, frames
from analyzer.wire.registry import numbers

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
    esp = f"ESP flows ({sa.esp_i_to_r:,} packet{'' if sa.esp_i_to_r == 1 else 's'} out, {sa.esp_r_to_i:,} back)"
    both = sa.esp_i_to_r > 0 and sa.esp_r_to_i > 0
    later = sa.authentication.is_alive
    sure = both or later
    proof = (
        esp
        if both
        else "later exchanges are answered"
        if later
        else "another IKE SA made it by rekeying"
        if sa.rekeyed
        else f"the answer has the shape of success; {esp}"
        if sa.esp_i_to_r or sa.esp_r_to_i
        else "the answer has the shape of success; no ESP is in the trace"
    )
    ended = ", and was deleted later" if sa.reached == "closed" else ""
    yield Observation(
        title=(
            f"The IKEv2 connection {sa.initiator} > {sa.responder} was established{ended}: {proof}; "
            f"{announcements(sa)}."
        ),
        detail=_detail(sa, sure=sure),
        frames=frames(*(e.frames for e in sa.of(numbers.IKE_SA_INIT, numbers.IKE_AUTH))),
        confidence=_confidence(sa, sure=sure),
    )


def _abandoned(sa: IkeSa) -> str:
    """Why the shape of success is no success here, as a clause; empty where nothing speaks against it.

    Some clients drop what they cannot use without a word, and dial again.
    """
    authentication = sa.authentication
    if authentication.later or authentication.last is None or sa.esp_i_to_r or sa.esp_r_to_i:
        return ""
    if reason := _may_not_have_arrived(sa):
        return reason
    same_server = [n for n in sa.neighbours if n.responder == sa.responder]
    first = sa.messages[0]
    port = first.sport if first.is_initiator else first.dport
    same_client = [n for n in same_server if (n.initiator, n.initiator_port) == (sa.initiator, port)]
    # Several connections that one client makes side by side are no repeats.
    if len(same_server) > MANY_ATTEMPTS or any(n.start <= sa.end and n.end >= sa.start for n in same_client):
        return ""
    gaps = [(n.start - sa.end) / 1e9 for n in same_client if n.start > sa.end]
    if gaps and min(gaps) <= _ANEW:
        return f"the client said nothing more on it and began anew {min(gaps):.3f} s later"
    before = [(sa.start - n.end) / 1e9 for n in same_client if n.end < sa.start and n.auth_answered]
    if before and min(before) <= _AT_ONCE:
        return f"it repeats one that was answered as well and left {min(before):.3f} s before, and nothing follows it"
    return ""


def _may_not_have_arrived(sa: IkeSa) -> str:
    """At the server a large answer is only seen to leave; a client that lacks it asks again, a little later."""
    answered, last = sa.authentication.answered_at, sa.authentication.last
    response = last.response if last is not None else None
    if sa.side != "responder" or answered is None or response is None:
        return ""
    if not (response.is_ip_fragmented or response.skf_total or response.largest_ip_packet > _SMALL):
        return ""
    waited = (sa.capture.last - answered) / 1e9
    if not 0 <= waited < ASKS_AGAIN:
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


def _confidence(sa: IkeSa, *, sure: bool) -> Confidence:
    if sure:
        return Confidence.STRONG
    # The first answer to an EAP login begins with IDr too, and a client can reject an answer without a word.
    last = sa.of(numbers.IKE_AUTH)[-1:]
    ends_eap = any(e.response is not None and e.response.inner_payload == numbers.AUTH for e in last)
    lived = sa.esp_i_to_r > 0 or sa.esp_r_to_i > 0 or sa.reached == "closed" or sa.rekeyed
    return Confidence.PROBABLE if ends_eap or lived else Confidence.POSSIBLE


def _detail(sa: IkeSa, *, sure: bool) -> str:
    """Sizes, and what a mere shape of success leaves open."""
    sizes = _auth_detail(sa)
    if sure or sa.authentication.outcome != "grant":
        return sizes
    return (
        f"{sizes} Whether the tunnel (Child SA) was made as well cannot be seen in an answer of that size: ESP both "
        "ways would tell."
    )


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
    topics=("better-trace",),
)
