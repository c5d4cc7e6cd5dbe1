"""What keeps a success from being a plain one; tests/properties holds all of it equal to what the rules say."""

from __future__ import annotations

import pytest

from tests.relate.captures import capture

LOGIN = (
    "+0.000 C:500  > S:500  IKE_SA_INIT request  SA KE No\n",
    "+0.030 C:500  < S:500  IKE_SA_INIT response SA KE No\n",
    "+0.1   C:4500 > S:4500 IKE_AUTH request  400 SK{IDi}\n",
    "+0.2   C:4500 < S:4500 IKE_AUTH response 300 SK{IDr}",
)


@pytest.mark.parametrize(
    "more",
    [
        # What the capturing host dropped, and what a router reports, may belong to it.
        " dropped\n",
        "\n+1 C < S ICMP port-unreachable quoting +0.100\n",
        # The client goes another way about it: its first attempt may have come to nothing.
        "\n+2 C:500 > S:500 IKE_SA_INIT request sa 2\n",
        # ESP that nobody answers; a Delete at once.
        "\n+2 C:4500 > S:4500 ESP spi 0x11111111 count 5\n",
        "\n+0.3 C:4500 > S:4500 INFORMATIONAL request 80 SK{D}\n+0.4 C:4500 < S:4500 INFORMATIONAL response 80 SK{}\n",
    ],
)
def test_what_is_odd_is_left_to_the_rules(more: str) -> None:
    assert list(capture(*LOGIN, "\n+60 C:40000 > S:9 UDP\n").analysis.related.plain_successes) == [0]
    assert 0 not in capture(*LOGIN, more, "+60 C:40000 > S:9 UDP\n").analysis.related.plain_successes
