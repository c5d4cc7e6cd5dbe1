"""Requests, their repeats and what answered them (RFC 7296 section 2.1; RFC 7383; docs/domain/retransmission.md)."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzer
from analyzer.ike.registry import numbers
from analyzer.report.ladder.notation import parse
from sample_pcaps.lab.maker import make_packets
from tests.relate.captures import GOES_ON, INIT, exchange, only_sa

AUTH = numbers.IKE_AUTH


def auth(sa):
    return exchange(sa, AUTH)


class TestRepeats:
    def test_a_repeated_request_is_one_exchange(self):
        sa = only_sa(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 400 x3 at +1.0 +3.0\n", GOES_ON)
        assert auth(sa).attempts == 3
        assert [(t - auth(sa).times[0]) / 1e9 for t in auth(sa).times] == [0, 1, 3]
        assert auth(sa).outcome == "unanswered"
        assert sa.retransmits == 2

    def test_the_round_trip_is_that_of_the_last_request_before_the_response(self):
        sa = only_sa(
            INIT,
            "+0.1 C:500 > S:500 IKE_AUTH request 400 x3 at +1.0 +3.0\n",
            "+1.25 C:500 < S:500 IKE_AUTH response 300\n",
        )
        # Sent at 0.1, 1.1 and 3.1; answered at 1.25: 0.15 s after the second.
        assert auth(sa).rtt == pytest.approx(0.15)
        assert auth(sa).outcome == "answered"

    def test_a_response_is_never_a_retransmit(self):
        sa = only_sa(
            INIT,
            "+0.1 C:500 > S:500 IKE_AUTH request 400 x2 at +1.0\n",
            "+0.2 C:500 < S:500 IKE_AUTH response 300 x2 at +1.0\n",
        )
        assert (auth(sa).attempts, len(auth(sa).responses)) == (2, 2)
        assert sa.retransmits == 1

    def test_responses_alone_have_no_attempts(self):
        sa = only_sa("+0.2 C:500 < S:500 IKE_AUTH response 300 mid 1 x3 at +1.0 +2.0\n", GOES_ON)
        assert (auth(sa).attempts, auth(sa).outcome, auth(sa).request, auth(sa).rtt) == (0, "response only", None, None)
        assert sa.retransmits == 0

    def test_other_bytes_under_the_same_message_id_are_a_repeat_all_the_same(self):
        # docs/domain/retransmission.md: an illegal retransmission, encrypted anew; the sender asks again nevertheless.
        sa = only_sa(
            INIT,
            "+0.1 C:500 > S:500 IKE_AUTH request 400\n",
            "+1.1 C:500 > S:500 IKE_AUTH request 416 mid 1\n",
            GOES_ON,
        )
        assert (auth(sa).attempts, auth(sa).retry_reason, sa.retransmits) == (2, "", 1)

    def test_the_same_request_to_another_port_is_a_repeat(self):
        # docs/domain/retransmission.md: the same bytes on 500 and then on 4500 are an alternate path, not another IKE
        # SA.
        sa = only_sa(
            "+0.0 C:500 > S:500 IKE_SA_INIT request 400\n+1.0 C:4500 > S:4500 IKE_SA_INIT request 400\n", GOES_ON
        )
        assert exchange(sa, numbers.IKE_SA_INIT).attempts == 2

    @settings(max_examples=15)
    @given(
        gaps=st.lists(st.integers(300, 5000), max_size=5),
        answered_after=st.integers(0, 5),
        delay=st.integers(5, 200),
    )
    def test_attempts_are_the_sendings_whenever_the_answer_comes(self, gaps, answered_after, delay):
        offsets = [sum(gaps[:i]) for i in range(1, len(gaps) + 1)]
        repeats = f"x{len(offsets) + 1} at {' '.join(f'+{o / 1000}' for o in offsets)}" if offsets else ""
        answered_after = min(answered_after, len(offsets))
        answer = 100 + ([0, *offsets][answered_after]) + delay
        sa = only_sa(
            INIT,
            f"+0.1 C:500 > S:500 IKE_AUTH request 400 {repeats}\n",
            f"+{answer / 1000} C:500 < S:500 IKE_AUTH response 300\n",
        )
        assert auth(sa).attempts == len(offsets) + 1
        assert auth(sa).outcome == "answered"
        assert auth(sa).rtt == pytest.approx(delay / 1000)


class TestChangedRequests:
    """COOKIE and INVALID_KE_PAYLOAD make the initiator ask differently (RFC 7296 sections 1.2, 2.6): no retransmit."""

    COOKIE = (
        "+0.00 C:500 > S:500 IKE_SA_INIT request\n"
        "+0.03 C:500 < S:500 IKE_SA_INIT response N(COOKIE)\n"
        "+0.04 C:500 > S:500 IKE_SA_INIT request N(COOKIE)\n"
    )

    def first(self, sa):
        return [e for e in sa.exchanges if e.exchange == numbers.IKE_SA_INIT]

    def test_cookie(self):
        sa = only_sa(self.COOKIE, "+0.07 C:500 < S:500 IKE_SA_INIT response\n")
        demanded, final = self.first(sa)
        assert (demanded.outcome, demanded.retry, demanded.retry_reason) == ("superseded", 0, "")
        assert (final.outcome, final.retry, final.retry_reason) == ("answered", 1, "cookie")
        assert (demanded.attempts, final.attempts, sa.retransmits) == (1, 1, 0)
        assert final.rtt == pytest.approx(0.03)

    def test_invalid_ke_payload(self):
        sa = only_sa(
            "+0.00 C:500 > S:500 IKE_SA_INIT request SA(aes256gcm16-prfsha384-curve25519) KE(31) No(32)\n"
            "+0.03 C:500 < S:500 IKE_SA_INIT response N(INVALID_KE_PAYLOAD 19)\n"
            "+0.04 C:500 > S:500 IKE_SA_INIT request SA(aes256gcm16-prfsha384-curve25519) KE(19) No(32)\n"
            "+0.07 C:500 < S:500 IKE_SA_INIT response\n"
        )
        assert [(e.outcome, e.retry_reason) for e in self.first(sa)] == [("superseded", ""), ("answered", "invalid_ke")]
        assert sa.retransmits == 0

    def test_cookie_and_then_invalid_ke_payload(self):
        sa = only_sa(
            self.COOKIE,
            "+0.06 C:500 < S:500 IKE_SA_INIT response N(INVALID_KE_PAYLOAD 19)\n"
            "+0.07 C:500 > S:500 IKE_SA_INIT request N(COOKIE) SA(aes256-sha256-ecp256) KE(19) No\n"
            "+0.10 C:500 < S:500 IKE_SA_INIT response\n",
        )
        assert [e.retry for e in self.first(sa)] == [0, 1, 2]
        assert [e.retry_reason for e in self.first(sa)] == ["", "cookie", "invalid_ke"]

    def test_an_unanswered_changed_request_stays_unanswered(self):
        sa = only_sa(self.COOKIE, "+1.04 C:500 > S:500 IKE_SA_INIT request N(COOKIE)\n", GOES_ON)
        demanded, final = self.first(sa)
        assert (demanded.outcome, final.outcome) == ("superseded", "unanswered")
        assert (demanded.attempts, final.attempts, sa.retransmits) == (1, 2, 1)

    def test_the_unchanged_request_after_the_demand_is_a_retransmit(self):
        # The demand and a retransmission crossed on the way.
        sa = only_sa(
            "+0.00 C:500 > S:500 IKE_SA_INIT request 400\n"
            "+0.50 C:500 < S:500 IKE_SA_INIT response N(COOKIE)\n"
            "+0.51 C:500 > S:500 IKE_SA_INIT request 400\n"
            "+0.55 C:500 > S:500 IKE_SA_INIT request N(COOKIE)\n"
            "+0.60 C:500 < S:500 IKE_SA_INIT response\n"
        )
        assert [(e.attempts, e.outcome) for e in self.first(sa)] == [(2, "superseded"), (1, "answered")]
        assert sa.retransmits == 1


class TestSkf:
    """SKF sets, judged without keys (RFC 7383 section 2.5)."""

    def test_complete(self):
        sa = only_sa(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 1500 SKF 1-3/3 (580 580 340)\n", GOES_ON)
        request = auth(sa).request
        assert (auth(sa).attempts, request.length, request.skf_total) == (1, 580 + 580 + 340, 3)
        assert (request.complete, request.skf_missing, len(request.messages)) == (True, (), 3)

    @pytest.mark.parametrize("seen, missing", [("1,3", (2,)), ("2,3", (1,)), ("1", (2, 3)), ("3", (1, 2))])
    def test_incomplete(self, seen, missing):
        sa = only_sa(INIT, f"+0.1 C:500 > S:500 IKE_AUTH request SKF {seen}/3 mid 1\n", GOES_ON)
        assert (auth(sa).request.complete, auth(sa).request.skf_missing) == (False, missing)

    def test_arrival_in_another_order(self):
        sa = only_sa(
            INIT,
            "+0.10 C:500 > S:500 IKE_AUTH request SKF 3/3 (200) mid 1\n"
            "+0.11 C:500 > S:500 IKE_AUTH request SKF 1/3 (580) mid 1\n"
            "+0.12 C:500 > S:500 IKE_AUTH request SKF 2/3 (580) mid 1\n",
            GOES_ON,
        )
        assert (auth(sa).attempts, auth(sa).request.complete, auth(sa).request.length) == (1, True, 1360)
        assert auth(sa).request.inner_payload == numbers.IDI  # named by fragment 1 only

    def test_sent_again(self):
        sa = only_sa(INIT, "+0.1 C:500 > S:500 IKE_AUTH request 1500 SKF 1-3/3 x3 at +1.0 +3.0\n", GOES_ON)
        assert (auth(sa).attempts, sa.retransmits, auth(sa).retry_reason) == (3, 2, "")
        assert all(a.complete for a in auth(sa).requests)

    def test_an_incomplete_response_answers_nothing(self):
        sa = only_sa(
            INIT,
            "+0.1 C:500 > S:500 IKE_AUTH request 400 x3 at +1.0 +3.0\n",
            "+0.2 C:500 < S:500 IKE_AUTH response SKF 2,3/3 mid 1\n",
            GOES_ON,
        )
        assert auth(sa).outcome == "unanswered"

    def test_whole_first_and_in_fragments_later(self):
        # RFC 7383 section 2.4: a policy that fragments after a timeout.
        sa = only_sa(
            INIT,
            "+0.1 C:500 > S:500 IKE_AUTH request 1300 SK{IDi}\n",
            "+2.1 C:500 > S:500 IKE_AUTH request 1500 SKF{IDi} 1-3/3 mid 1\n",
            "+2.2 C:500 < S:500 IKE_AUTH response 300\n",
        )
        assert (auth(sa).attempts, auth(sa).retry_reason, auth(sa).outcome) == (2, "refragmented", "answered")
        assert [a.skf_total for a in auth(sa).requests] == [0, 3]

    def test_in_more_fragments_later(self):
        # RFC 7383 section 2.5.2: a search for the path MTU; Total Fragments grows.
        sa = only_sa(
            INIT,
            "+0.1 C:500 > S:500 IKE_AUTH request 1500 SKF 1-2/2\n",
            "+2.1 C:500 > S:500 IKE_AUTH request 1600 SKF 1-4/4 mid 1\n",
            GOES_ON,
        )
        assert (auth(sa).attempts, auth(sa).retry_reason) == (2, "refragmented")
        assert all(a.complete for a in auth(sa).requests)


class TestOutcome:
    def outcome(self, request: str, end: str, *more: str) -> str:
        return auth(only_sa(INIT, request, *more, f"{end} C:40000 > S:9 UDP\n")).outcome

    def test_a_trace_that_ends_at_once_cannot_tell(self):
        assert self.outcome("+0.1 C:500 > S:500 IKE_AUTH request 400\n", "+0.9") == "open at end of capture"

    def test_silence_for_half_a_minute_is_an_outcome(self):
        assert self.outcome("+0.1 C:500 > S:500 IKE_AUTH request 400\n", "+30") == "unanswered"

    def test_so_are_three_sendings(self):
        assert self.outcome("+0.1 C:500 > S:500 IKE_AUTH request 400 x3 at +1 +2\n", "+2.1001") == "unanswered"

    def test_two_sendings_are_none_while_the_answer_may_still_come(self):
        # IKE_SA_INIT took 0.03 s; the second sending came after 0.2 s.
        two = "+0.1 C:500 > S:500 IKE_AUTH request 400 x2 at +0.2\n"
        assert self.outcome(two, "+0.31") == "open at end of capture"

    def test_a_response_of_which_ip_fragments_are_missing_answers_nothing(self):
        request = "+0.1 C:500 > S:500 IKE_AUTH request 400 x3 at +1 +2\n"
        response = "+0.2 C:500 < S:500 IKE_AUTH response 2400 ip-fragments 2 lost 2\n"
        assert self.outcome(request, "+30", response) == "unanswered"

    def test_the_next_message_id_tells_that_this_one_was_answered(self):
        # RFC 7296 section 2.3: with a window of 1 nobody asks again before the answer.
        sa = only_sa(
            INIT,
            "+0.1 C:500 > S:500 IKE_AUTH request 400\n",
            "+0.3 C:500 > S:500 IKE_AUTH request 400 mid 2\n",
            GOES_ON,
        )
        first, second = (exchange(sa, AUTH, mid) for mid in (1, 2))
        assert (first.outcome, first.responses) == ("answered", ())
        assert second.outcome == "unanswered"


class TestWhoAsks:
    """The same message ID in four messages: two directions, request and response (RFC 7296 section 2.2)."""

    def test_four_messages_with_id_0(self):
        sa = only_sa(
            "+0.00 C:4500 > S:4500 INFORMATIONAL request  57 mid 0 SK{}\n"
            "+0.01 C:4500 < S:4500 INFORMATIONAL request  57 mid 0 SK{}\n"
            "+0.04 C:4500 < S:4500 INFORMATIONAL response 57 mid 0 SK{}\n"
            "+0.06 C:4500 > S:4500 INFORMATIONAL response 57 mid 0 SK{}\n"
        )
        assert len(sa.exchanges) == 2
        assert sa.retransmits == 0
        by_initiator = exchange(sa, numbers.INFORMATIONAL, 0, "initiator")
        by_responder = exchange(sa, numbers.INFORMATIONAL, 0, "responder")
        assert (by_initiator.frames, by_responder.frames) == ((1, 3), (2, 4))
        assert by_initiator.rtt == pytest.approx(0.04)
        assert by_responder.rtt == pytest.approx(0.05)

    def test_the_flags_tell_them_apart(self):
        sa = only_sa(
            "+0.00 C:4500 > S:4500 INFORMATIONAL request  57 mid 0 SK{}\n"
            "+0.01 C:4500 < S:4500 INFORMATIONAL request  57 mid 0 SK{}\n"
            "+0.04 C:4500 < S:4500 INFORMATIONAL response 57 mid 0 SK{}\n"
            "+0.06 C:4500 > S:4500 INFORMATIONAL response 57 mid 0 SK{}\n"
        )
        assert [(m.is_initiator, m.is_response) for m in sa.messages] == [
            (True, False),
            (False, False),
            (False, True),
            (True, True),
        ]

    def test_the_gateways_liveness_check_with_id_0_is_not_the_answer_to_ike_sa_init(self):
        sa = only_sa(INIT, "+30 C:500 < S:500 INFORMATIONAL request 57 SK{} x3 at +1 +3\n", GOES_ON)
        check = exchange(sa, numbers.INFORMATIONAL)
        assert (check.message_id, check.sender, check.outcome) == (0, "responder", "unanswered")
        assert exchange(sa, numbers.IKE_SA_INIT).outcome == "answered"


def test_packets_without_a_time_show_no_waiting():
    # pcapng's Simple Packet Block has no timestamp: how long the request waited for its answer cannot be told.
    ladder = parse(
        "C = 10.0.0.2  S = 203.0.113.7\n"
        "+0.000 C:500  > S:500  IKE_SA_INIT request\n"
        "+0.030 C:500  < S:500  IKE_SA_INIT response\n"
        "+0.075 C:4500 > S:4500 IKE_AUTH    request 400 SK{IDi} x3 at +1.000 +3.000\n"
    )

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        length = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + length + body + length

    blocks = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)), block(1, struct.pack("<HHI", 1, 0, 0))]
    blocks += [block(3, struct.pack("<I", wire) + data) for _, data, wire in make_packets(ladder)]
    cap = analyzer.read("simple.pcapng", stream=io.BytesIO(b"".join(blocks)))
    assert cap.analysis.related.capture.ike_messages == 5
    assert [e.outcome for e in cap.analysis.sas[0].exchanges] == ["answered", "open at end of capture"]
    assert cap.verdict.exit_status == 3
    assert cap.text()
    assert cap.report()["sas"][0]["start"] is None


def test_the_last_sending_tells_whether_a_message_was_fragmented_anew():
    """Whole, whole, and at last in SKF fragments (RFC 7383 section 2.5.2)."""
    sa = only_sa(
        INIT,
        "+0.1 C:500 > S:500 IKE_AUTH request 3000 SK{IDi} x2 at +1.1 mid 1\n"
        "+3.1 C:500 > S:500 IKE_AUTH request SKF 1-3/3 mid 1\n",
        GOES_ON,
    )
    (exchange,) = sa.of(numbers.IKE_AUTH)
    assert (exchange.retry_reason, exchange.attempts) == ("refragmented", 3)


def test_an_answer_whose_request_came_before_the_trace():
    """The trace begins between request and answer; then the client asks again."""
    sa = only_sa(
        "+0 C:500 < S:500 IKE_SA_INIT response\n+1 C:500 > S:500 IKE_SA_INIT request\n"
        "+1.03 C:500 < S:500 IKE_SA_INIT response\n",
        GOES_ON,
    )
    (exchange,) = sa.of(numbers.IKE_SA_INIT)
    assert (exchange.outcome, len(exchange.requests), len(exchange.responses)) == ("answered", 1, 2)
