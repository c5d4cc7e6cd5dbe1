"""From which side the capture was taken: what its packets, hashes, directions and company say of it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import analyzer
from analyzer.relate.inferred.side import SideClue, conclude
from tests.relate.captures import DETECTION, HOSTS, INIT, capture, of_packets, only_sa, raw_packets, with_ip


def side_of(packets, **options):
    (sa,) = of_packets(packets, **options).analysis.sas
    return sa.side


def with_ttls(initiator: int, responder: int, *steps: str):
    """The ladder's packets, those of 10.0.0.2 (the initiator) with one TTL and the others with another."""
    for time, packet in raw_packets(*steps):
        yield time, with_ip(packet, ttl=initiator if packet[12:16] == bytes([10, 0, 0, 2]) else responder)


class TestTtl:
    @pytest.mark.parametrize("at, side", [("C", "initiator"), ("S", "responder")])
    def test_at_one_of_them(self, at, side):
        assert only_sa(INIT, hosts=HOSTS + f"at {at}\n").side == side

    @pytest.mark.parametrize(
        ("initiator", "responder", "side"),
        [
            (64, 63, "initiator"),  # one router between
            (127, 64, "responder"),
            (128, 54, "initiator"),
            (254, 255, "responder"),
            (60, 60, "middle"),
            (63, 126, "middle"),
            (64, 64, "unknown"),  # two hosts on one link
            (64, 128, "unknown"),
        ],
    )
    def test_by_what_routers_took(self, initiator, responder, side):
        assert side_of(with_ttls(initiator, responder, INIT)) == side

    def test_at_a_router_that_shows_fragments_twice(self):
        # On its way out the copy of a fragment has one hop less; the packet itself was fresh.
        auth = "+0.1 C:500 > S:500 IKE_AUTH request 3000\n+0.2 C:500 < S:500 IKE_AUTH response 3000\n"
        made = list(with_ttls(64, 54, INIT, auth))
        made += [(time + 9_000, with_ip(packet, ttl=packet[8] - 1)) for time, packet in made]
        assert side_of(sorted(made, key=lambda p: p[0])) == "initiator"

    @pytest.mark.parametrize("at, side", [("C", "initiator"), ("S", "responder")])
    def test_of_ikev1(self, at, side):
        steps = "+0 C:500 > S:500 IKEv1 Main Mode request\n+0.1 C:500 < S:500 IKEv1 Main Mode response\n"
        assert only_sa(steps, hosts=HOSTS + f"at {at}\n").side == side

    def test_of_a_client_that_hears_nothing(self):
        sa = only_sa("+0 C:500 > S:500 IKE_SA_INIT request\n")
        assert (sa.side, sa.side_evidence) == ("unknown", "nothing in the packets tells")

    def test_of_a_real_client(self, shared_captures: Path):
        # tshark: TTL 128 from the client, 54 from the server.
        (sa,) = analyzer.read(shared_captures / "dev/corelight+zeek-spicy-ipsec/ipsec_client.pcap").analysis.sas
        assert sa.side == "initiator"
        assert "have not passed a router" in sa.side_evidence


LAB = Path(__file__).resolve().parents[3] / "sample_pcaps/lab/captures"
ENDS = {"client": "initiator", "server": "responder"}


@pytest.mark.parametrize(
    "file", [f for end in ENDS for f in sorted(LAB.glob(f"*.{end}.pcapng"))], ids=lambda file: file.stem
)
def test_of_real_daemons(file: Path):
    """The lab's captures are named after the host on which tcpdump ran: that side, or unknown, and never another."""
    own = ENDS[file.stem.rpartition(".")[2]]
    assert {sa.side for sa in analyzer.read(file).analysis.sas} <= {own, "unknown"}


