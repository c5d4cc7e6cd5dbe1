"""The login went well, and the Child SA did not.

What it means
    Both sides accepted each other; then the tunnel itself could not be made: traffic selectors do not agree, no common
    ESP proposal, no address to assign, or one host cannot install the keys.
Seen as
    An IKE_AUTH answer that holds identity and AUTH but is too short for the payloads of a Child SA (SA, TSi, TSr), and
    no ESP; or a Delete for the Child SA right after the answer, the IKE SA being kept.
Not to be confused with
    A refusal (AUT001), which is a notify only. An answer with a certificate in it is long whether or not the Child SA
    was made: then this cannot be told. A Delete for the whole IKE SA, at once or right after that of its Child SA
    (EST004 by the client, EST001 by the server). A client that answers a short answer with a notify rejects the server
    (AUT002). An initiator that asks for no Child SA at first (RFC 6023) makes it at once by CREATE_CHILD_SA, which may
    be refused (EST005). A Child SA that rekeying replaces.
Certain when
    Sizes show that there is no room for it. Which of the reasons it was is encrypted.
References
    docs/domain/root-causes.md no. 26, docs/domain/encrypted-messages.md no. 2; RFC 7296 sections 1.2, 1.4.1, 2.21.2,
    3.3, 3.13.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.inferred.authentication import AT_ONCE
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames

#: Seconds: an initiator that asked for no Child SA in IKE_AUTH makes one without delay.
_WAITED = 2.0


def check(sa: IkeSa) -> Iterator[Observation]:
    """The last IKE_AUTH answer, and what became of the Child SA."""
    authentication = sa.authentication
    last, answered = authentication.last, authentication.answered_at
    if last is None or answered is None or sa.esp_i_to_r or sa.esp_r_to_i or _made_later(sa):
        return
    # A client that rejects the server (AUT002), and a tunnel that was refused later on (EST005).
    if sa.rejection is not None or sa.refused_children:
        return
    if authentication.outcome == "without-child":
        yield _no_room(sa, last, answered)
    elif authentication.outcome == "grant":
        deleted = authentication.child_deletion
        if deleted is not None and deleted.requests[0].time - answered <= AT_ONCE and not _ends_with_it(sa, deleted):
            yield _taken_down(sa, last, deleted)


def _ends_with_it(sa: IkeSa, deleted: Exchange) -> bool:
    """The IKE SA is deleted right after its Child SA: some products hang up in two steps."""
    deletion = sa.authentication.deletion
    return deletion is not None and deletion.requests[0].time - deleted.requests[0].time <= AT_ONCE


def _made_later(sa: IkeSa) -> bool:
    """A CREATE_CHILD_SA whose answer is no mere notify."""
    return any(
        e.outcome == "answered" and (e.response is None or e.response.inner_payload != numbers.N)
        for e in sa.of(numbers.CREATE_CHILD_SA)
    )


def _no_room(sa: IkeSa, last: Exchange, answered: int) -> Observation:
    authentication = sa.authentication
    assert last.response is not None
    suite = authentication.cipher_suite.name if authentication.cipher_suite is not None else "this suite"
    ended = authentication.deletion
    end = ""
    if ended is not None:
        who = "client" if ended.sender == "initiator" else "server"
        end = f" The {who} deleted the IKE SA {(ended.requests[0].time - answered) / 1e9:.1f} s later."
    waited = (sa.capture.last - answered) / 1e9
    return Observation(
        title=(
            f"The login went well, but the tunnel (Child SA) was not made: the {last.response.length}-byte IKE_AUTH "
            "answer has room for the server's identity and proof and for an error, not for a tunnel's parameters, and "
            "no ESP follows."
        ),
        detail=(
            f"Inferred from the size under {suite}; the error is encrypted, the server's log has it: traffic selectors "
            "(TS_UNACCEPTABLE), ESP proposal (NO_PROPOSAL_CHOSEN), no free address (INTERNAL_ADDRESS_FAILURE)."
            f"{end or ' The IKE SA itself stands.'}"
        ),
        frames=frames(last.frames, ended.frames if ended is not None else ()),
        confidence=Confidence.STRONG if waited >= _WAITED or ended is not None else Confidence.PROBABLE,
        severity=None if ended is not None else Severity.DEGRADING,
    )


def _taken_down(sa: IkeSa, last: Exchange, deleted: Exchange) -> Observation:
    who = "client" if deleted.sender == "initiator" else "server"
    answered = sa.authentication.answered_at or 0
    after = (deleted.requests[0].time - answered) / 1e6
    return Observation(
        title=(
            f"The login went well, but the {who} took the tunnel (Child SA) down {after:,.0f} ms after the IKE_AUTH "
            "answer and kept the IKE SA: the connection stands and carries no traffic."
        ),
        detail=(
            "A Delete that is answered with a Delete, or after which the IKE SA is used on, is for a Child SA. The "
            f"{who}'s log has the reason: it could not install the keys, or does not accept the traffic selectors or "
            "the address. Somebody who takes the tunnel down by hand looks the same."
        ),
        frames=frames(last.frames, deleted.frames),
        confidence=Confidence.POSSIBLE,
        severity=Severity.DEGRADING,
    )


RULE = Rule(
    code="AUT005",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.AUTH_ANSWER,
    ceiling=Confidence.STRONG,
    remedies=("child-sa", "read-server-log"),
)
