"""Facts of an IKE SA: which there are, in which order, and that they stay short."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import analyzer
from analyzer.relate.inferred.products import ProductGuess
from analyzer.relate.sa import IkeSa
from analyzer.report.sa_facts import _peers, facts
from tests.relate.captures import GOES_ON, only_sa

SAMPLES = Path(__file__).resolve().parents[2] / "sample_pcaps"


@pytest.fixture(scope="module")
def sa() -> IkeSa:
    """A Windows client behind a NAT, 3,440 bytes of IKE_AUTH in IP fragments of a 1,500-byte link (see MANIFEST)."""
    (sa,) = analyzer.read(SAMPLES / "809-fragments-lost.pcapng").analysis.sas
    return sa


def test_all_there_is_to_tell_in_order(sa: IkeSa) -> None:
    told = [fact.split(":")[0].split(" looks")[0] for fact in facts(sa)]
    assert told == [
        "IKE fragmentation",
        "The client",
        "The server",
        "NAT",
        "Trace taken at the client",
        "MTU client > server",
        "What if",
    ]


def test_a_connection_that_stands_needs_no_plan(sa: IkeSa) -> None:
    assert list(facts(sa, plans=False)) == list(facts(sa))[:-1]


def test_what_a_guess_rests_on_is_told_in_a_word(sa: IkeSa) -> None:
    assert list(_peers(sa)) == [
        "The client looks like a Windows client (vendor ID MS NT5 ISAKMPOAKLEY version 9 and 3 more, "
        "order of payloads, times of its repeats)",
        "The server looks like a Windows server, such as RRAS or an Azure gateway (vendor ID MS NT5 ISAKMPOAKLEY "
        "version 9 and 3 more)",
    ]


def test_of_several_products_the_two_best_founded_are_named() -> None:
    guesses = [
        ProductGuess("libreswan", "order", "order of payloads in its IKE_SA_INIT response"),
        ProductGuess("strongswan", "size", "SKF fragments of 1,280 bytes of IP"),
        ProductGuess("libreswan", "schedule", "sent again after 0.5, 0.5 s"),
        ProductGuess("openiked", "schedule", "sent again after 2.0 s"),
    ]
    peers = cast(Any, SimpleNamespace(products={"initiator": (), "responder": tuple(guesses)}))
    assert list(_peers(peers)) == [
        "The server looks like Libreswan (order of payloads, times of its repeats), "
        "or strongSwan or a product built on it (size of SKF fragments)"
    ]


def test_where_the_trace_was_taken_rests_on_two_clauses_at_most(sa: IkeSa) -> None:
    assert sa.side_evidence.count("; ") >= 2
    (taken,) = [fact for fact in facts(sa) if fact.startswith("Trace taken ")]
    assert taken == f"Trace taken at the client: {'; '.join(sa.side_evidence.split('; ')[:2])}"


def test_what_is_not_known_is_not_told() -> None:
    sa = only_sa("+0 C:500 > S:500 IKE_SA_INIT request x3 at +1 +3\n", GOES_ON)
    assert [fact.split(":")[0] for fact in facts(sa) if "looks like" not in fact] == ["IKE fragmentation", "NAT"]


def test_offers_that_are_not_in_the_trace_are_called_so() -> None:
    first = next(iter(facts(only_sa("+0.5 C:4500 > S:4500 IKE_AUTH request SKF 1-2/2\n", GOES_ON))))
    assert first == "IKE fragmentation: client yes, server yes (inferred: IKE fragments are used)"


def test_of_ikev1_nothing_is_told() -> None:
    assert list(facts(only_sa("+0 C:500 > S:500 IKEv1 Main Mode request\n"))) == []
