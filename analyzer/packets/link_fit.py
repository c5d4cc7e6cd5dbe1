"""Whether the packets of an interface are framed as its link type says; if not, how they are.

pktmon's own pcapng calls Wi-Fi frames Ethernet, converters call everything Ethernet or raw IP. The packets tell, by
weight of evidence, since a single one can be crafted or hold an IP header by chance:

- Each packet with a sound IP header by the declared type is a vote for that; one without, a vote for each other type by
  which it surely has one. (These are looked at only in stretches in which they are not fewer.) The type with the most
  votes is taken; at a tie, the declared one.
- A lead of :data:`SETTLED` votes settles an interface. Until then packets are held in stretches of :data:`STRETCH`, and
  those of a stretch are read by what all votes up to its end say, so that those before the first evidence are, too.
- Whatever is taken: a packet that surely has an IP header by the declared type is read so.

All this is a function of the packets in their order alone: in what portions they are given changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import MISSING, Gather
from analyzer.formats.records import Chunk, Interface, Note
from analyzer.links.columns import locate_ip

#: Votes by which a type must lead to be taken for good: no handful of packets decides.
SETTLED = 16

#: Packets that are held at most, and bytes (with the packet that exceeds them), while some interface is not settled.
STRETCH = 1024
MAX_HELD = 4 << 20

#: Packets of an interface that are looked at for another type, the first ones; later it is one in so many.
MAX_SAMPLE = 512
LATER = 64

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
    """Gives the link type of each packet, as declared or as seen. Feed it chunks in order."""

    def __init__(self) -> None:
        self._interfaces: Sequence[Interface] = ()
        self._evidence: dict[int, _Evidence] = {}
        self._held: list[Chunk] = []  # of the stretch that is open
        self._packets = self._octets = 0  # in it
        self._is_open = False

    def ready(self, chunk: Chunk, interfaces: Sequence[Interface]) -> Iterator[tuple[Chunk, NDArray[np.int32]]]:
        """Packets whose link types are known now, and these; -1 where the file does not describe the interface.

        Packets come in their order; what is held is copied.
        """
        self._interfaces = interfaces
        done = at = 0  # what was given, and what was looked at
        links = np.empty(len(chunk), np.int32)
        while at < len(chunk):
            if not self._is_open:
                begin, at = at, self._next_in_doubt(chunk, at)
                links[begin:at] = self._links(chunk.part(begin, at))
                if at == len(chunk):
                    break
                self._is_open, self._packets, self._octets = True, 0, 0
            begin, at = at, self._end(chunk, at)
            if self._packets < STRETCH and self._octets < MAX_HELD:
                if begin > done:
                    yield chunk.part(done, begin), links[done:begin]
                self._held.append(chunk.part(begin, at).copied())
                return
            yield from self._release(chunk.part(begin, at))
            links[begin:at] = self._links(chunk.part(begin, at))
        if done < at:
            yield chunk.part(done, at), links[done:at]

    def rest(self) -> Iterator[tuple[Chunk, NDArray[np.int32]]]:
        """What is still held when there are no more packets."""
        if self._held:
            yield from self._release()

    def notes(self) -> list[Note]:
        """One for each interface whose declared type does not fit."""
        return [note for index, found in sorted(self._evidence.items()) for note in found.notes(index)]

    def _release(self, *last: Chunk) -> Iterator[tuple[Chunk, NDArray[np.int32]]]:
        """Close the stretch, which ends with a part of the present chunk; what was held, with its link types."""
        self._is_open = False
        held, self._held = self._held, []
        self._look([*held, *last])
        for chunk in held:
            yield chunk, self._links(chunk)

    def _next_in_doubt(self, chunk: Chunk, at: int) -> int:
        """The first packet from ``at`` on whose interface is not settled; behind the last one where there is none."""
        count = min(len(self._interfaces), MAX_INTERFACES)
        doubt = [i not in self._evidence or not self._evidence[i].is_settled for i in range(count)]
        if not any(doubt):
            return len(chunk)
        in_doubt = np.array([*doubt, False])
        for begin in range(at, len(chunk), 4 * STRETCH):
            rows = in_doubt[np.minimum(chunk.interface[begin : begin + 4 * STRETCH], count)]
            if rows.any():
                return begin + int(rows.argmax())
        return len(chunk)

    def _end(self, chunk: Chunk, begin: int) -> int:
        """Where the stretch ends that goes on with the packet at ``begin``, or the chunk."""
        end = min(len(chunk), begin + STRETCH - self._packets)
        octets = self._octets + np.cumsum(chunk.captured[begin:end])
        end = min(end, begin + int(np.searchsorted(octets, MAX_HELD)) + 1)
        self._packets += end - begin
        self._octets = int(octets[end - begin - 1])
        return end

    def _look(self, parts: list[Chunk]) -> None:
        """Take the votes of a stretch."""
        for index in np.unique(np.concatenate([part.interface for part in parts])).tolist():
            if index >= min(len(self._interfaces), MAX_INTERFACES):
                break
            found = self._evidence.get(index)
            if found is None:
                found = self._evidence[index] = _Evidence(self._interfaces[index].link_type)
            if not found.is_settled:
                found.look([(part, np.flatnonzero(part.interface == index)) for part in parts])

    def _links(self, chunk: Chunk) -> NDArray[np.int32]:
        """The link types that the evidence gives."""
        declared = np.array([*(i.link_type for i in self._interfaces), MISSING], np.int32)
        where = np.minimum(chunk.interface, len(self._interfaces))
        links = declared[where]
        for index, found in self._evidence.items():
            if found.taken != found.declared:
                rows = np.flatnonzero(where == index)
                links[rows] = found.types(chunk, rows)
        return links


class _Evidence:
    """What the packets of one interface tell of its link type."""

    def __init__(self, declared: int) -> None:
        self.declared = declared
        self.is_settled = False
        self.votes = dict.fromkeys((declared, *NAMES), 0)
        self._seen = self._looked = 0
        self._other = MISSING  # the type other than the declared one by which packets were read last
        self._first = self._last = MISSING  # frames that were read by another type

    @property
    def taken(self) -> int:
        """The type with the most votes; the declared one stands first, then those that promise more."""
        return max(self.votes, key=lambda link: self.votes[link])

    def look(self, packets: list[tuple[Chunk, NDArray[np.int64]]]) -> None:
        """Take the votes of the packets of a stretch: chunks with the rows that are of this interface."""
        located = [self._located(chunk, rows) for chunk, rows in packets]
        others = sum(int(np.count_nonzero(offsets < 0)) for offsets, _ in located)
        lead, sound = self._lead(), 0
        for (chunk, rows), (offsets, _) in zip(packets, located, strict=True):
            for place in np.flatnonzero(offsets >= 0).tolist():
                if is_sound(_frame(chunk, rows[place]), int(offsets[place]), int(chunk.wire[rows[place]])):
                    sound += 1
                else:
                    offsets[place] = -1
                    others += 1
                # Even if all others had one type, it could not win any more.
                if lead + sound - others >= SETTLED:
                    self.votes[self.declared] += sound
                    self.is_settled = True
                    return
        self.votes[self.declared] += sound
        for (chunk, rows), (offsets, odds) in zip(packets, located, strict=True):
            if sound <= others:
                self._look_at_others(chunk, rows, offsets < 0, odds)
            self._seen += len(rows)
        self.is_settled = abs(self._lead()) >= SETTLED

    def _lead(self) -> int:
        """By how many votes the declared type leads before all others."""
        return self.votes[self.declared] - max(self.votes[link] for link in NAMES if link != self.declared)

    def _look_at_others(
        self, chunk: Chunk, rows: NDArray[np.int64], unfit: NDArray[np.bool_], odds: NDArray[np.bool_]
    ) -> None:
        """Take the votes of packets that do not fit the declared type as far as the fast path can tell."""
        numbers = self._seen + np.arange(len(rows))
        asked = np.flatnonzero(unfit & ((numbers % LATER == 0) | (self._looked < MAX_SAMPLE)))
        for place in asked.tolist():
            if self._looked >= MAX_SAMPLE and numbers[place] % LATER:
                continue
            self._looked += 1
            frame, wire = _frame(chunk, rows[place]), int(chunk.wire[rows[place]])
            if odds[place] and _has_ip(self.declared, frame, wire, surely=False):
                self.votes[self.declared] += 1
                continue
            for link in NAMES:
                self.votes[link] += link != self.declared and _has_ip(link, frame, wire, surely=True)

    def types(self, chunk: Chunk, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """The link type of some packets: that with the most votes, the declared one where it surely fits."""
        taken = self.taken
        links = np.full(len(rows), taken, np.int32)
        if taken == self.declared or not len(rows):
            return links
        offsets, odds = self._located(chunk, rows)
        for place in np.flatnonzero((offsets >= 0) | odds).tolist():
            frame, wire, offset = _frame(chunk, rows[place]), int(chunk.wire[rows[place]]), int(offsets[place])
            fits = offset >= 0 and is_sound(frame, offset, wire, surely=True)
            if fits or (odds[place] and _has_ip(self.declared, frame, wire, surely=True)):
                links[place] = self.declared
        other = chunk.first_frame + rows[links == taken]
        if len(other):
            self._other, self._last = taken, int(other[-1])
            self._first = int(other[0]) if self._first == MISSING else self._first
        return links

    def notes(self, index: int) -> list[Note]:
        """What is to be said of interface ``index``."""
        if self._other == MISSING:
            return []
        said, other = NAMES.get(self.declared, f"link type {self.declared}"), NAMES[self._other]
        what = f"the file calls the packets of interface {index} {said}, but "
        if self.taken == self.declared:
            what += f"some up to frame {self._last} looked like {other}: what fits no better was read as that till then"
        else:
            what += f"they are {other}: read as that"
        return [Note("link-type-mismatch", what, self._first)]

    def _located(self, chunk: Chunk, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Where in each frame the IP header is by the declared type: negative where there is none; and for which of
        those only the general decoder can tell."""
        start, links = chunk.start[rows], np.full(len(rows), self.declared, np.int32)
        located = locate_ip(Gather(chunk.buffer), start, chunk.captured[rows], links)
        return np.where(located.offset < 0, -1, located.offset - start), located.odd


def _frame(chunk: Chunk, row: int) -> bytes:
    start = int(chunk.start[row])
    return chunk.buffer[start : start + int(chunk.captured[row])].tobytes()


def _has_ip(link: int, frame: bytes, wire: int, *, surely: bool) -> bool:
    """Whether a frame of that link type has a sound IP header."""
    # What needs dpkt is imported only now: of nearly all captures every IP packet fits.
    from analyzer.links.headers import find_ip_headers

    return any(is_sound(frame, at, wire, surely=surely) for at, _ in find_ip_headers(link, frame))


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
