"""The connection was established and then deleted.

What it means
    The server ended a connection that it had granted. Within seconds it is a refusal after the login: conditional
    access, a licence limit, a duplicate session. Long after it is mostly a normal hang-up.
Seen as
    The shape of success, then an INFORMATIONAL request of the server that begins with a Delete, and nothing more on
    this IKE SA. Who sent it is in the clear.
Not to be confused with
    Rekeying: the old IKE SA is deleted right after CREATE_CHILD_SA made its successor. A Delete for a Child SA, which
    is answered with one, or after which the IKE SA is used on. A session that its own successor replaces. The end that
    the client wants, or the server after minutes (EST004). A client that rejects the server (AUT002).
Certain when
    The Delete and its sender are facts; that the connection stood before is one where ESP went both ways. Without ESP a
    refused tunnel (Child SA) and an administrator at work look the same.
References
    docs/domain/root-causes.md no. 27, docs/domain/encrypted-messages.md no. 6; RFC 7296 sections 1.4.1, 2.4, 2.8.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.inferred.closing import Closing
from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.closing import is_early, is_quiet
from analyzer.rules.shared.wording import delay, frames

#: Seconds after the login: a server that deletes so soon never let the user work.
_AT_ONCE = 10.0


def check(sa: IkeSa) -> Iterator[Observation]:
    """The server's Delete, soon after the login."""
    closing = sa.closing
    # What the client rejected was its decision, whoever sends a Delete after that.
    if closing is not None and sa.rejection is None and is_early(closing):
        yield _by_server(sa, closing)


def _by_server(sa: IkeSa, closing: Closing) -> Observation:
    worked = sa.esp_i_to_r > 0 and sa.esp_r_to_i > 0
    traffic = "ESP had gone both ways" if worked else "no ESP had gone both ways"
    stood = "connection was established" if worked else "login was granted and the IKE SA made"
    deletion = closing.exchange
    unclear = "" if worked else " A tunnel (Child SA) that one side cannot use ends like this, too."
    return Observation(
        title=(
            f"The {stood}, and the server deleted it {delay(closing.after)} later ({traffic}): the login was accepted "
            "and then the session was ended by the server."
        ),
        detail=(
            "Usual reasons: conditional access or posture check, licence or session limit, a second session of the "
            "same user, no address left, an administrator. The server's log has it; in the trace it is encrypted."
            + unclear
            + (
                ""
                if deletion.responses
                else " The Delete is not answered here, so it may have been for the Child SA only."
            )
        ),
        frames=frames(*(e.frames for e in sa.authentication.rounds[-1:]), deletion.frames),
        confidence=Confidence.STRONG if worked and is_quiet(sa, deletion) else Confidence.POSSIBLE,
        severity=Severity.BLOCKING if closing.after <= _AT_ONCE and not worked else Severity.DEGRADING,
        remedies=("session-policy", "read-server-log"),
    )


RULE = Rule(
    code="EST001",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.POSSIBLE,
    topics=("read-server-log", "session-policy"),
)
