"""What can be seen of an IKE SA by which some differ from others."""

from __future__ import annotations

import pytest

from analyzer.rules.overview.traits import traits
from tests.relate.captures import only_sa

OFFERS, PLAIN = "N(IKEV2_FRAGMENTATION_SUPPORTED)", ""
WINDOWS = "V(0x1e2b516905991c7d7c96fcbfb587e46100000009)"


def told(*steps: str) -> dict[str, str]:
    return {trait.name: trait.plural for trait in traits(only_sa(*steps))}


def init(request: str, response: str, port: int = 500) -> str:
    return (
        f"+0.000 C:{port} > S:500 IKE_SA_INIT request {request}\n"
        f"+0.030 C:{port} < S:500 IKE_SA_INIT response {response}\n"
    )


@pytest.mark.parametrize(
    ("request_", "response", "offered", "accepted"),
    [
        (OFFERS, OFFERS, "announce IKE fragmentation (notify 16430)", "are answered with IKE fragmentation"),
        (OFFERS, PLAIN, "announce IKE fragmentation (notify 16430)", "are answered without IKE fragmentation"),
        # A responder announces it only to an initiator that does (RFC 7383 section 2.3).
        (PLAIN, PLAIN, "do not announce IKE fragmentation (notify 16430)", None),
    ],
)
def test_ike_fragmentation(request_: str, response: str, offered: str, accepted: str | None) -> None:
    found = told(init(request_, response))
    assert found["offered"] == offered
    assert found.get("accepted") == (accepted and f"{accepted} (notify 16430)")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("600 SK{IDi}", "send IKE_AUTH in one packet"),
        ("3468 SK{IDi} ip-fragments 3", "send IKE_AUTH in IP fragments"),
        ("3692 SKF{IDi} 1-7/7", "send IKE_AUTH in IKE fragments (SKF)"),
    ],
)
def test_how_ike_auth_goes(how: str, expected: str) -> None:
    auth = f"+0.070 C:4500 > S:4500 IKE_AUTH request {how}\n"
    found = told(init(OFFERS, OFFERS), auth)
    assert found["request"] == expected and "response" not in found


def test_a_product_that_names_itself_and_no_guess_from_repeats() -> None:
    named = told(f"+0.000 C:500 > S:500 IKE_SA_INIT request SA KE No {WINDOWS}\n")
    assert named["product"] == "look like a Windows client"
    # Sent again after 1, 2, 4 s, as Windows does: seen of failures only.
    again = told("+0 C:500 > S:500 IKE_SA_INIT request x4 at +1 +3 +7\n+60 C:40000 > S:9 UDP\n")
    assert "product" not in again


def test_gateway_nat_and_proposals() -> None:
    natd = "N(NAT_DETECTION_SOURCE_IP NAT_DETECTION_DESTINATION_IP)"
    found = told(init(natd, natd))
    assert found["gateway"] == "ask 203.0.113.7" and found["nat"] == "are behind no NAT"
    assert found["proposals"].startswith("offer ")
