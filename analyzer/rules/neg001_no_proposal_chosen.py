"""The responder accepts none of the proposals for the IKE SA.

What it means
    Encryption, integrity, PRF or key exchange group do not match between client and gateway. Some gateways answer the
    same when they have no connection for the client's address at all.
Seen as
    An IKE_SA_INIT response in the clear with N(NO_PROPOSAL_CHOSEN) and no SA payload (36 bytes).
Not to be confused with
    INVALID_KE_PAYLOAD, which asks for another group and is followed by a changed request; other clear errors (NEG007).
Certain when
    The response is there; it is not authenticated, so it could be forged. Which algorithm was missing is not in it.
References
    docs/domain/root-causes.md no. 18, docs/domain/retransmission.md; RFC 7296 section 2.7.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.ike.registry import number, numbers
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.features import Feature
from analyzer.rules.model import Confidence, Observation, Rule, Severity
from analyzer.rules.shared.wording import frames

#: Algorithms that hardened gateways refuse (RFC 8247: MUST NOT, SHOULD NOT or on the way there).
_WEAK_GROUPS = ("MODP768", "MODP1024", "MODP1536", "MODP1024_160")
_WEAK = (
    *("DES_IV64", "DES", "3DES", "DES_IV32", "RC5", "IDEA", "CAST", "BLOWFISH", "NULL"),
    *("PRF_HMAC_MD5", "PRF_HMAC_SHA1", "HMAC_MD5_96", "HMAC_SHA1_96", "DES_MAC", "KPDK_MD5"),
)
_MOST = 8


def check(sa: IkeSa) -> Iterator[Observation]:
    """The answer to the last IKE_SA_INIT."""
    init = sa.init
    if init is None or sa.reached not in ("init-sent", "unknown"):
        return
    refusals = [
        m
        for a in init.responses
        for m in a.messages
        if numbers.NO_PROPOSAL_CHOSEN in m.notifies and numbers.SA not in m.payloads
    ]
    if refusals:
        proposals = sa.proposals
        yield Observation(
            title=(
                f"The gateway {sa.responder} accepts none of the client's IKE proposals (NO_PROPOSAL_CHOSEN): "
                "the two must agree on encryption, integrity, PRF and key exchange group; this is not about "
                "fragmentation."
            ),
            detail=(
                f"A clear, unauthenticated answer of {refusals[0].length} bytes. "
                f"{_offered(proposals)}{_likely_reason(proposals)} "
                "Some gateways answer the same when they know no connection for this client's address."
            ),
            frames=frames(init.frames),
            confidence=Confidence.STRONG,
        )


def _offered(proposals: tuple[str, ...]) -> str:
    if not proposals:
        return "What was offered is not in the trace."
    listed = "; ".join(f"{k}) {text.replace('/', ' / ')}" for k, text in enumerate(proposals[:_MOST], 1))
    return f"Offered: {listed}{'; ...' if len(proposals) > _MOST else ''}."


def _likely_reason(proposals: tuple[str, ...]) -> str:
    """Weak algorithms without which no proposal does: a likely reason, no fact."""
    weak = [_weak_parts(text) for text in proposals]
    if not weak or not all(weak):
        return ""
    names = ", ".join(dict.fromkeys(name for parts in weak for name in parts))
    each = "The proposal needs" if len(proposals) == 1 else "Each proposal needs one of"
    return f" {each} what many gateways refuse as too weak ({names}): a likely reason, which the answer does not name."


def _weak_parts(proposal: str) -> list[str]:
    """Transform types of which a proposal offers nothing but weak algorithms.

    Examples
    --------
    >>> _weak_parts("3DES/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP1024,MODP2048")
    ['3DES', 'HMAC_SHA1_96', 'PRF_HMAC_SHA1']
    >>> _weak_parts("AES_GCM_16-256/PRF_HMAC_SHA2_384/MODP1024")
    ['MODP1024 (group 2)']
    """
    found = []
    for part in proposal.split("/"):
        alternatives = [text.partition("-")[0] for text in part.split(",")]
        if all(name in _WEAK for name in alternatives):
            found += alternatives
        elif all(name in _WEAK_GROUPS for name in alternatives):
            found += [f"{name} (group {number('ke', name)})" for name in alternatives]
    return found


RULE = Rule(
    code="NEG001",
    severity=Severity.BLOCKING,
    check=check,
    features=Feature.ERROR,
    ceiling=Confidence.STRONG,
    remedies=("align-proposals",),
)
