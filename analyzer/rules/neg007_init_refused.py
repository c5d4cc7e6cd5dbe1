"""The responder refuses IKE_SA_INIT with a clear error that has no rule of its own.

What it means
    The gateway read the very first message and turned it down, for another reason than its proposals, its group or its
    version.
Seen as
    An IKE_SA_INIT response in the clear with an error notify (below 16384) and no SA payload: INVALID_SYNTAX,
    UNSUPPORTED_CRITICAL_PAYLOAD, AUTHENTICATION_FAILED and so on.
Not to be confused with
    NO_PROPOSAL_CHOSEN (NEG001), INVALID_KE_PAYLOAD (NEG002), INVALID_MAJOR_VERSION (VER001), COOKIE (NEG003), which
    are no errors of this kind; a genuine answer that comes later.
Certain when
    The response is there; it is not authenticated, so it could be forged.
References
    RFC 7296 sections 2.21.1, 3.10.1; docs/domain/numbers.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import name, numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.rounds import is_negotiated
from analyzer.rules.shared.wording import frames

_FIRST_STATUS = 16384
_OTHER_RULES = (numbers.NO_PROPOSAL_CHOSEN, numbers.INVALID_KE_PAYLOAD, numbers.INVALID_MAJOR_VERSION)

#: What the error says, in plain words (RFC 7296 section 3.10.1).
_MEANING = {
    numbers.UNSUPPORTED_CRITICAL_PAYLOAD: "the request holds a payload marked critical that the gateway does not know",
    numbers.INVALID_IKE_SPI: "the gateway does not know the SPI, as if the message belonged to another connection",
    numbers.INVALID_SYNTAX: "it cannot read the request, which was damaged on the way, or the two products disagree",
    numbers.INVALID_MESSAGE_ID: "the message ID is not one that the gateway expects",
    numbers.INVALID_SPI: "the gateway does not know the SPI of the packet",
    numbers.AUTHENTICATION_FAILED: "a policy turns this client away before anything was authenticated",
}


def check(sa: IkeSa) -> Iterator[Observation]:
    """The answer to the last IKE_SA_INIT."""
    if sa.init is None or is_negotiated(sa):
        return
    answers = [m for a in sa.init.responses for m in a.messages if numbers.SA not in m.payloads]
    refusals = [(m, n) for m in answers for n in m.notifies if n < _FIRST_STATUS and n not in _OTHER_RULES]
    if refusals:
        message, error = refusals[0]
        meaning = f": {_MEANING[error]}" if error in _MEANING else ""
        yield Observation(
            title=f"The gateway {sa.responder} refuses the first message with {name('notify', error)}{meaning}.",
            detail=f"A clear, unauthenticated answer of {message.length} bytes; nothing was negotiated.",
            frames=frames(sa.init.frames),
            confidence=Confidence.STRONG,
        )


RULE = Rule(
    code="NEG007",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.ERROR,
    ceiling=Confidence.STRONG,
    remedies=("read-server-log",),
)
