"""What is worked out for all messages at once equals what each message says."""

from __future__ import annotations

from analyzer.relate.seen.message import Message
from tests.relate.captures import INIT, capture


def test_request_and_response_share_their_exchange():
    liveness = "+1 C:500 < S:500 INFORMATIONAL request 80 SK{}\n+1.1 C:500 > S:500 INFORMATIONAL response 80 SK{}\n"
    cap = capture(INIT, liveness)
    keys = [Message(cap.analysis.related.table, row).exchange_key for row in range(4)]
    assert keys[0] == keys[1] != keys[2] == keys[3]
    assert [bool(by_initiator) for by_initiator, _, _ in keys] == [True, True, False, False]
