"""From which side the capture was taken: the side whose packets still have a host's own TTL."""

from __future__ import annotations

from pathlib import Path

import pytest

import analyzer
from tests.relate.seen import HOSTS, INIT, of_packets, only_sa, raw_packets, with_ip


@pytest.mark.parametrize("at, side", [("C", "initiator"), ("S", "responder")])
def test_at_one_of_them(at, side):
    assert only_sa(INIT, hosts=HOSTS + f"at {at}\n").side == side


def test_in_the_middle():
    packets = [(time, with_ip(packet, ttl=60)) for time, packet in raw_packets(INIT)]
    assert of_packets(packets).sas_seen[0].side == "middle"


def test_of_two_hosts_on_one_link():
    packets = [(time, with_ip(packet, ttl=64)) for time, packet in raw_packets(INIT)]
    assert of_packets(packets).sas_seen[0].side == "unknown"


def test_of_a_client_that_hears_nothing():
    assert only_sa("+0 C:500 > S:500 IKE_SA_INIT request\n").side == "unknown"


def test_of_a_real_client(shared_captures: Path):
    # tshark: TTL 128 from the client, 54 from the server.
    (sa,) = analyzer.read(shared_captures / "dev/corelight+zeek-spicy-ipsec/ipsec_client.pcap").sas_seen
    assert sa.side == "initiator"
