"""Events in a buffer of an ETW log, and the fields of those that a manifest describes (docs/domain/windows-traces.md).

All event headers start with eight bytes that tell their type and size; each starts at a multiple of eight. Only modern
events (``EVENT_HEADER``, 80 bytes, then extended items, then the provider's data) can hold packets; classic, compact,
system, performance and WPP events are passed over by their sizes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Marks in an event's fourth byte: events of all kinds but WPP messages, and those.
EVENT, MESSAGE = 0xC0, 0x90

#: Types with the size in the third 16-bit word: system, compact and performance events of 32 and 64 bits; and modern
#: events. All others have the size first.
SIZE_BEHIND = frozenset({1, 2, 3, 4, 0x10, 0x11})
MODERN = frozenset({0x12, 0x13})

#: Bytes of a modern event's header; the bit that says that extended items follow; more of them are not passed over.
HEADER, EXTENDED, MAX_ITEMS = 80, 0x1, 64

#: The header, as far as it is read. A provider's GUID is taken as two numbers.
FIELDS = np.dtype(
    {
        "names": ["size", "flags", "time", "guid", "guid_rest", "id", "version", "keyword"],
        "formats": ["<u2", "<u2", "<i8", "<u8", "<u8", "<u2", "u1", "<u8"],
        "offsets": [0, 4, 16, 24, 32, 40, 42, 48],
        "itemsize": HEADER,
    }
)

_START = struct.Struct("<HBBH")


@dataclass(frozen=True, slots=True)
class Events:
    """Modern events of one provider, as columns.

    Attributes
    ----------
    data : uint8 array
        Holds the events.
    id, version : arrays
        What happened, by the provider's own numbers.
    time : int64 array
        In ticks of the log's clock.
    keyword : uint64 array
        The provider's own bits.
    processor : uint16 array
        In whose buffer the event is.
    begin, end : int64 arrays
        Where the provider's data are in ``data``.
    """

    data: NDArray[np.uint8]
    id: NDArray[np.uint16]
    version: NDArray[np.uint8]
    time: NDArray[np.int64]
    keyword: NDArray[np.uint64]
    processor: NDArray[np.uint16]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.id)

    def only(self, which: NDArray[np.bool_]) -> Events:
        """The events of a mask."""
        columns = (self.id, self.version, self.time, self.keyword, self.processor, self.begin, self.end)
        return Events(self.data, *(column[which] for column in columns))  # type: ignore[arg-type]

    def raw(self, which: int) -> bytes:
        """The provider's data of one event."""
        return self.data[int(self.begin[which]) : int(self.end[which])].tobytes()

    def column(self, offset: int, form: str) -> NDArray[np.int64]:
        """A number in the provider's data of each event, ``offset`` bytes in; the events must be that long.

        Examples
        --------
        >>> data = np.frombuffer(bytes(4) + bytes([1, 2, 3]), np.uint8)
        >>> none = np.zeros(1, np.uint64)
        >>> Events(data, none, none, none, none, none, np.array([4]), np.array([7])).column(1, "<u2")
        array([770])
        """
        dtype = np.dtype(form)
        count = max(len(self.data) - dtype.itemsize + 1, 0)
        view = np.ndarray((count,), dtype, self.data, 0, (1,))
        return view[self.begin + offset].astype(np.int64)


def walk(data: NDArray[np.uint8]) -> tuple[list[int], int, int]:
    """Step from event to event.

    Returns
    -------
    modern : list of int
        Offsets of the modern events.
    others : int
        How many events there are besides.
    stopped : int
        Offset of what can be no event; -1 if there is no such thing.

    Examples
    --------
    >>> classic = struct.pack("<HBB4x", 24, 0x14, 0xC0) + bytes(16)
    >>> walk(np.frombuffer(classic + struct.pack("<HBB76x", 80, 0x13, 0xC0) + b"what's this?", np.uint8))
    ([24], 1, 104)
    """
    view, end = data.data, len(data)
    read = _START.unpack_from
    modern: list[int] = []
    others = at = 0
    while at + 8 <= end:
        size, kind, mark, behind = read(view, at)
        if mark == EVENT and kind in MODERN:
            if size < HEADER or at + size > end:
                return modern, others, at
            modern.append(at)
        else:
            if mark == EVENT and kind in SIZE_BEHIND:
                size = behind
            if mark not in (EVENT, MESSAGE) or size < 8 or at + size > end:
                return modern, others, at
            others += 1
        at += (size + 7) & ~7
    return modern, others, -1


def modern_events(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.void]:
    """The headers of modern events, as a structured array of ``FIELDS``."""
    count = max(len(data) - HEADER + 1, 0)
    headers: NDArray[np.void] = np.ndarray((count,), FIELDS, data, 0, (1,))[offsets]
    return headers


def events_by(
    guid: tuple[int, int],
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    headers: NDArray[np.void],
    processors: NDArray[np.uint16],
) -> Events:
    """The events of one provider.

    Parameters
    ----------
    guid : (int, int)
        The provider, as :func:`provider` gives it.
    data, offsets, headers, processors
        The bytes, where modern events are in them, and the header and processor of each.
    """
    mine = np.flatnonzero((headers["guid"] == np.uint64(guid[0])) & (headers["guid_rest"] == np.uint64(guid[1])))
    offsets, headers = offsets[mine], headers[mine]
    end = offsets + headers["size"].astype(np.int64)
    begin = _behind_items(data, offsets + HEADER, end, headers["flags"])
    return Events(
        data,
        headers["id"].copy(),
        headers["version"].copy(),
        headers["time"].astype(np.int64),
        headers["keyword"].astype(np.uint64),
        processors[mine],
        begin,
        end,
    )


def provider(guid: str) -> tuple[int, int]:
    """A GUID as the two numbers that its 16 bytes are in an event's header.

    Examples
    --------
    >>> [hex(number) for number in provider("00112233-4455-6677-8899-aabbccddeeff")]
    ['0x6677445500112233', '0xffeeddccbbaa9988']
    """
    first, second, third, *rest = guid.split("-")
    low = int(third, 16) << 48 | int(second, 16) << 32 | int(first, 16)
    return low, int.from_bytes(bytes.fromhex("".join(rest)), "little")


def _behind_items(
    data: NDArray[np.uint8], begin: NDArray[np.int64], end: NDArray[np.int64], flags: NDArray[np.uint16]
) -> NDArray[np.int64]:
    """Where the provider's data begin: behind the extended items, each of which says if another one follows."""
    begin = begin.copy()
    rows = np.flatnonzero(flags & EXTENDED)
    if not len(rows) or len(data) < 8:
        return begin
    heads = np.ndarray((len(data) - 7, 4), "<u2", data, 0, (1, 2))
    for _ in range(MAX_ITEMS):
        rows = rows[begin[rows] + 8 <= end[rows]]
        if not len(rows):
            return begin
        item = heads[begin[rows]].astype(np.int64)
        begin[rows] = np.minimum(begin[rows] + (8 + item[:, 3] + 7 & ~7), end[rows])
        rows = rows[item[:, 2] & 1 == 1]
    begin[rows] = end[rows]
    return begin
