"""IKE_SA_INIT was answered, and the client never sent IKE_AUTH.

What it means
    The negotiation went well and the client stopped: its own host drops the answer (firewall, filter driver), it finds
    no certificate to log in with (Windows 13806), or it does not accept the answer.
Seen as
    A whole IKE_SA_INIT response that takes part in the negotiation, and within five seconds nothing of the client's
    next exchange; or at the client's side the same IKE_SA_INIT request again and again although it is answered.
Not to be confused with
    COOKIE, INVALID_KE_PAYLOAD and NO_PROPOSAL_CHOSEN, which ask for another request or refuse. A capture filter that
    hides what follows: fragments over IPv6, or all of UDP 4500. IP fragments of which the first is missing (FRG001).
    At the server's side: an answer that does not reach the client, or UDP 4500 that does not reach the server.
Certain when
    Never: it rests on an absence. Probable at the client's side, where IKE_AUTH would be seen leaving.
References
    docs/domain/root-causes.md no. 48, docs/domain/filtered-captures.md, docs/domain/windows.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.protocol import NAT_T_PORT
from analyzer.relate.inferred.progress import is_repeated_after_answer
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.silence import dropped_frames
from analyzer.rules.shared.wording import frames, times

#: Seconds within which a client goes on (docs/domain/root-causes.md no. 48).
_WAITED = 5.0
_BEGINNINGS = (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)


def check(sa: IkeSa) -> Iterator[Observation]:
    """The last IKE_SA_INIT exchange, where nothing else follows."""
    init = sa.init
    if init is None or sa.reached != "init-answered" or sa.orphans:
        return
    response = init.response
    if init.outcome != "answered" or response is None or not response.complete or not response.messages[0].takes_part:
        return
    if any(e.exchange not in _BEGINNINGS for e in sa.exchanges):
        return
    if is_repeated_after_answer(init):
        yield from _asks_on(sa, init, response)
        return
    if sa.side in ("responder", "middle"):
        # From here an IKE_AUTH that was lost before this point looks the same: nothing can be said of the client.
        return
    restarts = _restarts(sa, response)
    waited = (sa.capture.last - init.responses[-1].time) / 1e9
    if (waited < _WAITED and not restarts) or _is_hidden(sa, restarts):
        return
    yield _stopped(sa, init, restarts, waited)


def _asks_on(sa: IkeSa, init: Exchange, response: Attempt) -> Iterator[Observation]:
    """At the client's network card the answer is there, and the client asks as if it were not."""
    if sa.side in ("responder", "middle") or response.is_ip_fragmented:
        return
    again = sum(a.time > init.responses[0].time for a in init.requests)
    yield Observation(
        title=(
            "IKE_SA_INIT was answered in full, and the client sent the same request "
            f"{times(again)} more and never IKE_AUTH: its own host drops the answer, or the client does not accept it."
        ),
        detail=(
            "A client repeats a request only as long as it has no answer that it accepts (RFC 7296 section 2.1)."
            + _other_address(init, response)
            + ("" if sa.side == "initiator" else " Unless this was captured at the client, the answer may be lost.")
        ),
        frames=frames(init.frames),
        # An answer that the host dropped explains a repeat.
        confidence=Confidence.PROBABLE
        if sa.side == "initiator" and not dropped_frames(sa, init.responses)
        else Confidence.POSSIBLE,
    )


def _stopped(sa: IkeSa, init: Exchange, restarts: int, waited: float) -> Observation:
    response = init.response
    assert response is not None
    at_client = sa.side == "initiator"
    silence = f"{waited:.1f} s" if waited >= 0.05 else "the rest of the capture"
    anew = f", but started over {times(restarts)}" if restarts else ""
    doubt = (
        "Usual reasons: no certificate that fits the profile (Windows 13806), a firewall or filter driver on the "
        "client's host that drops the answer, or an answer that the client does not accept."
        if at_client
        else "Unless this was captured at the client, the client may also not have had the answer, or its IKE_AUTH is "
        f"lost on the way (UDP {NAT_T_PORT} blocked, IP fragments dropped). A trace at the client tells."
    )
    sound = not (sa.capture.lost_packets or sa.capture.damaged or sa.capture.cut or sa.capture.looks_filtered)
    return Observation(
        title=(
            "IKE_SA_INIT was answered in full, and "
            + ("the client never sent IKE_AUTH" if at_client else "no IKE_AUTH of the client is seen here")
            + f" in {silence} after it{anew}."
        ),
        detail=doubt + _other_address(init, response),
        frames=frames(init.frames),
        confidence=Confidence.PROBABLE if at_client and sound and waited >= _WAITED else Confidence.POSSIBLE,
    )


def _restarts(sa: IkeSa, response: Attempt) -> int:
    """New IKE SAs that the same client began with the same server after the answer."""
    first = sa.messages[0]
    port = first.sport if first.is_initiator else first.dport
    return sum(
        (n.initiator, n.initiator_port, n.responder) == (sa.initiator, port, sa.responder)
        and n.start > response.time
        and (n.init_answered is not None or not n.answered)
        for n in sa.neighbours
    )


def _is_hidden(sa: IkeSa, restarts: int) -> bool:
    """A capture filter may hide the client's next message (docs/domain/filtered-captures.md)."""
    facts = sa.capture
    if not facts.looks_filtered:
        return False
    if ":" in sa.initiator:
        return True
    if facts.capture_filter:
        return "port" in facts.capture_filter and str(NAT_T_PORT) not in facts.capture_filter
    # Nothing but port 500 in the whole file: so would a filter on that port leave it, unless the client tries again.
    return not restarts and not facts.heard_on_4500


def _other_address(init: Exchange, response: Attempt) -> str:
    asked, came = init.requests[0].messages[0].dst, response.messages[0].src
    return f" The answer came from {came}, not from {asked} that was asked." if asked != came else ""


RULE = Rule(
    code="AUT006",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.PROBABLE,
    remedies=("host-firewall", "client-certificate"),
)
