"""A gateway that falls silent for several clients at once."""

from __future__ import annotations

import pytest

from analyzer.capture import Capture
from analyzer.rules.overview.outage import Outage, outage
from tests.rules.overview.captures import SERVER, connected, many, refused, unanswered

#: The ladders begin at 2024-01-15 09:00:00 UTC.
BEGIN = 1_705_309_200_000_000_000


def of(cap: Capture) -> Outage | None:
    return outage(cap.analysis.related, cap.analysis.judgement.overview)


def seconds(found: Outage | None) -> tuple[float, float | None]:
    assert found is not None
    return (found.heard - BEGIN) / 1e9, None if found.again is None else (found.again - BEGIN) / 1e9


def test_silent_to_the_end() -> None:
    """The last IKE message of the gateway is the answer to the third login, at 3.12 s."""
    up = [connected(n, n, f"A{n}") for n in (1, 2, 3)]
    cap = many(*up, *[unanswered(100 + n, 3 + n, f"A{n}") for n in (1, 2, 3, 4)])
    found = of(cap)
    assert found is not None and seconds(found) == (3.12, None)
    assert (found.gateway, found.before, found.clients) == (SERVER, 3, 4)
    assert "203.0.113.7 sent IKE to 3 clients until 2024-01-15 09:00:03 UTC and to none after that" in cap.verdict.text


def test_silent_for_a_while() -> None:
    up = [connected(n, n, f"A{n}") for n in (1, 2)]
    down = [unanswered(100 + n, 2 + n, f"A{n}") for n in (1, 2)]
    found = of(many(*up, *down, *[connected(200 + n, 4 + n, f"A{n}") for n in (1, 2)]))
    assert seconds(found) == (2.12, 201.03)


@pytest.mark.parametrize(
    "attempts",
    [
        # Never heard: no outage, but no gateway.
        [unanswered(n, n, f"A{n}") for n in (1, 2, 3)],
        # One client only asks in vain.
        [connected(1, 1, "A1"), connected(2, 2, "A2"), unanswered(100, 3, "A1")],
        # It answers others meanwhile.
        [connected(1, 1, "A1"), connected(2, 2, "A2"), unanswered(100, 3, "A1"), unanswered(101, 4, "A2")]
        + [refused(98 + 3 * n, 10 + n, f"B{n}") for n in range(1, 5)],
        # Nobody asks.
        [connected(1, 1, "A1"), connected(2, 2, "A2"), connected(200, 3, "A1")],
    ],
)
def test_no_outage(attempts: list[str]) -> None:
    assert of(many(*attempts)) is None
