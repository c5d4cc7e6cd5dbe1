"""IKE_SA_INIT goes to one node and IKE_AUTH to another, which does not know the IKE SA.

What it means
    A load balancer spreads UDP 500 and UDP 4500 over different nodes. The second node says that it knows no such IKE
    SA, or says nothing.
Seen as
    After an answered IKE_SA_INIT an unprotected N(INVALID_IKE_SPI); or IKE_AUTH answered from another address than it
    was sent to, and the client asks again; or, behind the balancer, IKE_AUTH goes to another address than IKE_SA_INIT.
Not to be confused with
    INVALID_IKE_SPI long after the connection stood (the gateway was restarted); a gateway that forgot a half-open IKE
    SA because IKE_AUTH came late; UDP 4500 blocked, which is silent (NET002).
Certain when
    Strong: the notify is an act, though it is not authenticated, and a restart at that moment looks the same.
References
    docs/domain/root-causes.md no. 31; RFC 7296 sections 1.5, 2.21.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.inferred.progress import is_repeated_after_answer
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Exchange
from analyzer.relate.seen.message import Message
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import silence
from analyzer.rules.shared.wording import exchange_name, frames, init_frames, times

_NEXT = (numbers.IKE_AUTH, numbers.IKE_INTERMEDIATE)
#: Responders forget a half-open IKE SA after about this long (strongSwan: 30 s), ns.
_HALF_OPEN = 30_000_000_000


def check(sa: IkeSa) -> Iterator[Observation]:
    """What follows the answer to IKE_SA_INIT."""
    init = sa.init
    if init is None or init.outcome != "answered" or not init.responses or sa.reached in ("established", "closed"):
        return
    asked = [e for e in sa.of(*_NEXT) if e.sender == "initiator" and e.requests]
    if not asked:
        return
    since = asked[0].requests[0].time
    answering = {m.row for e in asked for answer in e.responses for m in answer.messages}
    # After an answered IKE_AUTH such a notify is about what came later: a gateway that was restarted, say.
    unknown = [
        m
        for m in sa.messages
        if _says_unknown(sa, m) and m.time >= since and (m.row in answering or asked[-1].outcome != "answered")
    ]
    if unknown:
        yield _unknown_spi(sa, init, asked[-1], unknown)
    else:
        yield from _elsewhere(sa, init, asked[-1])


def _says_unknown(sa: IkeSa, message: Message) -> bool:
    return message.src != sa.initiator and numbers.INVALID_IKE_SPI in message.notifies


def _unknown_spi(sa: IkeSa, init: Exchange, asked: Exchange, unknown: list[Message]) -> Observation:
    late = asked.times[0] - init.responses[0].time > _HALF_OPEN
    forgot = " IKE_AUTH came late, too: the gateway may have forgotten the half-open IKE SA." if late else ""
    return Observation(
        title=(
            f"IKE_SA_INIT was answered, but {exchange_name(asked)} meets a node at {unknown[0].src} that does not know "
            f"the IKE SA (unprotected INVALID_IKE_SPI, frame {unknown[0].frame}): a load balancer most likely sends "
            f"UDP {init.requests[0].messages[0].dport if init.requests else 500} and UDP "
            f"{asked.requests[0].messages[0].dport} to different nodes."
        ),
        detail=(
            "A gateway that was restarted or failed over at this very moment looks the same, and the notify is not "
            f"authenticated.{forgot}"
        ),
        frames=frames(init_frames(sa), asked.frames, (m.frame for m in unknown)),
        confidence=Confidence.STRONG if silence.lasts(sa, asked, unknown[0].time) and not late else Confidence.POSSIBLE,
    )


def _elsewhere(sa: IkeSa, init: Exchange, asked: Exchange) -> Iterator[Observation]:
    """Addresses that do not belong together, without a word about it."""
    begun = init.requests[0].messages[0].dst if init.requests else sa.responder
    meant = asked.requests[0].messages[0].dst
    came = {m.src for a in asked.responses for m in a.messages}
    if asked.outcome == "unanswered" and not asked.responses and meant != begun and sa.side != "initiator":
        yield Observation(
            title=(
                f"IKE_SA_INIT went to {begun}, but {exchange_name(asked)} of the same IKE SA goes to {meant} and gets "
                "no answer: a load balancer sends them to different nodes."
            ),
            detail="The node that gets IKE_AUTH has not seen IKE_SA_INIT, so it cannot decrypt the request.",
            frames=frames(init_frames(sa), asked.frames),
            confidence=Confidence.POSSIBLE if silence.is_explained(sa, asked) else Confidence.STRONG,
        )
    elif came and meant not in came and is_repeated_after_answer(asked) and silence.is_last(sa, asked):
        again = sum(t > asked.responses[0].time for t in asked.times)
        yield Observation(
            title=(
                f"{exchange_name(asked)} was sent to {meant} and answered from {min(came)}, and the client asks again, "
                f"{times(again)}: a node behind the load balancer answers from its own address."
            ),
            detail="A client, and a NAT or firewall before it, takes an answer only from the address that it asked.",
            frames=frames(init_frames(sa), asked.frames),
            confidence=Confidence.STRONG,
        )


RULE = Rule(
    code="NET010",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.STRONG,
    remedies=("load-balancer-persistence",),
)
