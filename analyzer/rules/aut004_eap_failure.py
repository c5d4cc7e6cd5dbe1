"""The EAP login failed.

What it means
    Server and client talked through IKE_AUTH rounds, and the login itself was refused: wrong password, a certificate
    that the policy server does not accept, or a policy that says no. Windows shows 812, 691 or 853.
Seen as
    Rounds of EAP, then an answer with room for EAP Success or Failure only, after which the client does not go on (it
    would after Success); or a mere notify in answer to an EAP message; or the client ends the login with a Notify or
    Delete in the middle of EAP.
Not to be confused with
    EAP Success, which looks the same and which the client follows up at once with AUTH. Silence in the middle
    (AUT003). A refusal after the client's AUTH (AUT001): then EAP had succeeded.
Certain when
    An act ends the login: the server's refusal, or the client's notify. What was said inside is encrypted.
References
    docs/domain/root-causes.md no. 25, docs/domain/encrypted-messages.md no. 2, no. 4, docs/domain/windows.md; RFC 7296
    section 2.16; RFC 3748 section 4.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.advice import advise
from analyzer.rules.shared.wording import eap_round, frames

#: Seconds: a client follows up EAP Success at once.
_AT_ONCE, _LONG = 1.0, 5.0


def check(sa: IkeSa) -> Iterator[Observation]:
    """How the last round ended, and what came after it."""
    authentication = sa.authentication
    last = authentication.last
    if last is None or not authentication.uses_eap or sa.reached != "auth-answered" or last.response is None:
        return
    outcome = authentication.outcome
    asked = last.request.inner_payload if last.request is not None else None
    ended = _ended_by(sa)
    if outcome == "refusal" and asked == numbers.EAP:
        how = f"the server answered an EAP message with {last.response.length} bytes, a short notify"
        yield _failed(sa, last, how, Confidence.STRONG)
    elif outcome in ("eap", "eap-result") and ended is not None:
        who = "client" if ended.sender == "initiator" else "server"
        act = "a Delete" if ended.requests[0].inner_payload == numbers.D else "a notify"
        how = f"the {who} ended it with {act} right after the server's EAP answer of {last.response.length:,} bytes"
        yield _failed(sa, last, how, Confidence.STRONG, ended.frames)
    elif outcome == "eap-result" and not authentication.later:
        answered = authentication.answered_at or 0
        waited = (sa.capture.last - answered) / 1e9
        if waited < _AT_ONCE:
            return
        how = (
            f"the last answer is EAP with room for Success or Failure only ({last.response.length} bytes), and the "
            f"client did not go on in {waited:.1f} s, as it would after Success"
        )
        sure = waited >= _LONG and sa.side == "initiator" and not sa.capture.lost_packets
        yield _failed(sa, last, how, Confidence.STRONG if sure else Confidence.PROBABLE)


def _ended_by(sa: IkeSa) -> Exchange | None:
    """What ends a login that is not over: before AUTH there is no other use for INFORMATIONAL."""
    found = [e for e in sa.authentication.later if e.exchange == numbers.INFORMATIONAL and e.requests]
    return next((e for e in found if e.requests[0].inner_payload in (numbers.N, numbers.D)), None)


def _failed(sa: IkeSa, last: Exchange, how: str, confidence: Confidence, others: tuple[int, ...] = ()) -> Observation:
    rounds = sa.authentication.rounds
    return Observation(
        title=(
            f"The EAP login failed in {eap_round(sa)}: {how}. Wrong password or "
            "certificate, or the policy server says no; fragmentation is not the cause."
        ),
        detail=(
            "Which of the two sides said no, and why, is encrypted: the logs of the RADIUS server (NPS) and of the "
            "client have it. A client ends the login itself where it rejects the server's certificate inside EAP."
        ),
        frames=frames(*(e.frames for e in rounds), others),
        confidence=confidence,
        remedies=("credentials", *advise("eap-radius", sa, side="server")),
    )


RULE = Rule(
    code="AUT004",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.EAP,
    ceiling=Confidence.STRONG,
    topics=("credentials", "eap-radius"),
)
