"""The MTUs that TCP handshakes stand for: MSS and 40 bytes of headers, 60 over IPv6 (RFC 9293 section 3.7.1)."""

from __future__ import annotations

from analyzer.relate.seen.tcp_handshakes import SegmentSizes
from tests.relate.captures import HOSTS, capture

MANY = HOSTS.strip() + "  T = 198.51.100.1\n"


def of(*steps: str, hosts: str = MANY) -> dict[str, SegmentSizes]:
    return dict(capture(*steps, hosts=hosts).analysis.related.capture.segment_sizes)


def test_of_a_host_the_most_frequent_and_of_each_server_the_smallest():
    found = of(
        "+1 C:40001 > S:443 TCP SYN mss 1300\n",
        "+2 C:40002 > S:443 TCP SYN mss 1460\n+2.1 C:40002 < S:443 TCP SYN-ACK mss 1360\n",
        "+3 C:40003 > T:443 TCP SYN mss 1460\n+3.1 C:40003 < T:443 TCP SYN-ACK mss 1452\n",
        "+4 C:40004 > S:443 TCP SYN mss 1460\n+4.1 C:40004 < S:443 TCP SYN-ACK mss 1400\n",
    )
    assert list(found) == ["10.0.0.2"]
    assert found["10.0.0.2"].sent == (1500, 2)
    assert found["10.0.0.2"].answers == {"203.0.113.7": (1400, 3), "198.51.100.1": (1492, 5)}
    assert found["10.0.0.2"].largest_answer == (1492, 5)


def test_over_ipv6():
    hosts = "C = 2001:db8:1::2  S = 2001:db8:2::7\n"
    assert of("+1 C:40001 > S:443 TCP SYN mss 1440\n", hosts=hosts)["2001:db8:1::2"].sent == (1500, 1)


def test_a_reset_or_a_syn_without_the_option_says_nothing():
    assert of("+1 C:40001 > S:443 TCP SYN\n+1.1 C:40001 < S:443 TCP RST\n") == {}
    behind = "+2 C:40002 > S:443 TCP SYN mss 1460\n"
    assert of("+1 C:40001 > S:443 TCP SYN\n", behind)["10.0.0.2"].sent == (1500, 2)
