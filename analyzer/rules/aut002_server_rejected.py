"""The server granted IKE_AUTH, and the client did not accept that.

What it means
    The client checks the server as well: its certificate (name, purpose, chain, revocation) or its identity. Windows
    shows 13801 and its like. The server believes that all is well until it is told.
Seen as
    A full IKE_AUTH response that arrives whole, and at once, within two seconds, the client sends INFORMATIONAL: a
    short Notify (AUTHENTICATION_FAILED), or a Delete. Or, at the client's side, it goes on asking although it has the
    answer.
Not to be confused with
    A response of which a part is missing (FRG002, FRG009). A Delete by the server (EST001). A Delete for the Child SA
    only, or an answer without room for a Child SA (AUT005). A user who hangs up within two seconds looks like a
    rejecting client. An address update of MOBIKE is a Notify too, but longer. A client that rejects without a word
    looks like a tunnel that nobody uses: then nothing is said here. strongSwan rejects a server by a notify; its Delete
    follows a Child SA that failed (AUT005), or a hang-up.
Certain when
    The client sends a notify of the size of an error at once. A Delete has other possible reasons.
References
    docs/domain/root-causes.md no. 23, docs/domain/encrypted-messages.md no. 7, docs/domain/windows.md; RFC 7296
    section 2.21.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.inferred.authentication import LONG_ANSWER
from analyzer.relate.inferred.progress import is_repeated_after_answer
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames, init_frames, times


def check(sa: IkeSa) -> Iterator[Observation]:
    """What the client did after the last IKE_AUTH answer."""
    authentication = sa.authentication
    last = authentication.last
    if last is None or sa.esp_r_to_i:
        return
    rejection = authentication.rejection
    if rejection is not None and rejection.sender == "initiator":
        # A Delete after an answer without a Child SA is about that; a notify is about the server. strongSwan, which
        # always rejects by a notify, means something else by a Delete.
        by_delete = authentication.outcome == "grant" and "strongswan" not in sa.product_keys("initiator")
        if by_delete or authentication.is_error_notify(rejection):
            yield _rejected(sa, last, rejection)
    elif authentication.outcome == "grant" and not authentication.later and is_repeated_after_answer(last):
        yield from _asked_on(sa, last)


def _rejected(sa: IkeSa, last: Exchange, rejection: Exchange) -> Observation:
    answered = sa.authentication.answered_at
    assert answered is not None
    after = (rejection.requests[0].time - answered) / 1e6
    is_notify = sa.authentication.is_error_notify(rejection)
    act = "a short notify, as AUTHENTICATION_FAILED is" if is_notify else "a Delete"
    # Without the cipher suite nobody knows what a short answer had room for (docs/domain/encrypted-messages.md no. 6).
    assert last.response is not None
    is_short = last.response.length <= LONG_ANSWER
    may_lack_child = is_short and sa.authentication.cipher_suite is None
    doubt = "" if is_notify else " A user who hangs up at once looks the same."
    if may_lack_child and not is_notify:
        doubt += (
            " Which algorithms were chosen is not in the trace, so the answer may as well have refused the tunnel "
            "(Child SA) only."
        )
    return Observation(
        title=(
            f"The server accepted IKE_AUTH ({_answer(last)}), and the client ended it {after:,.0f} ms later with "
            f"{act}: most likely it rejects the server's certificate or identity; fragmentation is not the cause."
        ),
        detail=(
            "Why the client ended it is encrypted; its own log or error code says it (Windows: 13801 and the like). "
            "Usual reasons: the name dialled is not in the certificate, its purpose is not server authentication, its "
            f"root is not trusted, its chain is not sent, its revocation list cannot be fetched.{doubt}"
        ),
        frames=frames(init_frames(sa), last.frames, rejection.frames),
        confidence=(Confidence.STRONG if is_notify else Confidence.POSSIBLE if may_lack_child else Confidence.PROBABLE),
        remedies=("server-certificate",),
    )


def _asked_on(sa: IkeSa, last: Exchange) -> Iterator[Observation]:
    """At the client's own network card the answer is there, and the client asks as if it were not."""
    response = last.response
    assert response is not None
    if sa.side != "initiator" or response.is_ip_fragmented:
        return
    again = sum(a.time > last.responses[0].time for a in last.requests)
    yield Observation(
        title=(
            f"The server's whole answer to IKE_AUTH ({_answer(last)}) reached the client's host, and the client sent "
            f"the same request {times(again)} more: its own host drops the answer, or the client does not accept it."
        ),
        detail="A client repeats a request only as long as it has no answer that it accepts (RFC 7296 section 2.1).",
        frames=frames(init_frames(sa), last.frames),
        confidence=Confidence.PROBABLE,
        remedies=("host-firewall", "server-certificate"),
    )


def _answer(last: Exchange) -> str:
    assert last.response is not None
    return f"{last.response.length:,} bytes, arrived whole"


RULE = Rule(
    code="AUT002",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.STRONG,
    topics=("host-firewall", "server-certificate"),
)
