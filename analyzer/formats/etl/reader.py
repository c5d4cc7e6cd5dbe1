"""Reader of ETL, the logs of Event Tracing for Windows, as ``netsh trace`` and ``pktmon`` write them, on any system.

Packets lie in it as events among others, in buffers of several processors, in no order of time. So the file is read
twice: first to see where packets are, then their bytes, in the order of time (docs/domain/windows-traces.md).

Frames are numbered in that order. pktmon's several records of one packet count as one frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import Gather
from analyzer.errors import InputError
from analyzer.formats.etl.buffers import (
    BUFFERS_LOST,
    EVENTS_LOST,
    HEADER,
    LONGEST,
    BufferHeader,
    events_of,
    read_buffer_header,
)
from analyzer.formats.etl.events import events_by, modern_events, walk
from analyzer.formats.etl.header import EVENT, NARROW, WIDE, TraceHeader, read_header
from analyzer.formats.etl.host_drops import reason
from analyzer.formats.etl.ndis import NDIS, RAS, interface_name, ndis_rows, ras_rows
from analyzer.formats.etl.notes import Account, notes_on
from analyzer.formats.etl.one_copy import one_copy_each
from analyzer.formats.etl.packet_bytes import GAP, PacketBytes
from analyzer.formats.etl.pieces import join_pieces
from analyzer.formats.etl.pktmon import PKTMON, Monitor
from analyzer.formats.etl.rows import DROP, MAX_ROWS, ROW, UNTOLD, InterfaceTable, Rows, no_rows
from analyzer.formats.file_reader import MAX_BREAKS, FileReader
from analyzer.formats.records import SLACK, Chunk, Note
from analyzer.formats.window import Window
from analyzer.links.columns import locate_ip
from analyzer.links.types import IEEE802_11

#: So many bytes are expanded from compressed buffers at most, and beyond the first ones so many for each compressed
#: byte: real traces come to 6 to 11 (docs/domain/windows-traces.md; the real trace of the tests).
MAX_EXPANDED, MAX_RATIO = 4 << 30, 50

#: More buffers, and more events of whatever kind, are not looked at: a gigabyte has fewer than a tenth of them.
MAX_BUFFERS, MAX_EVENTS = 1 << 20, 1 << 26

#: Bit of a Wi-Fi frame's second byte that says that it is encrypted. Windows sets it on frames that it decrypted.
_PROTECTED = 0x40


class EtlReader(FileReader):
    """Reads an ETL file from a window that stands at its first byte.

    Raises
    ------
    InputError
        The log's own header is not whole.
    """

    def __init__(self, window: Window) -> None:
        if window.end < HEADER + EVENT + NARROW:
            least = HEADER + EVENT + NARROW
            raise InputError(
                f"{window.name}: is too short for an ETL file: {window.end} bytes, its header alone has {least}"
            )
        first, header = read_buffer_header(window.buffer, 0), None
        if first.is_sound:
            events, _ = events_of(window.buffer, 0, first, window.end)
            header = read_header(events[: EVENT + WIDE].tobytes())
        if header is None:
            raise InputError(f"{window.name}: starts like an ETL file, but its header is damaged")
        super().__init__(window, "etl", 0)
        self._header: TraceHeader = header
        self._chunk_bytes = len(window.buffer) - SLACK
        self._store = PacketBytes(window.name, window.file)
        self._table = InterfaceTable(interface_name)
        self._monitor = Monitor()
        self._rows: list[Rows] = []
        self._row_count = 0
        self._seen = Account()
        self._is_limited = False
        self._batch: list[tuple[NDArray[np.int64], NDArray[np.uint16]]] = []

    def chunks(self) -> Iterator[Chunk]:
        """The packets in the order of time. Never raises on what the file holds."""
        self._read_buffers()
        if self._window.file is not None:
            # The rest of the file, if any, counts for the digest; from here on it is read anywhere.
            self._window.finish()
        rows = self._settle()
        self.interfaces.extend(self._table.interfaces(self._monitor.capture_filter))
        link_types = np.array([*(interface.link_type for interface in self.interfaces), -1], np.int32)
        sizes = rows["captured"].astype(np.int64)
        share = np.cumsum(sizes + GAP) // max(self._chunk_bytes, 1)
        bounds = [*np.flatnonzero(np.diff(share, prepend=-1)).tolist(), len(rows)]
        for begin, end in pairwise(bounds):
            chunk = self._chunk(rows[begin:end], link_types)
            self._frame += len(chunk)
            yield chunk
        if self._store.lacking:
            self.notes.append(Note("capture-damaged", "the file became shorter while it was read"))
        self._store.close()
        self._finish()
        # What was noticed, was noticed before any frame had a number.
        self.notes[:] = [replace(note, frame=None) for note in self.notes]

    def close(self) -> None:
        """Close the file, and drop what was kept aside."""
        self._store.close()
        super().close()

    def _read_buffers(self) -> None:
        """The first reading: find the packets in all buffers."""
        window = self._window
        at, step = 0, 0
        while not self._is_limited:
            at = self._holding(at, HEADER)
            if window.end - at < HEADER:
                self._end(at, window.end > at and not self._is_hole(at), self._seen.buffers + 1)
                break
            header = read_buffer_header(window.buffer, at)
            if header.is_sound:
                step = header.size
                self._seen.buffers += 1
                at = self._holding(at, header.size)
                self._read_buffer(at, header)
                if at + header.size > window.end:
                    self._end(at, True, self._seen.buffers)
                    break
            elif header.size or header.used:
                self._damage(
                    at, f"a header that no buffer can have, where buffer {self._seen.buffers + 1} should start"
                )
                if self._places > MAX_BREAKS:
                    self._stop(f"more than {MAX_BREAKS} damaged places")
            # Else the file was made longer than what was written into it. Buffers are of one size.
            at += step
        self._take_batch()

    def _holding(self, at: int, size: int) -> int:
        """Have ``size`` bytes from ``at`` on in the window, unless the file ends before; where ``at`` is now."""
        window = self._window
        if window.end - at < size and not window.at_end:
            self._take_batch()
        while at > window.end and not window.at_end:
            at -= window.end
            window.advance(window.end)
        return window.holding(min(at, window.end), size)

    def _end(self, at: int, is_cut: bool, buffer: int) -> None:
        """Note that the file ends, and whether it does so inside a buffer."""
        if is_cut:
            self._seen.is_whole = False
            self._cut(at, f"buffer {buffer}")

    def _stop(self, why: str) -> None:
        if not self._is_limited:
            self._is_limited = True
            self._limit(f"{why}: the rest of the file was not read")

    def _read_buffer(self, at: int, header: BufferHeader) -> None:
        """Find the events in one buffer. Those of compressed ones are taken at once, others with their neighbours."""
        self._seen.flagged += bool(header.flags & (EVENTS_LOST | BUFFERS_LOST))
        if header.is_compressed:
            self._seen.expanded += header.used
            self._seen.packed += header.size
            if self._seen.expanded > min(MAX_EXPANDED, LONGEST + MAX_RATIO * self._seen.packed):
                self._stop(f"its compressed buffers claim to hold {self._seen.expanded:,} bytes and more")
                return
        data, whole = events_of(self._window.buffer, at, header, self._window.end)
        found, others, stopped = walk(data)
        self._seen.events += len(found) + others
        if self._seen.events > MAX_EVENTS or self._seen.buffers > MAX_BUFFERS:
            self._stop(f"more than {MAX_EVENTS:,} events or {MAX_BUFFERS:,} buffers")
        if header.is_compressed and not whole:
            self._seen.unexpanded += 1
        elif stopped >= 0 and whole:
            self._damage(at + HEADER, f"bytes that are no event, in buffer {self._seen.buffers}")
        offsets = np.array(found, np.int64)
        processors = np.full(len(found), header.processor, np.uint16)
        if header.is_compressed:
            # In the order of the file, so that packets of one moment stay in it.
            self._take_batch()
            self._take(data, offsets, processors, None)
        elif found:
            self._batch.append((offsets + (at + HEADER), processors))

    def _take_batch(self) -> None:
        """Take the packets of the buffers that are still in the window."""
        if self._batch:
            offsets, processors = (np.concatenate(column) for column in zip(*self._batch, strict=True))
            self._batch.clear()
            window = self._window
            place = None if window.file is None else window.offset
            self._take(window.buffer[: window.end], offsets, processors, place)

    def _take(
        self,
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        processors: NDArray[np.uint16],
        place: int | None,
    ) -> None:
        """Take the packets among modern events; ``place``: of the data in the file, None if they must be kept."""
        headers = modern_events(data, offsets)
        ndis, ras, pktmon = (events_by(guid, data, offsets, headers, processors) for guid in (NDIS, RAS, PKTMON))
        frames, unsound = ndis_rows(ndis, self._table)
        packets, more = ras_rows(ras, self._table)
        self._seen.unsound += unsound + more
        rows = np.concatenate((frames, packets, self._monitor.rows(pktmon, self._table)))
        if not len(rows):
            return
        rows["time"] = self._header.clock.times(rows["time"])
        rows["at"] += self._store.keep(data.data) if place is None else place
        self._rows.append(rows)
        self._row_count += len(rows)
        if self._row_count > MAX_ROWS:
            self._stop(f"more than {MAX_ROWS:,} packet records")
        elif self._store.is_full:
            self._stop("too many bytes to keep aside")

    def _settle(self) -> Rows:
        """All packets, each once, in the order of time; and what is to be said about them."""
        rows, self._seen.broken = join_pieces(self._all_rows(), self._store)
        link_types = np.array([*(i.link_type for i in self._table.interfaces()), -1], np.int32)
        kept = one_copy_each(rows, link_types[np.minimum(rows["interface"], len(link_types) - 1)])
        del rows
        self._seen.unsound += self._monitor.unsound
        self._seen.is_whole &= not (self._places or self._seen.unexpanded or self._is_limited)
        self.notes.extend(notes_on(self._header, self._seen, kept, self._table.names))
        order = np.argsort(kept.rows["time"], kind="stable")
        for name in ROW.names or ():  # column by column: a second table would be the largest thing in memory
            kept.rows[name] = kept.rows[name][order]
        return kept.rows

    def _all_rows(self) -> Rows:
        """The tables of all buffers as one; they are used up, to save memory."""
        rows, at = no_rows(self._row_count), 0
        for place, piece in enumerate(self._rows):
            rows[at : at + len(piece)] = piece
            at += len(piece)
            self._rows[place] = no_rows()
        self._rows.clear()
        return rows

    def _chunk(self, rows: Rows, link_types: NDArray[np.int32]) -> Chunk:
        """Read the bytes of some packets."""
        captured = rows["captured"].astype(np.int64)
        buffer, start = self._store.gather(rows["at"], captured)
        interface = np.minimum(rows["interface"], len(self.interfaces) - 1).astype(np.int32)
        link = link_types[interface]
        wifi = np.flatnonzero((link == IEEE802_11) & (captured >= 2))
        buffer[start[wifi] + 1] &= np.uint8(0xFF ^ _PROTECTED)
        wire = _wire(buffer, start, captured, link, rows["wire"].astype(np.int64))
        cut = captured < wire
        if cut.any():
            self.snaplen = max(self.snaplen, int(captured[cut].max()))
        dropped = rows["marks"] & DROP > 0
        why = zip(np.flatnonzero(dropped).tolist(), rows["reason"][dropped].tolist(), strict=True)
        return Chunk(
            buffer=buffer,
            first_frame=self._frame,
            start=start,
            captured=captured,
            wire=wire,
            time=rows["time"].copy(),
            interface=interface,
            direction=rows["direction"].copy(),
            host_dropped=dropped,
            packet_id=np.full(len(rows), -1, np.int64),
            comments={self._frame + row: f"dropped by the host: {reason(number)}" for row, number in why},
        )


def _wire(
    buffer: NDArray[np.uint8],
    start: NDArray[np.int64],
    captured: NDArray[np.int64],
    link: NDArray[np.int32],
    told: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The length on the wire: as told, else by the IP header, which must say more than was captured.

    An IP header whose length is 0 (segmentation left to the adapter, a jumbogram) says nothing.
    """
    fields = Gather(buffer)
    ip = locate_ip(fields, start, captured, link).offset
    rows = np.flatnonzero((told == UNTOLD) & (ip >= 0))
    at = ip[rows]
    six = fields.u8(at) >> 4 == 6
    length = np.where(six, fields.u16(at + 4), fields.u16(at + 2))
    whole = at - start[rows] + length + np.where(six, 40, 0)
    wire = np.where(told == UNTOLD, captured, told)
    wire[rows] = np.where(length > 0, np.maximum(whole, captured[rows]), captured[rows])
    return wire
