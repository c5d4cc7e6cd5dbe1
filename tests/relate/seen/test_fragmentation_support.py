"""Who announced IKEV2_FRAGMENTATION_SUPPORTED: yes, no, or unknown and never a guessed no (RFC 7383 section 2.3)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.relate.captures import HOSTS, INIT, only_sa

OFFER = "N(IKEV2_FRAGMENTATION_SUPPORTED)"


def said(*steps: str, hosts: str = HOSTS) -> tuple[str, str]:
    sa = only_sa(*steps, hosts=hosts)
    return sa.fragmentation_i, sa.fragmentation_r


@pytest.mark.parametrize("initiator, responder", [("yes", "yes"), ("yes", "no"), ("no", "yes"), ("no", "no")])
def test_whole_messages_say_yes_or_no(initiator, responder):
    offers = {"yes": OFFER, "no": "N(MULTIPLE_AUTH_SUPPORTED)"}
    init = (
        f"+0.0 C:500 > S:500 IKE_SA_INIT request {offers[initiator]}\n"
        f"+0.1 C:500 < S:500 IKE_SA_INIT response {offers[responder]}\n"
    )
    assert said(init) == (initiator, responder)


def test_a_request_alone_says_nothing_of_the_responder():
    assert said(f"+0 C:500 > S:500 IKE_SA_INIT request {OFFER}\n") == ("yes", "unknown")


def test_a_response_alone_says_nothing_of_the_initiator():
    assert said(f"+0 C:500 < S:500 IKE_SA_INIT response {OFFER}\n") == ("unknown", "yes")


def test_128_bytes_of_each_packet_say_nothing():
    assert said(INIT, hosts=HOSTS + "snaplen 128\n") == ("unknown", "unknown")


def test_a_cut_message_whose_kept_part_holds_the_notify_says_yes():
    # IKE_SA_INIT request: 14 + 20 + 8 bytes of headers, 28 of IKE, 8 of the notify that stands in front.
    request = "+0 C:500 > S:500 IKE_SA_INIT request N(IKEV2_FRAGMENTATION_SUPPORTED) SA KE No\n"
    assert said(request, hosts=HOSTS + "snaplen 78\n")[0] == "yes"
    assert said(request, hosts=HOSTS + "snaplen 77\n")[0] == "unknown"


@pytest.mark.parametrize(
    "refusal", ["N(NO_PROPOSAL_CHOSEN)", "N(INVALID_KE_PAYLOAD 19)", "N(COOKIE)", "N(INVALID_SYNTAX)"]
)
def test_an_answer_that_only_refuses_or_demands_says_nothing(refusal):
    # docs/domain/root-causes.md no. 11: evaluate only full responses.
    init = f"+0 C:500 > S:500 IKE_SA_INIT request {OFFER}\n+0.1 C:500 < S:500 IKE_SA_INIT response {refusal}\n"
    assert said(init) == ("yes", "unknown")


def test_the_full_answer_after_a_refusal_counts():
    init = (
        f"+0.0 C:500 > S:500 IKE_SA_INIT request {OFFER}\n"
        "+0.1 C:500 < S:500 IKE_SA_INIT response N(COOKIE)\n"
        f"+0.2 C:500 > S:500 IKE_SA_INIT request N(COOKIE) {OFFER}\n"
        "+0.3 C:500 < S:500 IKE_SA_INIT response\n"
    )
    assert said(init) == ("yes", "no")


@pytest.mark.parametrize("sender", [">", "<"])
def test_skf_seen_means_that_both_announced(sender):
    # RFC 7383 section 2.4: no SKF without the announcement of both.
    direction = "request" if sender == ">" else "response"
    assert said(f"+0 C:4500 {sender} S:4500 IKE_AUTH {direction} SKF 1-2/2 mid 1\n") == ("yes", "yes")


def test_an_ip_fragment_missing_from_ike_sa_init_leaves_it_unknown():
    hosts = HOSTS + "mtu 576\n"
    request = "+0 C:500 > S:500 IKE_SA_INIT request 700 SA KE No(256)"
    assert said(f"{request} ip-fragments 2 lost 2\n", hosts=hosts)[0] == "unknown"
    assert said(f"{request} ip-fragments 2\n", hosts=hosts)[0] == "no"


def test_ikev1_says_nothing():
    assert said("+0 C:500 > S:500 IKEv1 Main Mode request\n") == ("unknown", "unknown")


def test_protected_messages_alone_say_nothing():
    assert said("+0 C:4500 > S:4500 IKE_AUTH request 400 mid 1\n") == ("unknown", "unknown")


# Below 70 bytes (14 Ethernet, 20 IP, 8 UDP, 28 IKE header) there is no IKE message to speak of.
@settings(max_examples=40)
@given(snaplen=st.integers(70, 600))
def test_no_snapshot_length_turns_a_yes_into_a_no(snaplen):
    assert set(said(INIT, hosts=HOSTS + f"snaplen {snaplen}\n")) <= {"yes", "unknown"}


@settings(max_examples=40)
@given(snaplen=st.integers(70, 600))
def test_no_snapshot_length_turns_a_no_into_a_yes(snaplen):
    init = "+0 C:500 > S:500 IKE_SA_INIT request\n+0.1 C:500 < S:500 IKE_SA_INIT response\n"
    assert set(said(init, hosts=HOSTS + f"snaplen {snaplen}\n")) <= {"no", "unknown"}


SKF = "+0.5 C:4500 > S:4500 IKE_AUTH request SKF 1-2/2\n"


@pytest.mark.parametrize(
    "steps, seen",
    [
        (INIT, {"initiator": True, "responder": True}),
        (INIT + SKF, {"initiator": True, "responder": True}),
        (SKF, {"initiator": False, "responder": False}),
        (f"+0 C:500 > S:500 IKE_SA_INIT request {OFFER}\n" + SKF, {"initiator": True, "responder": False}),
    ],
)
def test_what_is_seen_and_what_is_inferred(steps, seen):
    # SKF messages follow only where both sides offered it (RFC 7383 section 2.3): yes, and not seen.
    sa = only_sa(steps)
    assert (sa.fragmentation_i, sa.fragmentation_r, sa.offers_seen) == ("yes", "yes", seen)
