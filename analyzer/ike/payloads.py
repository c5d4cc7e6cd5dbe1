"""Payloads of IKEv2 and the few of IKEv1 that say something, as dpkt classes.

Sources: RFC 7296 section 3, docs/domain/ike-on-the-wire.md.

Unknown payload types, and payloads too short for their own header, survive as a plain :class:`Payload`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from analyzer.ike import registry
from analyzer.ike.proposals import MAX_PROPOSALS, Proposal, split_substructures
from analyzer.ike.registry import VendorId, numbers
from analyzer.ike.structure import Header, Structure

#: Generic payload header (RFC 7296 section 3.2).
GENERIC: Header = (("next_payload", "B", 0), ("flags", "B", 0), ("length", "H", 4))


class Payload(Structure):
    """A payload with its generic header; ``data`` is its body.

    Attributes
    ----------
    next_payload, flags, length : int
        Generic header.
    payload_type : int
        Its own type, which the payload before it (or the IKE header) names.
    offset : int
        Where it starts in the IKE message, in bytes.
    whole : bool
        All its bytes were captured.
    """

    __hdr__: Header = GENERIC

    next_payload: int
    flags: int
    length: int
    payload_type: int = 0
    offset: int = 0
    whole: bool = True

    @property
    def critical(self) -> bool:
        """Critical bit: the receiver must reject the message if it does not know this payload."""
        return bool(self.flags & 0x80)


class SA(Payload):
    """Security Association: the proposals offered, or the one chosen."""

    proposals: Sequence[Proposal] = ()

    def unpack(self, buf: bytes) -> None:
        super().unpack(buf)
        found, self.data, self.problem = split_substructures(self.data, "proposal", MAX_PROPOSALS)
        self.proposals = [Proposal(part) for part in found]
        first = next((p for p in self.proposals if p.problem), None)
        if first is not None:
            self.problem = f"proposal {first.number}: {first.problem}"

    def parts(self) -> Iterable[bytes]:
        return map(bytes, self.proposals)


class KE(Payload):
    """Key Exchange: the group and the public value in ``data``.

    Examples
    --------
    >>> ke = KE(bytes.fromhex("28000028001f0000") + bytes(32))
    >>> ke.group, len(ke.data)
    (31, 32)
    """

    __hdr__ = (*GENERIC, ("group", "H", 0), ("reserved", "H", 0))

    group: int


class Identification(Payload):
    """IDi or IDr; encrypted in practice."""

    __hdr__ = (*GENERIC, ("id_type", "B", 0), ("reserved", "3s", b"\0\0\0"))

    id_type: int


class Cert(Payload):
    """Certificate in ``data``."""

    __hdr__ = (*GENERIC, ("encoding", "B", numbers.CERT_X509_SIGNATURE))

    encoding: int


class CertReq(Cert):
    """Certificate Request: hashes of the CAs that the sender trusts."""

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """SHA-1 hashes of the trusted CAs' public keys, 20 bytes each; empty for encodings that have none."""
        if self.encoding not in (numbers.CERT_X509_SIGNATURE, numbers.CERT_HASH_AND_URL):
            return ()
        return tuple(self.data[at : at + 20] for at in range(0, len(self.data) - 19, 20))


class Nonce(Payload):
    """Nonce in ``data``, 16 to 256 bytes."""


class Notify(Payload):
    """Notification: an error (below 16384) or a status.

    Examples
    --------
    >>> notify = Notify(bytes.fromhex("0000000a000000110013"))
    >>> notify.name, notify.wanted_group
    ('INVALID_KE_PAYLOAD', 19)
    """

    __hdr__ = (*GENERIC, ("protocol", "B", 0), ("spi_size", "B", 0), ("type", "H", 0))

    protocol: int
    spi_size: int
    type: int
    spi: bytes = b""
    version = 2

    def unpack(self, buf: bytes) -> None:
        super().unpack(buf)
        self.spi, self.data = self.data[: self.spi_size], self.data[self.spi_size :]
        if len(self.spi) < self.spi_size:
            self.problem = f"SPI of {self.spi_size} bytes, {len(self.spi)} are left"

    def parts(self) -> Iterable[bytes]:
        return (self.spi,)

    @property
    def name(self) -> str:
        """RFC's name of the notify type, or ``notify N``."""
        return registry.name("notify", self.type, self.version)

    @property
    def is_error(self) -> bool:
        """Error types are below 16384; the others are status."""
        return self.type < 16384

    @property
    def wanted_group(self) -> int | None:
        """Group that the sender of INVALID_KE_PAYLOAD wants instead; None for other notifies."""
        if (self.version, self.type) != (2, numbers.INVALID_KE_PAYLOAD) or len(self.data) < 2:
            return None
        return int.from_bytes(self.data[:2], "big")

    @property
    def hash_algorithms(self) -> tuple[int, ...]:
        """Hash algorithms of SIGNATURE_HASH_ALGORITHMS (RFC 7427 section 4); empty for other notifies."""
        if (self.version, self.type) != (2, numbers.SIGNATURE_HASH_ALGORITHMS):
            return ()
        return tuple(int.from_bytes(self.data[at : at + 2], "big") for at in range(0, len(self.data) - 1, 2))


