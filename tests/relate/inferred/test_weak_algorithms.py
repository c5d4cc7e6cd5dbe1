"""Weak algorithms, a rekey without a key, an offer of ML-KEM: statuses as RFC 8247 sections 2.1 to 2.4 have them."""

from __future__ import annotations

import pytest

from analyzer.relate.inferred.cipher_suite import Algorithm
from analyzer.relate.inferred.weak_algorithms import has_ml_kem, has_no_room_for_key, weak
from analyzer.report.sa_facts import weak_algorithms
from tests.relate.captures import GOES_ON, only_sa

ENCR, PRF, INTEG, KE, ADDKE1 = 1, 2, 3, 4, 6


@pytest.mark.parametrize(
    ("algorithm", "status"),
    [
        (Algorithm(ENCR, 2), "MUST NOT be used"),  # DES
        (Algorithm(ENCR, 3), "on its way out"),  # 3DES: MAY
        (Algorithm(PRF, 1), "MUST NOT be used"),  # HMAC-MD5
        (Algorithm(PRF, 2), "on its way out"),  # HMAC-SHA1: MUST-
        (Algorithm(INTEG, 1), "MUST NOT be used"),
        (Algorithm(INTEG, 2), "on its way out"),
        (Algorithm(KE, 1), "MUST NOT be used"),
        (Algorithm(KE, 2), "SHOULD NOT be used"),
        (Algorithm(KE, 5), "SHOULD NOT be used"),
        (Algorithm(KE, 22), "MUST NOT be used"),
        (Algorithm(KE, 23), "SHOULD NOT be used"),
        (Algorithm(KE, 24), "SHOULD NOT be used"),
    ],
)
def test_statuses(algorithm: Algorithm, status: str) -> None:
    assert list(weak([algorithm])) == [status]


@pytest.mark.parametrize("sound", [(ENCR, 12), (ENCR, 20), (PRF, 5), (INTEG, 12), (KE, 14), (KE, 19), (KE, 31)])
def test_what_is_recommended_is_not_named(sound: tuple[int, int]) -> None:
    assert weak([Algorithm(*sound)]) == {}


def suite(chosen: str) -> str:
    return (
        f"+0.00 C:500 > S:500 IKE_SA_INIT request SA({chosen})\n+0.03 C:500 < S:500 IKE_SA_INIT response SA({chosen})\n"
    )


WEAK = "3des-sha1-modp1024"
SOUND = "aes256-sha256-modp2048"
AUTH = "+0.1 C:500 > S:500 IKE_AUTH request 400 SK{IDi}\n+0.2 C:500 < S:500 IKE_AUTH response 300 SK{IDr}\n"


def rekey(length: int, answer: str = "240 SK{SA}") -> str:
    return (
        f"+5.0 C:500 > S:500 CREATE_CHILD_SA request {length} SK{{N}} mid 2\n"
        f"+5.1 C:500 < S:500 CREATE_CHILD_SA response {answer} mid 2\n"
    )


def test_what_was_chosen_is_named() -> None:
    assert weak_algorithms(only_sa(suite(WEAK), GOES_ON)) == (
        "MODP1024 (group 2) SHOULD NOT be used; 3DES, HMAC_SHA1_96, PRF_HMAC_SHA1 are on their way out (RFC 8247)"
    )
    assert weak_algorithms(only_sa(suite(SOUND), GOES_ON)) == ""


def test_what_was_only_offered_is_not() -> None:
    assert weak_algorithms(only_sa(f"+0 C:500 > S:500 IKE_SA_INIT request SA({WEAK})\n", GOES_ON)) == ""


def test_a_rekey_that_has_no_room_for_a_key() -> None:
    """28 + 4 + 16 + 16 bytes around at most 191 of payloads: a key of MODP2048 alone takes 264."""
    pfs = "a Child SA was made without a new key exchange (no PFS), as far as sizes tell"
    assert weak_algorithms(only_sa(suite(SOUND), AUTH, rekey(256), GOES_ON)) == pfs
    assert weak_algorithms(only_sa(suite(SOUND), AUTH, rekey(528), GOES_ON)) == ""
    # Refused, or not answered: nothing was made.
    assert weak_algorithms(only_sa(suite(SOUND), AUTH, rekey(256, "80 SK{N}"), GOES_ON)) == ""


def test_room() -> None:
    """12 + 44 + 20 + 24 + 24 bytes beside the key, 8 for the header of its payload, 64 of a key on P-256."""
    assert has_no_room_for_key(195, 64)
    assert not has_no_room_for_key(196, 64)


def test_ml_kem() -> None:
    assert has_ml_kem([Algorithm(ADDKE1, 36)]) and has_ml_kem([Algorithm(KE, 35)])
    assert not has_ml_kem([Algorithm(ENCR, 36), Algorithm(KE, 31)])


def test_an_offer_of_ml_kem_is_named() -> None:
    offer = "+0.00 C:500 > S:500 IKE_SA_INIT request SA(aes256-sha256-curve25519-ke1_mlkem768)\n"
    answer = "+0.03 C:500 < S:500 IKE_SA_INIT response SA(aes256-sha256-curve25519)\n"
    assert weak_algorithms(only_sa(offer, answer, GOES_ON)) == ("the client offers ML-KEM, a post-quantum key exchange")
