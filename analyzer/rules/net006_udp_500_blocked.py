"""UDP 500 is silent while UDP 4500 of the same gateway is heard.

What it means
    The gateway is there and speaks IKE or ESP on 4500; something drops UDP 500, which many firewalls and hotspots do.
Seen as
    IKE_SA_INIT to port 500 repeated without an answer, nothing ever from the gateway's port 500, and packets from its
    port 4500: another IKE SA that began there, or IKE and ESP of an older one.
Not to be confused with
    A gateway that is not reached at all (NET001); any packet from its port 500 refutes it; a trace at the gateway,
    where the request has arrived.
Certain when
    Strong where IKE_SA_INIT itself was answered on 4500. Beside an older tunnel the gateway may just refuse new ones.
References
    docs/domain/root-causes.md no. 6; RFC 7296 section 2.23.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.relate.sa import IkeSa
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared import certainty, silence
from analyzer.rules.shared.wording import exchange_name, frames, times


def check(sa: IkeSa) -> Iterator[Observation]:
    """The unanswered IKE_SA_INIT."""
    for exchange in silence.unanswered(sa, silence.FIRST_EXCHANGES):
        if silence.is_explained(sa, exchange) or not silence.only_500_is_silent(sa, exchange):
            continue
        port = exchange.requests[0].messages[0].dport
        begun = silence.begun_on_4500(sa)
        sure = certainty.of_silence(sa, exchange)
        if begun:
            heard = f"answered another IKE_SA_INIT on UDP 4500 (frame {begun[0].first_frame})"
            confidence = Confidence.STRONG if sure is Confidence.PROBABLE else Confidence.POSSIBLE
        else:
            heard = "went on sending from UDP 4500"
            confidence = sure
        doubt = "" if begun else " A gateway that keeps an older tunnel and ignores new attempts looks the same."
        yield Observation(
            title=(
                f"{exchange_name(exchange)} to UDP port {port} of {sa.responder} was sent {times(exchange.attempts)} "
                f"and got no answer, while the same gateway {heard}: UDP {port} is blocked on the way, UDP 4500 is not."
            ),
            detail=f"Nothing in this trace comes from the gateway's UDP port {port}.{doubt}",
            frames=frames(exchange.frames, (n.first_frame for n in begun[:3])),
            confidence=confidence,
        )


RULE = Rule(
    code="NET006",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.STRONG,
    remedies=("open-udp-500", "tcp-encapsulation"),
)
