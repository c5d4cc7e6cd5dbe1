"""Captures with tcpdump, written anew as pcapng: what tcpdump saw, and nothing about the machine that it ran on."""

from __future__ import annotations

import re
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from sample_pcaps.lab import pcapng_writer
from sample_pcaps.lab.live.network import Network
from sample_pcaps.lab.live.shell import LabError, await_text, start, stop

#: Magic number of a pcap file with nanosecond times, as a little-endian machine writes it.
_NANOSECONDS = 0xA1B23C4D
_FULL = 262_144


@dataclass(frozen=True, slots=True)
class Point:
    """Where and how a capture is taken.

    Attributes
    ----------
    host, device : str
        Where.
    snaplen : int
        Bytes kept of each packet; 0: all.
    filter : str
        Capture filter.
    recorded : bool
        Whether the file says which filter it was (a pcap file of tcpdump cannot).
    direction : str
        ``in`` or ``out``: only packets of this direction.
    """

    host: str
    device: str = "eth0"
    snaplen: int = 0
    filter: str = ""
    recorded: bool = True
    direction: str = "inout"


@dataclass(slots=True)
class Tcpdump:
    """One running capture."""

    point: Point
    file: Path
    process: subprocess.Popen[bytes]

    @property
    def said(self) -> Path:
        """File that holds what tcpdump says."""
        return self.file.with_suffix(".tcpdump")

    def finish(self) -> None:
        """Let tcpdump write what it has and end.

        Raises
        ------
        LabError
            It lost packets: such a capture is no ground truth.
        """
        # Packets wait in the kernel's buffer for a moment even in immediate mode.
        time.sleep(0.3)
        stop(self.process)
        said = self.said.read_text()
        lost = re.search(r"(\d+) packets dropped by kernel", said)
        if lost is None or lost[1] != "0":
            raise LabError(f"tcpdump on {self.point.host}: {said.strip().splitlines()[-1]}")


def begin(network: Network, point: Point, file: Path) -> Tcpdump:
    """Start tcpdump and wait until it listens."""
    command = [
        "tcpdump",
        "-n",
        "-i",
        point.device,
        "-s",
        str(point.snaplen),
        "-U",
        "--immediate-mode",
        "-Z",
        "root",
        "-Q",
        point.direction,
    ]
    command += ["-B", "8192", "--time-stamp-precision=nano", "-w", str(file), *point.filter.split()]
    tcpdump = Tcpdump(point, file, start(network.inside(point.host, *command), file.with_suffix(".tcpdump")))
    await_text(tcpdump.said, "listening on", tcpdump.process)
    return tcpdump


def to_pcapng(pcap: bytes, point: Point) -> bytes:
    """Write a pcap file of tcpdump anew as pcapng.

    Parameters
    ----------
    pcap : bytes
        A file with nanosecond times in little-endian order.
    point : Point
        Where it was taken; device and filter are recorded.

    Returns
    -------
    bytes

    Examples
    --------
    >>> pcap = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1) + struct.pack("<IIII", 7, 9, 1, 60) + b"x"
    >>> to_pcapng(pcap, Point("client"))[-8:-4]
    b'x\\x00\\x00\\x00'
    """
    magic, _, _, _, _, snaplen, link_type = struct.unpack_from("<IHHiIII", pcap)
    if magic != _NANOSECONDS:
        raise LabError(f"not a pcap file with nanosecond times: magic number {magic:#x}")
    kept = 0 if snaplen >= _FULL else snaplen
    parts = [
        pcapng_writer.section(link_type, kept, point.device, point.filter if point.filter and point.recorded else None)
    ]
    at = 24
    while at + 16 <= len(pcap):
        seconds, nanoseconds, captured, length = struct.unpack_from("<IIII", pcap, at)
        data = pcap[at + 16 : at + 16 + captured]
        parts.append(pcapng_writer.packet(seconds * 10**9 + nanoseconds, data, length))
        at += 16 + captured
    return b"".join(parts)
