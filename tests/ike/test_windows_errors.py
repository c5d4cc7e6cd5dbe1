"""Windows error codes: the numbers and names of raserror.h and winerror.h, found in every spelling that a log uses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.ike.registry.windows_errors import all_errors, find

#: Numbers with the symbol that Microsoft's pages give them: "Routing and Remote Access Error Codes" (raserror.h),
#: "System Error Codes (12000-15999)" (winerror.h); CERT_E_UNTRUSTEDROOT from winerror.h.
SYMBOLS = {
    "720": "ERROR_PPP_NO_PROTOCOLS_CONFIGURED",
    "789": "ERROR_OAKLEY_GENERAL_PROCESSING",
    "798": "ERROR_NO_EAPTLS_CERTIFICATE",
    "809": "ERROR_VPN_TIMEOUT",
    "828": "ERROR_IDLE_TIMEOUT",
    "829": "ERROR_LINK_FAILURE",
    "868": "ERROR_DNSNAME_NOT_RESOLVABLE",
    "13805": "ERROR_IPSEC_IKE_TIMED_OUT",
    "13806": "ERROR_IPSEC_IKE_NO_CERT",
    "13817": "ERROR_IPSEC_IKE_CRL_FAILED",
    "13820": "ERROR_IPSEC_IKE_NO_PRIVATE_KEY",
    "13847": "ERROR_IPSEC_IKE_NO_PEER_CERT",
    "13848": "ERROR_IPSEC_IKE_PEER_CRL_FAILED",
    "13887": "ERROR_IPSEC_IKE_CERT_CHAIN_POLICY_MISMATCH",
    "13905": "ERROR_IPSEC_IKE_AUTHORIZATION_FAILURE",
    "0x800B0109": "CERT_E_UNTRUSTEDROOT",
}


@pytest.mark.parametrize("code", SYMBOLS)
def test_meaning_names_the_symbol(code: str) -> None:
    found = find(code)
    assert found is not None
    assert SYMBOLS[code] in found.meaning
    assert found.name == code


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("0x800B0109", "0x800B0109"),
        ("0x800b0109", "0x800B0109"),
        ("800B0109", "0x800B0109"),
        ("-2146762487", "0x800B0109"),
        ("2148204809", "0x800B0109"),
        ("error 0x800B0109", "0x800B0109"),
        ("0x80070040", "0x80070040"),
        ("80070040", "0x80070040"),
        ("-2147024832", "0x80070040"),
        ("0x329", "809"),
        ("0x80070329", "809"),
        ("-2147024087", "809"),
        ("0x35ED", "13805"),
        (" Error 13806 ", "13806"),
    ],
)
def test_every_spelling_finds_it(spelling: str, name: str) -> None:
    """Two's complement by hand: 2**32 - 2146762487 = 0x800B0109, 2**32 - 2147024832 = 0x80070040."""
    found = find(spelling)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("text", ["", "329", "0x", "-", "12", "1e3", "8_09", "٨٠٩", "0x1800B0109", "9" * 5000, "error"])
def test_what_is_no_code_finds_nothing(text: str) -> None:
    assert find(text) is None


@given(st.text(max_size=20))
def test_any_text_is_answered(text: str) -> None:
    found = find(text)
    assert found is None or found is all_errors()[found.code]


def test_each_entry_says_who_says_so() -> None:
    for error in all_errors().values():
        assert error.source
        assert error.verdicts
        assert "not confirmed" not in error.meaning + error.trace
