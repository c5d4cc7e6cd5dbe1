"""Two captures of one attempt: what was lost where is known from the ladders, never from the tool.

Every pair is written by hand: what the client's capture holds, and what of it the server's holds. The server's clock is
set apart, and the client sits behind a NAT, as in life.
"""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzer
from analyzer.comparison.compare import Comparison
from analyzer.report.comparison_text import as_json, as_text
from analyzer.report.ladder.notation import parse
from sample_pcaps.lab.maker import make

SPI = "sa 1 spi 0123456789abcdef fedcba9876543210\n"
CLIENT = f"C = 10.0.0.2   S = 203.0.113.7   at C\n{SPI}"
#: The server sees the NAT's address, and its clock is 100 s ahead.
SERVER = f"C = 198.51.100.9   S = 203.0.113.7   at S\n{SPI}"
FRAG = "N(IKEV2_FRAGMENTATION_SUPPORTED)"

INIT_C = f"""
+0.000  C:500 > S:500  IKE_SA_INIT request  400 {FRAG} sa 1
+0.040  C:500 < S:500  IKE_SA_INIT response 400 {FRAG} sa 1
"""
INIT_S = f"""
+100.015  C:33000 > S:500  IKE_SA_INIT request  400 {FRAG} sa 1
+100.025  C:33000 < S:500  IKE_SA_INIT response 400 {FRAG} sa 1
"""
#: Something else goes on to the end: silence is silence, and no filter was at work.
LATE_C = "+40 C:40000 > S:9 UDP\n"
LATE_S = "+140 C:33001 > S:9 UDP\n"


def captured(hosts: str, *steps: str) -> analyzer.Capture:
    name = "client.pcapng" if hosts is CLIENT else "server.pcapng"
    return analyzer.read(name, stream=io.BytesIO(make(parse(hosts + "".join(steps)))))


def both(client: str, server: str) -> Comparison:
    return analyzer.compare(captured(CLIENT, INIT_C, client, LATE_C), captured(SERVER, INIT_S, server, LATE_S))


def said(comparison: Comparison) -> tuple[str, str]:
    return comparison.verdict.id, comparison.verdict.confidence.value


def test_clocks_are_compared_by_what_both_saw() -> None:
    """Out 15 ms - 0 + 100 s, back 40 - 25 = 15 ms the other way: the offset is 100 s, give or take 15 ms."""
    found = both("", "")
    assert found.clock is not None
    assert (found.clock.offset, found.clock.uncertainty) == (100_000_000_000, 15_000_000)
    assert found.clock.is_bracketed
    assert "The server's clock is 100.000 s ahead of the client's (give or take 15.0 ms)." in as_text(found)


def test_ip_fragments_of_the_request_lost() -> None:
    found = both(
        "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 x3 at +1.000 +2.000 sa 1\n",
        "+100.090 C:33002 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 lost 2,3 x3 at +1.000 +2.000 sa 1\n"
        "+101 S:9 > C:9 UDP size 3000\n",
    )
    assert said(found) == ("ike-auth-ip-fragments-lost-upstream", "proved")
    assert "3,468-byte IKE_AUTH request left the client 3 times in 3 IP fragments" in found.verdict.text
    assert "fragments 2 and 3 never reached the server" in found.verdict.text
    assert found.verdict.exit_status == 1


def test_another_host_with_the_same_initiator_spi_is_not_taken_for_it() -> None:
    """The gateway has an IKE SA with each of two hosts that chose one SPI; the client's trace is that of the second."""
    other = (
        "D = 198.51.100.8\nsa 2 spi 0123456789abcdef 00000000000000aa\n"
        "+90.015  D:500 > S:500  IKE_SA_INIT request  400 sa 2\n"
        "+90.025  D:500 < S:500  IKE_SA_INIT response 400 sa 2\n"
    )
    found = analyzer.compare(captured(CLIENT, INIT_C, LATE_C), captured(SERVER, other, INIT_S, LATE_S))
    assert [(one.client.spi_r, one.server.spi_r) for one in found.sas] == [(0xFEDCBA9876543210, 0xFEDCBA9876543210)]
    assert [sa.spi_r for sa in found.only_server] == [0xAA]
    assert found.clock is not None and found.clock.offset == 100_000_000_000


def test_a_request_of_which_nothing_arrives() -> None:
    found = both("+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 x3 at +1.000 +2.000 sa 1\n", "")
    assert said(found) == ("ike-auth-ip-fragments-lost-upstream", "proved")
    assert "none of which reached the server" in found.verdict.text


