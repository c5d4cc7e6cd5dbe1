"""The login was granted, and the connection was closed again.

What it means
    Somebody ended what had been granted, mostly the user or a program on the client. Where traffic went both ways the
    connection served until then. Where none did, a refused tunnel (Child SA) and a client that cannot use the
    connection look the same from outside.
Seen as
    The shape of success, nothing refused, then a Delete of the client for the IKE SA, or one of the server long after
    the login, and nothing more on this IKE SA.
Not to be confused with
    The server's Delete soon after the login (EST001). A short Notify of the client, which rejects the server (AUT002).
    An answer without room for a Child SA, or a Delete for the Child SA alone (AUT005), CREATE_CHILD_SA refused
    (EST005). Rekeying, after which the old IKE SA is deleted.
Certain when
    ESP went both ways, or a tunnel shows otherwise (it was rekeyed). Else it is possible at most, whatever the delay
    and the product. The exit status is that of "cannot tell" where no later exchange but the Delete was answered.
References
    docs/domain/encrypted-messages.md no. 6, no. 7; RFC 7296 sections 1.4.1, 2.21.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.inferred.closing import Closing
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.advice import advise
from analyzer.rules.shared.closing import is_early, is_quiet, tells_the_end
from analyzer.rules.shared.wording import delay, frames

#: Seconds within which programs act and people do not: strongSwan gave up a refused Child SA after 0.10 to 0.25 s, and
#: people hung up after 0.3 s at the soonest.
_BY_HAND = 0.3


def check(sa: IkeSa) -> Iterator[Observation]:
    """The Delete that ended the IKE SA."""
    closing = sa.closing
    if closing is None or sa.rejection is not None or is_early(closing):
        return
    if not tells_the_end(sa):
        yield _ended(sa, closing)
    elif sa.was_used:
        yield _used(sa, closing)
    else:
        yield _unused(sa, closing)


def _unused(sa: IkeSa, closing: Closing) -> Observation:
    who = _who(closing)
    quick = closing.after < _BY_HAND
    return Observation(
        title=(
            f"The login was granted, and the {who} closed the connection {delay(closing.after)} later, before traffic "
            f"went both ways: a user or script hung up, or the {who} could not use the connection."
        ),
        detail=(
            f"{_for_program(closing) if quick else _for_person(closing)} A client that rejects the server's "
            "certificate sends a short Notify, not a Delete (strongSwan), or says nothing (Libreswan, OpenIKED). "
            f"{_tunnel(sa)} The log of the {who} at that moment says which."
            f"{_doubt(closing)}"
        ),
        frames=frames(*(e.frames for e in sa.authentication.rounds[-1:]), closing.exchange.frames),
        confidence=Confidence.POSSIBLE,
        remedies=advise("who-closed", sa, "client" if closing.by == "initiator" else "server"),
        is_open=True,
    )


def _for_person(closing: Closing) -> str:
    return (
        f"The delay of {delay(closing.after)} fits a person or a script that hangs up: a program that cannot go on "
        "mostly says so within 0.3 s."
    )


def _for_program(closing: Closing) -> str:
    return (
        f"After {delay(closing.after)} hardly a person acted: a program did, such as a script that hangs up, or a "
        "client whose tunnel (Child SA) was refused."
    )


def _tunnel(sa: IkeSa) -> str:
    deleted = sa.authentication.child_deletion
    if deleted is not None and deleted.response is not None:
        return "A tunnel (Child SA) was there: it was deleted first, and the other side answered that."
    return (
        "Whether the tunnel (Child SA) was made cannot be seen in the answer to IKE_AUTH, which is long enough for it."
    )


def _used(sa: IkeSa, closing: Closing) -> Observation:
    tunnel = "" if sa.shows_tunnel else f" {_tunnel(sa)}"
    return Observation(
        title=(
            f"The login was granted, {_proof(sa)}, and the {_who(closing)} closed it {delay(closing.after)} after the "
            "login."
        ),
        detail=f"That is how a user or a program hangs up.{tunnel}{_doubt(closing)}",
        frames=frames(*(e.frames for e in sa.authentication.rounds[-1:]), closing.exchange.frames),
        confidence=Confidence.STRONG if sa.shows_tunnel else Confidence.POSSIBLE,
    )


def _proof(sa: IkeSa) -> str:
    if sa.esp_i_to_r and sa.esp_r_to_i:
        out = f"{sa.esp_i_to_r:,} packet{'' if sa.esp_i_to_r == 1 else 's'} out"
        return f"the connection worked (ESP both ways: {out}, {sa.esp_r_to_i:,} back)"
    return "the IKE SA stood (later exchanges were answered)"


def _doubt(closing: Closing) -> str:
    return "" if closing.exchange.responses else " The Delete is not answered here: it may be for the Child SA only."


def _ended(sa: IkeSa, closing: Closing) -> Observation:
    who = _who(closing)
    return Observation(
        title=f"The {who} deleted the IKE SA {delay(closing.after)} after the login.",
        detail=f"A Delete of the {who} after a session that worked is how a connection normally ends.",
        frames=frames(closing.exchange.frames),
        confidence=Confidence.STRONG if is_quiet(sa, closing.exchange) else Confidence.POSSIBLE,
        is_remark=True,
    )


def _who(closing: Closing) -> str:
    return "client" if closing.by == "initiator" else "server"


RULE = Rule(
    code="EST004",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.STRONG,
    topics=("who-closed",),
)
