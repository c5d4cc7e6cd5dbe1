"""The vectorised selection and columns are equal to decoding every frame with dpkt."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.columns import MISSING, Gather
from analyzer.ike import collect
from analyzer.ike.collect import Collector
from analyzer.ike.tables import Wire
from analyzer.links.columns import locate_ip
from analyzer.packets.ip_headers import decode
from analyzer.packets.ip_packet import IpPacket
from analyzer.packets.sieve import Ports, Selection, select
from tests.properties.frames import LINK_TYPES, UNHURRIED, captures, chunk_of, interface_of

PORTS = (500, 4500)
IPV6_EXTENSIONS = {0, 43, 44, 51, 60, 135, 139, 140}


def matters(packet: IpPacket | None, frame: bytes) -> str:
    """What the selection promises to keep (module docstring of ``analyzer.packets.sieve``), said packet by packet."""
    if packet is None:
        return ""
    captured = frame[packet.payload_offset :]
    if (packet.mf or packet.fragment_offset) and packet.protocol in (17, 4, 41, 47):
        return "fragment"
    if packet.protocol in (50, 51) and len(captured) >= 8 and packet.fragment_offset == 0:
        return "esp"
    if packet.mf or packet.fragment_offset:
        return ""
    on_ports = len(captured) >= 4 and bool({int.from_bytes(captured[i : i + 2], "big") for i in (0, 2)} & set(PORTS))
    if packet.protocol == 17 and on_ports and len(captured) >= 8:
        return "udp"
    if packet.protocol == 6 and on_ports and len(captured) >= 20:
        return "tcp"
    if len(captured) < 4 or packet.protocol != {4: 1, 6: 58}[packet.ip_version]:
        return ""
    return "icmp" if (captured[0] in (3, 11, 12) if packet.ip_version == 4 else captured[0] < 128) else ""


def is_bystander(packet: IpPacket | None, frame: bytes) -> bool:
    """The other traffic that the selection promises (:mod:`analyzer.packets.other_traffic`), said packet by packet."""
    if packet is None or packet.mf or packet.fragment_offset:
        return False
    captured = frame[packet.payload_offset :]
    ports = [int.from_bytes(captured[i : i + 2], "big") for i in (0, 2)]
    if packet.protocol == 6 and len(captured) >= 20:
        return bool(captured[13] & 0x02) and not set(ports) & set(PORTS)
    if packet.protocol == 17 and len(captured) >= 20:
        return ports[0] == 53 and ports[1] not in PORTS
    if (packet.ip_version, packet.protocol) in ((4, 1), (6, 58)) and len(captured) >= 8:
        return captured[0] in ((8, 0) if packet.ip_version == 4 else (128, 129))
    return False


def selected(link, packets, gap):
    chunk = chunk_of(packets, gap)
    fields = Gather(chunk.buffer)
    located = locate_ip(fields, chunk.start, chunk.captured, np.full(len(chunk), link, dtype=np.int32))
    selection = select(fields, located, chunk.start + chunk.captured, Ports())
    return located, selection


@settings(UNHURRIED, max_examples=150)
@given(captures(), st.sampled_from([0, 1, 40]))
def test_what_is_selected_is_what_matters(capture, gap):
    link, packets = capture
    located, selection = selected(link, packets, gap)
    rows = [set(part.tolist()) for part in (selection.udp, selection.esp, selection.odd)]
    udp, esp, odd = rows
    others = set(selection.other_traffic.tolist())
    assert sum(map(len, (*rows, others))) == len(udp | esp | odd | others)
    for row, (frame, _) in enumerate(packets):
        packet = decode(link, frame)
        kind = matters(packet, frame)
        assert is_bystander(packet, frame) or row not in others
        assert row in others or row in odd or not is_bystander(packet, frame)
        assert not kind or row in udp | esp | odd, kind
        assert row not in udp or kind == "udp"
        assert row not in esp or kind == "esp"
        if packet is None:
            continue
        at = int(located.offset[row])
        if at >= 0:
            assert at - sum(len(data) + gap for data, _ in packets[:row]) == packet.l3_offset
            extended = packet.ip_version == 6 and frame[packet.l3_offset + 6] in IPV6_EXTENSIONS
            assert extended or row not in odd or kind not in ("udp", "esp"), "a plain packet needs no general decoding"
            assert extended or row not in odd or kind, "only extension headers are looked at in vain"
            assert row not in others or not extended, "extension headers are for the general decoder"


@pytest.mark.parametrize("link", [*LINK_TYPES, 105, 147, 65535])
@settings(UNHURRIED, max_examples=40)
@given(packets=st.lists(st.binary(max_size=80).map(lambda data: (data, len(data))), min_size=1, max_size=8))
def test_arbitrary_bytes_are_selected_as_decoded(link, packets):
    _, selection = selected(link, packets, 0)
    chosen = {*selection.udp.tolist(), *selection.esp.tolist(), *selection.odd.tolist()}
    for row, (frame, _) in enumerate(packets):
        assert not matters(decode(link, frame), frame) or row in chosen


def everything_one_by_one(fields, located, end, ports):
    """A selection that takes no packet to be plain."""
    chosen = select(fields, located, end, ports)
    none = np.empty(0, dtype=np.int64)
    every = np.arange(len(end), dtype=np.int64)
    return Selection(none, none, every, chosen.later_fragments, chosen.rejected, undecided=chosen.undecided)


def tables(link, packets, gap) -> Wire:
    collector = Collector(Ports())
    collector.feed(chunk_of(packets, gap), interface_of(link))
    return collector.finish()


def rows_of(wire: Wire, name: str) -> list[tuple[object, ...]]:
    """A table as rows; addresses as text, datagrams by their frames, since both ways number them in their own order."""
    table = getattr(wire, name)
    frames_of = {int(d): int(f) for d, f in zip(wire.packets.datagram[::-1], wire.packets.frame[::-1], strict=True)}
    columns = []
    for field in dataclasses.fields(table):
        values = getattr(table, field.name).tolist()
        if field.name in ("src", "dst"):
            values = [wire.addresses.text(v) for v in values]
        elif field.name == "datagram":
            values = [v if v == MISSING else frames_of[v] for v in values]
        elif field.name in ("payload_first", "notify_first"):
            continue
        columns.append(values)
    return list(zip(*columns, strict=True))


def flows_of(wire: Wire) -> list[tuple[object, ...]]:
    text = wire.addresses.text
    return sorted((text(f.src), text(f.dst), *dataclasses.astuple(f)[2:]) for f in wire.flows)


@settings(UNHURRIED, max_examples=150)
@given(captures(), st.sampled_from([0, 40]))
def test_columns_equal_the_general_decode(capture, gap):
    link, packets = capture
    fast = tables(link, packets, gap)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collect, "select", everything_one_by_one)
        slow = tables(link, packets, gap)
    assert rows_of(fast, "packets") == rows_of(slow, "packets")
    assert rows_of(fast, "messages") == rows_of(slow, "messages")
    assert sorted(rows_of(fast, "datagrams")) == sorted(rows_of(slow, "datagrams"))
    assert flows_of(fast) == flows_of(slow)
    assert fast.clear == slow.clear
    assert (fast.census.esp, fast.census.keepalives) == (slow.census.esp, slow.census.keepalives)
    assert [dataclasses.replace(i, src=0, quoted_src=0, quoted_dst=0) for i in fast.icmp] == [
        dataclasses.replace(i, src=0, quoted_src=0, quoted_dst=0) for i in slow.icmp
    ]
    assert fast.echoes == slow.echoes
    assert fast.handshakes == slow.handshakes
    assert fast.names == slow.names
