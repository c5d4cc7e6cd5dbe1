"""Captures as tickets bring them: packets left out, doubled, cut short; one direction only; two captures in one file.

Each variant follows from the capture, its name and a seed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from analyzer.packets.ip_headers import decode
from tests.properties.altered import Record, duplicated, pcapng, snapped

_NO_LINK_TYPE = 0xFFFF
#: Some that occur in tickets: 96 and 128 bytes hold no whole IKE_SA_INIT, 256 not all of it.
_SNAPLENS = (64, 96, 128, 200, 256, 600)


@dataclass(frozen=True, slots=True)
class Parts:
    """A capture taken apart: packets, and the link types of the interfaces."""

    records: list[Record]
    links: list[int]


def left_out(parts: Parts, other: Parts, random: Random) -> Parts:
    """One packet in five is not there."""
    kept = [record for record in parts.records if random.random() >= 0.2]
    return replace(parts, records=kept)


def begun_late(parts: Parts, other: Parts, random: Random) -> Parts:
    """The first packets are not there."""
    return replace(parts, records=parts.records[_some(len(parts.records), random) :])


def stopped_early(parts: Parts, other: Parts, random: Random) -> Parts:
    """The last packets are not there."""
    return replace(parts, records=parts.records[: _some(len(parts.records), random)])


def doubled(parts: Parts, other: Parts, random: Random) -> Parts:
    """One packet in three was captured once more."""
    which = [number for number in range(len(parts.records)) if random.random() < 1 / 3]
    return replace(parts, records=duplicated(parts.records, which))


def cut_short(parts: Parts, other: Parts, random: Random) -> Parts:
    """A snaplen."""
    return replace(parts, records=snapped(parts.records, _SNAPLENS[_some(len(_SNAPLENS), random)]))


def one_way(parts: Parts, other: Parts, random: Random) -> Parts:
    """Of IP only what one host sent."""
    packets = [decode(parts.links[record.interface], record.data) for record in parts.records]
    senders = sorted({packet.src for packet in packets if packet is not None})
    sender = senders[_some(len(senders), random)] if senders else None
    pairs = zip(parts.records, packets, strict=True)
    return replace(parts, records=[record for record, packet in pairs if packet is None or packet.src == sender])


def interleaved(parts: Parts, other: Parts, random: Random) -> Parts:
    """Another capture's packets between these, begun at some packet of this one."""
    if not parts.records or not other.records:
        return parts
    beginning = parts.records[_some(len(parts.records), random)].time
    later = beginning - other.records[0].time
    moved = [
        replace(record, time=record.time + later, interface=record.interface + len(parts.links))
        for record in other.records
    ]
    # Sorting keeps what has the same time in its order.
    both = sorted([*parts.records, *moved], key=lambda record: record.time)
    return Parts(both, [*parts.links, *other.links])


#: Of each capture's packets; ``torn`` is of the file.
VARIANTS: tuple[Callable[[Parts, Parts, Random], Parts], ...] = (
    left_out,
    begun_late,
    stopped_early,
    doubled,
    cut_short,
    one_way,
    interleaved,
)
TORN = "torn"


def written(parts: Parts) -> bytes:
    """As pcapng, which has no number for a link type that the reader does not know either, and no times before 1970."""
    links = [link if 0 <= link < _NO_LINK_TYPE else _NO_LINK_TYPE for link in parts.links]
    return pcapng((replace(record, time=max(record.time, 0)) for record in parts.records), links)


def torn(data: bytes, random: Random) -> bytes:
    """The file ends in the middle."""
    return data[: _some(len(data), random)]


def _some(length: int, random: Random) -> int:
    """A number from 0 to below ``length``; of the generator's methods only random() gives the same in every Python."""
    return int(random.random() * length)


def seeded(seed: int, *names: str) -> Random:
    """For a variant of a capture."""
    return Random(" ".join([str(seed), *names]))


def named(variant: Callable[[Parts, Parts, Random], Parts]) -> str:
    return variant.__name__.replace("_", "-")


def kinds() -> Sequence[str]:
    return [*map(named, VARIANTS), TORN]
