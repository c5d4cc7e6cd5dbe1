"""Who is seen to talk with whom beside IKE."""

from __future__ import annotations

from tests.relate.captures import INIT, capture

HOSTS = "C = 10.0.0.2  S = 203.0.113.7  T = 198.51.100.1  U = 198.51.100.2  V = 198.51.100.3  W = 198.51.100.4\n"


def test_pings_and_handshakes_tell_whatever_way_they_go():
    steps = "+1 C:40001 > T:443 TCP SYN\n+2 S > C ICMP echo-request size 84\n"
    found = capture(INIT, steps, hosts=HOSTS).analysis.related.capture.partners
    assert {host: set(others) for host, others in found.items()} == {
        "10.0.0.2": {"198.51.100.1", "203.0.113.7"},
        "198.51.100.1": {"10.0.0.2"},
        "203.0.113.7": {"10.0.0.2"},
    }


def test_ike_itself_does_not_count():
    assert capture(INIT, hosts=HOSTS).analysis.related.capture.partners == {}


def test_a_few_are_enough():
    steps = "".join(f"+{i} C:4000{i} > {host}:443 TCP SYN\n" for i, host in enumerate("STUVW"))
    assert len(capture(steps, hosts=HOSTS).analysis.related.capture.partners["10.0.0.2"]) == 3
