"""Which algorithms count as too weak: those that RFC 8247 sections 2.1 to 2.4 forbid, advise against, or demote."""

from __future__ import annotations

import pytest

from analyzer.rules.neg001_no_proposal_chosen import _weak_parts


@pytest.mark.parametrize(
    "name",
    [
        # Section 2.1: MUST NOT; 3DES and IDEA and the like are not in its table of what one should have.
        *("DES_IV64", "DES", "3DES", "DES_IV32", "RC5-128", "IDEA", "CAST-128", "BLOWFISH-128", "NULL"),
        # Sections 2.2 and 2.3.
        *("PRF_HMAC_MD5", "PRF_HMAC_SHA1", "HMAC_MD5_96", "HMAC_SHA1_96", "DES_MAC", "KPDK_MD5"),
    ],
)
def test_weak(name):
    assert _weak_parts(f"AES_CBC-256/{name}/ECP256") == [name.partition("-")[0]]


@pytest.mark.parametrize(("name", "number"), [("MODP768", 1), ("MODP1024", 2), ("MODP1536", 5), ("MODP1024_160", 22)])
def test_weak_groups(name, number):
    assert _weak_parts(f"AES_CBC-256/{name}") == [f"{name} (group {number})"]


def test_strong():
    assert _weak_parts("AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP2048") == []
    assert _weak_parts("3DES,AES_CBC-256/MODP1024,ECP256") == []
