"""Whether the packets of an interface are framed as its link type says; if not, how they are.

pktmon's own pcapng calls Wi-Fi frames Ethernet, converters call everything Ethernet or raw IP. The first packets tell:
where none holds a sound IP header by the declared type, and some do by another, the other one is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analyzer.capture.gather import Gather
from analyzer.capture.links import locate_ip
from analyzer.capture.records import Chunk, Interface, Note
from analyzer.wire.tables import MISSING

#: Packets of an interface that are looked at in a chunk, the first ones; and in all, until one fits.
SAMPLE, MAX_SAMPLE = 64, 512

#: Interfaces that are looked at: a file can describe very many.
MAX_INTERFACES = 256

#: What frames are taken for, with the names for people; what promises least stands last.
NAMES = {
    1: "Ethernet", 101: "raw IP", 105: "Wi-Fi", 127: "Wi-Fi with radiotap", 113: "Linux cooked", 276: "Linux cooked v2",
    9: "PPP", 51: "PPPoE", 0: "BSD loopback",
}  # fmt: skip

#: What may stand behind an IPv6 header (RFC 8200; TCP, UDP, ICMPv6, ESP, AH).
_NEXT_HEADERS = frozenset({0, 6, 17, 43, 44, 50, 51, 58, 60})
#: How IPv6 source addresses begin (those given out so far, ULA, link-local, none).
_SOURCES = (b"\x20\x01", b"\x24", b"\x26", b"\x28", b"\x2a", b"\x2c", b"\xfd", b"\xfe\x80", b"\0\0")
#: Bytes behind an IPv6 packet: none, or a checksum of the frame.
_BEHIND = (0, 4)


class LinkTypes:
    """Gives the link type of each packet, as declared or as seen.

    Attributes
    ----------
    notes : list of Note
        One for each interface whose declared type does not fit.
    """

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self._seen: dict[int, int] = {}  # link type by interface, where that is settled
        self._looked: dict[int, int] = {}  # packets looked at in vain

    def of(self, fields: Gather, chunk: Chunk, interfaces: Sequence[Interface]) -> NDArray[np.int32]:
        """The link type of each packet of a chunk; -1 where the file does not describe the interface."""
        declared = [*(i.link_type for i in interfaces), MISSING]
        where = np.minimum(chunk.interface, len(interfaces))
        unsettled = [i for i in range(min(len(interfaces), MAX_INTERFACES)) if i not in self._seen]
        for index in unsettled:
            rows = (
                np.flatnonzero(where == index)[:SAMPLE] if len(interfaces) > 1 else np.arange(min(SAMPLE, len(chunk)))
            )
            if len(rows):
                self._look(fields, chunk, rows, index, declared[index])
        for index, link in self._seen.items():
            declared[index] = link
        return np.array(declared, dtype=np.int32)[where]

    def _look(self, fields: Gather, chunk: Chunk, rows: NDArray[np.int64], index: int, declared: int) -> None:
        if self._fits(fields, chunk, rows, declared):
            self._seen[index] = declared
            return
        # What needs dpkt is imported only now: of nearly all captures the first packet fits.
        from analyzer.wire.link_headers import find_ip_headers

        frames = [_frame(chunk, row) for row in rows.tolist()]
        wires = chunk.wire[rows].tolist()
        sound = {
            link: sum(
                any(is_sound(frame, at, wire, surely=link != declared) for at, _ in find_ip_headers(link, frame))
                for frame, wire in zip(frames, wires, strict=True)
            )
            for link in (declared, *(link for link in NAMES if link != declared))
        }
        best = max(sound, key=lambda link: sound[link])
        self._looked[index] = self._looked.get(index, 0) + len(rows)
        if sound[declared] or (not sound[best] and self._looked[index] >= MAX_SAMPLE):
            self._seen[index] = declared
        elif sound[best]:
            self._seen[index] = best
            said = NAMES.get(declared, f"link type {declared}")
            what = f"the file calls the packets of interface {index} {said}, but they are {NAMES[best]}: read as that"
            self.notes.append(Note("link-type-mismatch", what, chunk.first_frame + int(rows[0])))

    def _fits(self, fields: Gather, chunk: Chunk, rows: NDArray[np.int64], declared: int) -> bool:
        """Whether a packet has a sound IP header where the declared type says."""
        links = np.full(len(rows), declared, np.int32)
        located = locate_ip(fields, chunk.start[rows], chunk.captured[rows], links)
        for place in np.flatnonzero(located.offset >= 0).tolist():
            row = int(rows[place])
            if is_sound(_frame(chunk, row), int(located.offset[place] - chunk.start[row]), int(chunk.wire[row])):
                return True
        return False


def is_sound(frame: bytes, at: int, wire: int, *, surely: bool = False) -> bool:
    """Whether an IP header stands there, by its length and checksum.

    ``surely`` is for places where none was promised: then offload is no excuse for a missing length or checksum, and
    an IPv6 header must fit the frame and have an address that is in use.

    Examples
    --------
    >>> header = bytes.fromhex("45000038 12344000 4011e277 0a000002 cb007107")
    >>> is_sound(header + bytes(36), 0, 56), is_sound(header + bytes(36), 0, 55)
    (True, False)
    """
    room = wire - at
    if len(frame) >= at + 40 and frame[at] >> 4 == 6:
        behind = room - 40 - int.from_bytes(frame[at + 4 : at + 6], "big")
        if behind < 0 or frame[at + 6] not in _NEXT_HEADERS:
            return False
        return not surely or (behind in _BEHIND and frame[at + 8 : at + 10].startswith(_SOURCES))
    header = frame[at : at + 4 * (frame[at] & 0x0F)] if len(frame) > at and frame[at] >> 4 == 4 else b""
    if len(header) < 20 or len(header) != 4 * (header[0] & 0x0F):
        return False
    length = int.from_bytes(header[2:4], "big")
    if length > room or (length < len(header) and (length or surely)):
        return False
    total = sum(int.from_bytes(header[i : i + 2], "big") for i in range(0, len(header), 2))
    return total % 0xFFFF == 0 or (header[10:12] == b"\0\0" and not surely)


def _frame(chunk: Chunk, row: int) -> bytes:
    start = int(chunk.start[row])
    return chunk.buffer[start : start + int(chunk.captured[row])].tobytes()
