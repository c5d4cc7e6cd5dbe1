"""What every capture reader gives: chunks of packet records as columns, interfaces, notes.

A reader walks its file in bounded pieces and yields a :class:`Chunk` for each. The columns of a chunk are NumPy arrays
of one length; the packet bytes stay where they were read. Nothing here knows IKE.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

#: Timestamp of a packet whose record carries none (pcapng Simple Packet Block).
NO_TIME = np.iinfo(np.int64).min

#: A chunk's buffer can be read this many bytes past the end of its last packet, so that vectorised header reads need
#: no bounds test of their own (what they read there is masked by the captured length).
SLACK = 128


@dataclass(frozen=True, slots=True)
class Note:
    """One remark on the quality of a capture.

    Attributes
    ----------
    id : str
        Kebab-case, from the catalogue where it has one: ``capture-truncated``, ``capture-damaged``,
        ``capture-lost-packets``, ``capture-filtered``, ``analysis-limit`` ...
    detail : str
        One sentence for a person. Text from the capture inside it is already escaped.
    frame : int or None
        Frame number where it was noticed, if it belongs to one.
    hides : bool
        Of damage: packets that were captured may be missing because of it, so that an absence says less.
    """

    id: str
    detail: str
    frame: int | None = None
    hides: bool = True


@dataclass(frozen=True, slots=True)
class Interface:
    """A capture interface: how its packets are framed and what was said about it.

    ``snaplen`` is 0 when unlimited; ``filter`` is the capture filter (pcapng ``if_filter``), empty when not recorded.
    """

    index: int
    link_type: int
    snaplen: int = 0
    name: str = ""
    description: str = ""
    filter: str = ""


@dataclass(slots=True)
class Chunk:
    """A run of consecutive packet records.

    ``buffer`` is valid only until the next chunk is asked for: copy what must stay.

    Attributes
    ----------
    buffer : uint8 array
        Raw bytes; readable up to ``SLACK`` bytes past the last packet.
    first_frame : int
        Frame number (Wireshark's, 1-based) of the first record; the others follow without gaps.
    start, captured, wire : int64 arrays
        Offset of each packet's bytes in ``buffer``, number of bytes captured there, length on the wire.
    time : int64 array
        Nanoseconds since the epoch; ``NO_TIME`` where the record has none.
    interface : int32 array
        Index into the reader's ``interfaces``.
    direction : int8 array
        0 unknown, 1 inbound, 2 outbound (as recorded by the capturing host).
    host_dropped : bool array
        The capturing host recorded that it dropped this packet itself (pcapng ``epb_verdict``).
    packet_id : int64 array
        pcapng ``epb_packetid`` (same id: same packet seen at several places); -1 where absent.
    """

    buffer: NDArray[np.uint8]
    first_frame: int
    start: NDArray[np.int64]
    captured: NDArray[np.int64]
    wire: NDArray[np.int64]
    time: NDArray[np.int64]
    interface: NDArray[np.int32]
    direction: NDArray[np.int8]
    host_dropped: NDArray[np.bool_]
    packet_id: NDArray[np.int64]
    comments: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.start)

    def part(self, begin: int, end: int) -> Self:
        """Some of the records, over the same buffer."""
        return replace(
            self,
            first_frame=self.first_frame + begin,
            **{name: getattr(self, name)[begin:end] for name in _COLUMNS},
        )

    def copied(self) -> Self:
        """The same records over a buffer of their own, which stays valid."""
        view = self.buffer.data
        ends = (self.start + self.captured).tolist()
        data = b"".join([view[a:b] for a, b in zip(self.start.tolist(), ends, strict=True)] + [bytes(SLACK)])
        start = np.cumsum(self.captured) - self.captured
        columns = {name: getattr(self, name).copy() for name in _COLUMNS}
        return replace(self, buffer=np.frombuffer(data, np.uint8), **(columns | {"start": start}))


#: What a chunk has for each record.
_COLUMNS = ("start", "captured", "wire", "time", "interface", "direction", "host_dropped", "packet_id")


class Reader(Protocol):
    """A capture file being read once, front to back.

    ``interfaces`` and ``notes`` grow while ``chunks()`` runs and are complete when it ends. ``chunks()`` never raises
    on the bytes of a capture; it may raise :class:`analyzer.errors.InputError` on an I/O error of the operating system.
    """

    format: str
    interfaces: list[Interface]
    notes: list[Note]

    def chunks(self) -> Iterator[Chunk]: ...
