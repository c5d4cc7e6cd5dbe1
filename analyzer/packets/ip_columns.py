"""IP headers of many packets of a chunk at once, as columns. Held equal to the general decoder by a property test."""

from __future__ import annotations

import numpy as np

from analyzer.columns import Gather, Ints
from analyzer.formats.records import Chunk
from analyzer.packets.addresses import Addresses
from analyzer.packets.ip_packet import IpPacket
from analyzer.protocol import IPV6_HEADER, UDP


def ip_ends(fields: Gather, chunk: Chunk, rows: Ints, ip: Ints) -> tuple[Ints, Ints, Ints]:
    """Length of each IP packet by its header, offset of its payload, and IP version."""
    version = fields.u8(ip) >> 4
    header = np.where(version == 4, (fields.u8(ip) & 0x0F) * 4, IPV6_HEADER)
    stated = np.where(version == 4, fields.u16(ip + 2), IPV6_HEADER + fields.u16(ip + 4))
    # Segmentation offload leaves the length 0: what the frame holds is then the best that is known.
    on_wire = chunk.wire[rows] - (ip - chunk.start[rows])
    length = np.where((version == 4) & (stated == 0), on_wire, stated)
    return length, ip + header, version


def address_numbers(addresses: Addresses, fields: Gather, ip: Ints, version: Ints) -> tuple[Ints, Ints]:
    """Numbers of the source and destination addresses of each IP header."""
    src, dst = np.empty(len(ip), dtype=np.int64), np.empty(len(ip), dtype=np.int64)
    four = version == 4
    src[four] = addresses.numbers_ipv4(fields.u32(ip[four] + 12))
    dst[four] = addresses.numbers_ipv4(fields.u32(ip[four] + 16))
    if not four.all():
        raw = fields.buffer
        six = np.flatnonzero(~four)
        at = ip[six].tolist()
        src[six] = addresses.numbers([raw[a + 8 : a + 24].tobytes() for a in at])
        dst[six] = addresses.numbers([raw[a + 24 : a + 40].tobytes() for a in at])
    return src, dst


def ipv4_headers(fields: Gather, chunk: Chunk, rows: Ints, ip: Ints) -> list[IpPacket]:
    """What :func:`analyzer.packets.ip_headers.decode` says of plain IPv4 packets, whose headers are read together."""
    header = (fields.u8(ip) & 0x0F) * 4
    length = fields.u16(ip + 2)
    flags = fields.u16(ip + 6)
    offset = ip - chunk.start[rows]
    src, dst = fields.u32(ip + 12), fields.u32(ip + 16)
    columns = (
        offset, src, dst, fields.u16(ip + 4), flags, fields.u8(ip + 8), length, offset + header,
        np.maximum(length - header, 0),
    )  # fmt: skip
    return [
        IpPacket(
            l3_offset=at,
            ip_version=4,
            src=source.to_bytes(4, "big"),
            dst=target.to_bytes(4, "big"),
            ip_id=identification,
            df=bool(bits & 0x4000),
            mf=bool(bits & 0x2000),
            fragment_offset=(bits & 0x1FFF) * 8,
            ttl=ttl,
            ip_length=size,
            protocol=UDP,
            payload_offset=begin,
            payload_length=rest,
        )
        for at, source, target, identification, bits, ttl, size, begin, rest in zip(
            *(c.tolist() for c in columns), strict=True
        )
    ]
