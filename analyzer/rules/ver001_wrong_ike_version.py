"""IKEv1 where IKEv2 was expected.

What it means
    The client speaks IKEv1 (L2TP/IPsec, XAUTH, an old site-to-site profile), or a peer refuses the other's version.
Seen as
    Messages of major version 1 and none of version 2, or N(INVALID_MAJOR_VERSION) in the clear.
Not to be confused with
    IKEv1 that was meant: where both sides go on in it, this tool does not judge. An "Automatic" Windows profile that
    tries IKEv2 first: then both versions are in the trace, and the failure of IKEv2 is the answer. A trace of one
    direction, in which no answer can be.
Certain when
    The version octet is in every header; a refusal of the version is there. Whether IKEv1 was wanted is not in the
    trace, and a silent gateway may just not be there.
References
    docs/domain/root-causes.md no. 34, docs/domain/ike-on-the-wire.md; RFC 7296 section 2.5.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import name, numbers
from analyzer.relate.inferred.products import looks_like
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.message import Message
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames, times

#: The names under which everybody knows them (docs/domain/ike-on-the-wire.md).
_MODES = {numbers.V1_IDENTITY_PROTECTION: "Main Mode", numbers.V1_AGGRESSIVE: "Aggressive Mode"}
#: Sendings without an answer after which silence is more than bad luck.
_ENOUGH = 3
_FIRST_STATUS = 16384
#: Frames that are listed; more would not be read.
_LISTED = 20
_INTENDED = (
    'L2TP/IPsec and XAUTH profiles use IKEv1, and a Windows profile of the type "Automatic" falls back to L2TP. If '
    "IKEv2 was intended, set the tunnel type to IKEv2."
)


def check(sa: IkeSa) -> Iterator[Observation]:
    """The version of the SA, or a refusal of it."""
    yield from _ikev1(sa) if sa.version == 1 else _refused(sa)


def _ikev1(sa: IkeSa) -> Iterator[Observation]:
    refusal = next((m for m in sa.messages if _error(m)), None)
    answers = [m for m in sa.messages if m.src == sa.responder]
    is_refused = refusal is not None and not any(m.exchange in _MODES for m in answers)
    is_silent = not answers and len(sa.messages) >= _ENOUGH
    if refusal is not None and _error(refusal) == numbers.INVALID_MAJOR_VERSION and is_refused:
        # Sent in the version that the refuser speaks (RFC 7296 section 2.5).
        said = f"{refusal.src} refuses the IKE version of its peer ({name('notify', _error(refusal), 1)})"
        title = f"{said} and answers in IKEv1: it has no IKEv2."
        yield Observation(title, _detail(sa), frames((refusal.frame,)), Confidence.STRONG)
    elif sa.is_beside_ikev2:
        yield _beside_ikev2(sa, refusal if is_refused else None, is_silent=is_silent)
    elif is_refused and refusal is not None:
        yield _refused_ikev1(sa, refusal)
    elif is_silent:
        yield _silent(sa)
    else:
        yield Observation(
            title=(
                f"{sa.initiator} and {sa.responder} speak IKEv1 ({_modes(sa)}), not IKEv2: this tool does not judge "
                "IKEv1, and remedies for IKEv2 do not apply."
            ),
            detail=_detail(sa),
            frames=_frames(sa),
            confidence=Confidence.CANNOT_TELL,
            severity=Severity.INFORMATION,
        )


def _silent(sa: IkeSa) -> Observation:
    tries = f"{sa.initiator} tries IKEv1 ({_modes(sa)}) with {sa.responder} {times(len(sa.messages))}"
    if sa.one_way:
        title = f"{tries}; whether it is answered cannot be told, for the capture holds one direction only."
        return Observation(title, _detail(sa), _frames(sa), Confidence.CANNOT_TELL, Severity.INFORMATION)
    look = "a gateway for IKEv2 only stays silent like that, and so does one that is not there."
    title = f"{tries} and gets no answer: {look}"
    return Observation(title, _detail(sa), _frames(sa), Confidence.POSSIBLE)


def _beside_ikev2(sa: IkeSa, refusal: Message | None, *, is_silent: bool) -> Observation:
    """The two hosts speak IKEv2 as well: no mismatch, whatever becomes of IKEv1."""
    became = "this tool does not judge IKEv1"
    if refusal is not None:
        became = f"{refusal.src} refuses IKEv1 ({name('notify', _error(refusal), 1)})"
    elif is_silent and not sa.one_way:
        became = "IKEv1 gets no answer"
    return Observation(
        title=(
            f"{sa.initiator} tries IKEv1 ({_modes(sa)}) with {sa.responder} beside IKEv2, so their versions are not "
            f"the question: {became}, and what became of IKEv2 is told with its own IKE SA."
        ),
        detail=(
            'A Windows profile of the type "Automatic" does so: it tries IKEv2 first and falls back to L2TP, which '
            "uses IKEv1."
        ),
        frames=_frames(sa),
        confidence=Confidence.CANNOT_TELL,
        severity=Severity.INFORMATION,
    )


def _refused_ikev1(sa: IkeSa, refusal: Message) -> Observation:
    error = name("notify", _error(refusal), 1)
    title = (
        f"{sa.initiator} speaks IKEv1 ({_modes(sa)}), and {refusal.src} refuses the first message ({error}): a gateway "
        "for IKEv2 only answers like that, and so does one with other IKEv1 settings."
    )
    return Observation(title, _detail(sa), _frames(sa), Confidence.PROBABLE)


def _refused(sa: IkeSa) -> Iterator[Observation]:
    refusals = [m for m in sa.messages if numbers.INVALID_MAJOR_VERSION in m.notifies and m.is_response]
    if not refusals or sa.reached not in ("init-sent", "unknown"):
        return
    if any(e.requests for e in sa.of(numbers.IKE_SA_INIT)):
        title = f"{refusals[0].src} refuses IKEv2 (INVALID_MAJOR_VERSION): it speaks another version of IKE only."
    else:
        title = (
            f"{refusals[0].src} refuses the IKE version of its peer (INVALID_MAJOR_VERSION) and answers in IKEv2: most "
            "likely the peer speaks IKEv1."
        )
    yield Observation(
        title=title,
        detail="A clear, unauthenticated answer.",
        frames=frames(m.frame for m in refusals),
        confidence=Confidence.STRONG,
    )


def _frames(sa: IkeSa) -> tuple[int, ...]:
    return frames(m.frame for m in sa.messages[:_LISTED])


def _error(message: Message) -> int:
    """The clear error notify of a message, 0 when it has none."""
    return next((n for n in message.notifies if 0 < n < _FIRST_STATUS), 0)


def _modes(sa: IkeSa) -> str:
    asked = [m for m in sa.messages if m.src == sa.initiator]
    kinds = list(dict.fromkeys(_MODES.get(m.exchange) or name("exchange", m.exchange, 1) for m in asked))
    return ", ".join(kinds[:4])


def _detail(sa: IkeSa) -> str:
    looks = looks_like(sa.products["initiator"])
    return f"{f'The client {looks}. ' if looks else ''}{_INTENDED}"


RULE = Rule(
    code="VER001",
    severity=Severity.BLOCKING,
    check=check,
    ceiling=Confidence.STRONG,
    versions=(1, 2),
    remedies=("tunnel-type-ikev2",),
)
