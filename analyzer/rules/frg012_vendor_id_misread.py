"""The vendor ID FRAGMENTATION is no IKE fragmentation by RFC 7383.

What it means
    The MD5 hash of "FRAGMENTATION" (4048b7d5...) announces an older scheme, of IKEv1 and of Cisco, which cuts the
    encrypted message. Only notify 16430 announces RFC 7383. Tools and people read the one for the other.
Seen as
    The vendor ID in an IKEv2 IKE_SA_INIT message whose sender did not announce 16430; or IKEv2 messages with payload
    132, which are such proprietary fragments.
Not to be confused with
    Cisco, which announces both schemes at once. IKEv1, where the vendor ID means what it says.
Certain when
    The payloads of the message are in the trace to the end.
References
    docs/domain/root-causes.md no. 35, docs/domain/ike-fragmentation.md, docs/domain/vendor-ids.md; RFC 7383
    section 2.3.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Role
from analyzer.relate.seen.message import Message
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames

#: MD5 of "FRAGMENTATION"; four bytes of capabilities may follow.
VENDOR_ID = bytes.fromhex("4048b7d56ebce88525e7de7f00d6c2d3")
#: Messages of one side that are looked at: an attacker may send any number.
_MOST = 20
_FIRST = (numbers.IKE_SA_INIT, numbers.IKE_SESSION_RESUME)
_PERSON: dict[Role, str] = {"initiator": "client", "responder": "server"}


def check(sa: IkeSa) -> Iterator[Observation]:
    """Each side's first messages, and proprietary fragments of either."""
    sides: tuple[tuple[Role, str], ...] = (("initiator", sa.fragmentation_i), ("responder", sa.fragmentation_r))
    for role, announced in sides:
        carrier = next((m for m in _first_messages(sa, role) if _carries(m)), None)
        if announced == "no" and carrier is not None:
            yield Observation(
                title=(
                    f"The {_PERSON[role]} sends the vendor ID FRAGMENTATION but not notify 16430: that is no IKE "
                    "fragmentation by RFC 7383."
                ),
                detail=(
                    "The vendor ID stands for a scheme of IKEv1 and of Cisco. For this connection large messages are "
                    "left to IP, as if neither were there."
                ),
                frames=frames(carrier.frames),
                confidence=Confidence.STRONG,
                remedies=("not-ikev1-fragmentation", "enable-ike-fragmentation"),
            )
    cut = [m for m in sa.messages if m.version == 2 and m.payloads[:1] == (numbers.FRAGMENT_CISCO,)]
    if cut:
        yield Observation(
            title=f"Cisco's own fragmentation is in use: {len(cut)} IKEv2 message{'s' if len(cut) > 1 else ''} "
            "with payload 132.",
            detail=(
                "It cuts the encrypted message, and only Cisco devices put it together again; what the fragments hold, "
                "and whether all of them are here, cannot be told from this trace."
            ),
            frames=frames(*(m.frames for m in cut)),
            confidence=Confidence.STRONG,
            remedies=("enable-ike-fragmentation",),
        )


def _first_messages(sa: IkeSa, role: Role) -> list[Message]:
    return [m for m in sa.messages if m.exchange in _FIRST and m.is_initiator == (role == "initiator")][:_MOST]


def _carries(message: Message) -> bool:
    return any(body.startswith(VENDOR_ID) for body in message.payload_bodies(numbers.V))


RULE = Rule(
    code="FRG012",
    severity=Severity.INFORMATION,
    check=check,
    ceiling=Confidence.STRONG,
    is_verdict=False,
    topics=("enable-ike-fragmentation", "not-ikev1-fragmentation"),
)
