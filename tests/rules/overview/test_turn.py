"""What changed between a client's failure and its success."""

from __future__ import annotations

import pytest

from analyzer.rules.overview.turn import turn
from tests.rules.overview.captures import connected, fragmented, many, refused, unanswered


def said(*attempts: str, healthy: bool = True) -> str:
    cap = many(*attempts)
    return turn(cap.analysis.related, 0, 1, healthy=healthy)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (600, 699, None),
        (600, 700, "its IKE_AUTH is 100 bytes larger (700)"),
        (900, 600, "its IKE_AUTH is 300 bytes smaller (600)"),
    ],
)
def test_sizes(before: int, after: int, words: str | None) -> None:
    told = said(connected(0, 1, "A1", request=before), connected(100, 2, "A1", request=after))
    assert told.endswith(f": {words}." if words else " UTC.")


def test_only_one_side_began_to_announce() -> None:
    told = said(unanswered(0, 1, "A1"), connected(100, 2, "A1"))
    assert "the client now announces IKE fragmentation (notify 16430)" in told and "server" not in told


def test_both_sides_stopped_announcing() -> None:
    told = said(connected(0, 1, "A1"), fragmented(100, 2, "A1"), healthy=False)
    assert told.startswith("10.1.0.1 connected at 09:00:00 and failed at 2024-01-15 09:01:40 UTC: ")
    assert "the client and the server no longer announce IKE fragmentation (notify 16430)" in told


def test_other_proposals() -> None:
    other = connected(100, 2, "A1").replace(
        "request sa 2 N", "request sa 2 SA(aes256gcm16-prfsha384-ecp384) KE No N", 1
    )
    assert "the client offers other proposals" in said(refused(0, 1, "A1"), other)


def test_over_tcp() -> None:
    """TCP encapsulation (RFC 9329): from an ephemeral port to 4500."""
    told = said(
        unanswered(0, 1, "A1"),
        "+100.000 A1:40001 > S:4500 IKE_SA_INIT request  tcp sa 2\n"
        "+100.030 A1:40001 < S:4500 IKE_SA_INIT response tcp sa 2\n",
    )
    assert "IKE now goes over TCP" in told


def test_another_day_has_its_date() -> None:
    told = said(unanswered(0, 1, "A1"), unanswered(86_400, 2, "A1"))
    assert told.startswith("10.1.0.1 failed at 2024-01-15 09:00:00 UTC and connected at 2024-01-16 09:00:00 UTC")
