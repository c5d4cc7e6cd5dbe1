"""A stretch of a capture's tables, as if the capture began and ended there."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TypeVar

import numpy as np

from analyzer.columns import MISSING, Ints
from analyzer.formats.records import NO_TIME
from analyzer.ike.tables import Messages, Wire
from analyzer.packets.tables import Datagrams, Packets

Table = TypeVar("Table", Packets, Datagrams, Messages)
Told = TypeVar("Told")


def between(wire: Wire, first: int, beyond: int) -> Wire:
    """The tables of a capture that begins with frame ``first`` and ends before ``beyond``."""
    packets, messages = wire.packets, wire.messages
    kept = np.flatnonzero((messages.frame >= first) & (messages.frame < beyond))
    place = {row: number for number, row in enumerate(kept.tolist())}
    some = _rows(packets, np.flatnonzero((packets.frame >= first) & (packets.frame < beyond)))
    part = _rows(messages, kept)
    numbers = np.unique(np.concatenate((some.datagram, part.datagram)))
    numbers = numbers[numbers != MISSING]
    for table in (some, part):
        known = table.datagram != MISSING
        table.datagram = np.where(known, np.searchsorted(numbers, table.datagram), MISSING)
    times = np.concatenate((some.time, part.time))
    times = times[times != NO_TIME]
    bounds = (int(times.min()), int(times.max())) if len(times) else (MISSING, MISSING)
    return replace(
        wire,
        packets=some,
        messages=part,
        clear=[wire.clear[row] for row in place],
        message_frames={place[row]: seen for row, seen in wire.message_frames.items() if row in place},
        datagrams=_rows(wire.datagrams, numbers),
        datagram_frames=_renumbered(wire.datagram_frames, numbers),
        datagram_missing=_renumbered(wire.datagram_missing, numbers),
        icmp=[row for row in wire.icmp if first <= row.frame < beyond],
        census=replace(wire.census, first_time=bounds[0], last_time=bounds[1]),
    )


def _rows(table: Table, rows: Ints) -> Table:
    """Some rows of a table, which stays as it is."""
    return type(table)(**{column.name: getattr(table, column.name)[rows] for column in fields(table)})


def _renumbered(told: dict[int, Told], numbers: Ints) -> dict[int, Told]:
    """What is told of some datagrams, by their new numbers."""
    old = enumerate(numbers.tolist())
    return {number: told[before] for number, before in old if before in told}
