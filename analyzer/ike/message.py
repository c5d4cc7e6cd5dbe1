"""An IKE message: header, payload chain and whether its bytes add up.

Sources: RFC 7296 section 3.1, docs/domain/ike-on-the-wire.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import dpkt

from analyzer.ike import registry
from analyzer.ike.payload_chain import MAX_PAYLOADS, ChainStatus
from analyzer.ike.payloads import SKF, Notify, Payload, VendorID, parse_payload
from analyzer.ike.registry import numbers
from analyzer.ike.structure import Structure

HEADER_LENGTH = 28

_CLOSING = (numbers.SK, numbers.SKF)  # always the last payload; their next payload is the first one inside

_INITIATOR, _RESPONSE, _V1_ENCRYPTED = 0x08, 0x20, 0x01


class IKE(Structure):
    """An IKE message as captured, from its header on: without the non-ESP marker of port 4500.

    Parsing never raises on 28 bytes or more. A message may be cut by snaplen: that is not malformed, but incomplete.

    Parameters
    ----------
    buf : bytes
        What was captured of the message.
    wire_length : int, optional
        Bytes that the message had on the wire: the UDP payload behind the marker. Without it, a Length above what was
        captured is taken for a cut capture.

    Attributes
    ----------
    spi_i, spi_r : bytes
        SPIs of initiator and responder, 8 bytes each.
    next_payload, version, exchange, flags, message_id, length : int
        The other header fields.
    payloads : sequence of Payload
        Payloads in clear, in order; a cut one is the last, with ``whole`` False. None of an encrypted IKEv1 message.
    data : bytes
        What is behind the payloads, up to Length.
    malformed : str
        Why the bytes do not add up; empty when they do.
    clear_complete : bool
        Every clear payload was captured and could be read.
    trailing : int
        Bytes on the wire behind Length.
    chain_status : ChainStatus
        How the chain ended in the captured bytes, as :func:`analyzer.ike.payload_chain.walk_chains` says it.
    chain_end : int
        Offset in the message behind the last whole payload.

    Raises
    ------
    dpkt.NeedData
        Fewer than 28 bytes.

    Examples
    --------
    A gateway that accepts no proposal answers with 36 bytes (docs/domain/retransmission.md):

    >>> header = bytes.fromhex("1122334455667788" + "00" * 8 + "29202220" + "00000000" + "00000024")
    >>> ike = IKE(header + bytes.fromhex("000000080000000e"))
    >>> ike.exchange_name, ike.is_response, [notify.name for notify in ike.notifies]
    ('IKE_SA_INIT', True, ['NO_PROPOSAL_CHOSEN'])
    """

    __hdr__ = (
        ("spi_i", "8s", b"\0" * 8),
        ("spi_r", "8s", b"\0" * 8),
        ("next_payload", "B", 0),
        ("version", "B", 0x20),
        ("exchange", "B", numbers.IKE_SA_INIT),
        ("flags", "B", 0),
        ("message_id", "I", 0),
        ("length", "I", HEADER_LENGTH),
    )

    spi_i: bytes
    spi_r: bytes
    next_payload: int
    version: int
    exchange: int
    flags: int
    message_id: int
    length: int
    payloads: Sequence[Payload] = ()
    malformed: str = ""
    clear_complete: bool = True
    trailing: int = 0
    chain_status: ChainStatus = ChainStatus.OK
    chain_end: int = HEADER_LENGTH

    def __init__(self, *args: Any, wire_length: int | None = None, **fields: Any) -> None:
        self.wire_length = wire_length
        super().__init__(*args, **fields)

    def unpack(self, buf: bytes) -> None:
        buf = bytes(buf)[: self.wire_length]
        if len(buf) < HEADER_LENGTH:
            raise dpkt.NeedData(f"got {len(buf)}, {HEADER_LENGTH} needed at least")
        super().unpack(buf)
        wire = len(buf) if self.wire_length is None else self.wire_length
        message_end = max(self.length, HEADER_LENGTH)
        end = min(message_end, len(buf))
        self.trailing = max(0, wire - message_end)

        encrypted_v1 = self.major == 1 and bool(self.flags & _V1_ENCRYPTED)
        if self.length < HEADER_LENGTH or encrypted_v1:
            chain = _Chain([], HEADER_LENGTH, ChainStatus.OK, HEADER_LENGTH)
        else:
            chain = _walk(buf, self.next_payload, end)
        self.payloads = [
            parse_payload(kind, buf[at : min(at + length, end)], self.major, at) for kind, at, length in chain.found
        ]
        self.data = buf[min(chain.parsed_to, end) : end]
        self.chain_status, self.chain_end = chain.status, chain.end

        self.malformed = self._header_problem() or self._body_problem()
        if not encrypted_v1:
            self.malformed = self.malformed or self._chain_problem()
        cut_in_clear = chain.status != ChainStatus.OK and self.inner_payload is None
        self.clear_complete = not self.malformed and not cut_in_clear

    def parts(self) -> Iterable[bytes]:
        return map(bytes, self.payloads)

    @property
    def major(self) -> int:
        """Major version: 2 for IKEv2."""
        return self.version >> 4

    @property
    def minor(self) -> int:
        """Minor version."""
        return self.version & 0x0F

    @property
    def is_initiator(self) -> bool:
        """I flag: sent by the original initiator of the IKE SA."""
        return bool(self.flags & _INITIATOR)

    @property
    def is_response(self) -> bool:
        """R flag."""
        return bool(self.flags & _RESPONSE)

    @property
    def exchange_name(self) -> str:
        """RFC's name of the exchange type, or ``exchange N``."""
        return registry.name("exchange", self.exchange, self.major)

    @property
    def payload_types(self) -> tuple[int, ...]:
        """Types of the payloads, in order."""
        return tuple(payload.payload_type for payload in self.payloads)

    @property
    def notifies(self) -> tuple[Notify, ...]:
        """Notify payloads in clear."""
        return tuple(payload for payload in self.payloads if isinstance(payload, Notify))

    @property
    def vendor_ids(self) -> tuple[VendorID, ...]:
        """Vendor ID payloads in clear."""
        return tuple(payload for payload in self.payloads if isinstance(payload, VendorID))

    @property
    def inner_payload(self) -> int | None:
        """Type of the first payload inside SK or SKF; None when the captured bytes have neither."""
        last = self.payloads[-1] if self.payloads else None
        return last.next_payload if last is not None and last.payload_type in _CLOSING else None

    @property
    def fragment(self) -> SKF | None:
        """The SKF payload of a fragment, for its number and total."""
        last = self.payloads[-1] if self.payloads else None
        return last if isinstance(last, SKF) else None

    def _payload_text(self, number: int, payload_type: int) -> str:
        name = registry.name("payload", payload_type, self.major)
        return f"payload {number} ({name.replace('payload ', 'type ')})"

    def _header_problem(self) -> str:
        if self.length < HEADER_LENGTH:
            return f"length {self.length} below {HEADER_LENGTH}"
        if self.wire_length is not None and self.length > self.wire_length:
            return f"length {self.length}, {self.wire_length} bytes in the datagram"
        return ""

    def _body_problem(self) -> str:
        """First payload whose body does not add up; a payload cut by the capture cannot be judged."""
        for number, payload in enumerate(self.payloads, 1):
            if payload.problem and payload.whole:
                return f"{self._payload_text(number, payload.payload_type)}: {payload.problem}"
        return ""

    def _chain_problem(self) -> str:
        """Why the chain cannot be right, whatever was captured: judged by Length, not by the captured bytes."""
        count, last = len(self.payloads), self.payloads[-1] if self.payloads else None
        if last is not None and last.offset + last.length > self.length:
            left = self.length - last.offset
            return f"{self._payload_text(count, last.payload_type)} claims {last.length} bytes, {left} are left"
        if last is not None and not last.whole:
            return ""
        following = self.next_payload if last is None else last.next_payload
        if following == 0 or (last is not None and last.payload_type in _CLOSING):
            ends_right = self.chain_end == self.length
            return "" if ends_right else f"chain ends at {self.chain_end}, header says {self.length}"
        text = self._payload_text(count + 1, following)
        if count == MAX_PAYLOADS:
            return f"more than {MAX_PAYLOADS} payloads"
        if self.chain_end + 4 > self.length:
            return f"{text} needs 4 bytes, {self.length - self.chain_end} are left"
        if self.chain_status == ChainStatus.MALFORMED:
            length = int.from_bytes(self.data[2:4], "big")
            return f"{text} has length {length}, below 4"
        return ""


@dataclass(frozen=True, slots=True)
class _Chain:
    """Payloads found, as (type, offset, claimed length), and how the chain ended."""

    found: list[tuple[int, int, int]]
    end: int
    status: ChainStatus
    parsed_to: int


def _walk(buf: bytes, payload_type: int, end: int) -> _Chain:
    """Walk the chain of one message up to the offset ``end``; the plain twin of :func:`walk_chains`."""
    found: list[tuple[int, int, int]] = []
    at = HEADER_LENGTH
    while payload_type != 0:
        if at + 4 > end:
            return _Chain(found, at, ChainStatus.TRUNCATED, at)
        length = int.from_bytes(buf[at + 2 : at + 4], "big")
        if length < 4 or len(found) == MAX_PAYLOADS:
            return _Chain(found, at, ChainStatus.MALFORMED, at)
        found.append((payload_type, at, length))
        if at + length > end:
            return _Chain(found, at, ChainStatus.TRUNCATED, end)
        payload_type = 0 if payload_type in _CLOSING else buf[at]
        at += length
    return _Chain(found, at, ChainStatus.OK if at == end else ChainStatus.MALFORMED, at)
