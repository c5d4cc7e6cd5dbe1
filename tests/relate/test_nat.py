"""NAT detection (RFC 7296 section 2.23). Hashes of SPIi SPIr IP port: ``printf HEX | xxd -r -p | sha1sum``."""

from __future__ import annotations

from pathlib import Path

import pytest

import analyzer
from analyzer.relate.nat import detection_hash
from tests.relate.seen import DETECTION, HOSTS, only_sa

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
    (sa,) = analyzer.read(shared_captures / "dev/corelight+zeek-spicy-ipsec/ipsec_client.pcap").sas_seen
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
