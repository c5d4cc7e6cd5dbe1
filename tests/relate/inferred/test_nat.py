"""NAT detection (RFC 7296 section 2.23). NatDetection of SPIi SPIr IP port: ``printf HEX | xxd -r -p | sha1sum``."""

from __future__ import annotations

from pathlib import Path

import pytest

import analyzer
from analyzer.ike.registry import numbers
from analyzer.relate.inferred.nat import NatView, detection_hash, hashed_port, nat_text
from tests.relate.captures import DETECTION, HOSTS, only_sa

SPIS = "sa 1 spi 1122334455667788 99aabbccddeeff00\n"
NATTED = "C = 10.0.0.2 (nat 198.51.100.1)  S = 203.0.113.7\n"
INIT = (
    f"+0.0 C:500 > S:500 IKE_SA_INIT request  N({DETECTION})\n+0.1 C:500 < S:500 IKE_SA_INIT response N({DETECTION})\n"
)


def nat(*steps: str, hosts: str = HOSTS) -> tuple[str, str]:
    sa = only_sa(*steps, hosts=hosts)
    return sa.nat_i, sa.nat_r


@pytest.mark.parametrize(
    "spi_r, address, expected",
    [
        (0, "10.0.0.2", "86fc34100d013a214b93a7036fa2e1856de17407"),
        (0, "2001:db8:1::2", "5763b67dd621a80108adc2d2875daf596269d803"),
        (0x99AABBCCDDEEFF00, "203.0.113.7", "e36e0990a76f63eb2637486f051aa2d55191b18d"),
    ],
)
def test_the_hash(spi_r, address, expected):
    assert detection_hash(0x1122334455667788, spi_r, address, 500).hex() == expected


def test_a_real_client_behind_a_nat(shared_captures: Path):
    # By hand: the request's hashes are those of 192.168.0.10 and 144.76.154.114, port 500; so is the response's source.
    # Its destination hash (6d34e239...) is not that of 192.168.0.10 (c8173753...): the server saw another address.
    (sa,) = analyzer.read(shared_captures / "dev/corelight+zeek-spicy-ipsec/ipsec_client.pcap").analysis.sas
    assert (sa.nat_i, sa.nat_r) == ("yes", "no")


class TestPlaces:
    def test_no_nat(self):
        assert nat(INIT) == ("no", "no")

    def test_no_nat_over_ipv6(self):
        assert nat(INIT, hosts="C = 2001:db8:1::2  S = 2001:db8:2::7\n") == ("no", "no")

    def test_the_initiator_seen_at_its_own_side(self):
        assert nat(INIT, hosts=NATTED + "at C\n") == ("yes", "no")

    def test_the_initiator_seen_from_the_far_side_of_the_nat(self):
        # There a NAT looks like forced encapsulation: the source hash fits nothing, the peer's view is the trace's.
        assert nat(INIT, hosts=NATTED + "at S\n") == ("unknown", "no")

    def test_the_responder_behind_a_port_forwarding(self):
        hosts = "C = 198.51.100.1  S = 10.9.9.9 (nat 203.0.113.7)\n"
        assert nat(INIT, hosts=hosts + "at S\n") == ("no", "yes")
        assert nat(INIT, hosts=hosts + "at C\n") == ("no", "unknown")  # as above, mirrored

    def test_both(self):
        hosts = "C = 10.0.0.2 (nat 198.51.100.1)  S = 10.9.9.9 (nat 203.0.113.7)\n"
        assert nat(INIT, hosts=hosts + "at C\n") == ("yes", "unknown")
        assert nat(INIT, hosts=hosts + "at S\n") == ("unknown", "yes")

    def test_a_nat_that_changes_the_port_only(self):
        # The client sent from 500, the trace at the server shows 1024.
        source = "0x86fc34100d013a214b93a7036fa2e1856de17407"
        init = f"+0 C:1024 > S:500 IKE_SA_INIT request N(NAT_DETECTION_SOURCE_IP {source})\n"
        assert nat(init, hosts=HOSTS + SPIS)[0] == "yes"