def test_fragments_of_the_response_lost() -> None:
    found = both(
        "+0.075 C:4500 > S:4500 IKE_AUTH request 900 SK{IDi} x3 at +1.000 +2.000 sa 1\n",
        "+100.090 C:33002 > S:4500 IKE_AUTH request 900 SK{IDi} x3 at +1.000 +2.000 sa 1\n"
        "+100.100 C:33002 < S:4500 IKE_AUTH response 3000 SK{IDr} ip-fragments 3 x3 at +1.000 +2.000 sa 1\n",
    )
    assert said(found) == ("ike-auth-response-fragments-lost", "proved")
    assert "left the server 3 times" in found.verdict.text
    assert "reached the client" in found.verdict.text


def test_one_skf_fragment_is_always_lost() -> None:
    found = both(
        "+0.075 C:4500 > S:4500 IKE_AUTH request SKF{IDi} 1-3/3 (1200 1200 500) x3 at +1.000 +2.000 sa 1\n",
        "+100.090 C:33002 > S:4500 IKE_AUTH request SKF{IDi} 1,3/3 (1200 500) mid 1 x3 at +1.000 +2.000 sa 1\n",
    )
    assert said(found) == ("ike-fragments-incomplete", "proved")
    assert "fragment 2 never reached the server" in found.verdict.text


def test_only_the_large_skf_fragments_are_lost() -> None:
    """IP packets: 1200 + 4 + 28 = 1,232 bytes never arrive, 500 + 4 + 28 = 532 always do."""
    found = both(
        "+0.075 C:4500 > S:4500 IKE_AUTH request SKF{IDi} 1-3/3 (1200 1200 500) x3 at +1.000 +2.000 sa 1\n",
        "+100.090 C:33002 > S:4500 IKE_AUTH request SKF{IDi} 3/3 (500) mid 1 x3 at +1.000 +2.000 sa 1\n",
    )
    assert said(found) == ("pmtu-blackhole", "proved")
    assert "1,232 bytes never" in found.verdict.text
    assert "up to 532 bytes" in found.verdict.text


def test_port_4500_is_blocked() -> None:
    found = both("+0.075 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} x4 at +1 +3 +7 sa 1\n", "")
    assert said(found) == ("udp-4500-blocked", "proved")
    assert "UDP 4500 is blocked between" in found.verdict.text


def test_port_4500_is_blocked_on_the_way_back() -> None:
    found = both(
        "+0.075 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} x3 at +1 +3 sa 1\n",
        "+100.090 C:33002 > S:4500 IKE_AUTH request 400 SK{IDi} x3 at +1 +3 sa 1\n"
        "+100.091 C:33002 < S:4500 IKE_AUTH response 300 SK{IDr} x3 at +1 +3 sa 1\n",
    )
    assert said(found) == ("udp-4500-blocked", "proved")
    assert "left the server" in found.verdict.text


def test_the_server_says_nothing() -> None:
    found = both(
        "+0.075 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} x3 at +1 +3 sa 1\n",
        "+100.090 C:33002 > S:4500 IKE_AUTH request 400 SK{IDi} x3 at +1 +3 sa 1\n",
    )
    assert said(found) == ("ike-auth-silent-drop", "proved")
    assert "look at the server, not the path" in found.verdict.text


def test_the_answer_to_ike_sa_init_is_lost() -> None:
    client = captured(CLIENT, f"+0 C:500 > S:500 IKE_SA_INIT request 400 {FRAG} x3 at +1 +3 sa 1\n", LATE_C)
    server = captured(
        SERVER,
        f"+100.015 C:33000 > S:500 IKE_SA_INIT request 400 {FRAG} x3 at +1 +3 sa 1\n"
        f"+100.016 C:33000 < S:500 IKE_SA_INIT response 400 {FRAG} x3 at +1 +3 sa 1\n",
        LATE_S,
    )
    found = analyzer.compare(client, server)
    assert said(found) == ("no-response-ike-sa-init", "proved")
    assert "response left the server 3 times" in found.verdict.text
    assert found.clock is not None
    assert not found.clock.is_bracketed


