"""IKE_AUTH from outside the encryption. Sizes: docs/domain/encrypted-messages.md no. 2, strongSwan 5.9.8, or by hand.

Source: docs/domain/encrypted-messages.md.
"""

from __future__ import annotations

import pytest

from analyzer.ike.registry import numbers
from analyzer.relate.inferred.authentication import LONG_ANSWER, SHORT_ANSWER, AuthAnswer, Authentication
from analyzer.relate.inferred.cipher_suite import COMMON_SUITES
from tests.relate.captures import GOES_ON, only_sa

GCM = "aes256gcm16-prfsha384-ecp384"
CBC = "aes256-sha256-modp2048"
TRIPLE = "3des-sha1-modp1024"


def init(suite: str = GCM) -> str:
    return f"+0.00 C:500 > S:500 IKE_SA_INIT request SA({suite}) KE No\n+0.03 C:500 < S:500 IKE_SA_INIT response\n"


def ike_auth(answer: str, asked: str = "SK{IDi}") -> str:
    return f"+0.10 C:500 > S:500 IKE_AUTH request 400 {asked}\n+0.20 C:500 < S:500 IKE_AUTH response {answer}\n"


def seen(*steps: str) -> Authentication:
    return only_sa(*steps, GOES_ON).authentication


@pytest.mark.parametrize(
    ("suite", "answer", "expected"),
    [
        # One notify, and two; the next size up is neither (docs/domain/encrypted-messages.md no. 2).
        (GCM, "65 SK{N}", "refusal"),
        (GCM, "73 SK{N}", "refusal"),
        (GCM, "97 SK{N}", "other"),
        (CBC, "80 SK{N}", "refusal"),
        (CBC, "96 SK{N}", "refusal"),
        (CBC, "112 SK{N}", "other"),
        (TRIPLE, "68 SK{N}", "refusal"),
        (TRIPLE, "76 SK{N}", "refusal"),
        # EAP Success or Failure is 8 bytes with its payload header, an Identity request 9 (RFC 3748 sections 4, 5.1).
        (GCM, "65 SK{EAP}", "eap-result"),
        (GCM, "97 SK{EAP}", "eap"),
        (CBC, "80 SK{EAP}", "eap-result"),
        (CBC, "96 SK{EAP}", "eap"),
        # strongSwan with a pre-shared key: success, selectors that do not agree, no address.
        (GCM, "268 SK{IDr}", "grant"),
        (GCM, "192 SK{IDr}", "without-child"),
        (GCM, "176 SK{IDr}", "without-child"),
        # strongSwan at the end of EAP.
        (GCM, "245 SK{AUTH}", "grant"),
        # EAP without a certificate of the server (RFC 5998): IDr 23 and an EAP payload of 9 leave no room for AUTH.
        (GCM, "89 SK{IDr}", "other"),
        # Gateways that begin with a vendor ID.
        (CBC, "280 SK{V}", "grant"),
        (GCM, "300 SK{CP}", "other"),
        # Pieces are many bytes, whatever each of them is.
        (GCM, "1128 SKF{IDr} 1-2/2 (580 548)", "grant"),
        (GCM, "1128 SKF{EAP} 1-2/2 (580 548)", "eap"),
    ],
)
def test_what_an_answer_looks_like(suite: str, answer: str, expected: AuthAnswer) -> None:
    announced = " N(IKEV2_FRAGMENTATION_SUPPORTED)" if "SKF" in answer else ""
    begun = "".join(line + announced + "\n" for line in init(suite).splitlines())
    assert seen(begun, ike_auth(answer)).outcome == expected


def test_where_a_child_sa_begins_to_fit():
    """By hand, SHA2-384: IDr 9 + AUTH 8 + 48 + SA 32 + TSi 24 + TSr 24 = 145 bytes; 57 more under AES-GCM-16."""
    assert seen(init(), ike_auth("201 SK{IDr}")).outcome == "without-child"
    assert seen(init(), ike_auth("202 SK{IDr}")).outcome == "grant"
    # The last answer of an EAP login has no IDr.
    assert seen(init(), ike_auth("192 SK{AUTH}")).outcome == "without-child"
    assert seen(init(), ike_auth("193 SK{AUTH}")).outcome == "grant"
    # Of identity, AUTH and one notify there are 73 bytes at least.
    assert seen(init(), ike_auth("130 SK{IDr}")).outcome == "without-child"
    assert seen(init(), ike_auth("129 SK{IDr}")).outcome == "other"


