"""ESP in UDP, native ESP and NAT keepalives: counted per flow and SPI, never decoded."""

from __future__ import annotations

import numpy as np

from analyzer.columns import Ints, by_run
from analyzer.formats.records import NO_TIME
from analyzer.packets.tables import EspFlow

#: Distinct (addresses, ports, SPI) kept; what comes later is still counted in the census.
MAX_FLOWS = 100_000

_LATEST = np.iinfo(np.int64).max


class EspFlows:
    """Running totals by (source, destination, ports, SPI)."""

    def __init__(self) -> None:
        self._flows: dict[tuple[int, int, int, int, int], EspFlow] = {}
        self._spans: dict[tuple[int, int, int, int, int], tuple[int, int]] = {}
        self.beyond_limit = 0

    def add(
        self, src: Ints, dst: Ints, sport: Ints, dport: Ints, spi: Ints, size: Ints, time: Ints, frame: Ints
    ) -> None:
        """Count a batch of packets, in the order of capture: one array element per packet."""
        if not len(src):
            return
        pair = (src << 32) | dst
        rest = ((sport << 16 | dport) << 32 | spi).astype(np.uint64)
        order = np.lexsort((rest, pair))
        pair, rest = pair[order], rest[order]
        first = np.flatnonzero(np.r_[True, (pair[1:] != pair[:-1]) | (rest[1:] != rest[:-1])])
        last = np.r_[first[1:], len(order)] - 1
        sizes, times = size[order], time[order]
        totals = zip(
            order[first].tolist(),
            order[last].tolist(),
            (last - first + 1).tolist(),
            by_run(np.add, sizes, first).tolist(),
            by_run(np.maximum, sizes, first).tolist(),
            by_run(np.minimum, np.where(times == NO_TIME, _LATEST, times), first).tolist(),
            by_run(np.maximum, times, first).tolist(),
            strict=True,
        )
        for begin, end, packets, octets, largest, earliest, latest in totals:
            key = (int(src[begin]), int(dst[begin]), int(sport[begin]), int(dport[begin]), int(spi[begin]))
            flow = self._flows.get(key)
            if flow is None:
                if len(self._flows) >= MAX_FLOWS:
                    self.beyond_limit += packets
                    continue
                flow = self._flows[key] = EspFlow(*key, 0, 0, int(time[begin]), 0, int(frame[begin]), 0, 0)
                self._spans[key] = (_LATEST, NO_TIME)
            flow.packets += packets
            flow.octets += octets
            flow.last, flow.last_frame = int(time[end]), int(frame[end])
            flow.largest = max(flow.largest, largest)
            low, high = self._spans[key]
            self._spans[key] = (min(low, earliest), max(high, latest))

    def all(self, *, by_time: bool = True) -> list[EspFlow]:
        """Every flow; ``first`` and ``last`` are the times of the earliest and the latest packet, else in the file."""
        for key, flow in self._flows.items():
            low, high = self._spans[key]
            if by_time and low <= high:
                flow.first, flow.last = low, high
        return list(self._flows.values())
