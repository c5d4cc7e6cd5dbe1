"""The clear payloads of IKE messages, built with struct from RFC 7296 section 3 (IKEv1: RFC 2408 section 3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.errors import UsageError
from sample_pcaps.lab.names import (
    ADDKE1,
    DEFAULT_DATA,
    DEFAULT_PROPOSALS,
    ENCR,
    GROUP_LENGTHS,
    GROUPS,
    IKEV1_PAYLOADS,
    INTEG,
    KE,
    NOTIFIES,
    PAYLOADS,
    PRF,
    PRF_OF_INTEG,
    TRANSFORMS,
    VENDOR_IDS,
)
from sample_pcaps.lab.seeded import seeded

#: A nonce holds 16 to 256 bytes (RFC 7296 section 3.9).
NONCE, LONGEST_NONCE = 32, 256


@dataclass(frozen=True, slots=True)
class Body:
    """A payload before it is chained: its type number and the bytes behind the generic payload header."""

    type: int
    data: bytes


def chain(bodies: Sequence[Body], after: int = 0) -> bytes:
    """Chain payloads; the last one's Next Payload is ``after``."""
    chained, following = b"", after
    for body in reversed(bodies):
        chained = struct.pack("!BBH", following, 0, 4 + len(body.data)) + body.data + chained
        following = body.type
    return chained


def proposal(words: str) -> list[tuple[int, int, int]]:
    """Return the transforms (type, ID, key length) of a proposal such as ``aes256-sha256-modp2048``.

    A PRF that is not said is that of the integrity algorithm (of SHA2-256 beside an AEAD cipher).

    Examples
    --------
    >>> proposal("aes256-sha1-modp1024")
    [(1, 12, 256), (3, 2, 0), (2, 2, 0), (4, 2, 0)]
    """
    transforms = []
    for word in words.split("-"):
        number, underscore, group = word.partition("_")
        if word in TRANSFORMS:
            transforms.append(TRANSFORMS[word])
        elif word in GROUPS:
            transforms.append((KE, GROUPS[word][0], 0))
        elif underscore and number[:2] == "ke" and number[2:].isdecimal() and group in GROUPS:
            transforms.append((ADDKE1 + int(number[2:]) - 1, GROUPS[group][0], 0))
        else:
            raise UsageError(f"proposal {words}: the maker does not know {word!r}")
    kinds = {kind for kind, _, _ in transforms}
    if PRF not in kinds:
        integrity = next((number for kind, number, _ in transforms if kind == INTEG), 12)
        transforms.append((PRF, PRF_OF_INTEG[integrity], 0))
    order = [ENCR, INTEG, PRF, KE]
    return sorted(transforms, key=lambda one: order.index(one[0]) if one[0] in order else one[0])


def first_group(proposals: Sequence[str]) -> int:
    """Return the key exchange method of the first proposal."""
    return next(number for kind, number, _ in proposal((proposals or DEFAULT_PROPOSALS)[0]) if kind == KE)


def sa(proposals: Sequence[str], numbers: Sequence[int] | None = None) -> Body:
    """Build the SA payload; ``numbers`` are the proposal numbers, 1, 2, 3 ... when not given."""
    parts = []
    for i, words in enumerate(proposals):
        transforms = proposal(words)
        encoded = b""
        for j, (kind, number, bits) in enumerate(transforms):
            attribute = struct.pack("!HH", 0x800E, bits) if bits else b""
            more = 3 if j + 1 < len(transforms) else 0
            encoded += struct.pack("!BBHBBH", more, 0, 8 + len(attribute), kind, 0, number) + attribute
        more = 2 if i + 1 < len(proposals) else 0
        number = numbers[i] if numbers else i + 1
        parts.append(struct.pack("!BBHBBBB", more, 0, 8 + len(encoded), number, 1, 0, len(transforms)) + encoded)
    return Body(PAYLOADS["SA"], b"".join(parts))


def ikev1_sa() -> Body:
    """Build an IKEv1 SA: 3DES, SHA-1, group 2, pre-shared key, 28800 s (RFC 2409 appendix A)."""
    attributes = b"".join(struct.pack("!HH", 0x8000 | kind, value) for kind, value in ((1, 5), (2, 2), (4, 2), (3, 1)))
    attributes += struct.pack("!HHHH", 0x8000 | 11, 1, 0x8000 | 12, 28800)
    transform = struct.pack("!BBHBBH", 0, 0, 8 + len(attributes), 1, 1, 0) + attributes
    offered = struct.pack("!BBHBBBB", 0, 0, 8 + len(transform), 1, 1, 0, 1) + transform
    return Body(IKEV1_PAYLOADS["SA"], struct.pack("!II", 1, 1) + offered)


def key_exchange(group: int, *label: object) -> Body:
    """Build the KE payload with a public value of the group's length."""
    if group not in GROUP_LENGTHS:
        raise UsageError(f"KE({group}): the maker does not know this group")
    return Body(PAYLOADS["KE"], struct.pack("!HH", group, 0) + seeded(GROUP_LENGTHS[group], "ke", group, *label))


def nonce(length: int, *label: object) -> Body:
    """Build the nonce payload."""
    return Body(PAYLOADS["No"], seeded(length, "nonce", *label))


def notify_number(name: str) -> int:
    """Return the number of a notify's name, or of ``notify 40999``."""
    if name.startswith("notify "):
        return int(name.split()[1])
    if name not in NOTIFIES:
        raise UsageError(f"N({name}): the maker does not know this notify; write 'notify NUMBER'")
    return NOTIFIES[name]


def notify(name: str, data: str | bytes | None, *label: object) -> Body:
    """Build a notify without SPI; ``data`` as in a ladder (``19`` is two bytes, ``0x...`` hex), or a default."""
    number = notify_number(name)
    if data is None:
        data = struct.pack("!HHH", 2, 3, 4) if number == 16431 else seeded(DEFAULT_DATA.get(number, 0), name, *label)
    elif isinstance(data, str):
        data = bytes.fromhex(data[2:]) if data.startswith("0x") else struct.pack("!H", int(data))
    return Body(PAYLOADS["N"], struct.pack("!BBH", 0, 0, number) + data)


def vendor_id(text: str | None, *label: object) -> Body:
    """Build a vendor ID from a name of the lab's table or from hex."""
    if text is None:
        data = seeded(16, "vendor", *label)
    elif text.startswith("0x"):
        data = bytes.fromhex(text[2:])
    elif text in VENDOR_IDS:
        data = VENDOR_IDS[text]
    else:
        raise UsageError(f"V({text}): the maker does not know this vendor ID; write its bytes as 0x...")
    return Body(PAYLOADS["V"], data)


def certreq(authorities: int, *label: object) -> Body:
    """Build a CERTREQ of X.509 type with the SHA-1 hashes of so many authorities."""
    return Body(PAYLOADS["CERTREQ"], b"\x04" + seeded(20 * authorities, "certreq", *label))
