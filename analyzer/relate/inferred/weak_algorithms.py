"""Chosen algorithms that standards advise against, and an offer of post-quantum key exchange: a remark, no score.

RFC 8247 sections 2.1 to 2.4 say what IKEv2 must, should and should not use: "MUST-" is expected to be downgraded later,
3DES has come down to "MAY". RFC 9395 deprecates what was never more than a leftover of IKEv1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from analyzer.ike.registry import name, numbers
from analyzer.relate.inferred.cipher_suite import Algorithm

Status = Literal["MUST NOT be used", "SHOULD NOT be used", "on its way out"]

#: RFC 8247, sections 2.1 (encryption), 2.2 (PRF), 2.3 (integrity) and 2.4 (groups).
_STATUS: dict[tuple[int, int], Status] = {
    (numbers.TRANSFORM_ENCR, numbers.ENCR_DES): "MUST NOT be used",
    (numbers.TRANSFORM_ENCR, numbers.ENCR_3DES): "on its way out",
    (numbers.TRANSFORM_PRF, numbers.PRF_HMAC_MD5): "MUST NOT be used",
    (numbers.TRANSFORM_PRF, numbers.PRF_HMAC_SHA1): "on its way out",
    (numbers.TRANSFORM_INTEG, numbers.AUTH_HMAC_MD5_96): "MUST NOT be used",
    (numbers.TRANSFORM_INTEG, numbers.AUTH_HMAC_SHA1_96): "on its way out",
    (numbers.TRANSFORM_KE, numbers.KE_MODP768): "MUST NOT be used",
    (numbers.TRANSFORM_KE, numbers.KE_MODP1024): "SHOULD NOT be used",
    (numbers.TRANSFORM_KE, numbers.KE_MODP1536): "SHOULD NOT be used",
    (numbers.TRANSFORM_KE, numbers.KE_MODP1024_160): "MUST NOT be used",
    (numbers.TRANSFORM_KE, numbers.KE_MODP2048_224): "SHOULD NOT be used",
    (numbers.TRANSFORM_KE, numbers.KE_MODP2048_256): "SHOULD NOT be used",
}
_REGISTRY = {
    numbers.TRANSFORM_ENCR: "encr",
    numbers.TRANSFORM_PRF: "prf",
    numbers.TRANSFORM_INTEG: "integ",
    numbers.TRANSFORM_KE: "ke",
}
_ML_KEM = (numbers.KE_ML_KEM_512, numbers.KE_ML_KEM_768, numbers.KE_ML_KEM_1024)
_KEY_EXCHANGES = (numbers.TRANSFORM_KE, *range(numbers.TRANSFORM_ADDKE1, numbers.TRANSFORM_ADDKE7 + 1))


def weak(chosen: Iterable[Algorithm]) -> dict[Status, list[str]]:
    """Those of the chosen algorithms that are weak or on their way out, by what RFC 8247 says of them.

    Examples
    --------
    >>> weak([Algorithm(1, 3), Algorithm(2, 5), Algorithm(4, 2)])
    {'on its way out': ['3DES'], 'SHOULD NOT be used': ['MODP1024 (group 2)']}
    """
    found: dict[Status, list[str]] = {}
    for algorithm in dict.fromkeys(chosen):
        status = _STATUS.get((algorithm.type, algorithm.id))
        if status is not None:
            text = name(_REGISTRY[algorithm.type], algorithm.id).removeprefix("ENCR_").removeprefix("AUTH_")
            group = f" (group {algorithm.id})" if algorithm.type == numbers.TRANSFORM_KE else ""
            found.setdefault(status, []).append(f"{text}{group}")
    return found


def has_ml_kem(algorithms: Iterable[Algorithm]) -> bool:
    """One of them is an ML-KEM key exchange, alone or added (RFC 9370).

    Examples
    --------
    >>> has_ml_kem([Algorithm(4, 31), Algorithm(6, 36)]), has_ml_kem([Algorithm(4, 31), Algorithm(1, 36)])
    (True, False)
    """
    return any(a.type in _KEY_EXCHANGES and a.id in _ML_KEM for a in algorithms)


#: Least bytes of what a request for a Child SA holds beside a key: N(REKEY_SA), SA, Nonce, two traffic selectors
#: (RFC 7296 section 1.3.3; sizes by sections 3.3, 3.9, 3.10 and 3.13).
_WITHOUT_KEY = 12 + 44 + 20 + 24 + 24
_KE_HEADER = 8


def has_no_room_for_key(content: int, key: int) -> bool:
    """A request for a Child SA whose payloads take at most ``content`` bytes holds no key of ``key`` bytes: no PFS.

    Examples
    --------
    A rekey of 256 bytes of payloads, where the IKE SA has a key of 2048 bits; and one of 440.

    >>> has_no_room_for_key(256, 256), has_no_room_for_key(440, 256)
    (True, False)
    """
    return content < _WITHOUT_KEY + _KE_HEADER + key
