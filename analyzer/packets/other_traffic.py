"""What other traffic tells about the path: pings, TCP handshakes and DNS responses, a row for each packet.

None of it is IKE, yet it shows which sizes pass, which segment sizes the hosts agree on, whether TCP fallback is
refused, and to which address the gateway's name led. Only whole packets are read, and of each kind only the first
ones: a trace may hold millions.

DNS is read here without dpkt, whose reader gives up on record types that it does not know and follows chains of
compression pointers for as long as an attacker wants. The name asked for and the addresses need neither.
"""

from __future__ import annotations

import struct

import numpy as np

from analyzer.columns import Gather, Ints
from analyzer.formats.records import Chunk
from analyzer.packets.addresses import Addresses, address_text
from analyzer.packets.ip_columns import address_numbers, ip_ends
from analyzer.packets.ip_packet import IpPacket, ports_of
from analyzer.packets.sieve import ECHOES, TCP_RST, TCP_SYN, Ports
from analyzer.packets.tables import EchoRow, HandshakeRow, NameRow
from analyzer.printable import decoded
from analyzer.protocol import DNS_PORT, ICMP, ICMP_HEADER, ICMPV6, TCP, TCP_HEADER, UDP, UDP_HEADER

#: Packets of each kind that are looked at; what comes later in the trace is left aside.
MAX_PACKETS = 2_000

#: Answer records of one DNS response that are looked at.
MAX_RECORDS = 32

#: RFC 1035 section 4.1.1.
_DNS_HEADER = 12

#: TCP options (RFC 9293 section 3.1): end of the list, padding, maximum segment size.
_END, _NO_OPERATION, _MSS = 0, 1, 2

#: DNS (RFC 1035 sections 4.1, 3.2.2; RFC 3596): type and length of the records that hold an address.
_RESPONSE, _INTERNET, _POINTER, _QUESTION_END = 0x8000, 1, 0xC0, 4
_COUNTS, _RECORD = struct.Struct("!HHHH"), struct.Struct("!HHIH")
_ADDRESS_RECORDS = {(1, 4), (28, 16)}


class OtherTraffic:
    """Collects what is read; packets must come in the order of capture for the limits to keep the first ones.

    Parameters
    ----------
    ports : Ports
        Where IKE is looked for: a TCP reset counts only there, and UDP there is no DNS.
    addresses : Addresses
        Shared with the collector.
    """

    def __init__(self, ports: Ports, addresses: Addresses) -> None:
        self.echoes: list[EchoRow] = []
        self.handshakes: list[HandshakeRow] = []
        self.names: list[NameRow] = []
        self._ports = ports
        self._addresses = addresses
        self._left = {ICMP: MAX_PACKETS, TCP: MAX_PACKETS, UDP: MAX_PACKETS}

    def take_many(self, fields: Gather, chunk: Chunk, ip_of: Ints, rows: Ints) -> None:
        """Take selected packets of a chunk, none of which has IPv6 extension headers.

        Parameters
        ----------
        fields, chunk
            The chunk and a reader over its buffer.
        ip_of : int64 array
            Where the IP header of each packet of the chunk starts.
        rows : int64 array
            Row numbers of the packets to take, in order.
        """
        if not len(rows) or not any(self._left.values()):
            return
        ip = ip_of[rows]
        protocol = np.where(fields.u8(ip) >> 4 == 4, fields.u8(ip + 9), fields.u8(ip + 6))
        first = np.zeros(len(rows), dtype=np.bool_)
        for kind, of_kind in (
            (ICMP, (protocol == ICMP) | (protocol == ICMPV6)),
            (TCP, protocol == TCP),
            (UDP, protocol == UDP),
        ):
            taken = np.flatnonzero(of_kind)[: self._left[kind]]
            self._left[kind] -= len(taken)
            first[taken] = True
        rows, ip, protocol = rows[first], ip[first], protocol[first]
        length, payload, version = ip_ends(fields, chunk, rows, ip)
        src, dst = address_numbers(self._addresses, fields, ip, version)
        flags = np.where(version == 4, fields.u16(ip + 6), 0)
        end = np.maximum(np.minimum(ip + length, chunk.start[rows] + chunk.captured[rows]), payload)
        columns = (
            chunk.first_frame + rows, chunk.time[rows], version, src, dst, protocol, length, flags, payload, end,
        )  # fmt: skip
        text, view = self._addresses.text, fields.buffer.data
        for frame, when, ip_version, source, target, upper, size, bits, a, b in zip(
            *(c.tolist() for c in columns), strict=True
        ):
            df = bool(bits & 0x4000) if ip_version == 4 else None
            self._one(upper, frame, when, text(source), text(target), size, df, bytes(view[a:b]))

    def take(self, chunk: Chunk, row: int, packet: IpPacket, data: bytes) -> None:
        """Take one packet whose headers are read already; ``data`` is what was captured behind them."""
        kind = ICMP if packet.protocol == ICMPV6 else packet.protocol
        of_its_version = packet.protocol != (ICMPV6 if packet.ip_version == 4 else ICMP)
        if not self._left.get(kind) or not of_its_version or not self._is_one(packet.protocol, data):
            return
        self._left[kind] -= 1
        number, text = self._addresses.number, self._addresses.text
        self._one(
            packet.protocol,
            chunk.first_frame + row,
            int(chunk.time[row]),
            text(number(packet.src)),
            text(number(packet.dst)),
            packet.ip_length,
            packet.df,
            data,
        )

    def _is_one(self, protocol: int, data: bytes) -> bool:
        """A cheap look, before addresses are turned into text. It may say yes to what :meth:`_one` then leaves."""
        if protocol == TCP:
            return len(data) >= TCP_HEADER and bool(data[13] & (TCP_SYN | TCP_RST))
        if protocol == UDP:
            return data[:2] == DNS_PORT.to_bytes(2, "big")
        return len(data) >= ICMP_HEADER and data[0] in ECHOES[protocol]

    def _one(
        self, protocol: int, frame: int, time: int, src: str, dst: str, ip_length: int, df: bool | None, data: bytes
    ) -> None:
        """Read one packet from its upper-layer header on."""
        if protocol == TCP:
            self._handshake(frame, time, src, dst, data)
        elif protocol == UDP:
            self._name(frame, time, src, dst, data)
        elif len(data) >= ICMP_HEADER and data[0] in ECHOES[protocol]:
            _, reply = ECHOES[protocol]
            identifier, sequence = int.from_bytes(data[4:6], "big"), int.from_bytes(data[6:8], "big")
            self.echoes.append(EchoRow(frame, time, src, dst, data[0] == reply, identifier, sequence, ip_length, df))

    def _handshake(self, frame: int, time: int, src: str, dst: str, data: bytes) -> None:
        if len(data) < TCP_HEADER:
            return
        sport, dport = ports_of(data)
        is_reset = bool(data[13] & TCP_RST)
        if is_reset and not (sport in self._ports or dport in self._ports):
            return
        if not data[13] & (TCP_SYN | TCP_RST):
            return
        is_answer = not is_reset and bool(data[13] & 0x10)
        mss = None if is_reset else _segment_size(data[TCP_HEADER : (data[12] >> 4) * 4])
        self.handshakes.append(HandshakeRow(frame, time, src, dst, sport, dport, is_answer, is_reset, mss))

    def _name(self, frame: int, time: int, src: str, dst: str, data: bytes) -> None:
        if len(data) < UDP_HEADER + _DNS_HEADER:
            return
        sport, dport = ports_of(data)
        if sport != DNS_PORT or dport in self._ports:
            return
        answer = read_response(data[UDP_HEADER:])
        if answer is not None:
            self.names.append(NameRow(frame, time, dst, src, *answer))


