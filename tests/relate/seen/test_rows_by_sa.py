"""Messages of one IKE SA share its initiator SPI, and its initiator."""

from __future__ import annotations

from tests.relate.captures import GOES_ON, capture, of_packets, raw_packets


def test_an_attempt_with_a_new_spi_is_another_ike_sa():
    # docs/domain/retransmission.md: three attempts are not one attempt with many retransmissions.
    cap = capture(
        "+0 C:500 > S:500 IKE_SA_INIT request sa 1\n"
        "+5 C:500 > S:500 IKE_SA_INIT request sa 2\n"
        "+10 C:500 > S:500 IKE_SA_INIT request sa 3\n",
        GOES_ON,
    )
    assert [sa.retransmits for sa in cap.analysis.sas] == [0, 0, 0]
    assert [sa.number for sa in cap.analysis.sas] == [1, 2, 3]


#: Two hosts that chose the same SPI, and a NAT before one of them.
TWO = """C = 10.0.0.2 (nat 198.51.100.1)  D = 10.0.0.3  S = 203.0.113.7  N = 198.51.100.2
sa 1 spi 1122334455667788 0000000000000001
sa 2 spi 1122334455667788 0000000000000002
"""


def seen(*steps: str, hosts: str = TWO) -> list[tuple[str, int]]:
    """Initiator and number of messages of each IKE SA."""
    return [(sa.initiator, len(sa.messages)) for sa in capture(*steps, GOES_ON, hosts=hosts).analysis.sas]


class TestTwoHostsWithOneSpi:
    def test_are_two_where_the_responder_tells_them_apart(self):
        cap = capture(
            "+0.0 D:500 > S:500 IKE_SA_INIT request\n"
            "+0.1 D:500 < S:500 IKE_SA_INIT response\n"
            "+0.2 N:500 > S:500 IKE_SA_INIT request sa 2\n"
            "+0.3 N:500 < S:500 IKE_SA_INIT response sa 2\n"
            "+0.4 D:500 > S:500 IKE_AUTH request 300\n"
            "+0.5 N:500 > S:500 IKE_AUTH request 300 sa 2 x3 at +1 +3\n"
            "+0.6 D:500 < S:500 IKE_AUTH response 300\n",
            GOES_ON,
            hosts=TWO,
        )
        first, second = cap.analysis.sas
        assert [(sa.initiator, sa.spi_r) for sa in (first, second)] == [("10.0.0.3", 1), ("198.51.100.2", 2)]
        assert [e.outcome for e in first.exchanges] == ["answered", "answered"]
        assert [(e.outcome, e.attempts) for e in second.exchanges] == [("answered", 1), ("unanswered", 3)]

    def test_are_two_where_nobody_answers(self):
        assert seen(
            "+0.0 D:500 > S:500 IKE_SA_INIT request x3 at +1 +3\n+0.2 N:500 > S:500 IKE_SA_INIT request sa 2 x2 at +1\n"
        ) == [("10.0.0.3", 3), ("198.51.100.2", 2)]

    def test_are_two_although_they_begin_with_the_same_random_numbers(self):
        # As virtual machines of one image may: the same bytes, and each goes on with the SPI that it was given.
        def of(address: int, spi_r: int) -> list[tuple[int, bytes]]:
            ladder = (
                f"+{spi_r}.0 C:500 > S:500 IKE_SA_INIT request\n+{spi_r}.1 C:500 < S:500 IKE_SA_INIT response\n"
                f"+{spi_r}.2 C:500 > S:500 IKE_AUTH request 300\n"
            )
            hosts = f"C = 10.0.0.{address}  S = 203.0.113.7\nsa 1 spi 1122334455667788 {spi_r:016x}\n"
            return raw_packets(ladder, hosts=hosts)

        found = of_packets([*of(2, 1), *of(3, 2)]).analysis.sas
        assert [(sa.initiator, sa.spi_r, len(sa.messages)) for sa in found] == [("10.0.0.2", 1, 3), ("10.0.0.3", 2, 3)]

    def test_are_two_with_two_gateways(self):
        steps = "+0 D:500 > S:500 IKE_SA_INIT request\n+1 N:500 > C:500 IKE_SA_INIT request sa 2\n"
        assert seen(steps) == [("10.0.0.3", 1), ("198.51.100.2", 1)]


class TestOneHostUnderSeveralAddresses:
    INIT = "+0.0 D:500 > S:500 IKE_SA_INIT request\n+0.1 D:500 < S:500 IKE_SA_INIT response\n"

    def test_roams_with_mobike(self):
        # RFC 4555: the same SPI pair from a new address.
        steps = "+9.0 N:4500 > S:4500 INFORMATIONAL request\n+9.1 N:4500 < S:4500 INFORMATIONAL response\n"
        assert seen(self.INIT, steps) == [("10.0.0.3", 4)]

    def test_repeats_its_request_from_a_new_address(self):
        # The same bytes: key and nonce are those of one host.
        assert moved("+0 C:500 > S:500 IKE_SA_INIT request x2 at +1\n", {1}) == [("10.0.0.2", 2)]

    def test_comes_back_with_the_cookie_from_a_new_address(self):
        # RFC 7296 section 2.6: all but the cookie stays the same, the nonce too. The NAT gives an address per packet.
        steps = "+0.00 C:500 > S:500 IKE_SA_INIT request\n+0.04 C:500 > S:500 IKE_SA_INIT request N(COOKIE)\n"
        assert moved(steps, {1}) == [("10.0.0.2", 2)]

    def test_tries_another_gateway(self):
        steps = "+0.0 D:500 > S:500 IKE_SA_INIT request\n+1.0 D:500 > N:500 IKE_SA_INIT request sa 2\n"
        assert seen(steps) == [("10.0.0.3", 2)]

    def test_gets_its_answer_from_another_gateway(self):
        steps = "+0.0 D:500 > S:500 IKE_SA_INIT request\n+1.0 D:500 < N:500 IKE_SA_INIT response\n"
        assert seen(steps) == [("10.0.0.3", 2)]

    def test_whose_answer_goes_astray(self):
        # Another host asked nothing: the answer is that to the only question (NET011).
        steps = "+0.0 D:500 > S:500 IKE_SA_INIT request\n+0.1 N:500 < S:500 IKE_SA_INIT response\n"
        assert seen(steps) == [("10.0.0.3", 2)]

    def test_seen_before_and_behind_its_nat(self):
        # Which of the copies is left aside is not the matter here.
        init = (
            "+0.0 C:500 > S:500 IKE_SA_INIT request x2 at +0.01\n+0.1 C:500 < S:500 IKE_SA_INIT response x2 at +0.01\n"
        )
        assert len(moved(init, {1, 2})) == 1


def moved(ladder: str, places: set[int]) -> list[tuple[str, int]]:
    """Of the packets some have another address of the client, as a NAT gives it."""
    old, new = bytes([10, 0, 0, 2]), bytes([198, 51, 100, 1])
    packets = [
        (time, data[:12] + data[12:20].replace(old, new) + data[20:] if n in places else data)
        for n, (time, data) in enumerate(raw_packets(ladder))
    ]
    return [(sa.initiator, len(sa.messages)) for sa in of_packets(packets).analysis.sas]


def test_ikev1_is_told_by_its_cookie_alone():
    # No flag tells its initiator, and either side may send first.
    steps = "+0 D:500 > S:500 IKEv1 Main Mode request\n+1 N:500 > S:500 IKEv1 Main Mode request sa 2\n"
    assert len(seen(steps)) == 1
