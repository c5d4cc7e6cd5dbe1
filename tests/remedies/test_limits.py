"""Limits for IKE fragments: what a report prints of them stands in the lines of a remedy too, with its parser."""

from __future__ import annotations

import re

import pytest

from analyzer.remedies import catalogue
from analyzer.remedies.limits import limit_text, limits


@pytest.mark.parametrize("product", limits())
def test_the_words_stand_in_the_lines_of_the_products_remedy(product: str) -> None:
    """With the remedy's own number; so they have its parser, or its source, or its doubt."""
    (entry,) = [e for e in catalogue().values() if (e.product, e.topic) == (product, "lower-ike-fragment-size")]
    before, after = limits()[product].words.split("{}")
    wanted = re.compile(re.escape(before) + r"\d+" + re.escape(after))
    assert any(wanted.search(line) for step in entry.steps for line in step.lines)


def test_strongswan_counts_the_packet_and_of_the_others_nobody_says_so_the_message_is_given() -> None:
    """docs/domain/products.md. On IPv4 and port 4500 a packet of 1,280 bytes holds 1,248 of IKE."""
    told = {
        p: limit_text(p, packet=1280, message=1248) for p in ("strongswan", "fortigate", "juniper-srx", "libreswan")
    }
    assert told == {
        "strongswan": "strongSwan, in the section charon of strongswan.conf: fragment_size = 1280",
        "fortigate": "FortiGate, in phase 1: set fragmentation-mtu 1248",
        "juniper-srx": "Juniper SRX: set security ike gateway NAME fragmentation size 1248",
        "libreswan": "",
    }


def test_settings_keep_to_their_range() -> None:
    """FortiGate takes 500 at the least, Huawei 200 (docs/domain/products.md)."""
    assert limit_text("fortigate", packet=508, message=476).endswith(" 500")
    assert limit_text("huawei", packet=200, message=168).endswith(" 200")


def test_a_limit_for_strongswan_can_not_be_taken_for_a_line() -> None:
    """A dotted name is no line of strongswan.conf: charon stops at it."""
    assert "charon." not in limit_text("strongswan", packet=1280, message=1248)
