"""A side of an established connection no longer answers.

What it means
    The connection stood, and then the path or the peer was gone: a NAT forgot its mapping, a host went to sleep or
    changed its network, a gateway restarted.
Seen as
    In mid-session a liveness check, an INFORMATIONAL request that is empty or carries NAT detection only, is sent
    again and again without an answer. An answer that comes when its sender has given up is none.
Not to be confused with
    A Delete that is not answered, which hurts nobody. Silence during the login (AUT003, NET002). An address update of
    MOBIKE that is answered after some tries.
Certain when
    Never: it rests on an absence.
References
    docs/domain/root-causes.md no. 29, docs/domain/nat.md; RFC 7296 section 2.4; RFC 3948 section 4; RFC 4555
    section 3.5.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import certainty
from analyzer.rules.shared.wording import delay, frames, offsets, silence_after, times

#: How far an IKE SA must have come; one from before the trace is taken to stand, since it has liveness checks.
_STANDING = ("established", "closed", "unknown")


def check(sa: IkeSa) -> Iterator[Observation]:
    """The first liveness check without an answer."""
    if sa.reached not in _STANDING:
        return
    for exchange in sa.unanswered:
        if sa.authentication.is_check(exchange) and exchange.attempts > 1 and not _was_deleted(sa, exchange):
            yield _silent(sa, exchange)
            return


def _was_deleted(sa: IkeSa, exchange: Exchange) -> bool:
    """Somebody had deleted the IKE SA before: then no answer is due."""
    deletion = sa.authentication.deletion
    return deletion is not None and bool(deletion.requests) and deletion.requests[0].time < exchange.times[0]


def _silent(sa: IkeSa, exchange: Exchange) -> Observation:
    asks, silent = ("client", "server") if exchange.sender == "initiator" else ("server", "client")
    answered = sa.authentication.answered_at
    since = f" {(exchange.times[0] - answered) / 1e9:,.0f} s after the login" if answered is not None else ""
    return Observation(
        title=(
            f"The connection stood, and{since} the {silent} stopped answering: the {asks}'s liveness check was sent "
            f"{times(exchange.attempts)} ({offsets(exchange)}) without an answer."
        ),
        detail=(
            f"{silence_after(sa, exchange).capitalize()}.{_late(exchange)} "
            + (
                f"ESP of the {silent} keeps coming all the same, so the way and the host are there: its IKE does not "
                "answer (the IKE SA is lost there, or the daemon hangs), or a device on the way drops IKE."
                if _esp_goes_on(sa, exchange)
                else "Usual reasons: a NAT or firewall on the way forgot the connection while it was idle, the "
                f"{silent} went to sleep, restarted or changed its network."
            )
        ),
        frames=frames(exchange.frames),
        confidence=certainty.of_silence(sa, exchange),
    )


def _esp_goes_on(sa: IkeSa, exchange: Exchange) -> bool:
    """ESP of the side that is asked comes after the check was sent again."""
    asked = exchange.requests[0].messages[0].address_numbers[1]
    return any(flow.spi and flow.src == asked and flow.last > exchange.times[1] for flow in sa.flows)


def _late(exchange: Exchange) -> str:
    """What is said of an answer that came when nobody waited for it any more."""
    if not exchange.responses:
        return ""
    after = delay((exchange.responses[0].time - exchange.times[-1]) / 1e9)
    return f" An answer came {after} after it (frame {exchange.responses[0].frames[0]}), when its sender had given up."


RULE = Rule(
    code="EST003",
    severity=Severity.DEGRADING,
    check=check,
    ceiling=Confidence.PROBABLE,
    remedies=("liveness-nat-timeout",),
)