class TestNatHashes:
    """The TTLs are alike, so that they say nothing."""

    def test_before_the_initiators_nat(self):
        hosts = "C = 10.0.0.2 (nat 198.51.100.1)  S = 203.0.113.7\n"
        packets = raw_packets(INIT, hosts=hosts)
        assert side_of((time, with_ip(packet, ttl=64)) for time, packet in packets) == "initiator"

    def test_behind_the_responders_nat(self):
        hosts = "S = 10.9.9.9 (nat 203.0.113.7)  C = 198.51.100.1\n"
        packets = raw_packets(INIT, hosts=hosts)
        assert side_of((time, with_ip(packet, ttl=64)) for time, packet in packets) == "responder"

    def test_no_nat_says_nothing(self):
        assert side_of((time, with_ip(packet, ttl=64)) for time, packet in raw_packets(INIT)) == "unknown"

    def test_a_false_hash_says_nothing(self):
        # It looks like a NAT behind which the capture was taken, and may be forced encapsulation at the client.
        init = (
            f"+0.0 C:500 > S:500 IKE_SA_INIT request N(NAT_DETECTION_SOURCE_IP 0x{'ab' * 20}) "
            "N(NAT_DETECTION_DESTINATION_IP)\n"
            f"+0.1 C:500 < S:500 IKE_SA_INIT response N({DETECTION})\n"
        )
        assert side_of((time, with_ip(packet, ttl=64)) for time, packet in raw_packets(init)) == "unknown"