class TestUnknown:
    def test_forced_encapsulation_is_no_nat(self):
        # A sender that wants UDP encapsulation gives a false source hash; its peer found the address unchanged, and at
        # the sender itself no NAT can have come between.
        init = (
            f"+0.0 C:500 > S:500 IKE_SA_INIT request  N(NAT_DETECTION_SOURCE_IP 0x{'ab' * 20}) "
            "N(NAT_DETECTION_DESTINATION_IP)\n"
            f"+0.1 C:500 < S:500 IKE_SA_INIT response N({DETECTION})\n"
        )
        assert nat(init) == ("no", "no")

    def test_forced_encapsulation_by_the_responder(self):
        init = (
            f"+0.0 C:500 > S:500 IKE_SA_INIT request  N({DETECTION})\n"
            f"+0.1 C:500 < S:500 IKE_SA_INIT response N(NAT_DETECTION_SOURCE_IP 0x{'ab' * 20}) "
            "N(NAT_DETECTION_DESTINATION_IP)\n"
        )
        assert nat(init) == ("no", "unknown")

    def test_no_hashes(self):
        assert nat("+0 C:500 > S:500 IKE_SA_INIT request\n+0.1 C:500 < S:500 IKE_SA_INIT response\n") == (
            "unknown",
            "unknown",
        )

    def test_a_request_alone_says_too_little(self):
        # Its source hash fits at the client also when a NAT comes behind it.
        assert nat(INIT.splitlines()[0] + "\n") == ("unknown", "unknown")

    def test_hashes_that_were_not_captured(self):
        assert nat(INIT, hosts=NATTED + "snaplen 128\n") == ("unknown", "unknown")


def test_one_of_several_source_hashes_is_enough():
    # RFC 7296 section 2.23: a host with several addresses may send one hash for each.
    right = "86fc34100d013a214b93a7036fa2e1856de17407"
    init = (
        f"+0.0 C:500 > S:500 IKE_SA_INIT request N(NAT_DETECTION_SOURCE_IP 0x{'cd' * 20}) "
        f"N(NAT_DETECTION_SOURCE_IP 0x{right}) N(NAT_DETECTION_DESTINATION_IP)\n"
        f"+0.1 C:500 < S:500 IKE_SA_INIT response N({DETECTION})\n"
    )
    assert nat(init, hosts=HOSTS + SPIS) == ("no", "no")


FALSE_SOURCE = f"N(NAT_DETECTION_SOURCE_IP 0x{'ab' * 20}) N(NAT_DETECTION_DESTINATION_IP)"


class TestHashesThatMatchNothing:
    """As where the addresses of a trace were changed: SHA-1 hashes of what is no longer there."""

    FOREIGN = f"N(NAT_DETECTION_SOURCE_IP 0x{'ab' * 20}) N(NAT_DETECTION_DESTINATION_IP 0x{'cd' * 20})"
    INIT = f"+0.0 C:500 > S:500 IKE_SA_INIT request {FOREIGN}\n+0.1 C:500 < S:500 IKE_SA_INIT response {FOREIGN}\n"

    @pytest.mark.parametrize("auth", ["", "+0.2 C:500 > S:500 IKE_AUTH request 400\n"])
    def test_and_ike_that_stays_on_port_500(self, auth):
        # RFC 7296 section 2.23: whoever finds a NAT must go on on 4500.
        sa = only_sa(self.INIT + auth)
        assert (sa.nat_i, sa.nat_r, sa.nat.forced_encapsulation) == ("unknown", "unknown", ())
        assert ["never moved to UDP 4500" in said for said in sa.nat.evidence] == [True]

    def test_and_ike_that_moves(self):
        assert nat(self.INIT + "+0.2 C:4500 > S:4500 IKE_AUTH request 400\n") == ("yes", "yes")

    def test_and_ike_that_begins_on_4500(self):
        assert nat(self.INIT.replace(":500", ":4500")) == ("yes", "yes")

    def test_of_one_side_only(self):
        init = self.INIT.splitlines()[0] + f"\n+0.1 C:500 < S:500 IKE_SA_INIT response N({DETECTION})\n"
        assert nat(init)[1] == "yes"


