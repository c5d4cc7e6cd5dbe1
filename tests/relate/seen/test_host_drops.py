"""Packets that the capturing host recorded as dropped, and the messages that they carried."""

from __future__ import annotations

import io

import analyzer
from sample_pcaps.lab import pcapng_writer
from tests.relate.captures import LINK_RAW, raw_packets


def _pcapng(records: list[tuple[int, bytes, bool]]) -> bytes:
    parts = [pcapng_writer.section(LINK_RAW, 0, "eth0", None)]
    parts += [pcapng_writer.packet(time, data, len(data), dropped=dropped) for time, data, dropped in records]
    return b"".join(parts)


def test_a_drop_recorded_of_the_copy_counts_for_the_message():
    """pktmon sees the packet at an upper component, and its end at a lower one (docs/domain/windows-traces.md)."""
    (time, request), (later, again) = raw_packets("+0 C:500 > S:500 IKE_SA_INIT request x2 at +1\n")
    records = [(time, request, False), (time + 3000, request, True), (later, again, False)]
    (sa,) = analyzer.read("made.pcapng", stream=io.BytesIO(_pcapng(records))).analysis.sas
    first, second = sa.messages
    assert (sa.dropped, first.row in sa.dropped, second.row in sa.dropped) == ({first.row: (2,)}, True, False)


def test_a_dropped_ip_fragment_counts_for_its_message():
    packets = raw_packets("+0 C:4500 > S:4500 IKE_AUTH request 3000 SK{IDi} ip-fragments 3\n")
    records = [(time, data, i == 1) for i, (time, data) in enumerate(packets)]
    (sa,) = analyzer.read("made.pcapng", stream=io.BytesIO(_pcapng(records))).analysis.sas
    assert list(sa.dropped.values()) == [(2,)]


def test_what_is_said_of_the_message_and_of_its_copy_counts_together():
    ((time, request),) = raw_packets("+0 C:500 > S:500 IKE_SA_INIT request\n")
    records = [(time, request, True), (time + 3000, request, True)]
    (sa,) = analyzer.read("made.pcapng", stream=io.BytesIO(_pcapng(records))).analysis.sas
    assert list(sa.dropped.values()) == [(1, 2)]
