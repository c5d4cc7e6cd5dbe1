"""One direction only, or a host that does not answer? (docs/domain/root-causes.md no. 1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.relate.inferred.one_way import why_one_way
from tests.relate.captures import INIT, only_sa

REQUEST = "+0.000 C:500 > S:500 IKE_SA_INIT request\n"
RESPONSE = "+0.030 C:500 < S:500 IKE_SA_INIT response\n"
AUTH = "+0.075 C:4500 > S:4500 IKE_AUTH request 400 SK\n"


@pytest.mark.parametrize(
    ("filter_", "names_a_direction"),
    [
        ("src host 10.0.0.2", True),
        ("udp and dst port 500", True),
        ("inbound and udp", True),
        ("host 10.0.0.2", False),
        ("udp port 500 or udp port 4500", False),
        ("", False),
    ],
)
def test_a_filter_that_names_a_direction(filter_: str, names_a_direction: bool):
    sa = only_sa(REQUEST)
    said = why_one_way(sa.messages, (), replace(sa.capture, capture_filter=filter_))
    assert ("names a direction" in said) == names_a_direction == bool(said)


def test_both_directions_refute_everything():
    sa = only_sa(INIT)
    assert why_one_way(sa.messages, (), replace(sa.capture, one_way_tcp=3, capture_filter="src host 10.0.0.2")) == ""


def test_a_retry_after_cookie_is_no_sign():
    # Its responder SPI is 0 (RFC 7296 section 2.6).
    assert only_sa(REQUEST + "+1.0 C:500 > S:500 IKE_SA_INIT request N(COOKIE)\n").one_way == ""


def test_esp_from_the_other_end_refutes_it():
    assert only_sa(REQUEST + AUTH).one_way
    assert not only_sa(REQUEST + AUTH + "+0.5 C:4500 < S:4500 ESP spi 0x33cc44dd\n").one_way


def test_one_answer_may_be_from_before():
    assert only_sa(RESPONSE).one_way == ""
    assert only_sa(RESPONSE + "+0.1 C:4500 < S:4500 IKE_AUTH response 400 SK\n").one_way
    # A repeat of one answer is no second answer.
    assert only_sa(RESPONSE.replace("\n", " x3 at +1 +2\n")).one_way == ""
