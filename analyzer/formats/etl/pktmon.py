"""Packets in the events of Windows' packet monitor, ``pktmon start --capture`` (docs/domain/windows-traces.md).

It sees one packet at each component on its way through the host. Event 160 is such a sighting, 170 the record that a
component dropped the packet; both have one layout. Events 20 tell the components' names, 100 and 110 the filters.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analyzer.formats.etl.events import Events, provider
from analyzer.formats.etl.rows import DROP, FIRST, LAST, InterfaceTable, Rows, no_rows
from analyzer.links.types import DIRECTION_IN, DIRECTION_OUT, DIRECTION_UNKNOWN, ETHERNET, IEEE802_11, RAW
from analyzer.printable import utf16

PKTMON = provider("4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac")

SEEN, DROPPED, COMPONENT, FILTER_V4, FILTER_V6 = 160, 170, 20, 100, 110

#: Bytes before a packet.
PACKET_HEADER = 34

#: Link types by packet type: Ethernet, Wi-Fi, IP. Others are pieces of packets (HTTP, TCP ...), without addresses.
LINK_TYPES = np.array([-1, ETHERNET, IEEE802_11, RAW], np.int64)

#: Directions by tag: in, out, received, transmitted. Ingress and egress (5, 6) are those of a virtual switch.
DIRECTIONS = np.array([DIRECTION_UNKNOWN, DIRECTION_IN, DIRECTION_OUT, DIRECTION_IN, DIRECTION_OUT], np.int8)

#: More filters are not looked at.
MAX_FILTERS = 64

#: EtherTypes by which an Ethernet frame is told that is called Wi-Fi: IPv4, ARP, VLAN, IPv6, EAPOL.
_ETHERTYPES = np.array([0x0800, 0x0806, 0x8100, 0x86DD, 0x888E])


@dataclass(slots=True)
class Monitor:
    """What a log's events of the packet monitor say besides packets.

    Attributes
    ----------
    filters : list
        Ports that each filter asks for; empty when it asks for none, or what it asks for is not understood.
    unsound : int
        Events whose lengths do not fit.
    piecemeal : int
        Records of pieces of packets, without addresses.
    """

    filters: list[tuple[int, ...]] = field(default_factory=list)
    unsound: int = 0
    piecemeal: int = 0

    def rows(self, events: Events, table: InterfaceTable) -> Rows:
        """The packets among events, their times in ticks; and take in what else the events say.

        Parameters
        ----------
        events : Events
            Of the provider ``PKTMON``.
        table : InterfaceTable
            Is filled.

        Returns
        -------
        Rows
            ``at`` is an offset in the events' data.
        """
        if not len(events):
            return no_rows()
        for which in np.flatnonzero(events.id == COMPONENT).tolist():
            self._component(events.raw(which), table)
        for which in np.flatnonzero((events.id == FILTER_V4) | (events.id == FILTER_V6)).tolist():
            self._filter(events.raw(which), int(events.version[which]))
        return self._packets(events.only((events.id == SEEN) | (events.id == DROPPED)), table)

    @property
    def capture_filter(self) -> str:
        """What the filters ask for, in the words of capture filters; empty when there are none.

        Examples
        --------
        >>> Monitor(filters=[(500,), (4500, 500)]).capture_filter, Monitor(filters=[(500,), ()]).capture_filter
        ('port 500 or port 4500', '2 packet filters of pktmon')
        """
        if not self.filters:
            return ""
        if all(self.filters):
            ports = dict.fromkeys(port for each in self.filters for port in each)
            return " or ".join(f"port {port}" for port in ports)
        count = len(self.filters)
        return f"{count} packet {'filter' if count == 1 else 'filters'} of pktmon"

    def _component(self, data: bytes, table: InterfaceTable) -> None:
        if len(data) < 4:
            self.unsound += 1
            return
        number = int.from_bytes(data[:2], "little")
        name, at = utf16(data, 4)
        description, _ = utf16(data, at)
        table.name(("pktmon", number), name or f"component {number}", description)

    def _filter(self, data: bytes, version: int) -> None:
        if len(self.filters) >= MAX_FILTERS:
            return
        # Behind the name come EtherType, VLAN, addresses, protocol, two ports, TCP flags: the ports are told from the
        # end. Whether they are kept in network byte order is not known; only those of IKE are taken, either way.
        ports: tuple[int, ...] = ()
        _, at = utf16(data, 2)
        if version == 0 and len(data) - at >= 10:
            both = *struct.unpack_from("<HH", data, len(data) - 5), *struct.unpack_from(">HH", data, len(data) - 5)
            ports = tuple(dict.fromkeys(port for port in both if port in (500, 4500)))
        if (data[:2], ports) not in self._told:
            self._told.add((data[:2], ports))
            self.filters.append(ports)

    _told: set[tuple[bytes, tuple[int, ...]]] = field(default_factory=set)

    def _packets(self, events: Events, table: InterfaceTable) -> Rows:
        room = events.end - events.begin
        whole = room >= PACKET_HEADER
        self.unsound += int(np.count_nonzero(~whole))
        events, room = events.only(whole), room[whole]
        logged = events.column(32, "<u2")
        fits = logged <= room - PACKET_HEADER
        self.unsound += int(np.count_nonzero(~fits))
        events, logged = events.only(fits), logged[fits]
        if not len(events):
            return no_rows()
        rows = no_rows(len(events))
        rows["time"], rows["at"], rows["captured"] = events.time, events.begin + PACKET_HEADER, logged
        rows["wire"] = np.maximum(events.column(30, "<u2"), logged)
        rows["group"], rows["number"] = events.column(0, "<u8").view(np.uint64), events.column(8, "<u2")
        rows["appearance"] = events.column(10, "<u2")
        tag = events.column(12, "<u2")
        rows["direction"] = DIRECTIONS[np.where(tag < len(DIRECTIONS), tag, 0)]
        rows["marks"] = np.where(events.id == DROPPED, FIRST | LAST | DROP, FIRST | LAST)
        rows["source"] = events.column(16, "<u2")
        rows["reason"] = events.column(22, "<u4")
        kind = events.column(14, "<u2")
        link = LINK_TYPES[np.where(kind < len(LINK_TYPES), kind, 0)]
        link[(link == IEEE802_11) & _is_ethernet(events, logged)] = ETHERNET
        self.piecemeal += int(np.count_nonzero(link < 0))
        rows["interface"] = table.numbers("pktmon", (events.column(16, "<u2"),), link)
        return rows


def _is_ethernet(events: Events, size: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a packet has an EtherType where an Ethernet frame has it, and IP behind it if it says so.

    pktmon calls a frame by what its adapter is: at the upper edge of a Wi-Fi driver it is Ethernet all the same.
    """
    found = size >= 34
    rows = events.only(found)
    kind = rows.column(PACKET_HEADER + 12, ">u2")
    version = rows.column(PACKET_HEADER + 14, "u1") >> 4
    sound = (kind != 0x0800) | (version == 4)
    sound &= (kind != 0x86DD) | (version == 6)
    found[found] = np.isin(kind, _ETHERTYPES) & sound
    return found
