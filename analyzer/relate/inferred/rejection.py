"""Did the client reject what IKE_AUTH had granted? Told by a short Notify of it, where nothing refutes that.

An error such as AUTHENTICATION_FAILED is as long as a notify of MOBIKE that says that there is no other address
(RFC 4555 section 3.6), so what stands around it decides (docs/domain/encrypted-messages.md no. 7).
"""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.protocol import NAT_T_PORT
from analyzer.relate.inferred.authentication import Authentication
from analyzer.relate.inferred.nat import NatView
from analyzer.relate.seen.exchange import Exchange

#: Seconds: no check of a certificate takes longer on port 4500, where MOBIKE may tell of an address at any time.
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Rejection:
    """The client's notify.

    Attributes
    ----------
    exchange : Exchange
    after : float
        Seconds from the answer to IKE_AUTH.
    on_port_4500 : bool
        IKE_AUTH went there, as it does behind a NAT and with MOBIKE.
    may_be_mobike : bool
        It went there although there is no NAT, which is what MOBIKE does (RFC 4555 section 3.3).
    """

    exchange: Exchange
    after: float
    on_port_4500: bool
    may_be_mobike: bool


def rejection(authentication: Authentication, nat: NatView) -> Rejection | None:
    """The rejection of an IKE SA of which no ESP is in the trace; None where there is none.

    Parameters
    ----------
    authentication : Authentication
    nat : NatView
    """
    exchange, answered, last = authentication.rejection, authentication.answered_at, authentication.last
    if exchange is None or answered is None or last is None:
        return None
    after = (exchange.requests[0].time - answered) / 1e9
    messages = [m for attempt in (*last.requests, *last.responses) for m in attempt.messages]
    on_port_4500 = any(NAT_T_PORT in (m.sport, m.dport) and not m.over_tcp for m in messages)
    if on_port_4500 and after > _PATIENCE:
        return None
    return Rejection(exchange, after, on_port_4500, on_port_4500 and _without_nat(nat))


def _without_nat(nat: NatView) -> bool:
    """The NAT detection was read and tells of no NAT, nor of a wish to go as if there were one."""
    found = (nat.initiator, nat.responder)
    return "no" in found and "yes" not in found and not nat.forced_encapsulation
