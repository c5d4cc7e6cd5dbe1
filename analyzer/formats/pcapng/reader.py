"""Reader of pcapng (draft-ietf-opsawg-pcapng): any number of sections, each in its byte order, with its interfaces.

A file is a chain of blocks: type, total length, body, total length again. Section headers and interface descriptions
change what the packets after them mean; they are few and read one by one, the packets between them all at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.errors import InputError
from analyzer.formats.file_reader import CAREFUL, MAX_BREAKS, MAX_RECORD, walk
from analyzer.formats.pcapng.blocks import (
    BYTE_ORDER,
    ENHANCED,
    FOREIGN_BYTE_ORDER,
    OBSOLETE,
    SECTION,
    SHORTEST,
    SIMPLE,
    Blocks,
    well_sized,
    words,
)
from analyzer.formats.pcapng.packet_blocks import Packets
from analyzer.formats.pcapng.sections import Sections
from analyzer.formats.record_chain import ChainReader, Run
from analyzer.formats.record_walk import MIN_STRETCHES, STRETCH, Stride
from analyzer.formats.records import Chunk, Note
from analyzer.formats.window import Window

#: Byte order by the magic of a section header, as its bytes stand in the file.
ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}

#: Total length of a section header without options, bytes.
SECTION_HEADER = 28

#: Bytes of the shortest block, and the longest that is believed after damage.
SHORTEST_BLOCK, REACH = 12, 1 << 20

#: Trouble that is none: a section of the other byte order begins.
OTHER_ORDER = "order"

#: Bytes searched at the start of a stretch: more than one full-size Ethernet packet with options.
GUESS = 2048


class PcapngReader(ChainReader):
    """Reads a pcapng file from a window that stands at its first byte.

    Raises
    ------
    InputError
        The file ends inside the fixed part of its section header, or that has no byte-order magic.

    Examples
    --------
    >>> import io, struct
    >>> section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    >>> interface = struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20)
    >>> packet = struct.pack("<7I4sI", 6, 36, 0, 0, 5, 4, 60, b"abcd", 36)
    >>> with PcapngReader(Window(io.BytesIO(section + interface + packet), "example", 1 << 16)) as reader:
    ...     for chunk in reader.chunks():
    ...         print(chunk.first_frame, chunk.captured, chunk.wire, chunk.time)
    1 [4] [60] [5000]
    """

    _header, _shortest, _reach = 8, SHORTEST_BLOCK, REACH

    def __init__(self, window: Window) -> None:
        if window.end < SECTION_HEADER:
            need = f"{window.end} bytes, its section header alone has {SECTION_HEADER}"
            raise InputError(f"{window.name}: is too short for a pcapng file: {need}")
        order = ORDERS.get(window.buffer[8:12].tobytes())
        if order is None:
            raise InputError(f"{window.name}: starts like pcapng, but its byte-order magic is damaged")
        super().__init__(window, "pcapng", 0)
        self._order = order
        self._switches = 0  # changes of byte order so far
        self._sections = Sections(self.interfaces)
        self._packets = Packets(self._sections)

    def _chunk(self, records: Blocks, rows: NDArray[np.int64]) -> Chunk:
        part = records.only(rows)
        scopes = self._sections.read(part)
        self.snaplen = self.interfaces[0].snaplen if self.interfaces else 0
        return self._packets.chunk(part, scopes, self._frame)

    def _behind(self, at: int, trouble: str) -> int | None:
        if trouble == OTHER_ORDER:
            return at if self._turn() else None
        return super()._behind(at, f"{trouble}, before packet {self._frame}")

    def _words(self, offset: int, count: int = 1) -> NDArray[Any]:
        """Words ``offset`` bytes behind every offset of the window."""
        return words(self._window.buffer, self._window.end, self._order, offset, count)

    def _run(self, first: int, stop: int) -> Run:
        window = self._window
        stride = Stride(self._order, field=4, least=12, align=4)
        offsets = walk(window.buffer, first, stop, stride, self._guesses(first, stop))
        kinds, lengths, sound = self._heads(offsets, MAX_RECORD)
        for section in np.flatnonzero(kinds == SECTION).tolist():
            sound[section] &= lengths[section] >= SECTION_HEADER and self._magic(int(offsets[section])) == BYTE_ORDER
        blocks = Blocks(window.buffer, window.end, self._order, offsets, kinds, lengths)
        if sound.all():
            return Run(blocks, int(offsets[-1] + lengths[-1]) if len(offsets) else first, "")
        count = int(sound.argmin())
        at = int(offsets[count])
        trouble = self._trouble(at, int(kinds[count]), int(lengths[count]))
        return Run(blocks.only(np.arange(count)), at, trouble)

    def _heads(
        self, offsets: NDArray[np.int64], longest: int
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.bool_]]:
        """Types and padded lengths of the blocks, and which are all in the window and close as they open."""
        heads = self._words(0, 2)[offsets]
        kinds, opening = heads[:, 0], heads[:, 1].astype(np.int64)
        # Each block must be padded itself; some writers do so and leave the padding out of the length.
        lengths = opening + (-opening & 3)
        whole = well_sized(kinds, lengths, longest) & (offsets + lengths <= self._window.end)
        closing = self._words(0)[np.where(whole, offsets + lengths - 4, 0), 0].astype(np.int64)
        sound: NDArray[np.bool_] = whole & (closing == opening)
        return kinds, lengths, sound

    def _magic(self, at: int) -> int:
        return int(self._words(8)[at, 0])

    def _trouble(self, at: int, kind: int, length: int) -> str:
        """What is wrong with the block at ``at``; empty when it is only not all there, or :data:`OTHER_ORDER`."""
        window = self._window
        if kind == SECTION:
            if at + 12 > window.end:
                return ""
            magic = self._magic(at)
            if magic == FOREIGN_BYTE_ORDER:
                return OTHER_ORDER
            if magic != BYTE_ORDER:
                return "a section header without byte-order magic"
        if kind == length == 0:
            return "zero bytes, as a crash leaves them"
        least = SECTION_HEADER if kind == SECTION else SHORTEST[min(kind, len(SHORTEST) - 1)]
        if not least <= length <= MAX_RECORD:
            return f"a block with an impossible length ({length} bytes)"
        if at + length <= window.end:
            return "a block whose two lengths differ"
        # A file that was only cut still has a packet that fits its block.
        fixed = window.at_end and kind in (ENHANCED, OBSOLETE) and at + 28 <= window.end
        if fixed and int(self._words(20)[at, 0]) + 32 > length:
            return "a packet that does not fit its block"
        return ""

    def _place(self, at: int) -> str:
        kind = int(self._words(0)[at, 0]) if at + 4 <= self._window.end else -1
        return f"{'' if kind in (ENHANCED, OBSOLETE, SIMPLE) else 'a block before '}packet {self._frame}"

    def _turn(self) -> bool:
        """Go on in the other byte order; False when it has changed too often to go on."""
        self._order = "<" if self._order == ">" else ">"
        self._switches += 1
        self._span = CAREFUL
        if self._switches > MAX_BREAKS:
            self._limit(f"more than {MAX_BREAKS} changes of byte order: the rest of the file was not read")
            return False
        return True

    def _guesses(self, first: int, stop: int) -> NDArray[np.int64] | None:
        """A likely packet block near the start of each stretch: its type, and its two lengths agree."""
        count = (stop - first) // STRETCH - 1
        if count < MIN_STRETCHES - 1:
            return None
        grid = np.ndarray((count, GUESS // 4), self._order + "u4", self._window.buffer, first + STRETCH, (STRETCH, 4))
        stretch, word = np.divmod(np.flatnonzero(grid == ENHANCED), GUESS // 4)
        found = first + (stretch + 1) * STRETCH + word * 4
        good = self._plausible(found)
        stretch, found = stretch[good], found[good]
        firsts: NDArray[np.int64] = found[np.diff(stretch, prepend=-1) > 0]
        return firsts

    def _plausible(self, offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
        """At which of the offsets a whole block of a known type stands, in this section's byte order."""
        kinds, lengths, good = self._heads(offsets, REACH)
        captured = self._words(20)[offsets, 0]
        good &= (kinds != ENHANCED) & (kinds != OBSOLETE) | (captured <= lengths - 32)
        return good

    def _good(self, at: int, stop: int) -> NDArray[np.int64]:
        kinds = self._words(0)[at:stop, 0]
        sections = at + np.flatnonzero(kinds == SECTION)
        magics = self._words(8)[sections, 0]
        blocks = at + np.flatnonzero(kinds - 1 < ENHANCED)
        found = blocks[self._plausible(blocks)], sections[(magics == BYTE_ORDER) | (magics == FOREIGN_BYTE_ORDER)]
        return np.concatenate(found)

    def _account(self) -> None:
        sections = self._sections
        lost = sum(sections.drops.values())
        if lost:
            self.notes.append(Note("capture-lost-packets", f"the capturing host lost {lost} packets"))
        self.notes.extend(self._packets.notes())
        if sections.left_out:
            self._limit(f"{sections.left_out} interface descriptions too many were not kept")
        if sections.versions:
            versions = ", ".join(map(str, sorted(sections.versions)))
            self.notes.append(Note("capture-damaged", f"a section header names version {versions} instead of 1"))
