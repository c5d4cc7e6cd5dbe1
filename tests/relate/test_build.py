"""IKE SAs out of tables: each anew when it is asked for, and what one gets from the rest of the capture."""

from __future__ import annotations

import pytest

from analyzer.relate.build import IkeSas
from analyzer.relate.seen.duplicates import duplicate_of
from tests.relate.captures import INIT, capture


def many() -> IkeSas:
    """Three IKE SAs, not kept."""
    seen = capture(*(f"+{i} C:500 > S:500 IKE_SA_INIT request sa {i + 1}\n" for i in range(3)))
    related = seen.analysis.related
    return IkeSas(seen.analysis.wire, related.table, related.capture, duplicate_of(seen.analysis.wire))


def test_as_a_sequence():
    sas = many()
    assert [sa.number for sa in sas] == [sa.number for sa in sas[:]] == [sas[i].number for i in range(len(sas))]
    assert sas[-1].spi_i == sas[2].spi_i
    with pytest.raises(IndexError, match="3 IKE SAs"):
        sas[3]


def test_each_is_made_anew():
    sas = many()
    assert sas[0] is not sas[0]


def test_a_capture_without_ike_has_none():
    assert len(capture("+0 C:40000 > S:9 UDP\n").analysis.related.sas) == 0
    assert capture(INIT).analysis.related.plain_successes == {}


def test_an_ike_sa_made_by_rekeying_has_no_init_of_its_own():
    cap = capture(
        INIT,
        "+0.10 C:500 > S:500 IKE_AUTH request 400\n+0.15 C:500 < S:500 IKE_AUTH response 300\n"
        "+9.00 C:500 > S:500 CREATE_CHILD_SA request 300\n+9.05 C:500 < S:500 CREATE_CHILD_SA response 300\n"
        "+9.10 C:500 > S:500 INFORMATIONAL request 57 SK{} sa 2 mid 0\n"
        "+9.15 C:500 < S:500 INFORMATIONAL response 57 SK{} sa 2 mid 0\n",
    )
    old, new = cap.analysis.sas
    assert (old.rekeyed, new.rekeyed) == (False, True)
    assert new.init is None
