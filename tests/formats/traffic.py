"""Plain captures of any size that pack as real ones do: a client's traffic, most of it text, again and again."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.bench import mixed

#: Packets of one round; an IKE connection begins in it.
ROUND = 1_700

_FILE_HEADER, _RECORD_HEADER = 24, 16
_GATEWAY = bytes([203, 0, 113, 7])
#: In an Ethernet frame with IPv4: where the addresses are, and where what TCP and QUIC carry certainly is.
_ADDRESSES, _BODY = slice(26, 34), 100
_TEXT = b"".join(
    b"<tr><td>%d</td><td>host-%d.example.net</td><td>connected</td><td>%d s</td></tr>\r\n" % (n, n * 7919 % 997, n * n)
    for n in range(400)
)


def traffic(octets: int, folder: Path) -> bytes:
    """A pcap file of at least so many bytes; the folder is for what is made on the way."""
    path = folder / "round.pcap"
    mixed.write(path, ROUND)
    raw = path.read_bytes()
    path.unlink()
    records = [*_records(raw)]
    first, last = records[0][0], records[-1][0]
    parts, size, shift = [raw[:_FILE_HEADER]], 0, 0
    while size < octets:
        part = b"".join(
            struct.pack("<II", *divmod(time + shift, 1_000_000)) + rest + body for time, rest, body in records
        )
        parts.append(part)
        size += len(part)
        shift += last - first + 1_000
    return b"".join(parts)


def _records(raw: bytes) -> list[tuple[int, bytes, bytes]]:
    """Time in microseconds, lengths as in the record's header, bytes; seven of eight long web packets carry text."""
    found: list[tuple[int, bytes, bytes]] = []
    at = _FILE_HEADER
    while at < len(raw):
        seconds, microseconds, size = struct.unpack_from("<III", raw, at)
        body = raw[at + _RECORD_HEADER : at + _RECORD_HEADER + size]
        if size > 2 * _BODY and _GATEWAY not in body[_ADDRESSES] and len(found) % 8:
            begin = len(found) * 131 % (len(_TEXT) - size)
            body = body[:_BODY] + _TEXT[begin : begin + size - _BODY]
        found.append((seconds * 1_000_000 + microseconds, raw[at + 8 : at + _RECORD_HEADER], body))
        at += _RECORD_HEADER + size
    return found
