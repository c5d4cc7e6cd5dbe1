"""Packets in the events of Windows' own packet capture, ``netsh trace start capture=yes``.

Source: docs/domain/windows-traces.md.

Provider Microsoft-Windows-NDIS-PacketCapture: 1001 a frame or a piece of one, 1003 the same at a virtual switch (1002
tells of the radio, and holds no packet). Provider Microsoft-Windows-Ras-NdisWanPacketCapture: 5001 and 5002, what a
RAS server sent and received. Nothing here records that a frame was truncated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analyzer.formats.etl.events import Events, provider
from analyzer.formats.etl.rows import FIRST, LAST, InterfaceTable, Rows, no_rows
from analyzer.links.types import DIRECTION_IN, DIRECTION_OUT, DIRECTION_UNKNOWN, ETHERNET, IEEE802_11, RAW
from analyzer.printable import utf16

NDIS = provider("2ed6006e-4729-4609-b423-3ee7bcd678ef")
RAS = provider("d84521f7-2235-4237-a7c0-14e3a9676286")

FRAME, SWITCH_FRAME = 1001, 1003
RAS_SENT, RAS_RECEIVED = 5001, 5002

#: Keywords: media other than Ethernet, the ends of a frame in pieces, directions.
WWAN, TUNNEL, WIFI = 0x200, 0x8000, 0x10000
PACKET_START, PACKET_END = 0x40000000, 0x80000000
SENT, RECEIVED = 0x1_0000_0000, 0x2_0000_0000

#: More destinations of one switch frame are not passed over.
MAX_DESTINATIONS = 1 << 10

_FRAME_HEADER = 12  # miniport, lower interface, size


def ndis_rows(events: Events, table: InterfaceTable) -> tuple[Rows, int]:
    """The frames among events, their times in ticks.

    Parameters
    ----------
    events : Events
        Of the provider ``NDIS``.
    table : InterfaceTable
        Is filled.

    Returns
    -------
    rows : Rows
        ``at`` is an offset in the events' data.
    unsound : int
        Events whose lengths do not fit.
    """
    if not len(events):
        return no_rows(), 0
    plain, unsound = _frames(events.only((events.id == FRAME) & (events.end - events.begin >= _FRAME_HEADER)), table)
    short = int(np.count_nonzero((events.id == FRAME) & (events.end - events.begin < _FRAME_HEADER)))
    switch, more = _switch_frames(events.only(events.id == SWITCH_FRAME), table)
    return np.concatenate((plain, switch)), unsound + more + short


def _frames(events: Events, table: InterfaceTable) -> tuple[Rows, int]:
    if not len(events):
        return no_rows(), 0
    size = events.column(8, "<u4")
    fits = events.begin + _FRAME_HEADER + size <= events.end
    unsound = int(np.count_nonzero(~fits))
    events, size = events.only(fits), size[fits]
    rows = _of(events, events.begin + _FRAME_HEADER, size)
    link = _link_types(events.keyword)
    miniport, lower = events.column(0, "<u4"), events.column(4, "<u4")
    rows["interface"] = table.numbers("ndis", (miniport, lower), link)
    return rows, unsound


def interface_name(key: tuple[str, int, int]) -> tuple[str, str]:
    """Name and description of an interface of the packet capture, which has numbers only.

    Parameters
    ----------
    key : (str, int, int)
        ``"ndis"``, the miniport, and the interface below which the packet was seen; others get no name.

    Examples
    --------
    >>> interface_name(("ndis", 8, 8)), interface_name(("ndis", 8, 21))
    (('interface 8', ''), ('interface 21', 'a filter layer over interface 8'))
    """
    if key[0] != "ndis":
        return "", ""
    _, miniport, lower = key
    return f"interface {lower}", "" if miniport == lower else f"a filter layer over interface {miniport}"


def _link_types(keyword: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Link type by the keyword's media bits."""
    raw, wifi = keyword & np.uint64(WWAN | TUNNEL) > 0, keyword & np.uint64(WIFI) > 0
    return np.where(wifi, IEEE802_11, np.where(raw, RAW, ETHERNET)).astype(np.int64)


