"""Messages of one IKE SA share its initiator SPI."""

from __future__ import annotations

from tests.relate.captures import GOES_ON, capture


def test_an_attempt_with_a_new_spi_is_another_ike_sa():
    # docs/domain/retransmission.md: three attempts are not one attempt with many retransmissions.
    cap = capture(
        "+0 C:500 > S:500 IKE_SA_INIT request sa 1\n"
        "+5 C:500 > S:500 IKE_SA_INIT request sa 2\n"
        "+10 C:500 > S:500 IKE_SA_INIT request sa 3\n",
        GOES_ON,
    )
    assert [sa.retransmits for sa in cap.analysis.sas] == [0, 0, 0]
    assert [sa.number for sa in cap.analysis.sas] == [1, 2, 3]
