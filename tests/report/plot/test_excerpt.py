"""The part of a large capture that is plotted: what it holds, and that the plot says so."""

from __future__ import annotations

import io

import pytest

import analyzer
from analyzer.report.plot import excerpt
from analyzer.report.plot.excerpt import drawn_part
from analyzer.report.plot.figure import plot
from tests.fuzz import hostile


def read(raw: bytes) -> analyzer.Capture:
    return analyzer.read("flood.pcap", stream=io.BytesIO(raw))


def test_a_small_capture_is_drawn_whole():
    capture = read(hostile.many_sas(20))
    assert drawn_part(capture) == (capture, "")


def test_of_a_large_one_the_first_messages_are_drawn(monkeypatch):
    monkeypatch.setattr(excerpt, "MOST_DRAWN", 10)
    part, told = drawn_part(read(hostile.one_sa(25)))
    # One packet each, so message and frame count alike.
    assert part.messages["frame"].tolist() == list(range(1, 11))
    assert part.packets["frame"].tolist() == list(range(1, 11))
    assert told == "only frames 1 to 10, of 25, drawn"


def test_datagrams_of_a_part_are_those_of_its_packets(monkeypatch):
    whole = read(hostile.auth_sas(40))
    expected = whole.datagrams.set_index("datagram").loc[whole.packets["datagram"][:12].unique()].sort_index()
    monkeypatch.setattr(excerpt, "MOST_DRAWN", 12)
    part, _ = drawn_part(whole)
    assert part.datagrams["frames"].tolist() == expected["frames"].tolist()
    assert part.datagrams["complete"].tolist() == expected["complete"].tolist()
    assert part.packets["datagram"].max() == len(part.datagrams) - 1


def test_a_part_begins_with_the_ike_sa_of_the_verdict(monkeypatch):
    monkeypatch.setattr(excerpt, "MOST_DRAWN", 10)
    # A flood of IKEv1, which no verdict is about, then four unanswered requests of one IKE SA.
    raw = hostile.ikev1_flood(20) + hostile.repeats(4)[24:]
    capture = read(raw)
    assert capture.verdict.sa is not None
    assert capture.analysis.sa(capture.verdict.sa).messages[0].frame == 21
    part, told = drawn_part(capture)
    assert part.messages["frame"].tolist() == [21, 22, 23, 24]
    assert told == "only frames 21 to 24, of 24, drawn"


@pytest.mark.parametrize("name", hostile.FLOODS)
def test_any_part_can_be_drawn_and_tells_what_it_is(monkeypatch, name):
    monkeypatch.setattr(excerpt, "MOST_DRAWN", 8)
    capture = read(hostile.FLOODS[name](40))
    figure = plot(capture)
    words = " ".join(text.get_text() for text in figure.texts)
    many = max(len(capture.analysis.wire.messages.frame), len(capture.analysis.wire.packets.frame)) > 8
    assert ("only frames" in words) == many
