"""How large a protected IKE message is, from the cipher suite that the SA payload shows in the clear.

A message with one Encrypted payload is: header (28), payload header (4; of SKF 8), IV, content, padding, one byte of
pad length, ICV (RFC 7296 section 3.14, RFC 7383 section 2.5). Padding fills content and pad length up to whole blocks;
counter modes and AEAD have none. Sizes by algorithm: RFC 7296 section 3.14, RFC 5282, RFC 5930, RFC 7634, RFC 4868.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.ike.registry import name, numbers
from analyzer.protocol import IKE_HEADER
from analyzer.relate.seen.message import Message

#: IKE header, and the fixed part of an SK and of an SKF payload, bytes.
SK_HEADER, SKF_HEADER = 4, 8

#: IV and block of ciphers that need an integrity algorithm beside them, bytes.
_CIPHERS = {
    numbers.ENCR_DES: (8, 8),
    numbers.ENCR_3DES: (8, 8),
    numbers.ENCR_RC5: (8, 8),
    numbers.ENCR_IDEA: (8, 8),
    numbers.ENCR_CAST: (8, 8),
    numbers.ENCR_BLOWFISH: (8, 8),
    numbers.ENCR_AES_CBC: (16, 16),
    numbers.ENCR_CAMELLIA_CBC: (16, 16),
    numbers.ENCR_AES_CTR: (8, 1),
    numbers.ENCR_CAMELLIA_CTR: (8, 1),
}

#: IV and ICV of ciphers that authenticate as well (AEAD), bytes.
_AEAD = {
    numbers.ENCR_AES_CCM_8: (8, 8),
    numbers.ENCR_AES_CCM_12: (8, 12),
    numbers.ENCR_AES_CCM_16: (8, 16),
    numbers.ENCR_AES_GCM_8: (8, 8),
    numbers.ENCR_AES_GCM_12: (8, 12),
    numbers.ENCR_AES_GCM_16: (8, 16),
    numbers.ENCR_CAMELLIA_CCM_8: (8, 8),
    numbers.ENCR_CAMELLIA_CCM_12: (8, 12),
    numbers.ENCR_CAMELLIA_CCM_16: (8, 16),
    numbers.ENCR_CHACHA20_POLY1305: (8, 16),
}

#: ICV of integrity algorithms, bytes.
_INTEGRITY = {
    numbers.AUTH_HMAC_MD5_96: 12,
    numbers.AUTH_HMAC_SHA1_96: 12,
    numbers.AUTH_AES_XCBC_96: 12,
    numbers.AUTH_HMAC_MD5_128: 16,
    numbers.AUTH_HMAC_SHA1_160: 20,
    numbers.AUTH_AES_CMAC_96: 12,
    numbers.AUTH_HMAC_SHA2_256_128: 16,
    numbers.AUTH_HMAC_SHA2_384_192: 24,
    numbers.AUTH_HMAC_SHA2_512_256: 32,
}


#: Fixed parts of a proposal and of a transform, bytes; transforms that are read; attribute type of Key Length.
_PROPOSAL, _TRANSFORM, _MOST = 8, 8, 64
_KEY_LENGTH = b"\x80\x0e"


@dataclass(frozen=True, slots=True)
class CipherSuite:
    """Encryption and integrity of an IKE SA, as far as sizes go.

    Attributes
    ----------
    name : str
        As ``AES_CBC-256/HMAC_SHA2_256_128``.
    iv, block, icv : int
        Bytes; a block of 1 means that nothing is padded.
    """

    name: str
    iv: int
    block: int
    icv: int

    def length(self, content: int, *, header: int = SK_HEADER) -> int:
        """IKE length of a message whose inner payloads take ``content`` bytes, padded no more than it must be.

        Examples
        --------
        The table of docs/domain/encrypted-messages.md no. 2: empty, and with one notify of 8 bytes.

        >>> gcm, cbc = CipherSuite("AES_GCM_16-256", 8, 1, 16), CipherSuite("AES_CBC-256/HMAC_SHA2_256_128", 16, 16, 16)
        >>> gcm.length(0), gcm.length(8), cbc.length(0), cbc.length(8)
        (57, 65, 80, 80)
        """
        return IKE_HEADER + header + self.iv + -(-(content + 1) // self.block) * self.block + self.icv

    def content(self, length: int, *, header: int = SK_HEADER) -> tuple[int, int]:
        """Fewest and most bytes of inner payloads in a message of an IKE length, the padding being unknown.

        Examples
        --------
        >>> CipherSuite("AES_GCM_16-256", 8, 1, 16).content(65), CipherSuite("3DES/HMAC_SHA1_96", 8, 8, 12).content(68)
        ((8, 8), (8, 15))
        """
        inside = length - IKE_HEADER - header - self.iv - self.icv
        return max(inside - self.block, 0), max(inside - 1, 0)

    def room(self, length: int) -> int:
        """Most bytes of inner payloads that an SKF message of at most this IKE length carries; 0 when none fit.

        Examples
        --------
        >>> CipherSuite("AES_CBC-256/HMAC_SHA2_256_128", 16, 16, 16).room(544)
        463
        """
        inside = length - IKE_HEADER - SKF_HEADER - self.iv - self.icv
        return max(inside // self.block * self.block - 1, 0)


#: What is met in practice, for sizes where the trace does not show what was agreed (docs/domain/encrypted-messages.md
#: no. 2).
COMMON_SUITES = (
    CipherSuite("AES_GCM_16", 8, 1, 16),
    CipherSuite("AES_CBC/HMAC_SHA1_96", 16, 16, 12),
    CipherSuite("AES_CBC/HMAC_SHA2_256_128", 16, 16, 16),
    CipherSuite("AES_CBC/HMAC_SHA2_384_192", 16, 16, 24),
    CipherSuite("AES_CBC/HMAC_SHA2_512_256", 16, 16, 32),
)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One transform of a proposal: type, ID and key length in bits (0: none), RFC 7296 section 3.3."""

    type: int
    id: int
    key_length: int = 0