def _of(events: Events, at: NDArray[np.int64], size: NDArray[np.int64]) -> Rows:
    rows = no_rows(len(events))
    rows["time"], rows["at"], rows["captured"], rows["source"] = events.time, at, size, events.processor
    sent, received = events.keyword & np.uint64(SENT) > 0, events.keyword & np.uint64(RECEIVED) > 0
    rows["direction"] = np.where(sent == received, DIRECTION_UNKNOWN, np.where(sent, DIRECTION_OUT, DIRECTION_IN))
    first, last = events.keyword & np.uint64(PACKET_START) > 0, events.keyword & np.uint64(PACKET_END) > 0
    rows["marks"] = first * np.uint8(FIRST) | last * np.uint8(LAST)
    return rows


def _places(events: Events, found: Sequence[tuple[object, int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where in the buffer the frames are, and their sizes, by where they are in their events."""
    columns = np.array([each[1:] for each in found], np.int64)
    return events.begin + columns[:, 0], columns[:, 1]


def _switch_frames(events: Events, table: InterfaceTable) -> tuple[Rows, int]:
    """Frames at a virtual switch: names of any length come before them, so they are read one by one."""
    found = [_switch_frame(events.raw(which)) for which in range(len(events))]
    good = np.array([each is not None for each in found], np.bool_)
    if not good.any():
        return no_rows(), len(found)
    events = events.only(good)
    frames = [each for each in found if each is not None]
    rows = _of(events, *_places(events, frames))
    # Seen from the switch, a frame is neither inbound nor outbound for the host.
    rows["direction"] = DIRECTION_UNKNOWN
    link = _link_types(events.keyword).tolist()
    for row, ((lower, port, port_name, nic), _, _) in enumerate(frames):
        key = ("switch", lower, port)
        rows["interface"][row] = table.number(key, link[row])
        table.name(key, nic or f"port {port}", f"port {port_name or port} of virtual switch {lower}")
    return rows, int(np.count_nonzero(~good))


def _switch_frame(data: bytes) -> tuple[tuple[int, int, str, str], int, int] | None:
    """Lower interface, source port, its name and NIC; where the frame begins, and its size."""
    if len(data) < 12:
        return None
    lower, port = int.from_bytes(data[4:8], "little"), int.from_bytes(data[8:12], "little")
    at, names = 12, []
    for _ in range(3):
        text, at = utf16(data, at)
        names.append(text)
    count = int.from_bytes(data[at : at + 4], "little")
    # A destination is a port and three names; a description of the event that is in use has eight bytes instead.
    for behind in (_behind_destinations(data, at + 4, count), at + 4 + 8 * count):
        size = int.from_bytes(data[behind : behind + 4], "little")
        rest = behind + 4 + size
        if rest + 4 <= len(data) and rest + 4 + int.from_bytes(data[rest : rest + 4], "little") == len(data):
            return (lower, port, names[0], names[1]), behind + 4, size
    return None


def _behind_destinations(data: bytes, at: int, count: int) -> int:
    for _ in range(min(count, MAX_DESTINATIONS)):
        at += 4
        for _ in range(3):
            _, at = utf16(data, at)
        if at >= len(data):
            break
    return at


def ras_rows(events: Events, table: InterfaceTable) -> tuple[Rows, int]:
    """The packets of a RAS server, as :func:`ndis_rows`; events of the provider ``RAS``."""
    events = events.only((events.id == RAS_SENT) | (events.id == RAS_RECEIVED))
    found = [_ras_packet(events.raw(which)) for which in range(len(events))]
    good = np.array([each is not None for each in found], np.bool_)
    if not good.any():
        return no_rows(), len(found)
    events = events.only(good)
    packets = [each for each in found if each is not None]
    rows = _of(events, *_places(events, packets))
    rows["direction"] = np.where(events.id == RAS_SENT, DIRECTION_OUT, DIRECTION_IN)
    rows["marks"] = FIRST | LAST
    for row, (user, _, _) in enumerate(packets):
        rows["interface"][row] = table.number(("ras", user), ETHERNET)
        table.name(("ras", user), "RAS", f"connection of {user}" if user else "")
    return rows, int(np.count_nonzero(~good))


def _ras_packet(data: bytes) -> tuple[str, int, int] | None:
    """User name, where the packet begins, and its size."""
    _, at = utf16(data, 0)
    user, at = utf16(data, at)
    size = int.from_bytes(data[at : at + 4], "little")
    return (user, at + 4, size) if at + 4 + size <= len(data) else None
