"""What one writes first: dpkt's reader, each packet decoded, IKE counted by its ports."""

from __future__ import annotations

import sys

import dpkt


def count_ike(path: str) -> int:
    """Datagrams to or from UDP ports 500 and 4500."""
    found = 0
    with open(path, "rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            datagram = getattr(dpkt.ethernet.Ethernet(frame).data, "data", None)
            if isinstance(datagram, dpkt.udp.UDP) and {datagram.sport, datagram.dport} & {500, 4500}:
                found += 1
    return found


if __name__ == "__main__":
    print(count_ike(sys.argv[1]))
