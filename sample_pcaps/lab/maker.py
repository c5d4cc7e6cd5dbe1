"""Makes a capture from a ladder: the bytes that a capture at one of its hosts would hold.

The notation is documented in :mod:`analyzer.report.ladder.notation`, what a ladder leaves open in
:mod:`sample_pcaps.lab.ike`.
The same ladder gives the same bytes on every run. Nothing here uses the analyzer's parsers, so a capture made here can
judge them::

    python -m sample_pcaps.lab.maker LADDER OUT.pcapng     make one capture
    python -m sample_pcaps.lab.maker --all                 make every sample_pcaps/*.pcapng again from its .ladder
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from analyzer.errors import UsageError
from analyzer.report.ladder.model import Ladder, Options
from analyzer.report.ladder.notation import parse
from sample_pcaps.lab import pcapng_writer
from sample_pcaps.lab.capture_filter import compile_filter
from sample_pcaps.lab.ike import Messages
from sample_pcaps.lab.view import View
from sample_pcaps.lab.wire import ARP, IPV6, Packet, Wire, mac

#: 2024-01-15T09:00:00Z: the wall-clock time of +0.000 in a ladder that says none.
DEFAULT_START = 1_705_309_200 * 10**9
LINK_TYPES = {"ethernet": 1, "raw": 101, "sll": 113, "null": 0}
SHORTEST_FRAME = 60


def make(ladder: Ladder) -> bytes:
    """Make a capture file.

    Parameters
    ----------
    ladder : Ladder
        What happened and how it was captured.

    Returns
    -------
    bytes
        A pcapng file with nanosecond times; each packet's direction is recorded when the ladder says ``at``.

    Raises
    ------
    analyzer.errors.UsageError
        The ladder asks for what cannot be: contents longer than the message, a name that has no number ...

    Examples
    --------
    >>> ladder = parse("C = 10.0.0.2  S = 203.0.113.7\\n+0 C:500 > S:500 IKE_SA_INIT request")
    >>> make(ladder)[:4].hex(), make(ladder) == make(ladder)
    ('0a0d0d0a', True)
    """
    options, view = ladder.options, View(ladder)
    start = DEFAULT_START if options.start is None else options.start
    parts = [pcapng_writer.section(LINK_TYPES[_link(options)], options.snaplen or 0, "eth0", options.filter)]
    for packet in _kept(ladder, view):
        frame = _frame(packet, options, view)
        direction = 0
        if options.at is not None:
            direction = pcapng_writer.OUTBOUND if packet.sender == options.at else pcapng_writer.INBOUND
        record = _cut(frame, options)
        parts.append(pcapng_writer.packet(start + packet.time, record, len(frame), direction, dropped=packet.dropped))
    return b"".join(parts)


def make_packets(ladder: Ladder) -> list[tuple[int, bytes, int]]:
    """Make the packets of a capture.

    Parameters
    ----------
    ladder : Ladder
        As for :func:`make`.

    Returns
    -------
    list of (int, bytes, int)
        Time in nanoseconds since the epoch, captured bytes from the link header on, length on the wire.

    Examples
    --------
    >>> ladder = parse('''
    ... C = 10.0.0.2  S = 203.0.113.7  mtu 1460  link raw
    ... +0.075  C:4500 > S:4500  IKE_AUTH request 3468  SK  ip-fragments 3
    ... ''')
    >>> [length for _, _, length in make_packets(ladder)]
    [1460, 1460, 620]
    """
    options, view = ladder.options, View(ladder)
    start = DEFAULT_START if options.start is None else options.start
    frames = [(start + packet.time, _frame(packet, options, view)) for packet in _kept(ladder, view)]
    return [(time, _cut(frame, options), len(frame)) for time, frame in frames]


def _kept(ladder: Ladder, view: View) -> list[Packet]:
    """Return the packets between the capture's start and stop that its filter lets pass."""
    options = ladder.options
    packets = Wire(ladder, view, Messages(ladder, view)).packets()
    if options.starts_late is not None:
        packets = [packet for packet in packets if packet.time >= options.starts_late]
    if options.stops is not None:
        packets = [packet for packet in packets if packet.time <= options.stops]
    if options.filter is None:
        return packets
    passes = compile_filter(options.filter)
    if options.vlan is not None:
        return []  # libpcap's terms look for IP at the place of an untagged frame
    return [packet for packet in packets if passes(packet.ethertype, packet.data)]


def _link(options: Options) -> str:
    return options.link or "ethernet"


def _cut(frame: bytes, options: Options) -> bytes:
    return frame[: options.snaplen] if options.snaplen else frame


def _frame(packet: Packet, options: Options, view: View) -> bytes:
    """Put the link layer's header before a packet; a short frame arrives padded, but leaves without padding."""
    link = _link(options)
    if (options.vlan is not None and link != "ethernet") or (packet.ethertype == ARP and link in ("raw", "null")):
        raise UsageError(f"link {link} carries neither VLAN tags nor ARP")
    if link == "raw":
        return packet.data
    if link == "null":
        return struct.pack("<I", 30 if packet.ethertype == IPV6 else 2) + packet.data
    sender, receiver = mac(packet.sender, view), mac(packet.receiver, view)
    kind = struct.pack("!H", packet.ethertype)
    outbound = packet.sender == view.at
    if link == "sll":
        head = struct.pack("!HHH", 4 if outbound else 0, 1, 6) + sender + bytes(2)
        return head + kind + packet.data
    tag = b"" if options.vlan is None else struct.pack("!HH", 0x8100, options.vlan)
    if packet.ethertype == ARP and packet.data[7] == 1:
        receiver = b"\xff" * 6
    frame = receiver + sender + tag + kind + packet.data
    return frame if outbound else frame.ljust(SHORTEST_FRAME, b"\0")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="sample_pcaps.lab.maker", description="Make captures from ladders.")
    parser.add_argument("ladder", nargs="?", type=Path, help="the ladder to read")
    parser.add_argument("out", nargs="?", type=Path, help="the pcapng file to write")
    parser.add_argument("--all", action="store_true", help="make every sample again, beside its ladder")
    given = parser.parse_args(arguments)
    if given.all == (given.out is not None):
        parser.error("give LADDER and OUT, or --all")
    pairs = [(given.ladder, given.out)]
    if given.all:
        folder = Path(__file__).resolve().parent.parent
        pairs = [(ladder, ladder.with_suffix(".pcapng")) for ladder in sorted(folder.glob("*.ladder"))]
    try:
        for ladder, out in pairs:
            out.write_bytes(make(parse(ladder.read_text(encoding="utf-8"))))
    except (UsageError, OSError, UnicodeDecodeError) as error:
        print(f"{ladder}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
