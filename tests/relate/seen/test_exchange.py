"""Sizes and sendings of an exchange, as written down in the ladder."""

from __future__ import annotations

from analyzer.ike.registry import numbers
from tests.relate.captures import INIT, exchange, only_sa

AUTH = "C:4500 > S:4500 IKE_AUTH request"


def test_an_skf_set_counts_each_fragment_once():
    sa = only_sa(INIT, f"+0.1 {AUTH} SKF{{IDi}} 1-3/3 (580 580 300)\n")
    request = exchange(sa, numbers.IKE_AUTH).request
    assert (request.length, request.skf_total, request.skf_missing, request.complete) == (1460, 3, (), True)
    assert request.inner_payload == numbers.IDI
    # 20 + 8 + 4 bytes of headers before each.
    assert (request.largest_ip_packet, request.ip_fragments, request.is_ip_fragmented) == (612, 1, False)


def test_what_was_never_seen_of_a_set_is_named():
    request = exchange(only_sa(INIT, f"+0.1 {AUTH} SKF{{IDi}} 1,3/3 (580 300)\n"), numbers.IKE_AUTH).request
    assert (request.skf_missing, request.complete) == ((2,), False)


def test_the_fullest_sending_stands_for_the_request():
    lost, whole = f"+0.1 {AUTH} 3000 mid 1 SK ip-fragments 3 lost 2\n", f"+1.1 {AUTH} 3000 mid 1 SK ip-fragments 3\n"
    auth = exchange(only_sa(INIT, lost, whole), numbers.IKE_AUTH)
    assert [a.complete for a in auth.requests] == [False, True]
    assert auth.request is auth.requests[1]
    assert (auth.attempts, auth.span, auth.is_setup) == (2, 1.0, True)


def test_the_round_trip_needs_an_answer():
    sa = only_sa(INIT, f"+0.1 {AUTH} 400 SK\n")
    assert exchange(sa, numbers.IKE_SA_INIT).rtt == 0.03
    assert exchange(sa, numbers.IKE_AUTH).rtt is None