def cooked(packets, sent_by: dict[bytes, int]):
    """A pcap file of ``tcpdump -i any`` (SLL2): packet type by the source address (0 received, 4 sent)."""
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 276)]
    for time, data in packets:
        head = struct.pack("!HHIHBB8x", 0x0800, 0, 1, 1, sent_by[data[12:16]], 6)
        parts.append(
            struct.pack("<IIII", time // 10**9, time % 10**9, len(head + data), len(head + data)) + head + data
        )
    return b"".join(parts)


class TestDirection:
    CLIENT, SERVER = bytes([10, 0, 0, 2]), bytes([203, 0, 113, 7])

    @pytest.mark.parametrize(
        ("client", "server", "ttls", "side"),
        [
            (4, 0, (64, 64), "initiator"),
            (0, 4, (64, 64), "responder"),
            (0, 0, (64, 64), "middle"),  # received both: a router or a mirror port
            (0, 0, (64, 63), "middle"),
            (3, 3, (64, 64), "unknown"),  # sent to somebody else: seen in passing, so neither in nor out
            (4, 0, (64, 63), "initiator"),
            (0, 4, (64, 63), "unknown"),  # the TTL says the one, the host the other
        ],
    )
    def test_that_the_host_recorded(self, client, server, ttls, side, tmp_path):
        packets = with_ttls(*ttls, INIT)
        file = tmp_path / "any.pcap"
        file.write_bytes(cooked(packets, {self.CLIENT: client, self.SERVER: server}))
        (sa,) = analyzer.read(file).analysis.sas
        assert sa.side == side, sa.side_evidence

    def test_of_fragments_that_a_router_forwards(self, tmp_path):
        # tcpdump -i any on the client's router: each fragment in with TTL 64, and at once out with 63.
        auth = "+0.1 C:500 > S:500 IKE_AUTH request 3000\n+0.2 C:500 < S:500 IKE_AUTH response 3000\n"
        parts = [cooked([], {})]
        for time, packet in with_ttls(64, 54, INIT, auth):
            for later, way, ttl in ((0, 0, packet[8]), (9_000, 4, packet[8] - 1)):
                one = cooked([(time + later, with_ip(packet, ttl=ttl))], {packet[12:16]: way})
                parts.append(one[24:])
        file = tmp_path / "any.pcap"
        file.write_bytes(b"".join(parts))
        (sa,) = analyzer.read(file).analysis.sas
        assert sa.side == "middle", sa.side_evidence

    def test_of_a_client_that_hears_nothing(self):
        # pcapng records that the host sent it, with the TTL of a host.
        assert only_sa("+0 C:500 > S:500 IKE_SA_INIT request\n", hosts=HOSTS + "at C\n").side == "initiator"

    def test_of_a_server_that_does_not_answer(self):
        # Received: by the server or by a router on the way.
        assert only_sa("+0 C:500 > S:500 IKE_SA_INIT request\n", hosts=HOSTS + "at S\n").side == "unknown"


class TestCompany:
    REQUEST = "+0 C:500 > S:500 IKE_SA_INIT request\n"

    @pytest.mark.parametrize(
        ("other", "side"),
        [
            ("+1 C:40000 > W:443 TCP SYN\n", "initiator"),
            ("+1 S:40000 > W:443 TCP SYN\n", "responder"),
            ("+1 C:40000 > S:443 TCP SYN\n", "unknown"),  # with each other: seen anywhere
            ("+1 C:40000 > S:443 TCP SYN\n+2 C:40000 > W:443 TCP SYN\n", "initiator"),
            ("+1 C:40000 > W:443 TCP SYN\n+2 S:40000 > W:443 TCP SYN\n", "unknown"),
            ("+1 W:40000 > X:443 TCP SYN\n", "unknown"),
        ],
    )
    def test_third_hosts(self, other, side):
        hosts = HOSTS + "W = 192.0.2.80  X = 192.0.2.81\n"
        cap = capture(self.REQUEST, other, hosts=hosts)
        assert cap.analysis.sas[0].side == side, cap.analysis.sas[0].side_evidence


class TestTiming:
    """It never decides alone: a slow host looks like a long way (module docstring)."""

    @pytest.mark.parametrize("answer, request_", [(30.0, 31.0), (0.4, 60.0)])
    def test_is_not_enough(self, answer, request_):
        steps = (
            "+0 C:500 > S:500 IKE_SA_INIT request\n"
            f"+{answer / 1000} C:500 < S:500 IKE_SA_INIT response\n"
            f"+{request_ / 1000} C:500 > S:500 IKE_AUTH request 400\n"
        )
        (sa,) = of_packets((t, with_ip(p, ttl=64)) for t, p in raw_packets(steps)).analysis.sas
        assert sa.side == "unknown"
        assert "too little to go by: answers take" in sa.side_evidence

    @pytest.mark.parametrize(
        ("answer", "request_", "said"),
        [
            (30.0, 31.0, "answers take 30.0 ms, and the next request 1.0 ms"),
            (1.0, 61.0, "answers take 1.0 ms, and the next request 60.0 ms"),
            # Neither a way nor none: what takes 5 ms may be both.
            (5.0, 65.0, ""),
            (0.4, 5.4, ""),
        ],
    )
    def test_a_way_takes_ten_milliseconds_and_none_takes_one(self, answer, request_, said):
        steps = (
            "+0 C:500 > S:500 IKE_SA_INIT request\n"
            f"+{answer / 1000} C:500 < S:500 IKE_SA_INIT response\n"
            f"+{request_ / 1000} C:500 > S:500 IKE_AUTH request 400\n"
        )
        (sa,) = of_packets((t, with_ip(p, ttl=64)) for t, p in raw_packets(steps)).analysis.sas
        assert said in sa.side_evidence and ("answers take" in sa.side_evidence) == bool(said)

    def test_does_not_outweigh_a_ttl(self):
        # A client that thinks for a second, one router away: the TTL decides.
        steps = (
            "+0 C:500 > S:500 IKE_SA_INIT request\n+0.0004 C:500 < S:500 IKE_SA_INIT response\n"
            "+1 C:500 > S:500 IKE_AUTH request 400\n"
        )
        assert side_of(with_ttls(64, 63, steps)) == "initiator"


def test_clues_that_agree_are_all_told():
    side, why = conclude([SideClue("responder", 3, "a"), SideClue("responder", 4, "b"), SideClue("initiator", 1, "c")])
    assert (side, why) == ("responder", "a; b")


SIDES = st.sampled_from(["initiator", "responder", "middle"])
CLUES = st.lists(st.builds(SideClue, side=SIDES, weight=st.integers(1, 6), text=st.just("x")), max_size=6)


@given(CLUES, st.randoms())
def test_the_order_of_clues_does_not_matter(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    assert conclude(shuffled)[0] == conclude(found)[0]


@given(CLUES, st.integers(1, 6))
def test_one_more_clue_for_a_side_makes_no_other_side(found, weight):
    side, _ = conclude(found)
    assert conclude([*found, SideClue(side, weight, "x")])[0] == side or side == "unknown"


@given(CLUES)
def test_a_named_side_outweighs_all_others_together(found):
    side, _ = conclude(found)
    own = sum(c.weight for c in found if c.side == side)
    assert side == "unknown" or own - sum(c.weight for c in found if c.side != side) >= 2
