"""The packet blocks of a pcapng, as columns (draft-ietf-opsawg-pcapng 4.3, 4.4 and appendix A).

Wireshark also numbers blocks that hold no packet. They are rows too, or all frame numbers behind them would be wrong:
on the unknown interface, without bytes and without time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyzer.formats.pcapng.blocks import ENHANCED, NUMBERED, OBSOLETE, SIMPLE, Blocks
from analyzer.formats.pcapng.options import packet_options
from analyzer.formats.pcapng.sections import Scopes, Sections
from analyzer.formats.records import NO_TIME, SLACK, Chunk, Note

#: So many packet comments are read of one file: a trace may have one on every packet.
MAX_COMMENTS = 1 << 16

#: Loss before a packet that the writer of an obsolete Packet Block could not tell.
NO_COUNT = 0xFFFF


class Packets:
    """Turns packet blocks into chunks, and keeps count of what is odd about them.

    Attributes
    ----------
    lost : int
        Packets lost by what ``epb_dropcount`` and Packet Blocks say.
    adrift, overfull, timeless : int
        Packets on an interface that is not described, longer than their block, with a time beyond int64.
    """

    def __init__(self, sections: Sections) -> None:
        self.lost = 0
        self.adrift = 0
        self.overfull = 0
        self.timeless = 0
        self.uncommented = False
        self._sections = sections
        self._comments_left = MAX_COMMENTS

    def chunk(self, blocks: Blocks, scopes: Scopes, first_frame: int) -> Chunk:
        """The packets among ``blocks``, numbered from ``first_frame`` on."""
        kinds = blocks.kinds
        packet = (kinds == ENHANCED) | (kinds == SIMPLE) | (kinds == OBSOLETE)
        which = np.flatnonzero(packet | np.isin(kinds, NUMBERED))
        blocks, empty = blocks.only(which), ~packet[which]
        simple = blocks.kinds == SIMPLE
        number, ticks, captured, wire = self._fields(blocks, empty)
        interface = np.where(empty, -1, scopes.interface(which, number))
        adrift = interface < 0
        if adrift.any():
            self.adrift += int(np.count_nonzero(adrift & ~empty))
            interface[adrift] = self._sections.unknown()
        if simple.any():
            snaplen = np.array([each.snaplen for each in self._sections.interfaces], np.int64)[interface]
            captured = np.where(simple & (snaplen > 0), np.minimum(captured, snaplen), captured)
        time = self._sections.clocks.times(interface, ticks)
        self.timeless += int(np.count_nonzero((time == NO_TIME) & ~simple & ~adrift))
        time[simple] = NO_TIME
        start = blocks.offsets + np.where(simple | empty, 12, 28)
        stop = blocks.offsets + blocks.lengths - 4
        overfull = captured > stop - start
        self.overfull += int(np.count_nonzero(overfull))
        captured = np.minimum(captured, stop - start)
        # Simple packets have no options; what follows the bytes of an overfull one is no option either.
        behind = np.where(simple | empty | overfull, stop, start + captured + (-captured & 3))
        said = packet_options(blocks.buffer, behind, stop, blocks.order, self._comments_left)
        self.lost += said.lost
        self.uncommented |= said.comments_left_out
        self._comments_left -= said.comments_read
        return Chunk(
            buffer=blocks.buffer[: blocks.end + SLACK],
            first_frame=first_frame,
            start=start,
            captured=captured,
            wire=wire,
            time=time,
            interface=interface.astype(np.int32),
            direction=said.direction,
            host_dropped=said.host_dropped,
            packet_id=said.packet_id,
            comments={first_frame + index: text for index, text in said.comments.items()},
        )

    def _fields(
        self, blocks: Blocks, empty: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
        """Interface number, timestamp in ticks, captured and wire length of each block, as recorded; 0 if ``empty``."""
        fields = blocks.words(8, 5)
        number, captured, wire = (fields[:, column].astype(np.int64) for column in (0, 3, 4))
        ticks = fields[:, 1].astype(np.uint64) << np.uint64(32) | fields[:, 2]
        simple, obsolete = blocks.kinds == SIMPLE, blocks.kinds == OBSOLETE
        if obsolete.any():
            # Its first word is two numbers: the interface, and how many packets were lost before this one.
            halves = blocks.words(8, 2, 2)[obsolete].astype(np.int64)
            number[obsolete] = halves[:, 0]
            self.lost += int(halves[halves[:, 1] != NO_COUNT, 1].sum())
        if simple.any():
            # It has one word, the wire length, and is of interface 0; the interface's snaplen says how much was kept.
            wire[simple] = captured[simple] = number[simple]
            number[simple] = 0
        captured[empty] = wire[empty] = 0
        return number, ticks, captured, wire

    def notes(self) -> list[Note]:
        """What was odd, one note each."""
        notes = []
        if self.lost:
            notes.append(
                Note("capture-lost-packets", f"the packets themselves record {self.lost} lost packets before them")
            )
        if self.adrift:
            what = f"{self.adrift} packets name an interface that the file does not describe: link type unknown"
            notes.append(Note("capture-damaged", what))
        if self.overfull:
            what = f"{self.overfull} packets claim more bytes than their block holds: only those bytes were read"
            notes.append(Note("capture-damaged", what))
        if self.timeless:
            what = f"{self.timeless} packets have a time beyond what can be told: they count as without time"
            notes.append(Note("capture-damaged", what))
        if self.uncommented:
            notes.append(Note("analysis-limit", f"only the first {MAX_COMMENTS} packet comments were read"))
        return notes