def test_a_long_answer_has_room_in_any_suite():
    """By hand, with the longest PRF: IDr 9 + AUTH 8 + 64 + SA 32 + TSi 24 + TSr 24 = 161 bytes of payloads."""
    assert max(suite.length(161) for suite in COMMON_SUITES) == LONG_ANSWER


def test_an_answer_in_part_is_missing():
    assert seen(init(), ike_auth("2400 SK{IDr} ip-fragments 2 lost 2")).outcome == "missing"
    assert seen(init(), "+0.10 C:500 > S:500 IKE_AUTH request 400\n").outcome == "missing"


@pytest.mark.parametrize(("answer", "expected"), [("112 SK{N}", "refusal"), ("113 SK{N}", "other")])
def test_without_the_suite_the_longest_of_all_counts(answer, expected):
    assert seen("starts-late +0.05\n", init(), ike_auth(answer)).outcome == expected


def test_nothing_of_ike_auth():
    bare = seen(init())
    assert (bare.last, bare.answered_at, bare.outcome, bare.uses_eap) == (None, None, "missing", False)


def test_eap_shows_in_the_second_round():
    first = ike_auth("1107 SK{IDr}")
    assert not seen(init(), first).uses_eap
    assert seen(init(), first, "+0.3 C:500 > S:500 IKE_AUTH request 71 SK{EAP}\n").uses_eap


def later(time: float, sender: str, what: str, answer: str = "SK{}") -> str:
    there, back = (">", "<") if sender == "C" else ("<", ">")
    return (
        f"+{time:.3f} C:500 {there} S:500 INFORMATIONAL request {what}\n"
        f"+{time + 0.01:.3f} C:500 {back} S:500 INFORMATIONAL response {answer}\n"
    )


GRANTED = ike_auth("1200 SK{IDr}")


@pytest.mark.parametrize(
    ("steps", "who"),
    [
        ([later(9, "C", "65 SK{D}", "57 SK{}")], "initiator"),
        ([later(9, "S", "65 SK{D}", "57 SK{}")], "responder"),
        # Answered with a Delete: a Child SA (RFC 7296 section 1.4.1).
        ([later(9, "C", "69 SK{D}", "69 SK{D}")], None),
        # Used again later.
        ([later(9, "C", "65 SK{D}"), later(12, "C", "57 SK{}")], None),
        # One by one, at once: whoever began. With a pause between them: the last.
        ([later(9, "C", "69 SK{D}"), later(9.1, "S", "69 SK{D}"), later(9.2, "C", "65 SK{D}")], "initiator"),
        ([later(9, "C", "69 SK{D}"), later(20, "S", "65 SK{D}")], "responder"),
        ([later(9, "C", "69 SK{D}", "69 SK{D}"), later(9.5, "S", "65 SK{D}")], "responder"),
        ([], None),
    ],
)
def test_who_deleted_the_ike_sa(steps, who):
    deletion = seen(init(), GRANTED, *steps).deletion
    assert (deletion.sender if deletion is not None else None) == who


@pytest.mark.parametrize(
    ("steps", "rejects"),
    [
        ([later(0.25, "C", "65 SK{N}", "57 SK{}")], True),
        ([later(0.25, "C", "65 SK{N}")], True),
        ([later(90, "C", "65 SK{N}", "57 SK{}")], True),
        ([later(0.25, "C", "65 SK{N}", "57 SK{}"), "+0.3 C:500 < S:500 INFORMATIONAL request 65 SK{D}\n"], True),
        # The server's notify, an address update (8 + 28 + 28 bytes), one that is answered with something, Deletes.
        ([later(0.25, "S", "65 SK{N}", "57 SK{}")], False),
        ([later(0.25, "C", "121 SK{N}", "113 SK{N}")], False),
        ([later(0.25, "C", "65 SK{N}", "65 SK{N}")], False),
        ([later(0.25, "C", "65 SK{D}", "57 SK{}")], False),
        ([later(0.25, "S", "65 SK{D}", "57 SK{}")], False),
        # The client goes on: it asks for something else, or answers.
        ([later(0.25, "C", "65 SK{N}", "57 SK{}"), later(9, "C", "65 SK{D}", "57 SK{}")], False),
        ([later(0.25, "C", "65 SK{N}", "57 SK{}"), later(9, "S", "65 SK{D}", "57 SK{}")], False),
        ([later(0.2, "C", "57 SK{}", "57 SK{}"), later(0.3, "C", "65 SK{N}", "57 SK{}")], False),
    ],
)
def test_what_rejects_a_login(steps, rejects):
    assert (seen(init(), GRANTED, *steps).rejection is not None) is rejects


