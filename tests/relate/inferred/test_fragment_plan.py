"""What RFC 7383 would have done: by hand, from the domain's tables, and against a plain splitting of the plaintext."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.relate.inferred.cipher_suite import COMMON_SUITES, SKF_HEADER, CipherSuite
from analyzer.relate.inferred.fragment_plan import FragmentCount, FragmentPlan, fragment_count, plan_text
from tests.relate.captures import HOSTS, INIT, only_sa

HOSTS6 = "C = 2001:db8:1::2  S = 2001:db8:2::7\n"
AT_CLIENT = "C = 10.0.0.2 (os windows)  S = 203.0.113.7\nat C\n"
GCM_INIT = INIT.replace(" N(NAT", " SA(aes256gcm16-prfsha384-ecp384) KE(20) No N(NAT")


def plans(*steps: str, **options: object) -> tuple[FragmentPlan, ...]:
    return only_sa(*steps, **options).fragment_plans  # type: ignore[arg-type]


def auth(length: int, word: str = "request", arrow: str = ">", port: int = 4500) -> str:
    return f"+0.075 C:{port} {arrow} S:{port} IKE_AUTH {word} {length} SK\n"


def split(content: int, limit: int, suite: CipherSuite) -> list[int]:
    """IKE lengths of the fragments as RFC 7383 section 2.5 makes them: fill one, then the next."""
    lengths = []
    while content > 0:
        taken = next(n for n in range(content, 0, -1) if suite.length(n, header=SKF_HEADER) <= limit)
        lengths.append(suite.length(taken, header=SKF_HEADER))
        content -= taken
    return lengths


@settings(max_examples=60)
@given(
    st.sampled_from(COMMON_SUITES),
    st.integers(1, 6000),
    st.sampled_from((544, 548, 1168, 1232, 1248, 1368, 1440)),
)
def test_the_count_is_that_of_a_plain_splitting(suite, content, limit):
    whole = suite.length(content)
    found = fragment_count([suite.content(whole)], limit, [suite])
    fragments = split(content, limit, suite)
    assert found is not None
    assert found.fewest <= len(fragments) <= found.most <= found.fewest + 1
    if suite.block == 1:
        assert found.fewest == found.most
    if len(fragments) > 1:
        assert fragments[0] == found.full <= limit


@settings(max_examples=60)
@given(st.sampled_from(COMMON_SUITES), st.integers(1, 6000), st.integers(500, 1500))
def test_without_the_suite_the_range_holds_every_common_one(suite, content, limit):
    whole = suite.length(content)
    known = fragment_count([suite.content(whole)], limit, [suite])
    unknown = fragment_count([s.content(whole) for s in COMMON_SUITES], limit, COMMON_SUITES)
    assert known is not None and unknown is not None
    assert unknown.fewest <= known.fewest <= known.most <= unknown.most
    assert unknown.full <= limit


@given(st.integers(-100, 200))
def test_a_limit_without_room(limit):
    found = fragment_count([(100, 100)], limit, COMMON_SUITES[:1])
    # 28 + 8 + 8 + 16 + 1 bytes hold nothing under AES-GCM-16.
    assert (found is None) == (limit < 62)


def test_reference_case():
    """3,468 bytes under AES-CBC and HMAC_SHA2_256_128, MTU 1460, IPv4, port 4500.

    SK: 3468 - 28 - 4 - 16 - 16 = 3404 bytes, so at most 3,403 of content (made up: 3404 is no multiple of 16).
    A fragment has 1460 - 32 = 1428 bytes of IKE, 1428 - 68 = 1360 = 85 blocks, so 1,359 of content: 3 fragments.
    At 1280 it has 1,167 of content: 3 fragments.
    """
    (plan,) = plans(INIT, auth(3468), hosts=AT_CLIENT + "mtu 1460\n")
    assert (plan.exchange, plan.is_response, plan.message_id, plan.sender) == (35, False, 1, "initiator")
    assert (plan.length, plan.mtu, plan.mtu_source) == (3468, 1460, "the sender's own link")
    assert plan.suite == "AES_CBC-256/HMAC_SHA2_256_128"
    assert (plan.fewest, plan.fragments, plan.fragment_length, plan.largest_packet) == (3, 3, 1428, 1460)
    assert (plan.safe_size, plan.safe_fragments, plan.helps, plan.why_not, plan.caution) == (1280, 3, True, "", "")
    assert plan_text(plan) == (
        "Split by IKE (RFC 7383), the 3,468-byte IKE_AUTH request would go in 3 fragments, IP packets of at most 1,460 "
        "bytes (the sender's own link), none of which IP would cut. With a limit of 1,280 bytes, which nearly every "
        "path takes, it is still 3."
    )


def test_as_strongswan_did_it():
    """Its log: "splitting IKE message (3575 bytes) into 3 fragments" with fragment_size 1280, AES-GCM-16."""
    (plan,) = plans(GCM_INIT, auth(3575), mtu=1280)
    assert (plan.suite, plan.fewest, plan.fragments) == ("AES_GCM_16-256", 3, 3)
    # Its full fragments were 1,248 bytes of IKE in packets of 1,280.
    assert (plan.fragment_length, plan.largest_packet) == (1248, 1280)
    assert plan.mtu_source == "the path MTU as given"
    assert plan.safe_size == 1280


def test_ipv6_on_port_500():
    """40 + 8 bytes in front and no marker: 1280 - 48 = 1232 = 28 + 8 + 16 + 73 blocks of 16 + 16 less 4."""
    (plan,) = plans(INIT, auth(3000, port=500), hosts=HOSTS6, mtu=1280)
    assert (plan.fragment_length, plan.largest_packet) == (1220, 1268)


def test_ipv6_behind_the_marker():
    (plan,) = plans(GCM_INIT, auth(3000), hosts=HOSTS6, mtu=1280)
    assert (plan.fragment_length, plan.largest_packet) == (1228, 1280)


def test_each_direction():
    request, response = plans(INIT, auth(2508), auth(1996, "response", "<"))
    assert (request.sender, response.sender) == ("initiator", "responder")
    assert (request.length, response.length) == (2508, 1996)
    assert plan_text(response).startswith("Split by IKE (RFC 7383), the 1,996-byte IKE_AUTH response")


def test_what_ip_leaves_whole_needs_no_plan():
    assert plans(INIT, auth(1300), auth(1300, "response", "<")) == ()


def test_one_packet_above_the_path():
    (plan,) = plans(INIT, auth(1400), mtu=1400)
    assert (plan.mtu, plan.fragments) == (1400, 2)


def test_over_tcp_nothing_is_cut():
    steps = INIT + "+0.1 C:4500 > S:4500 IKE_AUTH request 3468 SK tcp\n"
    assert plans(steps, mtu=1280) == ()


def test_without_the_suite_a_range():
    """3,560 bytes have 3,503 of content under AES-GCM-16 and 3,463 to 3,479 under AES-CBC with HMAC_SHA2_512_256.

    At 1280 a fragment holds 1,187 and at the least 1,151 (1248 - 84 = 1164, 72 blocks): 3 or 4.
    """
    (plan,) = plans(auth(3560), mtu=1280)
    assert (plan.suite, plan.fewest, plan.fragments) == ("", 3, 4)
    assert "would go in 3 to 4 fragments" in plan_text(plan)


def test_ike_sa_init_cannot_be_split():
    (plan,) = plans("+0 C:500 > S:500 IKE_SA_INIT request 1700\n")
    assert (plan.helps, plan.fragments, plan.safe_fragments) == (False, 0, 0)
    assert plan_text(plan) == (
        "Splitting the 1,700-byte IKE_SA_INIT request by IKE (RFC 7383) would not help: IKE_SA_INIT has no encrypted "
        "payload, and only those can be split by IKE."
    )


def test_fragments_that_ip_cut_again():
    """Two of 1,440 bytes under AES-CBC-256/HMAC_SHA2_256_128: 2 x (1440 - 68) less padding, 1,287 each at MTU 1396."""
    (plan,) = plans(INIT, "+0.1 C:4500 > S:4500 IKE_AUTH request SKF 1-2/2 (1440 1440)\n", hosts=HOSTS + "mtu 1400\n")
    assert (plan.length, plan.mtu, plan.fragments) == (2880, 1396, 3)


def test_an_incomplete_set_has_no_known_content():
    assert plans(INIT, "+0.1 C:4500 > S:4500 IKE_AUTH request SKF 1/2 (1600)\n") == ()


@pytest.mark.parametrize(
    "length, mtu, helps, said",
    [
        (9000, 576, True, "Libreswan before 3.31 holds no more than 16 fragments."),
        (20000, 576, True, "Libreswan holds no more than 32 fragments."),
        (40000, 576, False, "would take 87 fragments, more than many receivers hold."),
        (11000, 1280, True, "up to 10,000 bytes unless max_packet is raised in strongswan.conf."),
        (3000, 90, False, "IP packets of 90 bytes leave no room for a fragment."),
    ],
)
def test_when_receivers_may_refuse(length, mtu, helps, said):
    """8,935 of content by 463 in a fragment: 20. 19,935 by 463: 44. 39,935 by 463: 87. 10,935 by 1,167: 10."""
    plan = plans(INIT, auth(length), mtu=mtu)[-1]
    assert (plan.exchange, plan.length) == (35, length)
    assert plan.helps == helps
    assert plan_text(plan).endswith(said)


def test_a_flood_of_large_messages_is_bounded():
    steps = "".join(f"+{i} C:4500 > S:4500 INFORMATIONAL request 3000 SK mid {i}\n" for i in range(1, 40))
    assert len(plans(INIT, steps)) == 16


def test_a_cut_is_a_value():
    assert fragment_count([(1, 1)], 1248, COMMON_SUITES[:1]) == FragmentCount(1, 1, 1248)


def test_of_a_bracket_the_size_that_passed_is_planned_for() -> None:
    """Pings of 1,400 bytes of IP are answered, of 1,428 never: the MTU may be 1,400, and so 1,427 would be too much."""
    pings = """
-3.000 C > S  ICMP echo-request size 1400 df
-2.990 C < S  ICMP echo-reply size 1400
-2.500 C > S  ICMP echo-request size 1428 df
-1.500 C > S  ICMP echo-request size 1428 df
"""
    request = "+0.075 C:4500 > S:4500 IKE_AUTH request SKF 1-3/3 (1448 1448 500) x3 at +1 +3\n"
    (plan,) = plans(pings, GCM_INIT, request, "+20 C:40000 > S:9 UDP\n", hosts=AT_CLIENT)
    assert (plan.mtu, plan.mtu_source) == (1400, "the largest that this trace shows to pass")
    assert plan.largest_packet <= 1400