class TestForcedEncapsulation:
    """strongSwan (encap = yes) hashes a made-up address, Libreswan (encapsulation=yes) its own with port 0."""

    def test_is_told_where_the_packets_begin(self):
        init = (
            f"+0.0 C:500 > S:500 IKE_SA_INIT request  {FALSE_SOURCE}\n"
            f"+0.1 C:500 < S:500 IKE_SA_INIT response N({DETECTION})\n"
        )
        sa = only_sa(init)
        assert sa.side == "initiator"
        assert sa.nat.forced_encapsulation == ("initiator",)
        assert sa.nat.initiator == "no"
        told = [said for said in sa.nat.evidence if "encapsulation" in said]
        assert len(told) == 1 and "its source hash is false where its packets begin" in told[0]

    def test_cannot_be_told_from_a_nat_elsewhere(self):
        init = (
            f"+0.0 C:500 > S:500 IKE_SA_INIT request  {FALSE_SOURCE}\n"
            f"+0.1 C:500 < S:500 IKE_SA_INIT response N({DETECTION})\n"
        )
        sa = only_sa(init, hosts=HOSTS + "at S\n")
        assert (sa.nat.forced_encapsulation, sa.nat.initiator) == ((), "unknown")

    @pytest.mark.parametrize("at", ["C", "S"])
    def test_with_port_0_is_told_anywhere(self, at):
        # printf 112233445566778800000000000000000a0000020000 | xxd -r -p | sha1sum
        zero = "3b59d6dae77264f04224438df91eb190493f1973"
        init = (
            f"+0.0 C:500 > S:500 IKE_SA_INIT request N(NAT_DETECTION_SOURCE_IP 0x{zero}) "
            "N(NAT_DETECTION_DESTINATION_IP)\n"
            f"+0.1 C:500 < S:500 IKE_SA_INIT response N({DETECTION})\n"
        )
        sa = only_sa(init, hosts=HOSTS + SPIS + f"at {at}\n")
        assert (sa.nat.forced_encapsulation, sa.nat.initiator) == (("initiator",), "no")
        told = [said for said in sa.nat.evidence if "encapsulation" in said]
        assert len(told) == 1 and "it hashed its own address 10.0.0.2 port 500 with port 0" in told[0]


class TestPorts:
    def test_the_move_to_4500(self):
        sa = only_sa(INIT + "+0.2 C:4500 > S:4500 IKE_AUTH request 400\n")
        assert sa.nat.floated == numbers.IKE_AUTH
        assert nat_text(sa.nat) == "There is no NAT on the way; IKE moved to UDP 4500 with IKE_AUTH."

    def test_with_the_intermediate_exchange(self):
        # RFC 9242 section 3.2: the first exchange after IKE_SA_INIT moves.
        sa = only_sa(INIT + "+0.2 C:4500 > S:4500 IKE_INTERMEDIATE request 400\n")
        assert sa.nat.floated == numbers.IKE_INTERMEDIATE

    @pytest.mark.parametrize("port", [500, 4500])
    def test_no_move(self, port):
        init = INIT.replace(":500", f":{port}")
        assert only_sa(init + f"+0.2 C:{port} > S:{port} IKE_AUTH request 400\n").nat.floated is None

    def test_a_port_that_a_nat_gave(self):
        source = "0x86fc34100d013a214b93a7036fa2e1856de17407"  # that of port 500
        init = f"+0 C:1024 > S:500 IKE_SA_INIT request N(NAT_DETECTION_SOURCE_IP {source})\n"
        assert only_sa(init, hosts=HOSTS + SPIS).nat.port_rewritten == ("initiator",)

    def test_a_port_that_the_client_chose(self):
        # Its hash fits: no NAT gave it.
        init = INIT.replace("C:500", "C:1024")
        sa = only_sa(init)
        assert (sa.nat.port_rewritten, sa.nat.initiator) == ((), "no")

    def test_the_port_in_a_hash(self):
        # The first hash of TestHash: port 500 of 10.0.0.2 with SPIi 1122334455667788.
        hashes = [bytes(20), bytes.fromhex("86fc34100d013a214b93a7036fa2e1856de17407")]
        assert hashed_port(hashes, 0x1122334455667788, 0, "10.0.0.2") == 500
        assert hashed_port(hashes, 0x1122334455667788, 0, "10.0.0.3") is None
        assert hashed_port([], 0x1122334455667788, 0, "10.0.0.2") is None


def test_several_hashes_are_told():
    right = "86fc34100d013a214b93a7036fa2e1856de17407"
    init = (
        f"+0.0 C:500 > S:500 IKE_SA_INIT request N(NAT_DETECTION_SOURCE_IP 0x{'cd' * 20}) "
        f"N(NAT_DETECTION_SOURCE_IP 0x{right}) N(NAT_DETECTION_DESTINATION_IP)\n"
    )
    assert only_sa(init, hosts=HOSTS + SPIS).nat.several_hashes == ("initiator",)


@pytest.mark.parametrize("initiator", ["yes", "no", "unknown"])
@pytest.mark.parametrize("responder", ["yes", "no", "unknown"])
def test_every_view_is_one_sentence(initiator, responder):
    said = nat_text(NatView(initiator, responder, forced_encapsulation=("initiator", "responder"), floated=35))
    assert said.count(".") == 1 and said[0].isupper()
    assert "the client and the server ask for UDP encapsulation" in said
