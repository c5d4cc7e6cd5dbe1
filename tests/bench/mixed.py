"""A capture of a client at work: web traffic both ways, a little of all the rest, an IKE connection now and then."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from tests.bench import connections, small_talk
from tests.bench.columns import piece_of_noise, put
from tests.bench.flows import Flows, Quic, Tcp
from tests.bench.pcapfile import FILE_HEADER
from tests.bench.splice import Splice, joined, place, splice

#: One IKE connection begins in each run of so many packets.
PER_CONNECTION = 4_000
#: Packets made at a time; a multiple of the above.
PIECE = 64_000

#: Kinds of packets and how many of a thousand.
IKE, TCP, QUIC, DNS, ARP, ICMP = range(6)
_PER_MILLE = {TCP: 700, QUIC: 270, DNS: 20, ARP: 6, ICMP: 4}

_CLIENT, _GATEWAY = bytes([10, 0, 0, 2]), bytes([203, 0, 113, 7])
_START_US = 1_700_000_000_000_000


@dataclass(slots=True)
class _Client:
    """What goes on from one piece to the next."""

    flows: Flows
    rng: np.random.Generator
    random: Random
    tcp: Tcp
    quic: Quic
    asked: dict[int, int] = field(default_factory=lambda: {DNS: 0, ARP: 0, ICMP: 0})
    time: int = _START_US


def write(path: Path, packets: int, piece: int = PIECE) -> None:
    """Write ``packets`` packets, ``piece`` at a time."""
    rng = np.random.default_rng(443)
    flows = Flows.of(packets, rng)
    client = _Client(flows, rng, Random(443), Tcp(flows, rng), Quic(flows, rng))
    with path.open("wb") as file:
        file.write(FILE_HEADER)
        for first in range(0, packets, piece):
            file.write(_piece(client, first, min(piece, packets - first)))


def _piece(client: _Client, first: int, count: int) -> memoryview:
    """The records of packets ``first`` to ``first + count``."""
    rng = client.rng
    spliced = joined([_connection(client, at, count) for at in range(PER_CONNECTION // 4, count, PER_CONNECTION)])
    kind = rng.choice(list(_PER_MILLE), size=count, p=np.array(list(_PER_MILLE.values())) / 1000)
    kind[spliced.positions] = IKE
    flow = client.flows.at(first + np.arange(count), rng)

    length = np.empty(count, np.int64)
    length[spliced.positions] = spliced.lengths
    web = [(maker, np.flatnonzero(kind == number)) for number, maker in ((TCP, client.tcp), (QUIC, client.quic))]
    plans = [(maker, where, maker.plan(flow[where])) for maker, where in web]
    for _, where, plan in plans:
        length[where] = plan.length
    talk = {number: np.flatnonzero(kind == number) for number in (DNS, ARP, ICMP)}
    rows: dict[int, NDArray[np.uint8]] = {}
    for number, where in talk.items():
        ordinal = client.asked[number] + np.arange(len(where))
        client.asked[number] += len(where)
        rows[number], length[where] = _SMALL_TALK[number](ordinal)

    times = client.time + np.cumsum(rng.integers(20, 1_800, count))
    client.time = int(times[-1])
    made = piece_of_noise(rng, times, length)
    for maker, where, plan in plans:
        maker.put(made, where, plan)
    for number, where in talk.items():
        # Rows are as wide as the longest packet, and no packet may reach into the next record: so go by length.
        for size in np.unique(length[where]):
            same = length[where] == size
            put(made.buffer, made.start[where[same]], rows[number][same, :size])
    place(made, spliced)
    return made.records()


def _connection(client: _Client, at: int, count: int) -> Splice:
    """A connection that begins at packet ``at`` of the piece: IKE_AUTH in IP fragments, then one or two checks."""
    connection = connections.Connection(connections.Peers(_CLIENT, _GATEWAY, behind=_CLIENT, mtu=1460), client.random)
    connections.ip_fragments(connection)
    for message_id in range(2, 3 + client.random.randrange(2)):
        connection.dead_peer_check(message_id)
    return splice(connection, at + np.arange(len(connection.frames)) * 40, count)


_SMALL_TALK = {DNS: small_talk.dns, ARP: small_talk.arp, ICMP: small_talk.ping}