@pytest.mark.parametrize(
    ("steps", "alive"),
    [
        ([later(9, "S", "57 SK{}")], True),
        ([later(9, "C", "113 SK{N}", "113 SK{N}")], True),
        ([later(9, "C", "65 SK{N}")], False),
        ([later(9, "C", "65 SK{D}")], False),
        (["+9 C:500 > S:500 INFORMATIONAL request 57 SK{}\n"], False),
        (
            [
                "+9 C:500 > S:500 CREATE_CHILD_SA request 189 SK{N}\n",
                "+9.1 C:500 < S:500 CREATE_CHILD_SA response 177 SK{SA}\n",
            ],
            True,
        ),
    ],
)
def test_signs_of_life(steps, alive):
    assert seen(init(), GRANTED, *steps).is_alive is alive


def test_the_first_delete_of_a_child_sa():
    found = seen(init(), GRANTED, later(0.25, "C", "69 SK{D}", "69 SK{D}"), later(9, "C", "65 SK{D}"))
    assert found.child_deletion is not None
    assert found.child_deletion.message_id == 2
    assert seen(init(), GRANTED, later(9, "C", "65 SK{D}")).child_deletion is None


@pytest.mark.parametrize(
    ("suite", "prf", "icv"),
    [
        # Output of the PRF: RFC 1321, 3174, 4868, 4434, 4615; check value: RFC 2403, 2404, 4868, 3566, 4494.
        ("aes128-md5-modp1024", 16, 12),
        ("aes128-sha1-modp1024", 20, 12),
        ("aes128-sha256-modp2048", 32, 16),
        ("aes128-sha384-modp2048", 48, 24),
        ("aes128-sha512-modp2048", 64, 32),
        ("aes128-aesxcbc-modp2048", 16, 12),
        ("aes128-aescmac-modp2048", 16, 12),
    ],
)
def test_the_least_grant_has_room_for_what_the_prf_puts_out(suite: str, prf: int, icv: int) -> None:
    """Header 28, SK 4, IV 16, AUTH 8 and the PRF, SA 32, TSi and TSr 24 each, the padding's length, check value."""
    found = seen(init(suite), ike_auth("300 SK{AUTH}"))
    assert found.least_grant(numbers.AUTH) == 28 + 4 + 16 + 8 + prf + 32 + 24 + 24 + 1 + icv
    assert found.least_grant(numbers.IDR) == found.least_grant(numbers.AUTH) + 9


DELETE = "C:500 > S:500 INFORMATIONAL request 80 SK{D} mid %d\n"
GONE = "C:500 < S:500 INFORMATIONAL response 80 SK{} mid %d\n"


def deletes(*times: float) -> str:
    return "".join(f"+{t} {DELETE % i}+{t + 0.01} {GONE % i}" for i, t in enumerate(times, 2))


@pytest.mark.parametrize(("second", "first_counts"), [("12.0", True), ("12.001", False)])
def test_two_deletes_within_two_seconds_are_one_end(second: str, first_counts: bool) -> None:
    """Some products delete Child SAs and IKE SA one by one."""
    found = seen(init(CBC), ike_auth("300 SK{IDr}"), deletes(10.0, float(second)))
    assert found.deletion is not None
    assert found.deletion.requests[0].time == (found.later[0] if first_counts else found.later[1]).requests[0].time


def test_without_a_suite_no_short_answer_grants() -> None:
    assert Authentication((), ()).least_grant(numbers.IDR) == SHORT_ANSWER + 1 == 113
