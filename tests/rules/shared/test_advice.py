"""Which remedies a finding names: the guessed product's first, the general one always, never the whole list."""

from __future__ import annotations

from typing import cast

import pytest

from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Role
from analyzer.remedies import catalogue, topics
from analyzer.rules.shared.advice import advise, against_ip_fragments, enable_on_client, enable_on_server


class _Sa:
    """What advice asks of an SA."""

    def __init__(self, client: tuple[str, ...], server: tuple[str, ...], offer: str, accept: str) -> None:
        self.guesses: dict[Role, tuple[str, ...]] = {"initiator": client, "responder": server}
        self.fragmentation_i = offer
        self.fragmentation_r = accept

    def product_keys(self, role: Role) -> tuple[str, ...]:
        return self.guesses[role]


def sa(client: tuple[str, ...] = (), server: tuple[str, ...] = (), offer: str = "no", accept: str = "no") -> IkeSa:
    return cast(IkeSa, _Sa(client, server, offer, accept))


@pytest.mark.parametrize("topic", topics())
def test_without_a_guess_one_compact_remedy(topic: str) -> None:
    assert advise(topic, sa()) == (topic,)


def test_the_likeliest_product_of_each_side_comes_first() -> None:
    found = advise("align-proposals", sa(("windows-client", "strongswan"), ("fortigate", "cisco-ios")))
    assert found == ("windows-client-proposals", "fortigate-proposals", "align-proposals")


def test_a_product_is_asked_only_for_what_its_side_can_do() -> None:
    """rate-limit is the responder's matter: strongSwan as client has nothing to raise."""
    assert advise("rate-limit", sa(client=("strongswan",))) == ("rate-limit",)
    assert advise("rate-limit", sa(server=("strongswan",))) == ("strongswan-rate-limit", "rate-limit")


def test_one_side_only() -> None:
    both = sa(("strongswan",), ("strongswan",))
    assert advise("align-proposals", both, side="client") == ("strongswan-proposals", "align-proposals")
    assert advise("align-proposals", both) == ("strongswan-proposals", "align-proposals")


def test_a_product_without_a_remedy_for_the_topic_is_passed_over() -> None:
    assert catalogue()["rras-rate-limit"].product == "windows-rras"
    assert advise("rate-limit", sa(server=("nokia", "windows-rras"))) == ("rras-rate-limit", "rate-limit")


def test_fragmentation_is_enabled_where_the_guess_points() -> None:
    assert enable_on_client(sa()) == ("windows-client-fragmentation",)
    assert enable_on_client(sa(client=("apple",))) == ("apple-fragmentation",)
    assert enable_on_server(sa()) == ("rras-fragmentation", "gateway-fragmentation")
    assert enable_on_server(sa(server=("cisco-ios",))) == ("cisco-ios-fragmentation", "gateway-fragmentation")


@pytest.mark.parametrize(
    ("offer", "accept", "expected"),
    [
        ("yes", "yes", ()),
        ("yes", "no", ("rras-fragmentation", "gateway-fragmentation")),
        ("yes", "unknown", ("rras-fragmentation", "gateway-fragmentation")),
        ("no", "no", ("windows-client-fragmentation", "rras-fragmentation", "gateway-fragmentation")),
    ],
)
def test_against_ip_fragments_the_side_that_lacks_it_comes_first(offer: str, accept: str, expected: tuple[str]) -> None:
    found = against_ip_fragments(sa(offer=offer, accept=accept), "shrink-ike-auth")
    assert found == (*expected, "shrink-ike-auth", "permit-ip-fragments", "not-interface-mtu")
