"""IP addresses as bytes, as text and as numbers.

``ipaddress`` and not ``socket``, whose functions not every system has.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import numpy as np

from analyzer.columns import Ints

#: Distinct addresses kept; later ones share one number, so that spoofed sources cannot fill the memory.
MAX_ADDRESSES = 500_000


#: Stands for all addresses beyond; it is shown as 0.0.0.0.
_OTHERS = b""

#: Addresses whose text is kept; beyond, it is made anew when it is asked for.
_TEXTS_KEPT = 65_536


class Addresses:
    """IP addresses met in a capture, each once, by number.

    Examples
    --------
    >>> a = Addresses()
    >>> a.number(bytes([192, 0, 2, 1])), a.number(bytes([192, 0, 2, 1]))
    (0, 0)
    >>> a.text(0)
    '192.0.2.1'
    """

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._raw: list[bytes] = []
        self._texts: dict[int, str] = {}

    def number(self, raw: bytes) -> int:
        number = self._numbers.get(raw)
        if number is None:
            if len(self._raw) >= MAX_ADDRESSES:
                return self.number(_OTHERS) if _OTHERS in self._numbers else self._add(_OTHERS)
            number = self._add(raw)
        return number

    def _add(self, raw: bytes) -> int:
        number = self._numbers[raw] = len(self._raw)
        self._raw.append(raw)
        return number

    def numbers(self, raw: Sequence[bytes]) -> Ints:
        return np.array([self.number(r) for r in raw], dtype=np.int64)

    def numbers_ipv4(self, words: Ints) -> Ints:
        """The same for many IPv4 addresses given as 32-bit numbers."""
        distinct, inverse = np.unique(words, return_inverse=True)
        known = np.array([self.number(int(w).to_bytes(4, "big")) for w in distinct.tolist()], dtype=np.int64)
        return known[inverse]

    def raw(self, number: int) -> bytes:
        return self._raw[number]

    def find(self, text: str) -> int | None:
        """The number of an address written as text; None for one that was not met."""
        try:
            raw = address_bytes(text)
        except AddressValueError:
            return None
        found = self._numbers.get(raw)
        return self._numbers.get(_OTHERS) if found is None and raw == bytes(4) else found

    def text(self, number: int) -> str:
        text = self._texts.get(number)
        if text is None:
            if len(self._texts) >= _TEXTS_KEPT:
                self._texts.clear()
            text = self._texts[number] = address_text(self._raw[number] or bytes(4))
        return text

    def __len__(self) -> int:
        return len(self._raw)


def address_text(raw: bytes) -> str:
    """An address of 4 or 16 bytes as text (RFC 5952).

    Examples
    --------
    >>> address_text(bytes([192, 0, 2, 1])), address_text(bytes(10) + bytes([255, 255, 192, 0, 2, 1]))
    ('192.0.2.1', '::ffff:192.0.2.1')
    """
    if len(raw) == 4:
        return str(IPv4Address(raw))
    # What Python prints of an IPv4 address in an IPv6 one differs between its versions.
    mapped = raw[:12] == bytes(10) + b"\xff\xff"
    return f"::ffff:{IPv4Address(raw[12:])}" if mapped else str(IPv6Address(raw))


def address_bytes(text: str) -> bytes:
    """An address written as text, as 4 or 16 bytes.

    Raises
    ------
    ValueError
        It is no address.
    """
    return IPv6Address(text).packed if ":" in text else IPv4Address(text).packed