class NotifyV1(Notify):
    """Notification of IKEv1: a DOI comes first (RFC 2408 section 3.14)."""

    __hdr__ = (*GENERIC, ("doi", "I", 1), ("protocol", "B", 0), ("spi_size", "B", 0), ("type", "H", 0))

    doi: int
    version = 1


class Delete(Payload):
    """Delete: the SPIs that the sender has removed."""

    __hdr__ = (*GENERIC, ("protocol", "B", 0), ("spi_size", "B", 0), ("count", "H", 0))

    protocol: int
    spi_size: int
    count: int
    spis: Sequence[bytes] = ()

    def unpack(self, buf: bytes) -> None:
        super().unpack(buf)
        whole = min(self.count, len(self.data) // self.spi_size) if self.spi_size else 0
        self.spis = tuple(self.data[i * self.spi_size : (i + 1) * self.spi_size] for i in range(whole))
        if len(self.data) != self.count * self.spi_size:
            self.problem = f"{self.count} SPIs of {self.spi_size} bytes announced, {len(self.data)} bytes found"
        self.data = self.data[whole * self.spi_size :]

    def parts(self) -> Iterable[bytes]:
        return self.spis


class DeleteV1(Delete):
    """Delete of IKEv1: a DOI comes first (RFC 2408 section 3.15)."""

    __hdr__ = (*GENERIC, ("doi", "I", 1), ("protocol", "B", 0), ("spi_size", "B", 0), ("count", "H", 0))

    doi: int


class VendorID(Payload):
    """Vendor ID in ``data``."""

    @property
    def vendor(self) -> VendorId | None:
        """What the registry knows of it."""
        return registry.vendor(self.data)


class SK(Payload):
    """Encrypted and Authenticated: IV, ciphertext and ICV in ``data``; always the last payload."""

    @property
    def inner_payload(self) -> int:
        """Type of the first inner payload, in clear; 0 for none."""
        return self.next_payload


class SKF(SK):
    """Encrypted and Authenticated Fragment (RFC 7383 section 2.5).

    Examples
    --------
    >>> skf = SKF(bytes.fromhex("2300000c00010003") + bytes(4))
    >>> skf.inner_payload, skf.number, skf.total
    (35, 1, 3)
    """

    __hdr__ = (*GENERIC, ("number", "H", 1), ("total", "H", 1))

    number: int
    total: int

    def unpack(self, buf: bytes) -> None:
        super().unpack(buf)
        if not 1 <= self.number <= self.total:
            self.problem = f"fragment {self.number} of {self.total}"


class FragmentV1(Payload):
    """IKEv1 fragment: a piece of an already encrypted message in ``data`` (MS-IKEE 3.3.6.1)."""

    __hdr__ = (*GENERIC, ("fragment_id", "H", 0), ("number", "B", 1), ("fragment_flags", "B", 0))

    fragment_id: int
    number: int
    fragment_flags: int

    @property
    def is_last(self) -> bool:
        """Flag of the last fragment."""
        return bool(self.fragment_flags & 1)


_V2: Mapping[int, type[Payload]] = {
    numbers.SA: SA,
    numbers.KE: KE,
    numbers.IDI: Identification,
    numbers.IDR: Identification,
    numbers.CERT: Cert,
    numbers.CERTREQ: CertReq,
    numbers.NONCE: Nonce,
    numbers.N: Notify,
    numbers.D: Delete,
    numbers.V: VendorID,
    numbers.SK: SK,
    numbers.SKF: SKF,
}
_V1: Mapping[int, type[Payload]] = {
    numbers.V1_CERT: Cert,
    numbers.V1_NONCE: Nonce,
    numbers.V1_N: NotifyV1,
    numbers.V1_D: DeleteV1,
    numbers.V1_VID: VendorID,
    numbers.V1_FRAGMENT: FragmentV1,
    numbers.SK: SK,  # never in IKEv1; here so that a damaged version octet does not hide what closes a chain
    numbers.SKF: SKF,
}


def parse_payload(payload_type: int, raw: bytes, version: int = 2, offset: int = 0) -> Payload:
    """Make the object of one payload from its bytes, which may be fewer than its length says. Never raises.

    Parameters
    ----------
    payload_type : int
        Type, as the payload before it says.
    raw : bytes
        Bytes from its generic header on, 4 at least.
    version : int
        Major version of IKE.
    offset : int
        Where it starts in the IKE message.

    Examples
    --------
    >>> unknown = parse_payload(99, bytes.fromhex("00000006abcd"))
    >>> type(unknown).__name__, unknown.payload_type, unknown.data.hex()
    ('Payload', 99, 'abcd')
    """
    kind = (_V1 if version == 1 else _V2).get(payload_type, Payload)
    if len(raw) >= kind.__hdr_len__:
        payload = kind(raw)
    else:
        payload = Payload(raw)
        payload.problem = f"{len(raw)} bytes, its header needs {kind.__hdr_len__}"
    payload.payload_type, payload.offset = payload_type, offset
    payload.whole = len(raw) >= payload.length
    return payload
