"""Expanding what Windows compressed with XPRESS, its plain LZ77 (MS-XCA sections 2.3 and 2.4): buffers of an ETW log.

The data are groups of 32 bits, the highest first: 0 is a literal byte, 1 a match. A match is 16 bits (13 of distance,
3 of length); a length that does not fit goes on in half a byte, a byte, two bytes, four bytes.
"""

from __future__ import annotations

_SHORTEST = 3  # bytes of a match
_GROUP = 32


def expand(data: bytes, size: int) -> bytes:
    """Expand ``data`` to ``size`` bytes at most; fewer come back where it is damaged or ends early.

    Parameters
    ----------
    data : bytes
        The compressed data.
    size : int
        Length of the whole once expanded, bytes. It bounds memory and time, whatever the data say.

    Examples
    --------
    The two examples of MS-XCA section 3.1:

    >>> expand(bytes.fromhex("3f000000") + b"abcdefghijklmnopqrstuvwxyz", 26)
    b'abcdefghijklmnopqrstuvwxyz'
    >>> expand(bytes.fromhex("ffffff1f 616263 1700 0fff26 01"), 300) == b"abc" * 100
    True
    """
    out = bytearray()
    at, end = 0, len(data)
    half = -1  # where the unused half of a length byte is
    while at + 4 <= end and len(out) < size:
        bits = int.from_bytes(data[at : at + 4], "little")
        at += 4
        left = _GROUP
        while left:
            literals = left - (bits & ((1 << left) - 1)).bit_length()
            if literals:
                out += data[at : at + literals]
                at += literals
                left -= literals
                if not left or len(out) >= size:
                    break
            if at + 2 > end:
                return bytes(out[:size])
            left -= 1
            match = data[at] | data[at + 1] << 8
            at += 2
            length, distance = match & 7, (match >> 3) + 1
            if length == 7:
                if half >= 0:
                    length, half = data[half] >> 4, -1
                elif at < end:
                    length, half = data[at] & 15, at
                    at += 1
                if length == 15:
                    length, at = _long_length(data, at)
                length += 7
            length = min(length + _SHORTEST, size - len(out))
            begin = len(out) - distance
            if begin < 0:
                return bytes(out)
            if length <= distance:
                out += out[begin : begin + length]
            else:
                out += (out[begin:] * (length // distance + 1))[:length]
            if len(out) >= size:
                break
    return bytes(out[:size])


def _long_length(data: bytes, at: int) -> tuple[int, int]:
    """A length from 15 on, less the 7 of the first three bits; and where the data go on."""
    length = int.from_bytes(data[at : at + 1], "little")
    at += 1
    if length < 255:
        return length + 15, at
    length = int.from_bytes(data[at : at + 2], "little")
    at += 2
    if not length:
        length = int.from_bytes(data[at : at + 4], "little")
        at += 4
    return max(length - 7, 0), at