def read_response(message: bytes) -> tuple[str, int, tuple[str, ...]] | None:
    """Read a DNS response as far as it was captured.

    Parameters
    ----------
    message : bytes
        From the DNS header on (RFC 1035 section 4.1).

    Returns
    -------
    tuple of str, int, tuple of str, or None
        The name asked for (escaped), the RCODE, and the addresses among the answers. None when it is no response, asks
        for nothing, or is cut within the question.

    Examples
    --------
    >>> question = b"\\3vpn\\7example\\3net\\0" + bytes([0, 1, 0, 1])
    >>> answer = bytes.fromhex("c00c 0001 0001 0000012c 0004 cb007107")
    >>> read_response(bytes.fromhex("4b1d 8180 0001 0001 0000 0000") + question + answer)
    ('vpn.example.net', 0, ('203.0.113.7',))
    >>> read_response(bytes.fromhex("4b1d 8183 0001 0000 0000 0000") + question)
    ('vpn.example.net', 3, ())
    """
    if len(message) < _DNS_HEADER:
        return None
    _, flags, questions, answers = _COUNTS.unpack_from(message)
    if not flags & _RESPONSE or not questions:
        return None
    labels, at = _name_at(message, _DNS_HEADER)
    at += _QUESTION_END
    if at > len(message):
        return None
    addresses = _addresses(message, at, min(answers, MAX_RECORDS)) if questions == 1 else ()
    return decoded(b".".join(labels)) or ".", flags & 0x0F, addresses


def _name_at(message: bytes, at: int) -> tuple[list[bytes], int]:
    """Labels of a name up to its end or to a pointer, and where it ends: beyond the message when it is cut.

    A pointer leads to where something else is written, which is never needed: the first question is written out.
    """
    labels: list[bytes] = []
    while at < len(message):
        length = message[at]
        if length == 0:
            return labels, at + 1
        if length >= _POINTER:
            return labels, at + 2
        labels.append(message[at + 1 : at + 1 + length])
        at += 1 + length
    return labels, len(message) + 1


def _addresses(message: bytes, at: int, records: int) -> tuple[str, ...]:
    """IP addresses among the records that begin at an offset."""
    found = []
    for _ in range(records):
        _, at = _name_at(message, at)
        if at + _RECORD.size > len(message):
            break
        kind, family, _, length = _RECORD.unpack_from(message, at)
        at += _RECORD.size
        if (kind, length) in _ADDRESS_RECORDS and family == _INTERNET and at + length <= len(message):
            found.append(address_text(message[at : at + length]))
        at += length
    return tuple(found)


def _segment_size(options: bytes) -> int | None:
    """The MSS that a SYN announces; None when it does not, or is cut before."""
    at = 0
    while at < len(options) and options[at] != _END:
        if options[at] == _NO_OPERATION:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if length < 2:
            return None
        if options[at] == _MSS and length == 4 and at + 4 <= len(options):
            return int.from_bytes(options[at + 2 : at + 4], "big")
        at += length
    return None
