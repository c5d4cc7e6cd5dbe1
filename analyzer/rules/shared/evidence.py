"""Evidence that a rule can ask for. Each test says what is missing, or an empty string when it is there."""

from __future__ import annotations

from collections.abc import Callable

from analyzer.ike.registry import numbers
from analyzer.relate.sa import IkeSa
from analyzer.rules.shared.ip_fragments_lost import is_waited_for


def init_request_payloads(sa: IkeSa) -> str:
    """The payloads of an IKE_SA_INIT request."""
    if sa.version != 2:
        return "this is IKEv1, where IKE fragmentation is announced by a vendor ID"
    if sa.fragmentation_i != "unknown":
        return ""
    if not any(m.exchange == numbers.IKE_SA_INIT and not m.is_response for m in sa.messages):
        return "no IKE_SA_INIT request is in the capture"
    return "the payloads of the IKE_SA_INIT request are not all in the capture (packets cut short or fragments missing)"


def init_response_payloads(sa: IkeSa) -> str:
    """The payloads of an IKE_SA_INIT response that takes part in the negotiation."""
    if sa.version != 2:
        return "this is IKEv1, where IKE fragmentation is announced by a vendor ID"
    if sa.fragmentation_r != "unknown":
        return ""
    responses = [m for m in sa.messages if m.exchange == numbers.IKE_SA_INIT and m.is_response]
    if not responses:
        return "no IKE_SA_INIT response is in the capture"
    if all(m.clear_complete for m in responses):
        return (
            "the IKE_SA_INIT response carries only an error or asks for another try (COOKIE, group), which says "
            "nothing about capabilities"
        )
    return (
        "the payloads of the IKE_SA_INIT response are not all in the capture (packets cut short or fragments missing)"
    )


def later_fragments(sa: IkeSa) -> str:
    """Proof that IP fragments beyond the first can reach this capture, or the word of a host that they did not."""
    if not any(m.is_ip_fragmented for m in sa.messages) or _receives_first_fragments(sa) or is_waited_for(sa):
        return ""
    why = sa.capture.why_fragments_are_hidden
    if not why:
        return ""
    if sa.capture.looks_filtered:
        return f"the capture holds no IP fragment beyond the first: a capture filter on the ports hides them ({why})"
    return f"{why}: the capture may have been filtered when saved"


def both_directions(sa: IkeSa) -> str:
    """Packets of both ends, or at least nothing that shows that one direction is hidden."""
    return f"the capture seems to hold one direction only: {sa.one_way}" if sa.one_way else ""


def _receives_first_fragments(sa: IkeSa) -> bool:
    """First fragments arrive at their receiver, beside traffic that a filter on the ports would have rejected.

    What is missing there is missing on the wire: the file was neither filtered on the ports nor, as at the sender's
    side, exported without what a display filter hides (docs/domain/filtered-captures.md rules 3 and 4).
    """
    if sa.capture.looks_filtered or sa.side not in ("initiator", "responder"):
        return False
    return all(m.is_initiator == (sa.side == "responder") for m in sa.messages if m.is_ip_fragmented)


#: Evidence by the name that rules use.
EVIDENCE: dict[str, Callable[[IkeSa], str]] = {
    "init-request-payloads": init_request_payloads,
    "init-response-payloads": init_response_payloads,
    "later-fragments": later_fragments,
    "both-directions": both_directions,
}
