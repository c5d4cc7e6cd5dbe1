"""Damage as captures have it and as attackers make it: to fields, lengths, times, order and number of packets."""

from __future__ import annotations

import struct
from functools import cache

from hypothesis import strategies as st

from tests.fuzz.seeds import captures, packets

#: A packet: seconds, microseconds, bytes, captured and wire length as its header says them.
Row = tuple[int, int, bytes, int, int]

#: What a field is set to: its ends, and what stands right beside them.
ODD_NUMBERS = st.sampled_from((0, 1, 7, 8, 27, 28, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))

#: Where fields are in an Ethernet frame with IPv4 and UDP, and their sizes, bytes: version, length, IP ID, flags and
#: offset, protocol, source, ports, UDP length, marker or SPI, IKE version, exchange, flags, message ID, length, the
#: first payload's header, and a second one.
FIELDS = (
    (12, 2), (14, 1), (16, 2), (18, 2), (20, 2), (23, 1), (26, 4), (34, 2), (36, 2), (38, 2), (42, 4), (50, 8),
    (58, 1), (59, 1), (60, 1), (61, 1), (62, 4), (66, 4), (70, 1), (72, 2), (74, 2), (76, 2), (78, 2),
)  # fmt: skip


@cache
def sources() -> tuple[tuple[Row, ...], ...]:
    """Packets of the small captures."""
    found = []
    for capture in captures():
        rows = packets(capture)
        found.append(tuple((t // 10**9, t % 10**9 // 1000, data, len(data), wire) for t, data, wire in rows))
    return tuple(filter(None, found))


def written(rows: list[Row], order: str = "<") -> bytes:
    """A pcap file whose packet headers say what the rows do, true or not."""
    parts = [struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)]
    for seconds, micros, data, captured, wire in rows:
        parts += [struct.pack(order + "IIII", seconds, micros, captured, wire), data]
    return b"".join(parts)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A capture made of one or two real ones, damaged in a few places."""
    rows = list(draw(st.sampled_from(sources())))
    if draw(st.booleans()):
        other = draw(st.sampled_from(sources()))
        at = draw(st.integers(0, len(rows)))
        rows[at:at] = other[: draw(st.integers(0, len(other)))]
    for _ in range(draw(st.integers(0, 6))):
        damage = draw(st.sampled_from((_field, _field, _byte, _time, _lengths, _cut, _again, _swap)))
        at = draw(st.integers(0, len(rows) - 1))
        damage(draw, rows, at)
    raw = written(rows, draw(st.sampled_from("<>")))
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.integers(0, 4)) == 0 else raw


def _field(draw: st.DrawFn, rows: list[Row], at: int) -> None:
    seconds, micros, data, captured, wire = rows[at]
    place, size = draw(st.sampled_from(FIELDS))
    value = draw(ODD_NUMBERS) & (1 << 8 * size) - 1
    if place + size <= len(data):
        data = data[:place] + value.to_bytes(size, "big") + data[place + size :]
    rows[at] = seconds, micros, data, captured, wire


def _byte(draw: st.DrawFn, rows: list[Row], at: int) -> None:
    seconds, micros, data, captured, wire = rows[at]
    place = draw(st.integers(0, max(len(data) - 1, 0)))
    data = data[:place] + bytes([draw(st.integers(0, 255))]) + data[place + 1 :]
    rows[at] = seconds, micros, data[: len(rows[at][2])], captured, wire


def _time(draw: st.DrawFn, rows: list[Row], at: int) -> None:
    _, _, *rest = rows[at]
    rows[at] = (draw(ODD_NUMBERS), draw(ODD_NUMBERS), *rest)  # type: ignore[assignment]


def _lengths(draw: st.DrawFn, rows: list[Row], at: int) -> None:
    seconds, micros, data, captured, wire = rows[at]
    if draw(st.booleans()):
        captured = draw(ODD_NUMBERS)
    else:
        wire = draw(ODD_NUMBERS)
    rows[at] = seconds, micros, data, captured, wire


def _cut(draw: st.DrawFn, rows: list[Row], at: int) -> None:
    seconds, micros, data, _, wire = rows[at]
    data = data[: draw(st.integers(0, len(data)))]
    rows[at] = seconds, micros, data, len(data), wire


def _again(draw: st.DrawFn, rows: list[Row], at: int) -> None:
    rows[at:at] = [rows[at]] * draw(st.integers(1, 4))


def _swap(draw: st.DrawFn, rows: list[Row], at: int) -> None:
    other = draw(st.integers(0, len(rows) - 1))
    rows[at], rows[other] = rows[other], rows[at]
