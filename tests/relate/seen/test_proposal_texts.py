"""Proposals as text, offered and chosen."""

from __future__ import annotations

from tests.relate.captures import only_sa

SUITE = "aes256-sha256-modp2048"


def test_what_was_offered_and_what_was_chosen():
    sa = only_sa(
        f"+0.00 C:500 > S:500 IKE_SA_INIT request  SA({SUITE}) KE No\n",
        f"+0.03 C:500 < S:500 IKE_SA_INIT response SA({SUITE}) KE No\n",
    )
    assert sa.proposals == (sa.chosen,)
    assert all(word in (sa.chosen or "") for word in ("AES_CBC", "256", "SHA2_256", "2048"))


def test_without_an_sa_payload_there_are_none():
    sa = only_sa("+0.00 C:500 < S:500 IKE_SA_INIT response N(NO_PROPOSAL_CHOSEN)\n")
    assert (sa.proposals, sa.chosen) == ((), None)