def test_the_server_never_sees_the_client() -> None:
    """Without a common message the clocks cannot be compared; the sentence says that it rests on their agreeing."""
    client = captured(CLIENT, f"+0 C:500 > S:500 IKE_SA_INIT request 400 {FRAG} x4 at +1 +3 +7 sa 1\n", LATE_C)
    server = captured(SERVER, "-5 S:9 > C:9 UDP\n+60 S:9 > C:9 UDP\n+1 S:500 < C:500 IKE_SA_INIT request 400 sa 2\n")
    found = analyzer.compare(client, server)
    assert said(found) == ("no-response-ike-sa-init", "strong")
    assert "if the clocks of the two computers agree" in found.verdict.text
    assert [sa.spi_i for sa in found.only_client] == [0x0123456789ABCDEF]
    assert len(found.only_server) == 1


def test_a_healthy_pair_stays_healthy() -> None:
    found = both(
        "+0.075 C:4500 > S:4500 IKE_AUTH request 900 SK{IDi} sa 1\n"
        "+0.120 C:4500 < S:4500 IKE_AUTH response 800 SK{IDr} sa 1\n"
        "+0.200 C:4500 > S:4500 ESP spi 0x11111111 count 3\n+0.210 C:4500 < S:4500 ESP spi 0x22222222 count 3\n",
        "+100.090 C:33002 > S:4500 IKE_AUTH request 900 SK{IDi} sa 1\n"
        "+100.105 C:33002 < S:4500 IKE_AUTH response 800 SK{IDr} sa 1\n"
        "+100.215 C:33002 > S:4500 ESP spi 0x11111111 count 3\n+100.195 C:33002 < S:4500 ESP spi 0x22222222 count 3\n",
    )
    assert found.verdict.id == "connected-ok"
    assert found.verdict.exit_status == 0
    assert all(j.fate == "arrived" for one in found.sas for leg in one.legs for j in leg.journeys)


def test_a_filtered_server_capture_proves_nothing() -> None:
    """A port filter hides later fragments, whether they came or not (docs/domain/filtered-captures.md)."""
    client = captured(
        CLIENT,
        INIT_C,
        "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 x3 at +1.000 +2.000 sa 1\n",
        LATE_C,
    )
    server = captured(
        SERVER.replace("at S", 'at S  filter "udp port 500 or udp port 4500"'),
        INIT_S,
        "+100.090 C:33002 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 x3 at +1.000 +2.000 sa 1\n",
    )
    found = analyzer.compare(client, server)
    assert found.verdict.confidence.value != "proved"
    assert {j.fate for one in found.sas for leg in one.legs for j in leg.journeys} == {"arrived", "hidden"}


def test_what_came_after_the_other_trace_ended_is_not_called_lost() -> None:
    client = captured(CLIENT, INIT_C, "+5.000 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} x3 at +1 +3 sa 1\n", LATE_C)
    server = captured(SERVER, INIT_S, "+101 S:9 > C:9 UDP\n")
    found = analyzer.compare(client, server)
    assert found.verdict.confidence.value != "proved"
    fates = {j.fate for one in found.sas for leg in one.legs for j in leg.journeys if leg.exchange == 35}
    assert fates == {"not covered"}


def test_a_router_that_cuts_fragments_again_loses_nothing() -> None:
    """Bytes count, not packets: 3 fragments become 5 at a link of 1,000 bytes, and all bytes are there."""
    found = both(
        "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 x3 at +1.000 +2.000 sa 1\n",
        "+100.090 C:33002 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 5 (980 980 980 580 60) "
        "x3 at +1.000 +2.000 sa 1\n",
    )
    assert said(found) == ("ike-auth-silent-drop", "proved")


def test_captures_given_the_other_way_round_are_put_right() -> None:
    """TTL 64 at its own side, less behind routers: the traces themselves say where they were taken."""
    step = "+0.075 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} x4 at +1 +3 +7 sa 1\n"
    client, server = captured(CLIENT, INIT_C, step, LATE_C), captured(SERVER, INIT_S, LATE_S)
    if (client.analysis.sas[0].side, server.analysis.sas[0].side) != ("initiator", "responder"):
        pytest.fail("the ladders do not show the side")
    found = analyzer.compare(server, client)
    assert found.swapped
    assert said(found) == ("udp-4500-blocked", "proved")
    assert "given the other way round" in as_text(found)


