"""What the capture holds twice was sent once; what was sent twice counts twice (docs/domain/retransmission.md)."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzer
from analyzer.ike.registry import numbers
from analyzer.relate.seen.duplicates import count_duplicates
from tests.relate.captures import GOES_ON, INIT, LINK_RAW, capture, exchange, of_packets, raw_packets, with_ip

AUTH = "+0.1 C:500 > S:500 IKE_AUTH request 400\n"


def attempts(cap) -> int:
    (sa,) = cap.analysis.sas
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
        assert cap.analysis.related.capture.duplicates == 1
        assert len(cap.messages) == 4  # the frame holds what the capture holds

    def test_of_an_ip_fragmented_message(self):
        cap = capture(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 3468 x2 at +1 dup\n", GOES_ON)
        assert attempts(cap) == 2
        (sa,) = cap.analysis.sas
        assert exchange(sa, numbers.IKE_AUTH).request.ip_fragments == 3

    def test_of_skf_messages(self):
        cap = capture(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 1500 SKF 1-3/3 dup\n", GOES_ON)
        (sa,) = cap.analysis.sas
        auth = exchange(sa, numbers.IKE_AUTH)
        assert (auth.attempts, len(auth.request.messages), auth.request.length) == (1, 3, 1500)

    def test_of_a_response(self):
        cap = capture(INIT, AUTH, "+0.2 C:500 < S:500 IKE_AUTH response 300 dup\n")
        (sa,) = cap.analysis.sas
        assert len(exchange(sa, numbers.IKE_AUTH).responses) == 1

    def test_three_times_the_same(self):
        (*init, (time, packet)) = raw_packets(INIT, AUTH)
        cap = of_packets([*init, *((time + i * 2_000_000, packet) for i in range(3))])
        assert attempts(cap) == 1
        assert cap.analysis.related.capture.duplicates == 2


class TestBehindARouter:
    """The other side of a router: TTL one lower. IPv6 and Linux' atomic packets have no identification to go by."""

    HOSTS_6 = "C = 2001:db8:1::2  S = 2001:db8:2::7\n"

    def test_under_identification_0(self):
        (*init, (time, packet)) = raw_packets(INIT, AUTH)
        packet = with_ip(packet, ident=0, flags=0x4000)
        cap = of_packets([*init, (time, packet), (time + 40_000_000, with_ip(packet, ttl=63))])
        assert attempts(cap) == 1

    def test_over_ipv6(self):
        (*init, (time, packet)) = raw_packets(INIT, AUTH, hosts=self.HOSTS_6)
        cap = of_packets([*init, (time, packet), (time + 40_000_000, packet[:7] + b"\x3f" + packet[8:])])
        assert attempts(cap) == 1

    def test_a_retransmission_comes_later(self):
        # After 0.3 s (docs/domain/retransmission.md) the lower TTL is another way of a packet sent anew.
        (*init, (time, packet)) = raw_packets(INIT, AUTH)
        packet = with_ip(packet, ident=0, flags=0x4000)
        assert attempts(of_packets([*init, (time, packet), (time + 300_000_000, with_ip(packet, ttl=63))])) == 2

    def test_a_higher_ttl_is_no_router(self):
        (*init, (time, packet)) = raw_packets(INIT, AUTH)
        packet = with_ip(packet, ident=0, flags=0x4000, ttl=60)
        assert attempts(of_packets([*init, (time, packet), (time + 40_000_000, with_ip(packet, ttl=64))])) == 2


