"""IKEv2 connections from start to end: which message goes when, and the Ethernet frames that carry them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.bench import ikev2
from tests.bench.ikev2 import IKE_AUTH, IKE_SA_INIT, INFORMATIONAL, INITIATOR, RESPONSE

CLIENT_MAC, GATEWAY_MAC = bytes.fromhex("020000000002"), bytes.fromhex("020000000001")

#: Microseconds between a request and its response.
ROUND_TRIP = 33_000

#: When a request that nobody answers is sent, in microseconds after its first time.
RETRANSMITS = (0, 1_000_000, 3_000_000, 7_000_000)


@dataclass(frozen=True, slots=True)
class Peers:
    """Where the two ends of a connection are, as the capture sees them.

    ``behind`` is the initiator's own address where a NAT stands before the capture; ``port`` and ``port_nat_t`` are its
    source ports towards 500 and 4500.
    """

    initiator: bytes
    responder: bytes
    behind: bytes
    port: int = 500
    port_nat_t: int = 4500
    mtu: int = 1500


@dataclass(slots=True)
class Connection:
    """A connection being written down: frames with their times in microseconds after its start."""

    peers: Peers
    rng: Random
    frames: list[tuple[int, bytes]] = field(default_factory=list)
    clock: int = 0
    spi_i: bytes = b""
    spi_r: bytes = b""

    def __post_init__(self) -> None:
        self.spi_i, self.spi_r = (self.rng.randbytes(8) for _ in range(2))

    def request(self, message: bytes, nat_t: bool = True, times: tuple[int, ...] = (0,)) -> None:
        """The initiator sends a message, again at each of ``times`` after now."""
        for later in times:
            self._send(message, nat_t, outbound=True, at=self.clock + later)

    def response(self, message: bytes, nat_t: bool = True) -> None:
        """The responder answers, a round trip later; then the initiator takes its time."""
        self._send(message, nat_t, outbound=False, at=self.clock + ROUND_TRIP)

    def next_exchange(self) -> None:
        self.clock += ROUND_TRIP + self.rng.randrange(2_000, 40_000)

    def sa_init(self) -> None:
        """A pair of IKE_SA_INIT messages."""
        self.request(self._init_request(), nat_t=False)
        self._init_response()
        self.next_exchange()

    def sa_init_with_cookie(self) -> None:
        """The responder asks for a cookie first (RFC 7296 section 2.6)."""
        first = self._init_request_payloads()
        cookie = ikev2.notify(ikev2.COOKIE, self.rng.randbytes(24))
        self.request(ikev2.message(self.spi_i, ikev2.NO_SPI, IKE_SA_INIT, INITIATOR, 0, first), nat_t=False)
        self.response(ikev2.message(self.spi_i, ikev2.NO_SPI, IKE_SA_INIT, RESPONSE, 0, [cookie]), nat_t=False)
        self.next_exchange()
        again = ikev2.message(self.spi_i, ikev2.NO_SPI, IKE_SA_INIT, INITIATOR, 0, [cookie, *first])
        self.request(again, nat_t=False)
        self._init_response()
        self.next_exchange()

    def sa_init_unanswered(self) -> None:
        self.request(self._init_request(), nat_t=False, times=RETRANSMITS)

    def auth(self, request_size: int, response_size: int) -> None:
        """A pair of IKE_AUTH messages; what is larger than the MTU goes in IP fragments."""
        self.request(self._protected(IKE_AUTH, INITIATOR, 1, ikev2.IDI, request_size))
        self.response(self._protected(IKE_AUTH, RESPONSE, 1, ikev2.IDR, response_size))
        self.next_exchange()

    def auth_in_fragments(self, request_sizes: list[int], response_sizes: list[int]) -> None:
        """A pair of IKE_AUTH messages in Encrypted Fragment payloads."""
        for part in self._fragments(INITIATOR, ikev2.IDI, request_sizes):
            self.request(part)
        for part in self._fragments(RESPONSE, ikev2.IDR, response_sizes):
            self.response(part)
        self.next_exchange()

    def auth_unanswered(self, request_size: int) -> None:
        self.request(self._protected(IKE_AUTH, INITIATOR, 1, ikev2.IDI, request_size), times=RETRANSMITS)

    def dead_peer_check(self, message_id: int, wait: int = 0) -> None:
        """An empty INFORMATIONAL request and its answer, ``wait`` microseconds from now."""
        self.clock += wait
        self.request(self._protected(INFORMATIONAL, INITIATOR, message_id, 0, 57))
        self.response(self._protected(INFORMATIONAL, RESPONSE, message_id, 0, 57))
        self.next_exchange()

    def _init_request_payloads(self) -> list[ikev2.Payload]:
        peers = self.peers
        return ikev2.init_request(self.spi_i, (peers.behind, 500), (peers.responder, 500), self.rng)

    def _init_request(self) -> bytes:
        payloads = self._init_request_payloads()
        return ikev2.message(self.spi_i, ikev2.NO_SPI, IKE_SA_INIT, INITIATOR, 0, payloads)

    def _init_response(self) -> None:
        here, there = (self.peers.responder, 500), (self.peers.initiator, self.peers.port)
        payloads = ikev2.init_response(self.spi_i, self.spi_r, here, there, self.rng)
        self.response(ikev2.message(self.spi_i, self.spi_r, IKE_SA_INIT, RESPONSE, 0, payloads), nat_t=False)

    def _protected(self, exchange: int, flags: int, message_id: int, inner: int, size: int) -> bytes:
        return ikev2.protected(self.spi_i, self.spi_r, exchange, flags, message_id, inner, size, self.rng)

    def _fragments(self, flags: int, inner: int, sizes: list[int]) -> list[bytes]:
        return ikev2.fragments(self.spi_i, self.spi_r, IKE_AUTH, flags, 1, inner, sizes, self.rng)

    def _send(self, message: bytes, nat_t: bool, outbound: bool, at: int) -> None:
        peers = self.peers
        marker, ports = (bytes(4), (peers.port_nat_t, 4500)) if nat_t else (b"", (peers.port, 500))
        ends = (peers.initiator, *ports[:1], peers.responder, *ports[1:])
        source, sport, destination, dport = ends if outbound else (*ends[2:], *ends[:2])
        datagram = udp(source, sport, destination, dport, marker + message)
        identification = self.rng.randrange(1, 0x10000)
        macs = GATEWAY_MAC + CLIENT_MAC if outbound else CLIENT_MAC + GATEWAY_MAC
        for place, packet in enumerate(ip_packets(source, destination, datagram, identification, peers.mtu)):
            self.frames.append((at + 20 * place, macs + b"\x08\x00" + packet))


Play = Callable[[Connection], None]


def healthy(connection: Connection) -> None:
    connection.sa_init()
    connection.auth(request_size=connection.rng.randrange(300, 1300), response_size=connection.rng.randrange(200, 1300))
    connection.dead_peer_check(2)


def cookie_retry(connection: Connection) -> None:
    connection.sa_init_with_cookie()
    connection.auth(request_size=420, response_size=248)


def ike_fragments(connection: Connection) -> None:
    connection.sa_init()
    connection.auth_in_fragments([1248, 1248, connection.rng.randrange(200, 1248)], [1248, 690])


def ip_fragments(connection: Connection) -> None:
    connection.sa_init()
    connection.auth(request_size=3468, response_size=1900)


def auth_unanswered(connection: Connection) -> None:
    connection.sa_init()
    connection.auth_unanswered(request_size=1280)


def init_unanswered(connection: Connection) -> None:
    connection.sa_init_unanswered()


def udp(source: bytes, sport: int, destination: bytes, dport: int, payload: bytes) -> bytes:
    """A UDP datagram over IPv4 with its checksum (RFC 768)."""
    length = 8 + len(payload)
    pseudo = source + destination + struct.pack("!BBH", 0, 17, length)
    checksum = internet_checksum(pseudo + struct.pack("!HHHH", sport, dport, length, 0) + payload) or 0xFFFF
    return struct.pack("!HHHH", sport, dport, length, checksum) + payload


def ip_packets(
    source: bytes, destination: bytes, datagram: bytes, identification: int, mtu: int, protocol: int = 17
) -> list[bytes]:
    """IPv4 packets that carry a datagram: one, or fragments that fit the MTU (RFC 791 section 3.2).

    >>> [len(packet) for packet in ip_packets(bytes(4), bytes(4), bytes(3480), 1, 1500)]
    [1500, 1500, 540]
    """
    step = (mtu - 20) // 8 * 8
    packets = []
    for offset in range(0, len(datagram), step):
        part = datagram[offset : offset + step]
        more = 0x2000 if offset + step < len(datagram) else 0
        head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(part), identification, more | offset // 8, 64, protocol)
        addresses = source + destination
        packets.append(head + struct.pack("!H", internet_checksum(head + addresses)) + addresses + part)
    return packets


def internet_checksum(data: bytes) -> int:
    """RFC 1071; a number's remainder by 65535 is the one's complement sum of its 16-bit digits.

    >>> hex(internet_checksum(bytes.fromhex("45000073000040004011 0000 c0a80001c0a800c7")))
    '0xb861'
    """
    remainder = int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF
    return 0xFFFF - remainder