@settings(max_examples=25, deadline=None)
@given(shift=st.integers(-(10**6), 10**6), lost=st.sets(st.integers(0, 3)))
def test_any_clock_and_any_loss_is_found(shift: int, lost: set[int]) -> None:
    """Four sendings, of which any may be lost: exactly those are found lost, whatever the server's clock says."""
    times = [0, 1, 3, 7]
    client = captured(
        CLIENT, INIT_C, "+0.075 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} x4 at +1 +3 +7 sa 1\n", LATE_C
    )
    steps = [
        (0.015, f"C:33000 > S:500 IKE_SA_INIT request 400 {FRAG} sa 1"),
        (0.025, f"C:33000 < S:500 IKE_SA_INIT response 400 {FRAG} sa 1"),
        *(
            (0.090 + t, "C:33002 > S:4500 IKE_AUTH request 400 SK{IDi} sa 1 mid 1")
            for i, t in enumerate(times)
            if i not in lost
        ),
        (40.0, "C:33001 > S:9 UDP"),
    ]
    ladder = "".join(f"{(t + shift):+.3f} {text}\n" for t, text in steps)
    found = analyzer.compare(client, captured(SERVER, ladder))
    (one,) = found.sas
    auth = next(leg for leg in one.legs if leg.exchange == 35 and not leg.is_response)
    assert {i for i, j in enumerate(auth.journeys) if j.fate == "lost"} == lost


def test_an_eap_round_that_is_lost_is_no_blocked_port() -> None:
    """The first IKE_AUTH went both ways on 4500: the port is open."""
    round_one_c = (
        "+0.075 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} sa 1\n"
        "+0.110 C:4500 < S:4500 IKE_AUTH response 300 SK{IDr} sa 1\n"
    )
    round_one_s = (
        "+100.090 C:33002 > S:4500 IKE_AUTH request 400 SK{IDi} sa 1\n"
        "+100.095 C:33002 < S:4500 IKE_AUTH response 300 SK{IDr} sa 1\n"
    )
    found = both(
        round_one_c + "+0.200 C:4500 > S:4500 IKE_AUTH request 100 SK{EAP} mid 2 x3 at +1 +3 sa 1\n",
        round_one_s
        + "+100.215 C:33002 > S:4500 IKE_AUTH request 100 SK{EAP} mid 2 x3 at +1 +3 sa 1\n"
        + "+100.220 C:33002 < S:4500 IKE_AUTH response 100 SK{EAP} mid 2 x3 at +1 +3 sa 1\n",
    )
    assert said(found) == ("eap-stall", "proved")
    assert "response left the server 3 times" in found.verdict.text
    assert "blocked" not in found.verdict.text


UP_C = """
+0.075 C:4500 > S:4500 IKE_AUTH request 900 SK{IDi} sa 1
+0.120 C:4500 < S:4500 IKE_AUTH response 800 SK{IDr} sa 1
+0.200 C:4500 > S:4500 ESP spi 0x11111111 count 3
"""
UP_S = """
+100.090 C:33002 > S:4500 IKE_AUTH request 900 SK{IDi} sa 1
+100.105 C:33002 < S:4500 IKE_AUTH response 800 SK{IDr} sa 1
"""


def test_esp_that_never_arrives() -> None:
    found = both(UP_C, UP_S)
    assert said(found) == ("esp-one-way", "proved")
    assert found.verdict.severity.value == "degrading"
    assert "3 ESP packets left the client, none of which reached the server" in found.verdict.text


def test_a_liveness_check_that_is_lost_degrades() -> None:
    both_ways_c = UP_C + "+0.210 C:4500 < S:4500 ESP spi 0x22222222 count 3\n"
    both_ways_s = UP_S + (
        "+100.215 C:33002 > S:4500 ESP spi 0x11111111 count 3\n+100.195 C:33002 < S:4500 ESP spi 0x22222222 count 3\n"
    )
    found = both(
        both_ways_c + "+20.000 C:4500 > S:4500 INFORMATIONAL request 80 SK{} mid 2 x4 at +1 +3 +7 sa 1\n", both_ways_s
    )
    assert said(found) == ("dpd-timeout", "proved")
    assert found.verdict.severity.value == "degrading"
    assert "blocked" not in found.verdict.text


def test_only_the_first_fragment_is_lost() -> None:
    """The first fragment alone carries ports, and nothing else on 4500 arrives: a filter on the port, most likely."""
    found = both(
        "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 x3 at +1.000 +2.000 sa 1\n",
        "+100.090 C:33002 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 lost 1 x3 at +1.000 +2.000 sa 1\n",
    )
    assert said(found) == ("udp-4500-blocked", "strong")
    assert "fragment 1 never reached the server" in found.verdict.text
    assert "most likely a filter on that port" in found.verdict.text


