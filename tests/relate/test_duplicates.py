"""What the capture holds twice was sent once; what was sent twice counts twice (domain.md 4.2)."""

from __future__ import annotations

from analyzer.wire.registry import numbers
from tests.relate.seen import GOES_ON, INIT, capture, exchange, of_packets, raw_packets, with_ip

AUTH = "+0.1 C:500 > S:500 IKE_AUTH request 400\n"


def attempts(cap) -> int:
    (sa,) = cap.sas_seen
    return exchange(sa, numbers.IKE_AUTH).attempts


def again(delay_ms: float, **fields: int):
    """IKE_SA_INIT, then IKE_AUTH twice, the second time with other IP header fields."""
    (*init, (time, packet)) = raw_packets(INIT, AUTH)
    return of_packets([*init, (time, packet), (time + round(delay_ms * 1e6), with_ip(packet, **fields))])


class TestCopies:
    def test_the_same_packet_at_two_capture_points(self):
        assert attempts(again(0.003)) == 1

    def test_one_routing_step_later(self):
        assert attempts(again(1, ttl=63)) == 1

    def test_a_loop_on_the_network(self):
        # Same IP identification, other TTL, within half a second.
        assert attempts(again(200, ttl=50)) == 1

    def test_they_are_counted(self):
        cap = capture(INIT, AUTH.replace("\n", " dup\n"), GOES_ON)
        assert attempts(cap) == 1
        assert cap.related.capture.duplicates == 1
        assert len(cap.messages) == 4  # the frame holds what the capture holds

    def test_of_an_ip_fragmented_message(self):
        cap = capture(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 3468 x2 at +1 dup\n", GOES_ON)
        assert attempts(cap) == 2
        (sa,) = cap.sas_seen
        assert exchange(sa, numbers.IKE_AUTH).request.ip_fragments == 3

    def test_of_skf_messages(self):
        cap = capture(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 1500 SKF 1-3/3 dup\n", GOES_ON)
        (sa,) = cap.sas_seen
        auth = exchange(sa, numbers.IKE_AUTH)
        assert (auth.attempts, len(auth.request.messages), auth.request.length) == (1, 3, 1500)

    def test_of_a_response(self):
        cap = capture(INIT, AUTH, "+0.2 C:500 < S:500 IKE_AUTH response 300 dup\n")
        (sa,) = cap.sas_seen
        assert len(exchange(sa, numbers.IKE_AUTH).responses) == 1

    def test_three_times_the_same(self):
        (*init, (time, packet)) = raw_packets(INIT, AUTH)
        cap = of_packets([*init, *((time + i * 2_000_000, packet) for i in range(3))])
        assert attempts(cap) == 1
        assert cap.related.capture.duplicates == 2


class TestSendings:
    def test_the_same_bytes_under_a_new_identification(self):
        assert attempts(again(500, ident=4711)) == 2

    def test_the_same_bytes_under_identification_0(self):
        # Linux sends atomic datagrams with 0 (RFC 6864 allows it): the identification says nothing.
        (*init, (time, packet)) = raw_packets(INIT, AUTH)
        packet = with_ip(packet, ident=0, flags=0x4000)
        assert attempts(of_packets([*init, (time, packet), (time + 500_000_000, packet)])) == 2

    def test_the_same_identification_after_a_second_is_chance(self):
        assert attempts(again(1000)) == 2

    def test_over_ipv6_which_has_no_identification(self):
        hosts = "C = 2001:db8:1::2  S = 2001:db8:2::7\n"
        cap = capture(INIT, AUTH.replace("\n", " x3 at +0.5 +1.5\n"), GOES_ON, hosts=hosts)
        assert attempts(cap) == 3

    def test_other_bytes_at_once(self):
        # The protocol's own retry follows its demand within milliseconds.
        cap = capture(
            "+0.000 C:500 > S:500 IKE_SA_INIT request\n"
            "+0.001 C:500 < S:500 IKE_SA_INIT response N(COOKIE)\n"
            "+0.002 C:500 > S:500 IKE_SA_INIT request N(COOKIE)\n"
        )
        assert cap.related.capture.duplicates == 0
        assert [e.attempts for e in cap.sas_seen[0].exchanges] == [1, 1]

    def test_the_same_bytes_in_two_ike_sas_cannot_be(self):
        # Two daemons of one client at the same moment: other SPIs (domain.md 4.2).
        cap = capture(
            "+0.0000 C:500 > S:500 IKE_SA_INIT request sa 1\n+0.0001 C:500 > S:500 IKE_SA_INIT request sa 2\n"
        )
        assert cap.related.capture.duplicates == 0
        assert len(cap.sas_seen) == 2