class TestFragments:
    """DuplicateCount of IP fragments, however they lie between one another, are one message sent once."""

    def packets(self):
        return raw_packets(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 3468 x2 at +1.0\n")

    @pytest.mark.parametrize("copies", [1, 2, 3])
    @pytest.mark.parametrize("ttl", [64, 63])
    @pytest.mark.parametrize("delay", [1_000, 30_000, 4_000_000, 60_000_000])
    def test_do_not_count(self, copies, ttl, delay):
        made = [
            (time + i * delay, with_ip(packet, ttl=ttl if i else None))
            for time, packet in self.packets()
            for i in range(copies + 1)
        ]
        (sa,) = of_packets(sorted(made, key=lambda p: p[0])).analysis.sas
        auth = exchange(sa, numbers.IKE_AUTH)
        assert (auth.attempts, auth.request.ip_fragments, auth.request.complete) == (2, 3, True)

    def test_of_the_fragments_only(self):
        made = []
        for time, packet in self.packets():
            made.append((time, packet))
            if packet[6] & 0x20 or packet[7]:  # a fragment
                made.append((time + 2_000, packet))
        (sa,) = of_packets(sorted(made, key=lambda p: p[0])).analysis.sas
        assert exchange(sa, numbers.IKE_AUTH).attempts == 2

    def test_of_a_message_that_is_there_in_part(self):
        # The later fragments were lost; the first is there twice, once on each side of a router.
        made = [(t, p) for t, p in self.packets() if int.from_bytes(p[6:8], "big") & 0x1FFF == 0]
        made += [(t + 200_000, with_ip(p, ttl=63)) for t, p in made]
        (sa,) = of_packets(sorted(made, key=lambda p: p[0])).analysis.sas
        auth = exchange(sa, numbers.IKE_AUTH)
        assert (auth.attempts, auth.request.complete) == (2, False)

    def test_of_fragments_whose_first_one_was_lost(self):
        made = [(t, p) for t, p in self.packets() if int.from_bytes(p[6:8], "big") & 0x1FFF or not p[6] & 0x20]
        once = of_packets(made).analysis.sas[0].orphans
        made += [(t + 2_000, p) for t, p in made]
        assert of_packets(sorted(made, key=lambda p: p[0])).analysis.sas[0].orphans == tuple(
            # Only the frame numbers are others.
            (twice, src, dst)
            for (_, src, dst), twice in zip(once, (5, 7, 9, 11), strict=True)
        )


class TestOrder:
    def test_interfaces_one_after_the_other(self):
        # Two captures put together without sorting: all of the second comes behind all of the first.
        once = raw_packets(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 400 x2 at +1.0\n")
        cap = of_packets([*once, *((time + 20_000, packet) for time, packet in once)])
        assert attempts(cap) == 2
        assert cap.analysis.related.capture.duplicates == 4


PLAYED = raw_packets(
    INIT,
    "+0.1 C:500 > S:500 IKE_AUTH request 3468 x2 at +1.0\n",
    "+1.2 C:500 < S:500 IKE_AUTH response SKF 1-3/3\n",
    "+3.0 C:500 > S:500 INFORMATIONAL request 80 SK{} mid 2 x3 at +0.5 +1.5\n",
)
COPIES = st.lists(st.tuples(st.integers(0, 4_000_000), st.integers(0, 3)), max_size=3)


@given(copies_of=st.lists(COPIES, min_size=len(PLAYED), max_size=len(PLAYED)))
@settings(max_examples=60)
def test_copies_never_change_what_was_sent(copies_of):
    """Any packets, copied up to three times within 4 ms, behind up to three routers: the same exchanges."""
    made = list(PLAYED)
    for (time, packet), some in zip(PLAYED, copies_of, strict=True):
        made += [(time + delay, with_ip(packet, ttl=packet[8] - hops)) for delay, hops in some]
    (sa,) = of_packets(sorted(made, key=lambda p: p[0])).analysis.sas
    (once,) = of_packets(PLAYED).analysis.sas
    assert [_shape(e) for e in sa.exchanges] == [_shape(e) for e in once.exchanges]


def _shape(e):
    sizes = [a.length for a in (*e.requests, *e.responses)]
    return e.exchange, e.message_id, e.attempts, len(e.responses), sizes, [a.complete for a in e.requests], e.outcome


def test_why_they_are_copies():
    (*init, (time, packet)) = raw_packets(INIT, AUTH)
    cap = of_packets([*init, (time, packet), (time + 1_000, packet), (time + 9_000_000, with_ip(packet, ttl=63))])
    seen = count_duplicates(cap.analysis.related.table.wire, cap.analysis.related.duplicate_of)
    assert (seen.messages, seen.same_identification, seen.routed, seen.other_interface) == (2, 2, 1, 0)
    assert (seen.fragments, seen.frames) == (0, (4, 5))


class TestSendings:
    def test_the_same_bytes_under_a_new_identification(self):
        assert attempts(again(500, ident=4711)) == 2

    def test_the_same_bytes_under_identification_0(self):
        # Linux sends atomic datagrams with 0 (RFC 6864 allows it): the identification says nothing.
        (*init, (time, packet)) = raw_packets(INIT, AUTH)
        packet = with_ip(packet, ident=0, flags=0x4000)
        assert attempts(of_packets([*init, (time, packet), (time + 500_000_000, packet)])) == 2

    def test_without_a_time(self):
        # pcapng's Simple Packet Block has none: the same bytes may have come again after seconds.
        packets = raw_packets(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 400 x3 at +1.0 +3.0\n")

        def block(kind: int, body: bytes) -> bytes:
            body += bytes(-len(body) % 4)
            length = struct.pack("<I", len(body) + 12)
            return struct.pack("<I", kind) + length + body + length

        section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
        blocks = [block(0x0A0D0D0A, section), block(1, struct.pack("<HHI", LINK_RAW, 0, 0))]
        blocks += [block(3, struct.pack("<I", len(data)) + data) for _, data in packets]
        assert attempts(analyzer.read("simple.pcapng", stream=io.BytesIO(b"".join(blocks)))) == 3

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
        assert cap.analysis.related.capture.duplicates == 0
        assert [e.attempts for e in cap.analysis.sas[0].exchanges] == [1, 1]

    def test_the_same_bytes_in_two_ike_sas_cannot_be(self):
        # Two daemons of one client at the same moment: other SPIs (docs/domain/retransmission.md).
        cap = capture(
            "+0.0000 C:500 > S:500 IKE_SA_INIT request sa 1\n+0.0001 C:500 > S:500 IKE_SA_INIT request sa 2\n"
        )
        assert cap.analysis.related.capture.duplicates == 0
        assert len(cap.analysis.sas) == 2
