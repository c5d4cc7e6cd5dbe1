"""Proposals, transforms and attributes inside an IKEv2 SA payload (RFC 7296 section 3.3, docs/domain/numbers.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.ike import registry
from analyzer.ike.registry import numbers
from analyzer.ike.structure import Structure

#: Bounds on what one SA payload may make us build.
MAX_PROPOSALS, MAX_TRANSFORMS = 256, 1024

_SHORT = 0x8000  # attribute format bit: the value is in the length field

#: Registry that names the transform IDs of a transform type; ADDKE1 to ADDKE7 share the groups of KE (RFC 9370).
_REGISTRY_OF = {
    numbers.TRANSFORM_ENCR: "encr",
    numbers.TRANSFORM_PRF: "prf",
    numbers.TRANSFORM_INTEG: "integ",
    numbers.TRANSFORM_KE: "ke",
    numbers.TRANSFORM_SN: "sn",
    **dict.fromkeys(range(numbers.TRANSFORM_ADDKE1, numbers.TRANSFORM_ADDKE7 + 1), "ke"),
}
_KEY_LENGTH = 14  # the only attribute that RFC 7296 section 3.3.5 defines

#: Order of transform types in a text: cipher, integrity, PRF, group, then the others by number.
_TEXT_ORDER = (numbers.TRANSFORM_ENCR, numbers.TRANSFORM_INTEG, numbers.TRANSFORM_PRF, numbers.TRANSFORM_KE)


class Attribute(Structure):
    """Transform attribute: type and value in 4 bytes, or type, length and ``data``.

    Examples
    --------
    >>> key_length = Attribute(bytes.fromhex("800e0100"))
    >>> key_length.number, key_length.value
    (14, 256)
    """

    __hdr__ = (("type", "H", _SHORT | _KEY_LENGTH), ("value", "H", 0))

    type: int
    value: int

    @property
    def number(self) -> int:
        """Attribute type without the format bit."""
        return self.type & ~_SHORT

    @property
    def is_short(self) -> bool:
        """The value is in the header; else ``value`` is the length of ``data``."""
        return bool(self.type & _SHORT)


class Transform(Structure):
    """One algorithm of a proposal.

    Examples
    --------
    >>> transform = Transform(bytes.fromhex("0300000c0100000c800e0100"))
    >>> transform.name, transform.key_length
    ('ENCR_AES_CBC', 256)
    """

    __hdr__ = (
        ("more", "B", 0),
        ("reserved", "B", 0),
        ("length", "H", 8),
        ("type", "B", 0),
        ("reserved2", "B", 0),
        ("id", "H", 0),
    )

    more: int
    length: int
    type: int
    id: int
    attributes: Sequence[Attribute] = ()

    def unpack(self, buf: bytes) -> None:
        super().unpack(buf)
        self.attributes, self.data, self.problem = _attributes(self.data)

    def parts(self) -> Iterable[bytes]:
        return map(bytes, self.attributes)

    @property
    def key_length(self) -> int | None:
        """Key length in bits; None when the transform has none."""
        return next((a.value for a in self.attributes if a.number == _KEY_LENGTH and a.is_short), None)

    @property
    def name(self) -> str:
        """RFC's name of the algorithm; an unknown one as numbers (``encr 99``, ``transform 99 id 5``)."""
        if self.type in _REGISTRY_OF:
            return registry.name(_REGISTRY_OF[self.type], self.id)
        return f"{registry.name('transform', self.type)} id {self.id}"


class Proposal(Structure):
    """Transforms that go together under one protocol.

    Attributes
    ----------
    spi : bytes
        Empty in IKE_SA_INIT.
    transforms : sequence of Transform
        In the order of the message.
    """

    __hdr__ = (
        ("more", "B", 0),
        ("reserved", "B", 0),
        ("length", "H", 8),
        ("number", "B", 1),
        ("protocol", "B", numbers.PROTOCOL_IKE),
        ("spi_size", "B", 0),
        ("transform_count", "B", 0),
    )

    more: int
    length: int
    number: int
    protocol: int
    spi_size: int
    transform_count: int
    spi: bytes = b""
    transforms: Sequence[Transform] = ()

    def unpack(self, buf: bytes) -> None:
        super().unpack(buf)
        self.spi, body = self.data[: self.spi_size], self.data[self.spi_size :]
        found, self.data, self.problem = split_substructures(body, "transform", MAX_TRANSFORMS)
        self.transforms = [Transform(part) for part in found]
        if len(self.spi) < self.spi_size:
            self.problem = f"SPI of {self.spi_size} bytes, {len(self.spi)} are left"
        elif not self.problem and len(found) != self.transform_count:
            self.problem = f"{self.transform_count} transforms announced, {len(found)} found"
        self.problem = self.problem or next((t.problem for t in self.transforms if t.problem), "")

    def parts(self) -> Iterable[bytes]:
        return (self.spi, *map(bytes, self.transforms))


