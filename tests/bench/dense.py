"""A capture of a busy gateway that is nothing but IKE: many clients, healthy and not."""

from __future__ import annotations

import heapq
from pathlib import Path
from random import Random

from tests.bench import connections
from tests.bench.pcapfile import FILE_HEADER, record

#: The connections of one round, 20 of them: 124 packets, so 6.2 a connection.
ROUND: tuple[connections.Play, ...] = (
    *[connections.healthy] * 8,  # 6 packets
    *[connections.cookie_retry] * 3,  # 6
    *[connections.ike_fragments] * 4,  # 7
    *[connections.ip_fragments] * 2,  # 7
    *[connections.auth_unanswered] * 2,  # 6
    *[connections.init_unanswered] * 1,  # 4
)
PACKETS_PER_ROUND = 124

_START_US = 1_700_000_000_000_000
_BETWEEN_STARTS_US = 10_000
_GATEWAY = bytes([203, 0, 113, 7])


def write(path: Path, packets: int) -> None:
    """Write whole rounds of connections, up to ``packets`` packets in order of time."""
    rng = Random(5996)
    waiting: list[tuple[int, int, bytes]] = []
    written = 0
    with path.open("wb") as file:
        file.write(FILE_HEADER)
        for number in range(packets // PACKETS_PER_ROUND * len(ROUND)):
            start = _START_US + number * _BETWEEN_STARTS_US
            while waiting and waiting[0][0] < start:
                time, _, frame = heapq.heappop(waiting)
                file.write(record(time, frame))
            connection = connections.Connection(_peers(number, rng), rng)
            ROUND[number * 7 % len(ROUND)](connection)  # 7 and 20 share no divisor: each play of a round once, mixed
            for later, frame in connection.frames:
                heapq.heappush(waiting, (start + later, written, frame))
                written += 1
        while waiting:
            time, _, frame = heapq.heappop(waiting)
            file.write(record(time, frame))


def _peers(number: int, rng: Random) -> connections.Peers:
    """A client of its own for each connection; every third one sits behind a NAT."""
    own = (10 << 24 | number + 2).to_bytes(4, "big")
    if number % 3:
        return connections.Peers(own, _GATEWAY, behind=own)
    port = rng.randrange(1024, 65000)
    public = (198 << 24 | 18 << 16 | number % 0x20000).to_bytes(4, "big")
    return connections.Peers(public, _GATEWAY, behind=own, port=port, port_nat_t=port + 1, mtu=1460)
