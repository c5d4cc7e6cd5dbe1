"""What one writes first with pyshark: the IKE packets of a capture, their exchange and message ID."""

from __future__ import annotations

import sys

import pyshark


def exchanges(path: str) -> list[tuple[str, str]]:
    """Exchange type and message ID of each IKE message, as tshark prints them."""
    with pyshark.FileCapture(path, display_filter="isakmp", keep_packets=False) as capture:
        return [(packet.isakmp.exchangetype, packet.isakmp.messageid) for packet in capture]


if __name__ == "__main__":
    print(len(exchanges(sys.argv[1])))
