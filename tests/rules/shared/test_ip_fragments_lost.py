"""What the fragmentation rules share, and what a ladder cannot say: Cisco's own fragments.

Source: docs/domain/ike-fragmentation.md.
"""

from __future__ import annotations

import struct

from analyzer.capture import Capture
from analyzer.ike.registry import numbers
from analyzer.rules.model import Finding
from analyzer.rules.shared.ip_fragments_lost import is_split
from tests.relate.captures import INIT, exchange, of_packets, only_sa, raw_packets

AUTH = "+0.1 C:4500 > S:4500 IKE_AUTH request {} mid 1\n+1.1 C:4500 > S:4500 IKE_AUTH request {} mid 1\n"
#: In front of the IKE header on port 4500: IPv4, UDP, non-ESP marker.
FRONT = 20 + 8 + 4


def with_cisco_fragments(payload: bytes) -> Capture:
    """IKE_AUTH messages whose one payload is of type 132."""
    packets = []
    for time, packet in raw_packets(INIT, AUTH.format("100 SK", "100 SK")):
        if packet[20:22] == struct.pack("!H", 4500):
            # Next payload of the IKE header is its byte 16.
            at = FRONT + 28
            packet = packet[: FRONT + 16] + b"\x84" + packet[FRONT + 17 : at] + payload + packet[at + len(payload) :]
        packets.append((time, packet))
    return of_packets(packets)


def said(capture: Capture) -> list[Finding]:
    return [f for f in capture.analysis.findings if f.rule == "FRG012"]


def test_payload_132_is_ciscos_own_fragmentation():
    # Last payload, its 72 bytes of 100 - 28; fragment ID 1, number 1, not the last.
    (finding,) = said(with_cisco_fragments(struct.pack("!BBHHBB", 0, 0, 72, 1, 1, 0)))
    assert finding.title == "Cisco's own fragmentation is in use: 2 IKEv2 messages with payload 132."
    assert not finding.is_verdict
    assert finding.frames == (3, 4)
    assert any("RFC 7383" in line or "fragmentation" in line for line in finding.remedies)


def test_payload_132_that_does_not_add_up():
    (finding,) = said(with_cisco_fragments(struct.pack("!BBHHBB", 35, 0, 9999, 1, 1, 0)))
    assert "payload 132" in finding.title


def test_the_last_sending_tells_whether_a_message_is_split():
    def requests(first: str, then: str) -> bool:
        return is_split(exchange(only_sa(INIT, AUTH.format(first, then)), numbers.IKE_AUTH).requests)

    assert requests("3000 SK", "SKF 1-3/3 (1236 1236 600)")
    assert requests("SKF 1-3/3", "SKF 1-3/3")
    assert not requests("3000 SK", "3000 SK")
    assert not requests("600 SK", "600 SK")
    # A router's ICMP came between: what was whole before is cut by IP now.
    assert not requests("SKF 1-2/2 (1400 800)", "SKF 1-2/2 (1600 800)")
    assert not is_split(())
