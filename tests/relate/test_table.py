"""What is worked out for all messages at once equals what each message says."""

from __future__ import annotations

from analyzer.ike.registry import numbers
from analyzer.relate.message import Message
from analyzer.relate.table import having_notify, having_payload
from tests.relate.seen import GOES_ON, INIT, capture

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


def test_request_and_response_share_their_exchange():
    liveness = "+1 C:500 < S:500 INFORMATIONAL request 80 SK{}\n+1.1 C:500 > S:500 INFORMATIONAL response 80 SK{}\n"
    cap = capture(INIT, liveness)
    keys = [Message(cap.analysis.related.table, row).exchange_key for row in range(4)]
    assert keys[0] == keys[1] != keys[2] == keys[3]
    assert [bool(by_initiator) for by_initiator, _, _ in keys] == [True, True, False, False]
