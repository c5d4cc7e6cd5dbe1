"""What explains silence: matched to the request, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.ike.registry import numbers
from analyzer.rules.shared import silence
from tests.relate.captures import GOES_ON, INIT, capture, exchange, of_packets, only_sa, raw_packets

INIT_REQUESTS = "+0 C:500 > S:500 IKE_SA_INIT request x3 at +1 +3\n"
AUTH = "+0.1 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} x3 at +1 +3\n"


def reported(*steps: str, kind: int = numbers.IKE_SA_INIT, hosts: str = "C = 10.0.0.2  S = 203.0.113.7\n"):
    seen = capture(*steps, GOES_ON, hosts=hosts)
    sa = seen.analysis.sas[0]
    return [r.frame for r in silence.reports(sa, exchange(sa, kind))]


class TestReports:
    def test_about_the_request(self):
        assert reported(INIT_REQUESTS, "+0.5 C < S ICMP port-unreachable quoting +0.000\n") == [2]

    def test_about_another_port(self):
        """IKE_SA_INIT went to 500; what is said of 4500 is about IKE_AUTH."""
        steps = (INIT, AUTH, "+0.5 C < S ICMP port-unreachable quoting +0.1\n")
        assert reported(*steps, kind=numbers.IKE_AUTH) == [4]
        assert reported(*steps) == []

    def test_before_the_first_sending(self):
        """A keepalive to the same port met the error, ten seconds before."""
        early = "-9 C:500 > S:500 keepalive\n-8.9 C < S ICMP port-unreachable quoting -9\n"
        assert reported(early, INIT_REQUESTS) == []

    def test_about_the_other_direction(self):
        steps = (INIT, "+0.5 C > S ICMP port-unreachable quoting +0.030\n")
        assert reported(*steps) == []
        sa = only_sa(*steps)
        asked = exchange(sa, numbers.IKE_SA_INIT)
        assert [r.frame for r in silence.reports(sa, asked, about_response=True)] == [3]

    def test_about_another_ike_sa_that_is_not_in_the_trace(self):
        packets = raw_packets("+0 C:500 > S:500 IKE_SA_INIT request\n+1 C < S ICMP port-unreachable quoting +0\n")
        time, error = packets[1]
        at = 20 + 8 + 20 + 8  # IP, ICMP, quoted IP, quoted UDP
        packets[1] = time, error[:at] + b"\x77" * 8 + error[at + 8 :]
        (sa,) = of_packets(packets).analysis.sas
        assert silence.reports(sa, exchange(sa, numbers.IKE_SA_INIT)) == ()

    def test_about_tcp_of_the_same_numbers(self):
        """TCP port 4500 is not UDP port 4500."""
        packets = raw_packets(INIT, AUTH, "+0.5 C < S ICMP port-unreachable quoting +0.1\n")
        (at,) = [i for i, (_, data) in enumerate(packets) if data[9] == 1]
        time, error = packets[at]
        packets[at] = time, error[: 28 + 9] + b"\x06" + error[28 + 10 :]
        (sa,) = of_packets(packets).analysis.sas
        assert silence.reports(sa, exchange(sa, numbers.IKE_AUTH)) == ()

    @pytest.mark.parametrize("cut", [True, False])
    def test_a_later_fragment_quotes_no_port(self, cut):
        """It counts where the request was cut; a whole request has no later fragment."""
        whole = AUTH.replace("400", "3000")
        packets = raw_packets(INIT, whole, "+3.5 C < S ICMP admin-prohibited quoting +0.1\n")
        (last,) = [i for i, (_, data) in enumerate(packets) if data[9] == 1]
        fragments = [data for _, data in packets if data[9] == 17 and int.from_bytes(data[6:8], "big") & 0x1FFF]
        time, error = packets[last]
        packets[last] = time, error[:28] + fragments[0][:28]
        kept = packets if cut else [packets[0], packets[1], *raw_packets(INIT, AUTH)[2:], packets[last]]
        sas = of_packets(sorted(kept, key=lambda p: p[0])).analysis.sas
        reports = silence.reports(sas[0], exchange(sas[0], numbers.IKE_AUTH))
        assert bool(reports) is cut

    @pytest.mark.parametrize("odd", ["another protocol", "another IKE SA"])
    def test_what_is_about_something_else_does_not_hide_what_follows(self, odd):
        errors = "+0.5 C < S ICMP port-unreachable quoting +0\n+1.5 C < S ICMP port-unreachable quoting +1\n"
        packets = raw_packets(INIT_REQUESTS, errors)
        at = next(i for i, (_, data) in enumerate(packets) if data[9] == 1)
        time, error = packets[at]
        if odd == "another protocol":
            packets[at] = time, error[: 28 + 9] + b"\x06" + error[28 + 10 :]
        else:
            packets[at] = time, error[:56] + b"\x77" * 8 + error[64:]
        sa = of_packets(packets).analysis.sas[0]
        assert [r.frame for r in silence.reports(sa, exchange(sa, numbers.IKE_SA_INIT))] == [4]

    def test_a_quote_that_ends_before_the_ports(self):
        """RFC 792 quotes eight bytes at least; some quote less. The addresses are all that there is."""
        packets = raw_packets(INIT_REQUESTS, "+0.5 C < S ICMP port-unreachable quoting +0\n")
        at = next(i for i, (_, data) in enumerate(packets) if data[9] == 1)
        packets[at] = packets[at][0], packets[at][1][: 20 + 8 + 20]
        (sa,) = of_packets(packets).analysis.sas
        assert len(silence.reports(sa, exchange(sa, numbers.IKE_SA_INIT))) == 1


def test_explained_by_a_drop_or_a_refusal_but_not_by_size():
    error = "+1 C < S ICMP fragmentation-needed mtu 1200 quoting +0\n"
    too_big = only_sa("+0 C:500 > S:500 IKE_SA_INIT request 1400\n", error)
    asked = exchange(too_big, numbers.IKE_SA_INIT)
    assert (silence.is_explained(too_big, asked), silence.is_too_big(too_big, asked)) == (False, True)
    refused = only_sa("+0 C:500 > S:500 IKE_SA_INIT request\n+1 C < S ICMP ttl-exceeded quoting +0\n")
    assert silence.is_explained(refused, exchange(refused, numbers.IKE_SA_INIT))
    dropped = only_sa("+0 C:500 > S:500 IKE_SA_INIT request dropped\n")
    assert silence.is_explained(dropped, exchange(dropped, numbers.IKE_SA_INIT))


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ("+0.5 C:600 > S:500 IKE_SA_INIT request sa 2\n+0.6 C:600 < S:500 IKE_SA_INIT response sa 2\n", True),
        # It began more than five seconds before, or was answered after the last sending.
        ("-5.5 C:600 > S:500 IKE_SA_INIT request sa 2\n+0.6 C:600 < S:500 IKE_SA_INIT response sa 2\n", False),
        ("+2.9 C:600 > S:500 IKE_SA_INIT request sa 2\n+3.1 C:600 < S:500 IKE_SA_INIT response sa 2\n", False),
        # Nobody asked for the answer; nobody answered.
        ("+0.6 C:600 < S:500 IKE_SA_INIT response sa 2\n", False),
        ("+0.5 C:600 > S:500 IKE_SA_INIT request sa 2\n", False),
    ],
)
def test_answered_meanwhile(other, found):
    sas = capture(INIT_REQUESTS, other, GOES_ON).analysis.sas
    (sa,) = [s for s in sas if s.retransmits]
    assert silence.is_one_of_many(sa, exchange(sa, numbers.IKE_SA_INIT)) is found


@pytest.mark.parametrize(
    ("beside", "found"),
    [
        ("+1.5 C:4500 < S:4500 ESP spi 0x11223344\n", True),
        ("-1.5 C:4500 < S:4500 ESP spi 0x11223344\n", False),
        ("+1.5 C:4500 > S:4500 ESP spi 0x11223344\n", False),
        ("+1.5 C:4500 < S:4500 ESP spi 0x11223344\n-9 C:500 < S:500 keepalive\n", False),
        ("-9 C:4500 > S:4500 IKE_SA_INIT request sa 2\n-8 C:4500 < S:4500 IKE_SA_INIT response sa 2\n", True),
    ],
)
def test_only_500_is_silent(beside, found):
    """4500 is heard in the time of the requests (or answered IKE_SA_INIT at any time), 500 never."""
    sas = capture(INIT_REQUESTS, beside, GOES_ON).analysis.sas
    (sa,) = [s for s in sas if s.retransmits]
    assert silence.only_500_is_silent(sa, exchange(sa, numbers.IKE_SA_INIT)) is found


def test_a_later_round_of_ike_auth():
    sa = only_sa(
        INIT,
        "+0.1 C:4500 > S:4500 IKE_AUTH request  400 SK{IDi}\n",
        "+0.2 C:4500 < S:4500 IKE_AUTH response 900 SK{IDr}\n",
        "+0.3 C:4500 > S:4500 IKE_AUTH request  120 SK{EAP}\n",
    )
    first, second = sa.of(numbers.IKE_AUTH)
    assert (silence.is_eap_round(sa, first), silence.is_eap_round(sa, second)) == (False, True)


def test_unanswered_leaves_out_what_is_answered_in_part():
    whole = only_sa(INIT, AUTH)
    part = only_sa(INIT, AUTH, "+0.2 C:4500 < S:4500 IKE_AUTH response 3000 SK{IDr} ip-fragments 3 lost 2\n")
    assert [len(silence.unanswered(sa, (numbers.IKE_AUTH,))) for sa in (whole, part)] == [1, 0]
    assert silence.unanswered(whole, (numbers.IKE_SA_INIT,)) == ()


@pytest.mark.parametrize(
    ("start", "answered", "found"),
    [
        # Five seconds before the first sending is the edge; the answer may come with the last sending, at +3.
        ("-5.000", "+0.6", True),
        ("-5.001", "+0.6", False),
        ("+2.900", "+3.000", True),
        ("+2.900", "+3.001", False),
    ],
)
def test_answered_meanwhile_at_the_edges(start, answered, found):
    other = f"{start} C:600 > S:500 IKE_SA_INIT request sa 2\n{answered} C:600 < S:500 IKE_SA_INIT response sa 2\n"
    sas = capture(INIT_REQUESTS, other, GOES_ON).analysis.sas
    (sa,) = [s for s in sas if s.retransmits]
    assert bool(silence.answered_meanwhile(sa, exchange(sa, numbers.IKE_SA_INIT))) is found


@pytest.mark.parametrize(
    ("sendings", "until", "since", "expected"),
    [
        # Three sendings, or five seconds of silence after the last one.
        ("x3 at +1 +3", "+3.1", None, True),
        ("x2 at +1", "+5.999", None, False),
        ("x2 at +1", "+6", None, True),
        # After an answer (of which ICMP says that it did not arrive) two more sendings are as good.
        ("x3 at +1 +3", "+3.1", 0.5, True),
        ("x3 at +1 +3", "+3.1", 1.5, False),
        ("x3 at +1 +3", "+3.1", 1, False),
        # The silence counts from what came last.
        ("x2 at +1", "+6.5", 2, False),
        ("x2 at +1", "+7", 2, True),
    ],
)
def test_lasts(sendings, until, since, expected):
    sa = only_sa(f"+0 C:500 > S:500 IKE_SA_INIT request {sendings}\n", f"{until} C:40000 > S:9 UDP\n")
    asked = exchange(sa, numbers.IKE_SA_INIT)
    moment = None if since is None else asked.times[0] + int(since * 1e9)
    assert silence.lasts(sa, asked, moment) is expected


def test_nothing_lasts_in_a_capture_with_gaps():
    sa = only_sa(INIT_REQUESTS, GOES_ON)
    asked = exchange(sa, numbers.IKE_SA_INIT)
    assert silence.lasts(sa, asked)
    sound = sa.capture
    for gap in ({"lost_packets": "some"}, {"cut": True}, {"damaged": True}):
        sa.capture = replace(sound, **gap)
        assert not silence.lasts(sa, asked)


ANSWERED = "+0.1 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi}\n+0.2 C:4500 < S:4500 IKE_AUTH response 300 SK{IDr}\n"


def test_is_last():
    vain = only_sa(INIT, AUTH)
    assert not silence.is_last(vain, exchange(vain, numbers.IKE_SA_INIT))
    assert silence.is_last(vain, exchange(vain, numbers.IKE_AUTH))
    # Traffic of the client, or of both, shows that it went on.
    goes_on = only_sa(INIT, AUTH, "+4 C:4500 > S:4500 ESP spi 0x11223344 count 9\n")
    assert not silence.is_last(goes_on, exchange(goes_on, numbers.IKE_AUTH))
    for reached, step in (
        ("established", "INFORMATIONAL request 80 SK{} mid 0\n"),
        ("established", "ESP spi 0x11223344 count 9\n"),
        (
            "closed",
            "ESP spi 0x11223344 count 9\n+2 C:4500 < S:4500 INFORMATIONAL request 80 SK{D} mid 0\n"
            "+2.1 C:4500 > S:4500 INFORMATIONAL response 80 SK{} mid 0\n",
        ),
    ):
        up = only_sa(INIT, ANSWERED, f"+1 C:4500 < S:4500 {step}", GOES_ON)
        assert up.reached == reached
        assert not silence.is_last(up, exchange(up, numbers.IKE_AUTH))


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ("C:4500 > S:4500 IKE_SA_INIT request sa 2\n-8 C:4500 < S:4500 IKE_SA_INIT response sa 2\n", True),
        ("C:4500 > S:4500 IKE_SA_INIT request sa 2\n", False),
        ("C:500 > S:500 IKE_SA_INIT request sa 2\n-8 C:500 < S:500 IKE_SA_INIT response sa 2\n", False),
        (
            "C:500 > S:500 IKE_SA_INIT request sa 2\n-8 C:500 < S:500 IKE_SA_INIT response sa 2\n"
            "-7 C:4500 > S:4500 IKE_AUTH request 400 SK{IDi} sa 2\n"
            "-6.9 C:4500 < S:4500 IKE_AUTH response 300 SK{IDr} sa 2\n",
            False,
        ),
    ],
)
def test_begun_on_4500(other, found):
    sas = capture(INIT_REQUESTS, f"-9 {other}", GOES_ON).analysis.sas
    (sa,) = [s for s in sas if s.spi_i == max(sas, key=lambda s: s.start).spi_i]
    assert bool(silence.begun_on_4500(sa)) is found


def test_only_500_is_silent_needs_a_silent_500():
    heard = "+1.5 C:4500 < S:4500 ESP spi 0x11223344\n"
    begun = only_sa("+0 C:4500 > S:4500 IKE_SA_INIT request x3 at +1 +3\n", heard, GOES_ON)
    assert not silence.only_500_is_silent(begun, exchange(begun, numbers.IKE_SA_INIT))
    answered = only_sa(INIT, heard, GOES_ON)
    assert not silence.only_500_is_silent(answered, exchange(answered, numbers.IKE_SA_INIT))
