"""TCP and QUIC connections of a client with many servers, planned and written by columns.

A plan says of some packets who sends what; ``put`` writes it. Sequence numbers, acknowledgments and connection IDs go
on from one plan to the next, so that a dissector finds whole connections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.bench import tls
from tests.bench.columns import (
    IPPROTO_TCP,
    IPPROTO_UDP,
    TCP,
    UDP,
    Bytes,
    Ints,
    Piece,
    ethernet,
    ipv4,
    ipv6,
    put,
    put_checksums,
    words,
)

Bools = NDArray[np.bool_]

#: Connections that are alive at the same time, and packets until the oldest of them gives way to a new one.
_ALIVE, _PACKETS_PER_FLOW = 64, 650

#: Every so-manyth TCP connection has answers of one segment and one TLS record each; the others are downloads.
_SHORT_ANSWERS = 4

_CLIENT4 = 10 << 24 | 2
_CLIENT6 = np.frombuffer(bytes.fromhex("20010db8000000010000000000000002"), np.uint8)
_SYN, _ACK, _PSH = 0x02, 0x10, 0x08
#: MSS 1460, window scale 8, two no-operations, SACK permitted (RFC 9293 section 3.1, RFC 7323, RFC 2018).
_SYN_OPTIONS = np.frombuffer(bytes.fromhex("020405b40103030801010402"), np.uint8)


@dataclass(frozen=True, slots=True)
class Flows:
    """Who talks with whom: one row for each connection; every eighth is over IPv6."""

    is_ipv6: Bools
    server4: Ints
    server6: Bytes
    client_port: Ints

    @staticmethod
    def of(packets: int, rng: np.random.Generator) -> Flows:
        """As many connections as a capture of so many packets has."""
        number = np.arange(packets // _PACKETS_PER_FLOW + _ALIVE + 1)
        server = rng.integers(0, 200, len(number))
        server6 = np.zeros((len(number), 16), np.uint8)
        server6[:, :4] = 0x20, 0x01, 0x0D, 0xB8
        server6[:, 15] = server
        return Flows(number % 8 == 7, (198 << 24) + (51 << 16) + (100 << 8) + server, server6, 49152 + number % 16384)

    def at(self, packet: Ints, rng: np.random.Generator) -> Ints:
        """Which connection each packet of the capture belongs to."""
        return packet // _PACKETS_PER_FLOW + rng.integers(0, _ALIVE, len(packet))

    def put_headers(self, piece: Piece, where: Ints, flow: Ints, outbound: Bools, protocol: int) -> Ints:
        """Write the Ethernet and IP headers; return the size of both together, for each packet."""
        for is_ipv6, size, ethertype in ((False, 34, 0x0800), (True, 54, 0x86DD)):
            same = self.is_ipv6[flow] == is_ipv6
            at, sent, start = flow[same], outbound[same], piece.start[where[same]]
            length = piece.length[where[same]] - size
            put(piece.buffer, start, ethernet(sent, ethertype))
            if is_ipv6:
                ours, theirs, turn = np.broadcast_to(_CLIENT6, (len(at), 16)), self.server6[at], sent[:, None]
                head = ipv6(length, protocol, np.where(turn, ours, theirs), np.where(turn, theirs, ours))
            else:
                server = self.server4[at]
                source, destination = np.where(sent, _CLIENT4, server), np.where(sent, server, _CLIENT4)
                head = ipv4(length + 20, protocol, source, destination, where[same])
            put(piece.buffer, start + 14, head)
        return self.header_size(flow)

    def header_size(self, flow: Ints) -> Ints:
        """Bytes of the Ethernet and IP headers."""
        return np.where(self.is_ipv6[flow], 54, 34)

    def put_checksums(self, piece: Piece, where: Ints, flow: Ints, protocol: int, field: int) -> None:
        """Fill in the checksums of the transport headers (RFC 9293 section 3.1, RFC 8200 section 8.1)."""
        size = self.header_size(flow)
        # The sum of both addresses is the same whoever sends.
        addresses4 = (_CLIENT4 >> 16) + (_CLIENT4 & 0xFFFF) + (self.server4 >> 16) + (self.server4 & 0xFFFF)
        addresses6 = words(self.server6) + words(_CLIENT6[None, :])
        addresses = np.where(self.is_ipv6, addresses6, addresses4)[flow]
        put_checksums(piece, where, size, field, addresses + protocol + piece.length[where] - size)


@dataclass(frozen=True, slots=True)
class Plan:
    """Some packets of some connections, in order of time; ``rank`` counts the packets of each connection from 0."""

    flow: Ints
    rank: Ints
    outbound: Bools
    payload: Ints
    length: Ints


class Tcp:
    """TLS over TCP: handshake, hellos, then data downwards and mostly acknowledgments upwards."""

    def __init__(self, flows: Flows, rng: np.random.Generator) -> None:
        self._flows, self._rng = flows, rng
        count = len(flows.client_port)
        self._seen = np.zeros(count, np.int64)
        self._next = rng.integers(0, 2**32, (2, count))  # sequence numbers: of the client, of the server
        self._first_data = self._next[1] + 1 + len(tls.SERVER_HELLO)

    def plan(self, flow: Ints) -> Plan:
        """What the next packets of the given connections are."""
        rng, count = self._rng, len(flow)
        rank = _ranks(flow, self._seen)
        outbound = rng.random(count) < 0.42
        outbound = np.select([rank <= 4], [(rank != 1) & (rank != 4)], outbound)
        full = np.where(self._flows.is_ipv6[flow], 1440, 1460)
        down = np.where(rng.random(count) < 0.82, full, rng.integers(100, 1400, count))
        up = np.where(rng.random(count) < 0.8, 0, rng.integers(60, 900, count))
        payload = np.select(
            [rank <= 2, rank == 3, rank == 4],
            [0, len(tls.CLIENT_HELLO), len(tls.SERVER_HELLO)],
            np.where(outbound, up, down),
        )
        header = np.where(rank <= 1, 32, 20)
        return Plan(flow, rank, outbound, payload, self._flows.header_size(flow) + header + payload)

    def put(self, piece: Piece, where: Ints, plan: Plan) -> None:
        """Write the planned packets at the given places of a piece."""
        flows, flow = self._flows, plan.flow
        at = piece.start[where] + flows.put_headers(piece, where, flow, plan.outbound, IPPROTO_TCP)
        is_syn = plan.rank <= 1
        consumed = plan.payload + is_syn
        sent = _before(flow, np.where(plan.outbound, consumed, 0), self._next[0])
        received = _before(flow, np.where(plan.outbound, 0, consumed), self._next[1])
        head = np.zeros(len(flow), TCP)
        head["source"] = np.where(plan.outbound, flows.client_port[flow], 443)
        head["destination"] = np.where(plan.outbound, 443, flows.client_port[flow])
        head["sequence"] = np.where(plan.outbound, sent, received) & 0xFFFFFFFF
        head["acknowledgment"] = np.where(plan.rank == 0, 0, np.where(plan.outbound, received, sent) & 0xFFFFFFFF)
        head["offset"] = np.where(is_syn, 0x80, 0x50)
        head["flags"] = np.select([plan.rank == 0, plan.rank == 1], [_SYN, _SYN | _ACK], _ACK)
        head["flags"] |= np.where(plan.payload > 0, _PSH, 0).astype(np.uint8)
        head["window"] = np.where(is_syn, 64240, self._rng.integers(900, 1024, len(flow)))
        put(piece.buffer, at, head)
        put(piece.buffer, at[is_syn] + 20, np.tile(_SYN_OPTIONS, (int(is_syn.sum()), 1)))
        for rank, hello in ((3, tls.CLIENT_HELLO), (4, tls.SERVER_HELLO)):
            begins = at[plan.rank == rank] + 20
            put(piece.buffer, begins, np.tile(np.frombuffer(hello, np.uint8), (len(begins), 1)))
        data = (plan.rank > 4) & (plan.payload > 0)
        down = data & ~plan.outbound & (flow % _SHORT_ANSWERS != 0)
        put(piece.buffer, at[data & ~down] + 20, tls.application_data(plan.payload[data & ~down]))
        begins, offset = at[down] + 20, received[down] - self._first_data[flow[down]]
        tls.put_full_records(piece.buffer, begins, plan.payload[down], offset)
        flows.put_checksums(piece, where, flow, IPPROTO_TCP, field=16)


class Quic:
    """QUIC version 1: two Initial and two Handshake packets, then short headers (RFC 9000 section 17).

    Like a browser, the client has an empty connection ID; the server's has eight bytes.
    """

    def __init__(self, flows: Flows, rng: np.random.Generator) -> None:
        self._flows, self._rng = flows, rng
        count = len(flows.client_port)
        self._seen = np.zeros(count, np.int64)
        self._first_id, self._server_id = rng.integers(0, 256, (2, count, 8), np.uint8)

    def plan(self, flow: Ints) -> Plan:
        """What the next packets of the given connections are."""
        rng, count = self._rng, len(flow)
        rank = _ranks(flow, self._seen)
        outbound = np.select([rank <= 3], [(rank == 0) | (rank == 3)], rng.random(count) < 0.30)
        down = np.where(rng.random(count) < 0.9, 1250, rng.integers(30, 1250, count))
        up = np.where(rng.random(count) < 0.9, rng.integers(29, 60, count), rng.integers(60, 1250, count))
        payload = np.select([rank <= 2, rank == 3], [1200, 90], np.where(outbound, up, down))
        return Plan(flow, rank, outbound, payload, self._flows.header_size(flow) + 8 + payload)

    def put(self, piece: Piece, where: Ints, plan: Plan) -> None:
        """Write the planned packets at the given places of a piece."""
        flows, flow = self._flows, plan.flow
        at = piece.start[where] + flows.put_headers(piece, where, flow, plan.outbound, IPPROTO_UDP)
        head = np.zeros(len(flow), UDP)
        head["source"] = np.where(plan.outbound, flows.client_port[flow], 443)
        head["destination"] = np.where(plan.outbound, 443, flows.client_port[flow])
        head["length"] = 8 + plan.payload
        put(piece.buffer, at, head)
        begins = at + 8
        long = plan.rank <= 3
        # Form and fixed bit; the rest of the first byte is protected, so random, but for the type of a long header.
        first = piece.buffer[begins]
        kind = np.where(plan.rank <= 1, 0xC0, 0xE0)
        piece.buffer[begins] = np.where(long, kind | first & 0x0F, 0x40 | first & 0x3F)
        for rank in range(4):
            chosen = plan.rank == rank
            header = self._long_header(rank, flow[chosen], int(plan.payload[chosen].max(initial=0)))
            put(piece.buffer, begins[chosen] + 1, header)
        up = ~long & plan.outbound
        put(piece.buffer, begins[up] + 1, self._server_id[flow[up]])
        flows.put_checksums(piece, where, flow, IPPROTO_UDP, field=6)

    def _long_header(self, rank: int, flow: Ints, payload: int) -> Bytes:
        """Version, connection IDs, an empty token in an Initial, and the length of the rest in two bytes."""
        destination = {0: self._first_id, 3: self._server_id}.get(rank)
        source = self._server_id if rank in (1, 2) else None
        parts = [_constant(b"\0\0\0\1", flow)]
        for connection_id in (destination, source):
            size = b"\0" if connection_id is None else b"\x08"
            parts += [_constant(size, flow)] + ([] if connection_id is None else [connection_id[flow]])
        parts += [_constant(b"\0", flow)] if rank <= 1 else []
        rest = payload - 1 - sum(part.shape[1] for part in parts) - 2
        return np.hstack([*parts, _constant((0x4000 | max(rest, 0)).to_bytes(2, "big"), flow)])


def _constant(value: bytes, flow: Ints) -> Bytes:
    return np.tile(np.frombuffer(value, np.uint8), (len(flow), 1))


def _ranks(flow: Ints, seen: Ints) -> Ints:
    """Number of earlier packets of the same flow; ``seen`` is carried on from one call to the next."""
    return _before(flow, np.ones_like(flow), seen)


def _before(flow: Ints, amount: Ints, total: Ints) -> Ints:
    """Sum of the earlier amounts of the same flow on top of its ``total``, which then grows by all of them.

    >>> total = np.array([0, 100])
    >>> _before(np.array([1, 0, 1, 1]), np.array([5, 7, 1, 2]), total).tolist(), total.tolist()
    ([100, 0, 105, 106], [7, 108])
    """
    order = np.argsort(flow, kind="stable")
    running = np.cumsum(amount[order]) - amount[order]
    is_first = np.diff(flow[order], prepend=-1) != 0
    base = running[is_first][np.cumsum(is_first) - 1] if len(flow) else running
    result = np.empty_like(flow)
    result[order] = running - base
    result += total[flow]
    np.add.at(total, flow, amount)
    return result
