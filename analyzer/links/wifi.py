"""Wi-Fi frames (IEEE 802.11 section 9) as far as the Ethernet type of what they carry, and the headers of monitor mode.

A data frame has a header of 24 bytes, more with four addresses, QoS or HT control; then LLC and SNAP, or an aggregate
of several frames (A-MSDU). What is encrypted cannot be seen; Windows leaves the mark on frames that it decrypted, so
the bytes behind the header decide.
"""

from __future__ import annotations

from collections.abc import Iterator

#: Link types: without and with a header of the radio: radiotap, Prism, AVS; and PPI, which names the type inside.
WIFI, RADIOTAP, PRISM, AVS, PPI = 105, 127, 119, 163, 192

_DATA, _NO_DATA, _QOS = 2, 0x4, 0x8
_TO_DS, _FROM_DS, _PROTECTED, _ORDER = 0x01, 0x02, 0x40, 0x80
_AGGREGATE = 0x80
_SNAP = b"\xaa\xaa\x03\0\0\0"
_AVS_MAGIC = (b"\x80\x21\x10\x01", b"\x80\x21\x10\x02")
_PRISM_LENGTH = 144

#: Radiotap: bit of the present word that another one follows, its fields for time and flags, the flag for padding.
_MORE_PRESENT, _TSFT, _FLAGS, _PADDED = 0x80000000, 0x1, 0x2, 0x20

#: Frames in an aggregate that are looked at; an A-MSDU has 11,454 bytes at most.
MAX_AGGREGATE = 256


def ethertypes(link_type: int, frame: bytes) -> Iterator[tuple[int, int]]:
    """The Ethernet type and the offset of what it names, for each frame that a captured Wi-Fi frame carries.

    Examples
    --------
    A QoS data frame to the access point, IPv4 inside:

    >>> header = bytes.fromhex("8801") + bytes(22) + b"\\0\\0"
    >>> list(ethertypes(105, header + bytes.fromhex("aaaa03 000000 0800") + b"\\x45"))
    [(2048, 34)]
    """
    at, padded = _mac_header(link_type, frame)
    if at < 0:
        return
    body, aggregate = _body(frame, at, padded)
    if body < 0:
        return
    if not aggregate:
        yield from _snap(frame, body)
        return
    for _ in range(MAX_AGGREGATE):
        if body + 14 > len(frame):
            return
        length = int.from_bytes(frame[body + 12 : body + 14], "big")
        yield from _snap(frame, body + 14)
        body += 14 + length + -(14 + length) % 4


def is_encrypted(link_type: int, frame: bytes) -> bool:
    """Whether it is a data frame whose content is encrypted.

    Examples
    --------
    >>> is_encrypted(105, bytes.fromhex("0841") + bytes(22) + bytes.fromhex("0100002000000000") + bytes(40))
    True
    """
    at, padded = _mac_header(link_type, frame)
    if at < 0:
        return False
    body, aggregate = _body(frame, at, padded)
    marked = body >= 0 and bool(frame[at + 1] & _PROTECTED)
    return marked and not any(_snap(frame, body + 14 * aggregate))


def _mac_header(link_type: int, frame: bytes) -> tuple[int, bool]:
    """Where the 802.11 header starts (-1: nowhere), and whether padding follows it."""
    if link_type == PPI and len(frame) >= 8:
        if int.from_bytes(frame[4:8], "little") != WIFI:
            return -1, False
        return int.from_bytes(frame[2:4], "little"), False
    if link_type == RADIOTAP:
        return _radiotap(frame)
    if link_type in (PRISM, AVS):
        # Prism drivers wrote AVS headers, too, and some wrote none.
        if frame[:4] in _AVS_MAGIC:
            return int.from_bytes(frame[4:8], "big"), False
        if link_type == AVS:
            return -1, False
        lengths = (int.from_bytes(frame[4:8], "little"), int.from_bytes(frame[4:8], "big"))
        return (_PRISM_LENGTH if _PRISM_LENGTH in lengths else 0), False
    return (0 if link_type == WIFI else -1), False


def _radiotap(frame: bytes) -> tuple[int, bool]:
    """Its own length, and its flag for padding between header and data (radiotap.org)."""
    if len(frame) < 8 or frame[0]:
        return -1, False
    length = int.from_bytes(frame[2:4], "little")
    fields = 4
    present = more = int.from_bytes(frame[4:8], "little")
    while more & _MORE_PRESENT and fields + 8 <= min(length, len(frame)):
        fields += 4
        more = int.from_bytes(frame[fields : fields + 4], "little")
    at = fields + 4
    if present & _TSFT:
        at += -at % 8 + 8
    padded = bool(present & _FLAGS) and at < min(length, len(frame)) and bool(frame[at] & _PADDED)
    return (length if length >= 8 else -1), padded


def _body(frame: bytes, at: int, padded: bool) -> tuple[int, bool]:
    """Where the content of a data frame starts (-1: it has none), and whether it is an aggregate."""
    if at + 24 > len(frame):
        return -1, False
    control, flags = frame[at], frame[at + 1]
    subtype = control >> 4
    later_fragment = frame[at + 22] & 0x0F
    if control & 0x03 or control >> 2 & 0x03 != _DATA or subtype & _NO_DATA or later_fragment:
        return -1, False
    size = 24 + (6 if flags & _TO_DS and flags & _FROM_DS else 0)
    aggregate = False
    if subtype & _QOS:
        aggregate = at + size < len(frame) and bool(frame[at + size] & _AGGREGATE)
        size += 2 + (4 if flags & _ORDER else 0)
    return at + size + (-size % 4 if padded else 0), aggregate


def _snap(frame: bytes, at: int) -> Iterator[tuple[int, int]]:
    if frame[at : at + 6] == _SNAP and at + 8 <= len(frame):
        yield int.from_bytes(frame[at + 6 : at + 8], "big"), at + 8
