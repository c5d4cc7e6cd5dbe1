"""ICMP that says that packets are too large (RFC 792, 1191, 4443, 8201), and what the sender made of it."""

from __future__ import annotations

import pytest

from analyzer.relate.inferred.mtu.too_big import PLATEAUS, TooBig, clues
from tests.relate.captures import HOSTS, INIT, only_sa

ROUTED = HOSTS.strip() + "  R = 192.0.2.1  Q = 198.51.100.9\n"
BIG = "+0.1 C:4500 > S:4500 IKE_AUTH request 1440 mid 1 SK\n"
TOLD = "+0.11 C < R ICMP fragmentation-needed mtu 1400 quoting +0.1\n"
GOES_ON = "+60 C:40000 > S:9 UDP\n"


def told(*steps: str, role="initiator", hosts: str = ROUTED) -> tuple[TooBig, ...]:
    return only_sa(INIT, *steps, GOES_ON, hosts=hosts).too_big[role]


def test_who_said_what_of_which_packet():
    (report,) = told(BIG, TOLD)
    assert (report.router, report.mtu, report.about, report.quoted) == ("192.0.2.1", 1400, "IKE", 1472)
    assert (report.frames, report.count) == ((4,), 1)
    assert told(BIG, TOLD, role="responder") == ()


class TestAfterwards:
    def test_nothing_was_sent(self):
        (report,) = told(BIG, TOLD)
        assert (report.after, report.largest_after) == ("nothing", 0)

    def test_something_else_that_was_small_anyway(self):
        (report,) = told(BIG, TOLD, "+5 C:4500 > S:4500 INFORMATIONAL request 80 mid 2 SK\n")
        assert (report.after, report.largest_after) == ("nothing", 112)

    def test_something_small_that_is_repeated(self):
        small = "+0.05 C:4500 > S:4500 INFORMATIONAL request 80 mid 2 SK\n"
        assert [r.after for r in told(small, BIG, TOLD, small.replace("+0.05", "+2"))] == ["nothing"]

    def test_the_same_in_smaller_packets(self):
        again = "+1.1 C:4500 > S:4500 IKE_AUTH request 1440 mid 1 SK ip-fragments 2 (1396 96)\n"
        (report,) = told(BIG, TOLD, again)
        assert (report.after, report.largest_after) == ("shrank", 1396)

    def test_the_same_as_before(self):
        (report,) = told(BIG, TOLD, BIG.replace("+0.1", "+1.1"))
        assert (report.after, report.largest_after) == ("kept", 1472)

    def test_of_the_other_side_nothing_follows(self):
        answer = "+2 C:4500 < S:4500 IKE_AUTH response 1440 mid 1 SK\n"
        assert [r.after for r in told(BIG, TOLD, answer)] == ["nothing"]


def test_equal_messages_are_one_report():
    steps = [BIG.replace("+0.1", f"+{n}.1") + TOLD.replace("+0.1", f"+{n}.1") for n in range(1, 5)]
    (report,) = told(*steps)
    assert (report.count, len(report.frames), report.last - report.first) == (4, 4, 3 * 10**9)


def test_other_routers_and_other_limits_are_others():
    elsewhere = TOLD.replace("+0.11 C < R", "+0.12 C < Q")
    smaller = TOLD.replace("+0.11", "+0.13").replace("1400", "1300")
    assert [(r.router, r.mtu) for r in told(BIG, TOLD, elsewhere, smaller)] == [
        ("192.0.2.1", 1400), ("198.51.100.9", 1400), ("192.0.2.1", 1300),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "step, about",
    [
        (BIG, "IKE"),
        ("+0.1 C:4500 > S:4500 ESP spi 0x11111111 size 1480\n", "ESP or IKE"),
        ("+0.1 C > S ESP spi 0x11111111 size 1480\n", "ESP"),
        ("+0.1 C > S ICMP echo-request size 1480 df\n", "ping"),
        ("+0.1 C:40000 > S:443 TCP data size 1480\n", "TCP"),
    ],
)
def test_what_it_is_about(step, about):
    assert [r.about for r in told(step, TOLD)] == [about]


class TestWithoutAnMtu:
    @pytest.mark.parametrize("quoted, plateau", [(1500, 1492), (1492, 1006), (1006, 508), (577, 508), (68, None)])
    def test_the_plateau_below_the_packet(self, quoted, plateau):
        # RFC 1191 section 7.1: 65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68.
        assert TooBig("r", None, "IKE", quoted, (1,), 1, 0, 0, "nothing", 0).plateau == plateau

    def test_plateaus_fall(self):
        assert list(PLATEAUS) == sorted(PLATEAUS, reverse=True)

    def test_the_limit_is_below_the_packet(self):
        (report,) = told(BIG, TOLD.replace(" mtu 1400", ""))
        assert (report.mtu, report.limit, report.plateau) == (None, 1471, 1006)

    def test_an_impossible_mtu_counts_as_none(self):
        # RFC 791 section 3.2: every link carries 68 bytes.
        (report,) = told(BIG, TOLD.replace("1400", "67"))
        assert (report.mtu, report.limit) == (None, 1471)


class TestClues:
    def test_a_flood_is_counted_and_the_smallest_limits_are_told(self):
        steps = [TOLD.replace("+0.11", f"+0.{11 + i}").replace("1400", str(1400 - i)) for i in range(6)]
        found = clues(told(BIG, *steps))
        assert [c.upper for c in found] == [1395, 1396, 1397, None]
        assert found[-1].text == "3 more such ICMP messages"

    def test_the_text_tells_what_came_of_it(self):
        (clue,) = clues(told(BIG, TOLD, BIG.replace("+0.1", "+1.1")))
        assert clue.text == (
            "ICMP in frame 4 gives a next-hop MTU of 1,400; the sender went on with packets of 1,472 bytes"
        )
