"""Payloads and notifies of all messages at once equal what each message says."""

from __future__ import annotations

from analyzer.ike.registry import numbers
from analyzer.relate.seen.clear_payloads import having_notify, having_payload
from analyzer.relate.seen.message import Message
from tests.relate.captures import GOES_ON, capture

STEPS = (
    "+0.00 C:500 > S:500 IKE_SA_INIT request N(IKEV2_FRAGMENTATION_SUPPORTED)\n",
    "+0.02 C:500 < S:500 IKE_SA_INIT response N(COOKIE)\n",
    "+0.04 C:500 > S:500 IKE_SA_INIT request N(COOKIE IKEV2_FRAGMENTATION_SUPPORTED)\n",
    "+0.06 C:500 < S:500 IKE_SA_INIT response\n",
    "+0.08 C:500 > S:500 IKE_AUTH request 400 SK{IDi}\n",
    "+0.10 C:500 < S:500 IKE_AUTH response 300 SK{IDr}\n",
    GOES_ON,
)


def test_payloads_and_notifies_of_each_message():
    cap = capture(*STEPS)
    messages = [Message(cap.analysis.related.table, row) for row in range(6)]
    for kind in (numbers.SA, numbers.KE, numbers.N, numbers.SK, numbers.CERT):
        assert having_payload(cap.analysis.wire, kind).tolist() == [kind in m.payloads for m in messages]
    for kind in (numbers.COOKIE, numbers.IKEV2_FRAGMENTATION_SUPPORTED, numbers.NO_PROPOSAL_CHOSEN):
        assert having_notify(cap.analysis.wire, kind).tolist() == [kind in m.notifies for m in messages]
    assert [m.announces_fragmentation for m in messages] == [True, False, True, False, False, False]
    assert [m.takes_part for m in messages] == [True, False, True, True, False, False]
