"""Why a verdict says that a capture cannot tell: codes for machines, with the capture or log that would decide it.

Where a rule makes such a verdict, its id is the reason; the others are questions that no rule answers.
"""

from __future__ import annotations

#: By code: what is missing, and what would decide it.
REASONS = {
    "no-ike-in-capture": "No IKE is in the capture: take it while the client connects, without a capture filter.",
    "capture-truncated": "Packets were cut short: take whole packets (snaplen 0; pktmon start with -p 0 or "
    "--pkt-size 0).",
    "capture-filtered-fragments": "A filter on ports hides IP fragments: capture without one, or by host.",
    "capture-starts-late": "The IKE SA began before the capture: start it first, then connect.",
    "capture-ends-early": "The capture ends while a request is open: let it run for a minute after the failure.",
    "capture-lost-packets": "Packets are missing from the capture: capture with a larger buffer.",
    "one-way-capture": "One direction is missing: capture where both pass, or at the client.",
    "wrong-ike-version": "The hosts speak IKEv1, which this tool recognises and does not judge.",
    "unanswered-retransmits": "Part of an answer is there and a filter may hide the rest: capture without one.",
    "nothing-after-ike-sa-init": "Nothing of IKE follows IKE_SA_INIT: one at the other side shows whether "
    "IKE_AUTH was sent.",
    "connected-then-closed": "The login was granted and the IKE SA closed, unused: the logs of both sides say why.",
    "end-not-shown": "Nothing failed and nothing shows success: let the capture run on, or see the client's log.",
}
