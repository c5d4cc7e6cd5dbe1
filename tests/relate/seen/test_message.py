"""One message as it stands in the ladder: its packets, and what of it can be read."""

from __future__ import annotations

import pytest

from analyzer.ike.registry import numbers
from tests.relate.captures import HOSTS, INIT, only_sa

AUTH = "+0.1 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3"


def test_packets_of_a_message_in_ip_fragments():
    # 3,468 of IKE, 4 of marker and 8 of UDP are 3,480 bytes: 1,440 twice and 600, each with 20 of IP in front.
    message = only_sa(INIT, f"{AUTH}\n", hosts=HOSTS + "mtu 1460\n").messages[-1]
    assert (message.ip_fragments, message.ip_pieces, message.ip_sizes) == (3, 3, (1460, 1460, 620))
    assert (message.first_fragment_length, message.largest_ip_packet, message.complete) == (1460, 1460, True)


@pytest.mark.parametrize("lost", ["2", "3", "2,3"])
def test_pieces_that_were_not_seen_count_by_the_size_of_the_first(lost: str):
    message = only_sa(INIT, f"{AUTH} lost {lost}\n", hosts=HOSTS + "mtu 1460\n").messages[-1]
    assert (message.ip_pieces, message.complete, message.is_ip_fragmented) == (3, False, True)
    assert message.ip_fragments == 3 - len(lost.split(","))


def test_what_is_in_the_clear():
    request, response = only_sa(INIT).messages
    assert request.payloads[:3] == (numbers.SA, numbers.KE, numbers.NONCE)
    assert numbers.IKEV2_FRAGMENTATION_SUPPORTED in request.notifies
    assert (request.nat_t, request.inner_payload, request.takes_part) == (False, None, True)
    assert len(response.notify_data(numbers.NAT_DETECTION_SOURCE_IP)[0]) == 20  # SHA-1


def test_over_tcp_it_has_no_packet_of_its_own():
    message = only_sa("+0.1 C:50100 > S:4500 IKE_SA_INIT request tcp\n").messages[0]
    assert (message.over_tcp, message.largest_ip_packet, message.first_ttl, message.first_direction) == (
        *(True, 0, None, None),
    )
    assert (message.ip_id, len(message.packets)) == (0, 0)
