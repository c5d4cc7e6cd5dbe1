"""ICMP errors as answers to IKE: about which message, and whether anything came of the exchange after them."""

from __future__ import annotations

import pytest

from analyzer.rules.model import Confidence, Severity
from analyzer.rules.shared.refusal import icmp_number, is_from_end, observed, refused, who
from analyzer.rules.shared.silence import ADMIN_PROHIBITED, PORT_UNREACHABLE, REFUSALS
from tests.relate.captures import GOES_ON, INIT, of_packets, only_sa, raw_packets

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


AUTH = "+0.1 C:4500 > S:4500 IKE_AUTH request {} x3 at +1 +3\n"


def test_what_the_server_asks_is_passed_over():
    asked = "+0.05 C:500 < S:500 INFORMATIONAL request 80 SK{} mid 0\n"
    _, (found,) = of(INIT, asked, AUTH.format("400 SK{IDi}"), "+0.5 C < S ICMP port-unreachable quoting +0.1\n")
    assert (found.exchange.sender, found.about, found.stands) == ("initiator", "request", True)


def test_an_answer_without_its_request():
    """What of the request became known cannot be said."""
    assert of("+0 C:500 < S:500 IKE_SA_INIT response\n", "+0.5 C > S ICMP port-unreachable quoting +0\n")[1] == []


@pytest.mark.parametrize(("at", "count"), [("+0.5", 1), ("+2", 1), ("+3.5", 0)])
def test_a_request_whose_answer_the_trace_lacks(at, count):
    """IKE_AUTH follows, so it was answered; an error counts until the last sending, after which the answer came."""
    later = "+4.1 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi}\n+4.2 C:4500 < S:4500 IKE_AUTH response 300 SK{IDr}\n"
    _, found = of(REQUESTS, f"{at} C < S ICMP port-unreachable quoting +0\n", later)
    assert [(f.about, f.stands) for f in found] == [("request", False)] * count


def test_an_answer_that_arrives_in_part():
    """The request got through, whatever a router said before."""
    part = "+0.4 C:4500 < S:4500 IKE_AUTH response 3000 SK{IDr} ip-fragments 3 lost 2\n"
    _, (found,) = of(INIT, AUTH.format("400 SK{IDi}"), "+0.2 C < R ICMP port-unreachable quoting +0.1\n", part)
    assert (found.about, found.stands) == ("request", False)


def test_what_the_host_itself_dropped_is_a_remark():
    sa, (found,) = of("+0 C:500 > S:500 IKE_SA_INIT request dropped\n", ERROR.format("S", "port-unreachable"))
    assert not found.stands
    assert observed(sa, found, "S says no", "", ()).title.endswith("about IKE_SA_INIT; no answer came.")


def test_how_often_the_client_asked_again():
    asked = INIT.replace("request ", "request  x3 at +1 +3  ").replace("response ", "response  x2 at +1  ")
    sa, (found,) = of(asked, "+0.5 C > S ICMP port-unreachable quoting +0.030\n")
    assert "sent its request twice more" in observed(sa, found, "C says no", "", ()).detail


def test_the_first_of_several_names_the_sender():
    sa, (found,) = of(REQUESTS, ERROR.format("R", "port-unreachable"), "+1.5 C < S ICMP port-unreachable quoting +1\n")
    assert who(sa, found) == "A router or firewall on the way, 198.51.100.1,"
    assert not is_from_end(sa, found)
    assert " 2 such ICMP messages came." in observed(sa, found, "R says no", "", ()).detail


def test_a_single_one_is_not_counted():
    sa, (found,) = of(REQUESTS, ERROR.format("S", "port-unreachable"))
    detail = observed(sa, found, "S says no", "", ()).detail
    assert detail.endswith(
        "UDP port 500 and the initiator SPI of the request. ICMP is not authenticated: it can be forged."
    )


def test_a_quote_of_a_later_fragment_is_less_sure():
    """It holds no port: the first fragment may have passed (RFC 792 quotes what was dropped)."""
    steps = (INIT, AUTH.format("3000 SK{IDi}"), "+3.5 C < S ICMP admin-prohibited quoting +0.1\n")
    packets = raw_packets(*steps, hosts=HOSTS)
    (last,) = [i for i, (_, data) in enumerate(packets) if data[9] == 1]
    later = next(data for _, data in packets if data[9] == 17 and int.from_bytes(data[6:8], "big") & 0x1FFF)
    packets[last] = packets[last][0], packets[last][1][:28] + later[:28]
    sa = of_packets(packets).analysis.sas[0]
    (found,) = refused(sa, ADMIN_PROHIBITED)
    seen = observed(sa, found, "S says no", "", ())
    assert seen.confidence is Confidence.STRONG
    assert "the addresses, and a later IP fragment: the first one may have passed" in seen.detail


def test_a_quote_of_the_addresses_alone():
    packets = raw_packets(REQUESTS, "+3.5 C < S ICMP port-unreachable quoting +0\n", hosts=HOSTS)
    time, error = packets[-1]
    packets[-1] = time, error[: 20 + 8 + 20]
    (sa,) = of_packets(packets).analysis.sas
    (found,) = refused(sa, PORT_UNREACHABLE)
    seen = observed(sa, found, "S says no", "", ())
    assert seen.confidence is Confidence.STRONG
    assert "quotes the addresses of the request." in seen.detail


@pytest.mark.parametrize(("answer", "expected"), [("+0.5", Confidence.PROVED), ("+1.5", Confidence.POSSIBLE)])
def test_an_answer_that_is_refused_late(answer, expected):
    """Two sendings after the answer show that it is missed; one, at the end of the trace, does not."""
    steps = (REQUESTS, f"{answer} C:500 < S:500 IKE_SA_INIT response\n", "+2 C > S ICMP port-unreachable quoting {}\n")
    sa = only_sa(*steps[:2], steps[2].format(answer), hosts=HOSTS)
    (found,) = refused(sa, PORT_UNREACHABLE)
    assert observed(sa, found, "C says no", "", ()).confidence is expected
