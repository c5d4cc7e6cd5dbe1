"""Short names of the notifies that almost every IKE_SA_INIT carries: strongSwan's log has them, and lines stay short.

Errors and requests (NO_PROPOSAL_CHOSEN, COOKIE, REDIRECT) keep the name of their RFC: they are what a reader looks up.
"""

from __future__ import annotations

from dataclasses import replace

from analyzer.report.ladder.model import Message, Payload, Step

#: By short name, as strongSwan's log writes it (notify_payload.c; IKE_INT_SUP since 6.0).
_RFC_NAMES = {
    "NATD_S_IP": "NAT_DETECTION_SOURCE_IP",
    "NATD_D_IP": "NAT_DETECTION_DESTINATION_IP",
    "FRAG_SUP": "IKEV2_FRAGMENTATION_SUPPORTED",
    "HASH_ALG": "SIGNATURE_HASH_ALGORITHMS",
    "REDIR_SUP": "REDIRECT_SUPPORTED",
    "CHDLESS_SUP": "CHILDLESS_IKEV2_SUPPORTED",
    "MULT_AUTH": "MULTIPLE_AUTH_SUPPORTED",
    "IKE_INT_SUP": "INTERMEDIATE_EXCHANGE_SUPPORTED",
}
_SHORT_NAMES = {rfc: short for short, rfc in _RFC_NAMES.items()}


def rfc_name(notify: str) -> str:
    """The RFC's name of a notify that is written by either name.

    Examples
    --------
    >>> rfc_name("FRAG_SUP"), rfc_name("COOKIE")
    ('IKEV2_FRAGMENTATION_SUPPORTED', 'COOKIE')
    """
    return _RFC_NAMES.get(notify, notify)


def briefly(step: Step) -> Step:
    """The step with short names; it is for printing only, the rest of the code knows the RFC's names.

    Examples
    --------
    >>> init = Message("IKE_SA_INIT", "response", contents=(Payload("N", ("SIGNATURE_HASH_ALGORITHMS", "2")),))
    >>> briefly(Step(0, "S", "C", init)).what.contents
    (Payload(name='N', arguments=('HASH_ALG', '2')),)
    """
    if not isinstance(step.what, Message):
        return step
    return replace(step, what=replace(step.what, contents=tuple(map(_short, step.what.contents))))


def _short(payload: Payload) -> Payload:
    if payload.name != "N":
        return payload
    name, *data = payload.arguments
    return Payload("N", (_SHORT_NAMES.get(name, name), *data))
