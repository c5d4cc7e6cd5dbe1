from __future__ import annotations

from analyzer.ike.registry import numbers
from analyzer.rules.shared.rounds import demanding, is_negotiated, silence_after_demand
from tests.relate.captures import GOES_ON, only_sa

FIRST = """
+0.000 C:500 > S:500 IKE_SA_INIT request
+0.030 C:500 < S:500 IKE_SA_INIT response N(COOKIE 0x01)
"""
SECOND = """
+0.040 C:500 > S:500 IKE_SA_INIT request N(COOKIE 0x01)
+0.070 C:500 < S:500 IKE_SA_INIT response N(COOKIE 0x02)
"""
ANSWER = """
+0.080 C:500 > S:500 IKE_SA_INIT request N(COOKIE 0x02)
+0.110 C:500 < S:500 IKE_SA_INIT response
"""


def test_each_demand_is_a_round() -> None:
    """RFC 7296 section 2.6: a cookie is answered with a changed request."""
    for steps, count in ((FIRST, 1), (FIRST + SECOND, 2), (FIRST + SECOND + ANSWER, 2)):
        rounds = demanding(only_sa(steps), numbers.COOKIE)
        assert len(rounds) == count
        assert all(numbers.COOKIE in message.notifies for _, message in rounds)
    assert demanding(only_sa(FIRST), numbers.INVALID_KE_PAYLOAD) == ()


def test_an_answer_that_chooses_demands_nothing() -> None:
    steps = "+0 C:500 > S:500 IKE_SA_INIT request\n+0.03 C:500 < S:500 IKE_SA_INIT response SA KE No N(COOKIE 0x01)\n"
    assert demanding(only_sa(steps), numbers.COOKIE) == ()


def test_negotiated_when_the_responder_negotiated() -> None:
    assert not is_negotiated(only_sa(FIRST + SECOND))
    assert is_negotiated(only_sa(FIRST + SECOND + ANSWER))


def test_silence_counts_from_the_demand() -> None:
    """Other traffic ends at 60 s, the demand came at 0.03 s."""
    sa = only_sa(FIRST, GOES_ON)
    ((last, _),) = demanding(sa, numbers.COOKIE)
    assert silence_after_demand(sa, last) == 60 - 0.03


def test_no_silence_where_the_client_goes_on() -> None:
    sa = only_sa(FIRST + SECOND, GOES_ON)
    assert silence_after_demand(sa, demanding(sa, numbers.COOKIE)[0][0]) == 0.0


def test_silence_counts_from_the_last_sending_of_the_demand() -> None:
    sa = only_sa(FIRST.replace("request", "request x2 at +1").replace("COOKIE 0x01)", "COOKIE 0x01) x2 at +1"), GOES_ON)
    ((last, _),) = demanding(sa, numbers.COOKIE)
    assert silence_after_demand(sa, last) == 60 - 1.03


def test_no_silence_where_the_client_goes_on_unanswered() -> None:
    sa = only_sa(FIRST, "+0.040 C:500 > S:500 IKE_SA_INIT request N(COOKIE 0x01)\n", GOES_ON)
    assert silence_after_demand(sa, demanding(sa, numbers.COOKIE)[0][0]) == 0.0


def test_nothing_is_settled_where_only_a_demand_is_in_the_trace() -> None:
    sa = only_sa("+0.030 C:500 < S:500 IKE_SA_INIT response N(COOKIE 0x01)\n")
    assert not is_negotiated(sa)
