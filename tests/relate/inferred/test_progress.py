"""How far an IKE SA came (docs/domain/encrypted-messages.md)."""

from __future__ import annotations

import pytest

from tests.relate.captures import GOES_ON, INIT, only_sa

AUTH = "+0.10 C:500 > S:500 IKE_AUTH request 400 SK{IDi}\n"
GRANTED = "+0.20 C:500 < S:500 IKE_AUTH response 300 SK{IDr}\n"
ESP = "+0.50 C > S ESP spi 0x11112222 count 3\n+0.51 C < S ESP spi 0x33334444 count 3\n"
#: The Delete of an established session, and its answer.
DELETE = "+30 C:500 > S:500 INFORMATIONAL request 65 SK{D}\n+30.1 C:500 < S:500 INFORMATIONAL response 57 SK{}\n"


def reached(*steps: str) -> str:
    return only_sa(*steps).reached


def test_init_sent():
    assert reached("+0 C:500 > S:500 IKE_SA_INIT request x3 at +1 +3\n", GOES_ON) == "init-sent"


@pytest.mark.parametrize("refusal", ["NO_PROPOSAL_CHOSEN", "INVALID_KE_PAYLOAD 19", "COOKIE"])
def test_a_refusal_or_demand_is_no_answer_to_go_on_from(refusal):
    init = f"+0 C:500 > S:500 IKE_SA_INIT request\n+0.1 C:500 < S:500 IKE_SA_INIT response N({refusal})\n"
    assert reached(init, GOES_ON) == "init-sent"


def test_init_answered():
    assert reached(INIT, GOES_ON) == "init-answered"


def test_auth_sent():
    assert reached(INIT, AUTH, GOES_ON) == "auth-sent"


def test_auth_sent_when_of_the_answer_only_a_piece_came():
    assert reached(INIT, AUTH, "+0.2 C:500 < S:500 IKE_AUTH response 2400 lost 2\n", GOES_ON) == "auth-sent"


def test_auth_answered_by_a_short_error():
    # One 8-byte notify under AES-GCM is 65 bytes (docs/domain/encrypted-messages.md no. 2).
    assert reached(INIT, AUTH, "+0.2 C:500 < S:500 IKE_AUTH response 65 SK{N}\n", GOES_ON) == "auth-answered"


def test_established_by_the_shape_of_the_answer():
    assert reached(INIT, AUTH, GRANTED, GOES_ON) == "established"


def test_established_by_esp_though_the_answer_is_not_in_the_trace():
    assert reached(INIT, AUTH, ESP) == "established"


def test_esp_of_the_initiator_alone_proves_nothing():
    assert reached(INIT, AUTH, "+0.5 C > S ESP spi 0x11112222 count 3\n", GOES_ON) == "auth-sent"


def test_established_by_an_answered_liveness_check_in_mid_session():
    check = (
        "+0.0 C:500 > S:500 INFORMATIONAL request 57 SK{} mid 7\n"
        "+0.1 C:500 < S:500 INFORMATIONAL response 57 SK{} mid 7\n"
    )
    assert reached(check) == "established"


def test_closed():
    assert reached(INIT, AUTH, GRANTED, ESP, DELETE) == "closed"


def test_the_initiator_that_rejects_the_servers_answer_never_had_a_connection():
    # docs/domain/encrypted-messages.md no. 7: a notify of an error's size after a full answer.
    at_once = "+0.25 C:500 > S:500 INFORMATIONAL request 65 SK{N}\n"
    assert reached(INIT, AUTH, GRANTED, at_once, GOES_ON) == "auth-answered"


def test_a_delete_at_once_closes_what_was_granted():
    at_once = "+0.25 C:500 > S:500 INFORMATIONAL request 65 SK{D}\n"
    assert reached(INIT, AUTH, GRANTED, at_once, GOES_ON) == "closed"


def test_eap_that_stalls_has_sent_only():
    rounds = "".join(
        f"+{mid}.0 C:500 > S:500 IKE_AUTH request 200 SK{{EAP}} mid {mid}\n"
        f"+{mid}.1 C:500 < S:500 IKE_AUTH response 200 SK{{{'IDr' if mid == 1 else 'EAP'}}} mid {mid}\n"
        for mid in (1, 2, 3)
    )
    last = "+4 C:500 > S:500 IKE_AUTH request 200 SK{EAP} mid 4\n"
    assert reached(INIT, rounds, last, GOES_ON) == "auth-sent"


def test_ike_intermediate_comes_before_ike_auth():
    between = (
        "+0.05 C:500 > S:500 IKE_INTERMEDIATE request 1300 mid 1\n"
        "+0.08 C:500 < S:500 IKE_INTERMEDIATE response 1200 mid 1\n"
    )
    assert reached(INIT, between, GOES_ON) == "init-answered"
    assert reached(INIT, between, AUTH.replace("\n", " mid 2\n"), GOES_ON) == "auth-sent"


def test_unknown():
    assert reached("+0 C:500 > S:500 INFORMATIONAL request 57 SK{} mid 9\n", GOES_ON) == "unknown"
