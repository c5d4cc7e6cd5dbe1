"""Sizes that passed because they were answered or arrived, and sizes with DF that never were.

Source: docs/domain/path-mtu.md.
"""

from __future__ import annotations

from typing import Any

from tests.relate.captures import HOSTS, INIT, only_sa

GOES_ON = "+60 C:40000 > S:9 UDP\n"
AUTH = "+0.1 C:4500 > S:4500 IKE_AUTH request 1200 SK{IDi}\n"
ANSWER = "+0.2 C:4500 < S:4500 IKE_AUTH response 900 SK{IDr}\n"
NEXT = "+9 C:4500 > S:4500 INFORMATIONAL request 80 SK{}\n+9.1 C:4500 < S:4500 INFORMATIONAL response 80 SK{}\n"


def clue(kind: str, *steps: str, role="initiator", hosts: str = HOSTS) -> Any:
    found = [c for c in only_sa(INIT, *steps, GOES_ON, hosts=hosts).mtu_clues[role] if c.kind == kind]
    return found[0] if found else None


def test_an_answered_request_passed():
    # 20 + 8 + 4 + 1200.
    found = clue("answered", AUTH, ANSWER)
    assert (found.about, found.lower, found.upper, found.is_weak, found.frames) == ("path", 1232, None, False, (3,))


def test_what_was_not_answered_did_not():
    assert clue("answered", AUTH).lower < 1232


def test_an_answer_passed_when_the_next_request_follows():
    in_the_middle = HOSTS + "at C\n"
    assert clue("answered", AUTH, ANSWER, NEXT, role="responder", hosts=in_the_middle).lower == 932


def test_what_arrives_at_its_receiver_has_passed():
    at_server = HOSTS + "at S\n"
    assert clue("answered", AUTH, hosts=at_server).lower == 1232
    # Of the answer one cannot know there without a further request.
    assert clue("answered", AUTH, ANSWER, role="responder", hosts=at_server).lower < 932
    assert clue("answered", AUTH, ANSWER, NEXT, role="responder", hosts=at_server).lower == 932


def test_without_df_it_is_a_hint():
    hosts = HOSTS.replace("10.0.0.2", "10.0.0.2 (os windows)")
    found = clue("answered", AUTH, ANSWER, hosts=hosts)
    assert (found.lower, found.is_weak) == (1232, True)
    assert "without DF" in found.text


def test_ipv6_cannot_be_cut():
    found = clue("answered", AUTH, ANSWER, hosts="C = 2001:db8:1::2  S = 2001:db8:2::7\n")
    assert (found.lower, found.is_weak) == (1252, False)


def test_ip_fragments_do_not_count():
    large = AUTH.replace("1200", "3000")
    assert clue("answered", large, ANSWER).lower < 1200


def test_windows_skf_packets_are_a_lower_bound_and_no_mtu():
    # 580 bytes of IKE, 612 of IP, a frame of 626: a fixed limit, nothing about the path.
    hosts = HOSTS.replace("10.0.0.2", "10.0.0.2 (os windows)")
    sa = only_sa(INIT, "+0.1 C:4500 > S:4500 IKE_AUTH request SKF{IDi} 1-3/3 (580 580 300)\n", ANSWER, hosts=hosts)
    assert (sa.path_mtu["initiator"].lower, sa.path_mtu["initiator"].upper) == (None, None)
    assert [(c.lower, c.upper) for c in sa.mtu_clues["initiator"] if c.kind != "tcp-mss"] == [(612, None)]


class TestNotAnswered:
    SILENT = "+0.1 C:4500 > S:4500 IKE_AUTH request 1440 SK x4 at +1 +3 +7\n"

    def test_silence_after_large_packets_is_a_weak_hint(self):
        found = clue("not-answered", self.SILENT)
        assert (found.upper, found.is_weak) == (1471, True)
        assert "1,472 bytes with DF were sent 4 times" in found.text
        assert only_sa(INIT, self.SILENT, GOES_ON).path_mtu["initiator"].upper is None

    def test_not_after_one_sending(self):
        assert clue("not-answered", "+0.1 C:4500 > S:4500 IKE_AUTH request 1440 SK\n") is None

    def test_not_when_as_large_ones_passed(self):
        later = "+20 C:4500 > S:4500 CREATE_CHILD_SA request 1100 mid 2 SK x4 at +1 +3 +7\n"
        assert clue("not-answered", AUTH, ANSWER, later) is None

    def test_not_without_df(self):
        assert clue("not-answered", self.SILENT, hosts=HOSTS.replace("10.0.0.2", "10.0.0.2 (os windows)")) is None
