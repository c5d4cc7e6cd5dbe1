"""One IP packet as its headers tell it: what both ways of decoding give."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IpPacket:
    """One IP packet of a frame, or one IP fragment. Lengths are the header's own, whatever was captured.

    Attributes
    ----------
    l3_offset : int
        Offset of the IP header in the frame.
    ip_version : int
        4 or 6.
    src, dst : bytes
        Addresses, 4 or 16 bytes.
    ip_id : int or None
        Identification; IPv6: that of the fragment header, None without one.
    df : bool or None
        Don't-fragment bit; None with IPv6.
    mf : bool
        More-fragments bit.
    fragment_offset : int
        Offset of this fragment's data in the datagram's payload, in bytes; 0 when whole.
    ttl : int
        TTL or hop limit.
    ip_length : int
        Length of the whole IP packet in bytes (IPv6: 40 + payload length). An IPv4 total length of 0 is left behind
        by segmentation offload and stands for all that was captured.
    protocol : int
        Upper-layer protocol, after the IPv6 extension headers. Of a fragment: what its fragment header says, so
        that all fragments of a datagram agree (see :func:`analyzer.packets.ip_headers.skip_extension_headers`).
    payload_offset : int
        Offset in the frame of the upper-layer header, or of the fragment's data. Beyond the end of the frame when
        the capture was cut before it.
    payload_length : int
        Bytes of payload by the IP header; never negative.
    """

    l3_offset: int
    ip_version: int
    src: bytes
    dst: bytes
    ip_id: int | None
    df: bool | None
    mf: bool
    fragment_offset: int
    ttl: int
    ip_length: int
    protocol: int
    payload_offset: int
    payload_length: int


def ports_of(header: bytes) -> tuple[int, int]:
    """Source and destination port of a UDP or TCP header, or of the first 4 bytes of one.

    Examples
    --------
    >>> ports_of(bytes.fromhex("01f41194"))
    (500, 4500)
    """
    return int.from_bytes(header[0:2], "big"), int.from_bytes(header[2:4], "big")