def split_substructures(body: bytes, what: str, limit: int) -> tuple[list[bytes], bytes, str]:
    """Cut a body into proposals or transforms, which start alike: last or more (1), reserved (1), length (2).

    Parameters
    ----------
    body : bytes
        Substructures one behind the other.
    what : str
        What they are, for the text of the problem.
    limit : int
        Most that are taken.

    Returns
    -------
    tuple of (list of bytes, bytes, str)
        The substructures, each of at least 8 bytes; the bytes that are left; why they do not add up, or "".

    Examples
    --------
    >>> split_substructures(bytes.fromhex("0000000804000013ff"), "transform", 1024)
    ([b'\\x00\\x00\\x00\\x08\\x04\\x00\\x00\\x13'], b'\\xff', '1 bytes behind the last transform')
    """
    found: list[bytes] = []
    at, more = 0, bool(body)
    while more:
        number, left = len(found) + 1, len(body) - at
        length = int.from_bytes(body[at + 2 : at + 4], "big")
        if number > limit:
            return found, body[at:], f"more than {limit} {what}s"
        if left < 8:
            return found, body[at:], f"{what} {number} needs 8 bytes, {left} are left"
        if length < 8:
            return found, body[at:], f"{what} {number} has length {length}, below 8"
        if length > left:
            return found, body[at:], f"{what} {number} claims {length} bytes, {left} are left"
        found.append(body[at : at + length])
        more = body[at] != 0
        at += length
    rest = body[at:]
    return found, rest, f"{len(rest)} bytes behind the last {what}" if rest else ""


def _attributes(body: bytes) -> tuple[list[Attribute], bytes, str]:
    found: list[Attribute] = []
    at = 0
    while len(body) - at >= 4:
        head = Attribute(body[at : at + 4])
        size = 4 if head.is_short else 4 + head.value
        if size > len(body) - at:
            return found, body[at:], f"attribute {head.number} claims {size} bytes, {len(body) - at} are left"
        found.append(Attribute(body[at : at + size]))
        at += size
    rest = body[at:]
    return found, rest, f"{len(rest)} bytes behind the last attribute" if rest else ""


def proposal_text(proposal: Proposal) -> str:
    """Write a proposal the way engineers say it: cipher/integrity/PRF/group, alternatives joined by commas.

    Examples
    --------
    >>> cbc = Transform(type=1, id=12, attributes=[Attribute(value=256)])
    >>> rest = [Transform(type=2, id=5), Transform(type=3, id=12), Transform(type=4, id=14), Transform(type=4, id=19)]
    >>> proposal_text(Proposal(transforms=[cbc, *rest]))
    'AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP2048,ECP256'
    """
    by_type: dict[int, list[str]] = {}
    for transform in proposal.transforms:
        by_type.setdefault(transform.type, []).append(_transform_text(transform))
    order = [*_TEXT_ORDER, *sorted(by_type.keys() - set(_TEXT_ORDER))]
    return "/".join(",".join(by_type[kind]) for kind in order if kind in by_type)


def _transform_text(transform: Transform) -> str:
    text = transform.name.removeprefix("ENCR_").removeprefix("AUTH_")
    if transform.key_length is not None:
        text += f"-{transform.key_length}"
    if numbers.TRANSFORM_ADDKE1 <= transform.type <= numbers.TRANSFORM_ADDKE7:
        text = f"{registry.name('transform', transform.type)}={text}"
    return text


def suite_text(proposals: Iterable[Proposal]) -> str:
    """Write all proposals of an SA payload in one line; of a response, the one that was chosen.

    Examples
    --------
    >>> gcm = Transform(type=1, id=20, attributes=[Attribute(value=128)])
    >>> suite_text([Proposal(transforms=[gcm, Transform(type=4, id=31)]), Proposal(transforms=[gcm])])
    'AES_GCM_16-128/CURVE25519 | AES_GCM_16-128'
    """
    return " | ".join(map(proposal_text, proposals))
