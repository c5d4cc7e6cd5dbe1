"""An EAP login stopped in the middle.

What it means
    The first IKE_AUTH rounds were answered, so ports, fragments and the server are well; then one side fell silent. A
    server that does not answer usually waits for its RADIUS server; a client that does not go on waits for its user,
    or its next message was lost.
Seen as
    IKE_AUTH with EAP, at least one round answered, and the request of a later round repeated without answer (or, away
    from the client, in spite of one); or an EAP answer of the server after which nothing comes for ten seconds.
Not to be confused with
    UDP 4500 blocked or silent drop (NET002, NET008): those do not answer the first round either. A round in IP
    fragments or large SKF fragments may be lost for its size (FRG001, FRG009): EAP-TLS sends certificates. A slow round
    that is answered in the end is no failure.
Certain when
    From one side never more than probable; at the server's side the request is seen to arrive and no answer leaves.
References
    docs/domain/root-causes.md no. 24, docs/domain/encrypted-messages.md no. 4; RFC 7296 section 2.16.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.inferred.progress import is_repeated_after_answer
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import certainty
from analyzer.rules.shared.advice import advise
from analyzer.rules.shared.wording import eap_round, frames, octets, offsets, pieces, silence_after, times

#: Larger packets may be lost for their size on some path (IPv6's minimum MTU).
_SMALL = 1280
#: Seconds without a word of the client after which it is not going on; an answer that takes longer is slow.
_WAITED, _SLOW = 10.0, 5.0


def check(sa: IkeSa) -> Iterator[Observation]:
    """The last round, or slow ones on the way to a success."""
    authentication = sa.authentication
    rounds, last = authentication.rounds, authentication.last
    if last is None or not authentication.uses_eap or sa.orphans:
        return
    if sa.reached in ("established", "closed"):
        yield from _slow(rounds)
    elif last.outcome == "unanswered" and len(rounds) > 1 and not last.responses:
        yield from _server_silent(sa, last)
    elif last.outcome != "answered" or authentication.later:
        return
    elif is_repeated_after_answer(last):
        yield from _answers_lost(sa, last)
    elif authentication.outcome == "eap":
        yield from _client_silent(sa, last)


def _server_silent(sa: IkeSa, last: Exchange) -> Iterator[Observation]:
    request = last.request
    if request is None or request.is_ip_fragmented or sa.icmp_errors_about("initiator", last.times[0]):
        return
    if request.skf_total and request.largest_ip_packet > _SMALL:
        return
    at_server = sa.side == "responder"
    where = "reaches the server's host" if at_server else "was sent"
    yield Observation(
        title=(
            f"The EAP login stalled in {eap_round(sa)}: the "
            f"client's {octets(request.length)} request {where} {times(last.attempts)} and got no answer, after "
            f"{_rounds(len(sa.authentication.rounds) - 1)} answered. "
            + (
                "Most likely the server waits for its RADIUS server or user database."
                if at_server
                else "The server waits for its RADIUS server or user database, or this round is lost on the way."
            )
        ),
        detail=(
            f"It went in {pieces(request)}"
            + (f", sent again at {offsets(last)}" if last.attempts > 1 else "")
            + f"; {silence_after(sa, last)}. UDP 4500 is open: the earlier rounds went the same way. RADIUS over UDP "
            "loses large EAP messages where IP fragments are dropped between gateway and RADIUS server."
        ),
        frames=frames(*(e.frames for e in sa.authentication.rounds)),
        confidence=certainty.of_silence(sa, last),
        remedies=advise("eap-radius", sa, side="server"),
    )


def _answers_lost(sa: IkeSa, last: Exchange) -> Iterator[Observation]:
    """Away from the client: the answer leaves, and the client asks as if it had none."""
    response = last.response
    assert response is not None
    if len(sa.authentication.rounds) < 2 or sa.side == "initiator":
        return
    if response.is_ip_fragmented or (response.skf_total and response.largest_ip_packet > _SMALL):
        return
    again = sum(a.time > last.responses[0].time for a in last.requests)
    yield Observation(
        title=(
            f"The EAP login stalled in {eap_round(sa)}: the "
            f"server answered, and the client sent the same request {times(again)} more: the answers no longer reach "
            "it, although those of earlier rounds did."
        ),
        detail=f"The answer is {response.length:,} bytes long and went in {pieces(response)}. A trace at the client "
        "shows whether it arrives.",
        frames=frames(*(e.frames for e in sa.authentication.rounds)),
        confidence=Confidence.PROBABLE if sa.side == "responder" else Confidence.POSSIBLE,
        remedies=advise("open-udp-4500", sa),
    )


def _client_silent(sa: IkeSa, last: Exchange) -> Iterator[Observation]:
    answered = sa.authentication.answered_at
    if answered is None or (sa.capture.last - answered) / 1e9 < _WAITED:
        return
    yield Observation(
        title=(
            f"The EAP login stopped after {eap_round(sa)}: the "
            f"server answered, and nothing more comes from the client in {(sa.capture.last - answered) / 1e9:.0f} s."
        ),
        detail=(
            "The client may wait for its user (password, second factor), reject what the server said inside EAP, or "
            "have stopped."
            + (" Seen from here its next message may also have been lost." if sa.side != "initiator" else "")
        ),
        frames=frames(*(e.frames for e in sa.authentication.rounds)),
        confidence=Confidence.POSSIBLE,
        remedies=("credentials", *advise("eap-radius", sa, side="server")),
    )


def _rounds(count: int) -> str:
    """
    >>> _rounds(1), _rounds(2)
    ('one round that was', '2 rounds that were')
    """
    return "one round that was" if count == 1 else f"{count} rounds that were"


def _slow(rounds: tuple[Exchange, ...]) -> Iterator[Observation]:
    """A remark: which round of a login that went well took long."""
    for number, e in enumerate(rounds, 1):
        if not e.requests or not e.responses:
            continue
        seconds = (e.responses[0].time - e.requests[0].time) / 1e9
        if seconds >= _SLOW:
            yield Observation(
                title=f"Round {number} of the EAP login was answered after {seconds:.1f} s: slow, but it went well.",
                detail="The server waits for its RADIUS server, or that for a second factor.",
                frames=frames(e.frames),
                confidence=Confidence.STRONG,
                severity=Severity.INFORMATION,
                is_remark=True,
            )


RULE = Rule(
    code="AUT003",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.EAP,
    ceiling=Confidence.PROBABLE,
    topics=("credentials", "eap-radius", "open-udp-4500"),
)