def test_ipv6_fragments_of_full_size_are_lost() -> None:
    """IPv6: no router cuts a packet. 1,496-byte fragments never arrive, the last of 632 bytes does: size decides."""
    hosts = "C = 2001:db8::2   S = 2001:db8:7::1"
    request = "C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 (1496 1496 632)"
    client = captured(f"{hosts}   at C\n{SPI}", INIT_C, f"+0.075 {request} mid 1 x3 at +1.000 +2.000 sa 1\n", LATE_C)
    server = captured(
        f"{hosts}   at S\n{SPI}",
        INIT_C,
        f"+0.090 {request} lost 1,2 mid 1 x3 at +1.000 +2.000 sa 1\n",
        LATE_C,
    )
    found = analyzer.compare(client, server)
    assert said(found) == ("pmtu-blackhole", "proved")
    assert "fragments 1 and 2 never reached the server" in found.verdict.text


def test_the_json_says_the_same() -> None:
    found = both("+0.075 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} x2 at +1 sa 1\n", "")
    report: dict[str, Any] = json.loads(as_json(found))
    assert report["schema"] == "ike-analyzer/comparison/1"
    assert report["verdict"]["id"] == "udp-4500-blocked"
    assert report["clock_offset"] == {"seconds": 100.0, "uncertainty": 0.015}
    (sa,) = report["sas"]
    lost = next(m for m in sa["messages"] if m["exchange"] == "IKE_AUTH")["sendings"]
    assert [s["fate"] for s in lost] == ["lost", "lost"]
    assert [s["frames"] for s in lost] == [[3], [4]]


class TestTheEnd:
    """Why, what to do, and where to look in each file."""

    @staticmethod
    def of_fragments() -> Comparison:
        return both(
            "+0.075 C:4500 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 x3 at +1.000 +2.000 sa 1\n",
            "+100.090 C:33002 > S:4500 IKE_AUTH request 3468 SK{IDi} ip-fragments 3 lost 2,3 x3 at +1.000 +2.000 sa 1\n"
            "+101 S:9 > C:9 UDP size 3000\n",
        )

    def test_why_and_what_to_do(self) -> None:
        text = as_text(self.of_fragments())
        why, to_do = text.split("\nWHY\n")[1].split("\nWHAT TO DO\n")
        assert "The IKE_AUTH request left the client 3 times and never arrived whole at the server." in why
        assert to_do.strip().startswith("- ") and "let IP fragments of UDP 500 and 4500 through" in to_do

    def test_filters_for_both_files(self) -> None:
        """By hand: the client's frames 3 to 11 are three times three fragments, the server's 3, 4 and 6 what came."""
        why = as_text(self.of_fragments()).split("\nWHY\n")[1]
        assert "client.pcapng: Wireshark: frame.number in {3, 4, 5, 6, 7, 8, 9, 10, 11}" in why
        assert re.search(r"server\.pcapng: Wireshark: frame\.number in \{3, \d+, \d+\}", why)

    def test_a_server_that_does_not_answer_is_asked_for_its_log(self) -> None:
        found = both(
            "+0.075 C:4500 > S:4500 IKE_AUTH request 600 SK{IDi} x3 at +1.000 +2.000 sa 1\n",
            "+100.090 C:33002 > S:4500 IKE_AUTH request 600 SK{IDi} x3 at +1.000 +2.000 sa 1\n",
        )
        assert "look at the server, not the path" in found.verdict.text
        assert "read its log of that minute" in as_text(found).split("WHAT TO DO")[1]

    def test_a_success_has_neither(self) -> None:
        one = analyzer.read("sample_pcaps/809-fixed.pcapng")
        text = as_text(analyzer.compare(one, one))
        assert "WHY" not in text and "WHAT TO DO" not in text


class TestOneCaptureTwice:
    def test_it_is_said_and_judged_as_one(self) -> None:
        """Nobody has watched the server: that it did not answer must not be said."""
        one, again = (analyzer.read("sample_pcaps/809-fragments-lost.pcapng") for _ in range(2))
        found = analyzer.compare(one, again)
        assert found.is_same
        assert found.verdict.id == one.verdict.id and found.verdict.confidence == one.verdict.confidence
        assert {each.verdict.id for each in found.sas} == {one.verdict.id}
        assert "Both files are the same capture" in as_text(found)
        assert json.loads(as_json(found))["same_capture"] is True

    def test_two_captures_of_one_attempt_are_not_the_same(self) -> None:
        found = both("", "")
        assert not found.is_same and "same capture" not in as_text(found)
        assert json.loads(as_json(found))["same_capture"] is False
