"""ICMP errors as answers to IKE: about which message, and whether anything came of the exchange after them."""

from __future__ import annotations

import pytest

from analyzer.rules.model import Confidence, Severity
from analyzer.rules.refusal import icmp_number, is_from_end, observed, refused, who
from analyzer.rules.silence import ADMIN_PROHIBITED, PORT_UNREACHABLE, REFUSALS
from tests.relate.seen import GOES_ON, INIT, only_sa

HOSTS = "C = 10.0.0.2  S = 203.0.113.7  R = 198.51.100.1\n"
REQUESTS = "+0 C:500 > S:500 IKE_SA_INIT request x3 at +1 +3\n"
ERROR = "+0.5 C < {} ICMP {} quoting +0.000\n"


def of(*steps: str, meanings=PORT_UNREACHABLE):
    sa = only_sa(*steps, GOES_ON, hosts=HOSTS)
    return sa, list(refused(sa, meanings))


def test_an_error_of_another_meaning_is_another_rules_affair():
    assert of(REQUESTS, ERROR.format("S", "port-unreachable"), meanings=ADMIN_PROHIBITED)[1] == []


def test_a_request_that_stays_without_an_answer():
    sa, (found,) = of(REQUESTS, ERROR.format("S", "port-unreachable"))
    assert (found.about, found.stands, icmp_number(found.rows[0])) == ("request", True, "ICMP 3/3")
    seen = observed(sa, found, "S says no", "nothing helps.", ("gateway-service",))
    assert (seen.confidence, seen.severity, seen.is_remark) == (Confidence.PROVED, None, False)
    assert seen.title == "S says no (ICMP 3/3, frame 2), about the IKE_SA_INIT request: nothing helps."


def test_a_request_that_is_answered_after_it():
    answer = "+1.1 C:500 < S:500 IKE_SA_INIT response\n"
    sa, (found,) = of(REQUESTS, ERROR.format("S", "port-unreachable"), answer)
    assert (found.about, found.stands) == ("request", False)
    seen = observed(sa, found, "S says no", "nothing helps.", ("gateway-service",))
    assert (seen.severity, seen.is_remark, seen.remedies) == (Severity.INFORMATION, True, ())


def test_an_error_after_the_answer_is_about_a_late_repeat():
    """The answer was there; what becomes of a repeat that was under way does not matter."""
    answer = "+0.3 C:500 < S:500 IKE_SA_INIT response\n"
    assert of(REQUESTS, answer, ERROR.format("S", "port-unreachable"))[1] == []


def test_an_answer_that_is_refused_at_the_clients_end():
    error = "+0.5 C > S ICMP port-unreachable quoting +0.030\n"
    sa, (found,) = of(INIT.replace("request ", "request  x2 at +1  "), error)
    assert (found.about, found.stands, is_from_end(sa, found)) == ("response", True, True)
    assert who(sa, found) == "The client 10.0.0.2 itself"


def test_an_answer_that_the_client_had_all_the_same():
    error = "+0.5 C > S ICMP port-unreachable quoting +0.030\n"
    assert of(INIT, error)[1] == []  # the client does not ask again


@pytest.mark.parametrize(
    ("source", "expected"),
    [("S", "The gateway 203.0.113.7 itself"), ("R", "A router or firewall on the way, 198.51.100.1,")],
)
def test_who_says_so(source, expected):
    sa, (found,) = of(REQUESTS, ERROR.format(source, "port-unreachable"))
    assert who(sa, found) == expected
    assert is_from_end(sa, found) is (source == "S")


def test_icmpv6_by_its_own_numbers():
    hosts = "C = 2001:db8::2  S = 2001:db8:7::1\n"
    sa = only_sa(REQUESTS, ERROR.format("S", "admin-prohibited"), hosts=hosts)
    (found,) = refused(sa, REFUSALS)
    assert icmp_number(found.rows[0]) == "ICMPv6 1/1"


def test_at_the_end_of_the_capture_it_is_possible_at_most():
    sa = only_sa("+0 C:500 > S:500 IKE_SA_INIT request\n", ERROR.format("S", "port-unreachable"), hosts=HOSTS)
    (found,) = refused(sa, PORT_UNREACHABLE)
    assert observed(sa, found, "S says no", "", ()).confidence is Confidence.POSSIBLE
