"""A capture of a tunnel in use: ESP in UDP 4500 both ways, with an IKE connection and keepalives now and then."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np

from tests.bench import connections
from tests.bench.columns import (
    IPPROTO_UDP,
    UDP,
    ethernet,
    ipv4,
    piece_of_noise,
    put,
)
from tests.bench.pcapfile import FILE_HEADER
from tests.bench.splice import place, splice

#: Packets between two connections; each brings a new pair of ESP SPIs.
PER_CONNECTION = 50_000
#: One packet in so many is a NAT keepalive of the client.
PER_KEEPALIVE = 500

_CLIENT, _GATEWAY = bytes([192, 168, 1, 20]), bytes([203, 0, 113, 7])
_START_US = 1_700_000_000_000_000
_HEADERS = 14 + 20 + 8


def write(path: Path, packets: int, per_connection: int = PER_CONNECTION) -> None:
    """Write ``packets`` packets; every ``per_connection`` of them begin with a connection of IKE."""
    rng, random = np.random.default_rng(4303), Random(4303)
    time = _START_US
    with path.open("wb") as file:
        file.write(FILE_HEADER)
        for first in range(0, packets, per_connection):
            count = min(per_connection, packets - first)
            connection = connections.Connection(connections.Peers(_CLIENT, _GATEWAY, behind=_CLIENT), random)
            connections.healthy(connection)
            spliced = splice(connection, np.arange(len(connection.frames)) * 3, count)

            outbound = rng.random(count) < 0.4
            large = np.where(rng.random(count) < 0.75, 1400, rng.integers(25, 350, count) * 4)
            small = rng.integers(20, 60, count) * 4
            length = _HEADERS + np.where(outbound & (rng.random(count) < 0.8), small, large)
            keepalive = np.arange(count) % PER_KEEPALIVE == PER_KEEPALIVE - 1
            outbound |= keepalive
            length[keepalive] = _HEADERS + 1
            length[spliced.positions] = spliced.lengths
            times = time + np.cumsum(rng.integers(20, 2_000, count))
            time = int(times[-1])

            piece = piece_of_noise(rng, times, length)
            client, gateway = (int.from_bytes(address, "big") for address in (_CLIENT, _GATEWAY))
            put(piece.buffer, piece.start, ethernet(outbound, 0x0800))
            put(
                piece.buffer,
                piece.start + 14,
                ipv4(
                    length - 14,
                    IPPROTO_UDP,
                    np.where(outbound, client, gateway),
                    np.where(outbound, gateway, client),
                    np.arange(count),
                ),
            )
            # No UDP checksum: RFC 3948 section 2.1 wants zero for ESP over IPv4.
            head = np.zeros(count, UDP)
            head["source"] = head["destination"] = 4500
            head["length"] = length - 34
            put(piece.buffer, piece.start + 34, head)
            tunnel = np.flatnonzero(~keepalive)
            sent = outbound[tunnel]
            spi = np.where(sent, *rng.integers(0x1000, 0xFFFFFFFF, 2))
            sequence = np.where(sent, np.cumsum(sent), np.cumsum(~sent))
            put(piece.buffer, piece.start[tunnel] + _HEADERS, np.column_stack((spi, sequence)).astype(">u4"))
            piece.buffer[piece.start[keepalive] + _HEADERS] = 0xFF
            place(piece, spliced)
            file.write(piece.records())
