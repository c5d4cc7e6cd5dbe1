"""Do conversations go both ways in a capture?"""

from __future__ import annotations

import pytest

from analyzer.packets import directions
from tests.relate.captures import capture, of_packets, raw_packets, with_ip

HOSTS = "C = 10.0.0.2  S = 203.0.113.7  W = 192.0.2.80  M = 224.0.0.5\n"
SIX = "C = 2001:db8::2  S = 2001:db8:7::1  W = 2001:db8:9::80  M = ff02::2\n"


def one_way(*steps: str, hosts: str = HOSTS) -> int:
    return capture(*steps, hosts=hosts).analysis.related.capture.one_way_tcp


@pytest.mark.parametrize("hosts", [HOSTS, SIX])
class TestTcp:
    def test_of_one_direction(self, hosts):
        assert one_way("+0 C:40000 > W:443 TCP ACK count 3\n", hosts=hosts) == 1

    def test_of_two_pairs(self, hosts):
        assert one_way("+0 C:40000 > W:443 TCP ACK\n+1 S:40000 > W:443 TCP data\n", hosts=hosts) == 2

    def test_of_both_directions(self, hosts):
        assert one_way("+0 C:40000 > W:443 TCP ACK\n+1 C:40000 < W:443 TCP ACK\n", hosts=hosts) == 0

    def test_beside_any_traffic_both_ways(self, hosts):
        # C sends and is sent to, if by another host: the capture holds both directions.
        steps = "+0 C:40000 > W:443 TCP ACK\n+1 C:9 < S:9 UDP\n"
        assert one_way(steps, hosts=hosts) == 0

    @pytest.mark.parametrize("flags", ["SYN", "RST"])
    def test_that_is_not_under_way(self, hosts, flags):
        # A SYN may stay unanswered; a reset answers what was not for this connection.
        assert one_way(f"+0 C:40000 > W:443 TCP {flags}\n", hosts=hosts) == 0


@pytest.mark.parametrize("hosts", [HOSTS, SIX])
def test_udp_alone_says_nothing(hosts):
    assert one_way("+0 C:9 > S:9 UDP count 5\n+1 C:9 > M:9 UDP\n", hosts=hosts) == 0


def test_hosts_are_bounded(monkeypatch):
    monkeypatch.setattr(directions, "MAX_HOSTS", 1)
    monkeypatch.setattr(directions, "SAMPLE", 1)
    assert one_way("+0 C:40000 > W:443 TCP ACK\n+1 S:40000 > W:443 TCP ACK\n") == 1


def test_a_later_fragment_has_no_flags():
    (packet,) = raw_packets("+0 C:40000 > W:443 TCP ACK\n", hosts=HOSTS)
    assert of_packets([packet]).analysis.related.capture.one_way_tcp == 1
    assert of_packets([(packet[0], with_ip(packet[1], flags=0x0001))]).analysis.related.capture.one_way_tcp == 0


def test_flags_that_were_not_captured():
    # 20 + 13 bytes are in front of them. The byte behind a cut packet is the next record's: here 0x10, which is ACK.
    ((time, packet),) = raw_packets("+0 C:40000 > W:443 TCP ACK\n", hosts=HOSTS)
    later = (time // 10**9 // 256 * 256 + 256 + 0x10) * 10**9
    assert of_packets([(time, packet[:34]), (later, packet[:33])]).analysis.related.capture.one_way_tcp == 1
    assert of_packets([(time, packet[:33]), (later, packet[:33])]).analysis.related.capture.one_way_tcp == 0