def suite_of(algorithms: Iterable[Algorithm]) -> CipherSuite | None:
    """Sizes of a chosen proposal; None when it names no one cipher, or one whose sizes are not known.

    Examples
    --------
    >>> cbc, sha256 = Algorithm(1, 12, 256), Algorithm(3, 12)
    >>> suite_of([cbc, sha256, Algorithm(2, 5)])
    CipherSuite(name='AES_CBC-256/HMAC_SHA2_256_128', iv=16, block=16, icv=16)
    >>> suite_of([cbc]) is None
    True
    """
    agreed_on = list(algorithms)
    ciphers = [a for a in agreed_on if a.type == numbers.TRANSFORM_ENCR]
    # NONE beside an AEAD cipher is allowed (RFC 7296 section 3.3.3).
    integrity = [a for a in agreed_on if a.type == numbers.TRANSFORM_INTEG and a.id]
    if len(ciphers) != 1 or len(integrity) > 1:
        return None
    cipher = ciphers[0]
    text = name("encr", cipher.id).removeprefix("ENCR_") + (f"-{cipher.key_length}" if cipher.key_length else "")
    if cipher.id in _AEAD:
        iv, icv = _AEAD[cipher.id]
        return CipherSuite(text, iv, 1, icv)
    if cipher.id not in _CIPHERS or not integrity or integrity[0].id not in _INTEGRITY:
        return None
    iv, block = _CIPHERS[cipher.id]
    protection = name("integ", integrity[0].id).removeprefix("AUTH_")
    return CipherSuite(f"{text}/{protection}", iv, block, _INTEGRITY[integrity[0].id])


def algorithms_of(body: bytes) -> tuple[Algorithm, ...]:
    """The transforms in an SA payload of one proposal, as in a response; empty when it does not add up.

    :class:`analyzer.ike.proposals.Proposal` reads every SA payload; this reads the one that most reports need, without
    what that imports.

    Parameters
    ----------
    body : bytes
        Of the SA payload, behind the generic payload header (RFC 7296 section 3.3.1).

    Examples
    --------
    >>> body = bytes.fromhex("0000001401010001" "0000000c0100000c800e0100")
    >>> algorithms_of(body), algorithms_of(body[:-1])
    ((Algorithm(type=1, id=12, key_length=256),), ())
    """
    if len(body) < _PROPOSAL or body[0] or int.from_bytes(body[2:4], "big") != len(body):
        return ()
    found: list[Algorithm] = []
    at = _PROPOSAL + body[6]
    while at + _TRANSFORM <= len(body) and len(found) < _MOST:
        length = int.from_bytes(body[at + 2 : at + 4], "big")
        if length < _TRANSFORM or at + length > len(body):
            return ()
        number = int.from_bytes(body[at + 6 : at + 8], "big")
        found.append(Algorithm(body[at + 4], number, _key_length(body[at + _TRANSFORM : at + length])))
        at += length
    return tuple(found) if at == len(body) else ()


def _key_length(attributes: bytes) -> int:
    """Value of the first attribute when it is Key Length, the only one that is defined (RFC 7296 section 3.3.5)."""
    return int.from_bytes(attributes[2:4], "big") if attributes[:2] == _KEY_LENGTH and len(attributes) >= 4 else 0


def agreed_suite(messages: Iterable[Message]) -> CipherSuite | None:
    """What the responder chose in IKE_SA_INIT; None when that is not in the trace.

    Parameters
    ----------
    messages : iterable of Message
        Of one IKE SA.
    """
    return suite_of(chosen_algorithms(messages))


def chosen_algorithms(messages: Iterable[Message]) -> tuple[Algorithm, ...]:
    """The transforms that the responder chose in IKE_SA_INIT; empty when they are not in the trace."""
    for message in messages:
        if message.version == 2 and message.exchange == numbers.IKE_SA_INIT and message.is_response:
            for body in message.payload_bodies(numbers.SA):
                return algorithms_of(body)
    return ()
