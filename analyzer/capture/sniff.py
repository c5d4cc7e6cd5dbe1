"""What a file is, by its first bytes; and for what cannot be read, the sentence that says so and what to do."""

from __future__ import annotations

import struct

#: Bytes that :func:`kind_of` and :func:`refusal` like to see.
HEAD = 512

SECTION_HEADER = b"\x0a\x0d\x0d\x0a"

_PCAP = (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d", b"\xa1\xb2\xcd\x34")

_UNPACK = "is {}; unpack it first"
_EDITCAP = "{} captures cannot be read yet; convert it: editcap -F pcapng IN OUT"

#: First bytes of files that are no capture that can be read, and what to say.
_REFUSALS = (
    (b"PK\x03\x04", _UNPACK.format("a ZIP archive")),
    (b"PK\x05\x06", _UNPACK.format("an empty ZIP archive")),
    (b"\x1f\x8b", _UNPACK.format("gzip-compressed")),
    (b"\xfd7zXZ\0", _UNPACK.format("xz-compressed")),
    (b"\x28\xb5\x2f\xfd", _UNPACK.format("zstd-compressed")),
    (b"\x04\x22\x4d\x18", _UNPACK.format("lz4-compressed")),
    (b"BZh", _UNPACK.format("bzip2-compressed")),
    (b"7z\xbc\xaf\x27\x1c", _UNPACK.format("a 7z archive")),
    (b"Rar!\x1a\x07", _UNPACK.format("a RAR archive")),
    (b"MSCF", _UNPACK.format("a CAB archive (netsh trace puts its .etl file beside it)")),
    (b"%PDF", "is a PDF document, not a capture"),
    (b"\x7fELF", "is a program, not a capture"),
    (b"MZ", "is a program, not a capture"),
    (b"GMBU", _EDITCAP.format("NetMon 2")),
    (b"RTSS", _EDITCAP.format("NetMon 1")),
    (b"snoop\0\0\0", _EDITCAP.format("snoop")),
    (b"iptrace ", _EDITCAP.format("AIX iptrace")),
    (b"TRSNIFF data", _EDITCAP.format("DOS Sniffer")),
    (b"XCP\0", _EDITCAP.format("NetXray and Windows Sniffer")),
    (b"btsnoop\0", _EDITCAP.format("btsnoop")),
    (b"EyeSDN", _EDITCAP.format("EyeSDN")),
    (b"\x1c\x00\x01\xac", _EDITCAP.format("IXIA")),
    (b"\xac\x01\x00\x1c", _EDITCAP.format("IXIA")),
)


def kind_of(head: bytes) -> str:
    """``pcap``, ``pcapng``, or empty when it is neither.

    Examples
    --------
    >>> kind_of(bytes.fromhex("d4c3b2a1 0200 0400")), kind_of(bytes.fromhex("0a0d0d0a")), kind_of(b"hello")
    ('pcap', 'pcapng', '')
    """
    magic = head[:4]
    if magic in _PCAP or magic[::-1] in _PCAP:
        return "pcap"
    return "pcapng" if magic == SECTION_HEADER else ""


def refusal(head: bytes) -> str:
    """Why a file with these first bytes cannot be read, as the rest of a sentence that starts with its name.

    Examples
    --------
    >>> refusal(b"PK\\x03\\x04...")
    'is a ZIP archive; unpack it first'
    >>> refusal(b"No.  Time  Source")
    'looks like text, not a capture'
    """
    if not head:
        return "is empty"
    for magic, what in _REFUSALS:
        if head.startswith(magic):
            return what
    if _is_etl(head):
        return "ETL captures cannot be read yet; convert it: etl2pcapng IN OUT (on Windows also: pktmon etl2pcap IN)"
    if _is_html(head):
        return "is a web page (HTML), not a capture: the download did not give the file itself"
    if _is_text(head):
        return "looks like text, not a capture"
    if len(head) < 24:
        return f"is too short for a capture: {len(head)} bytes"
    return f"is not a capture that can be read: it starts with the bytes {head[:8].hex(' ')}"


def _is_etl(head: bytes) -> bool:
    """An ETW log starts with a buffer of type "header", whose first event is a system one (domain.md 8.4)."""
    if len(head) < 80:
        return False
    (size,) = struct.unpack_from("<I", head)
    (buffer_type,) = struct.unpack_from("<H", head, 54)
    return size > 0 and size % 1024 == 0 and buffer_type == 4 and head[74] in (1, 2) and head[75] == 0xC0


def _is_html(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def _is_text(head: bytes) -> bool:
    """UTF-16 with its mark, or bytes without the control characters that text does not have."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not any((byte < 32 and byte not in b"\t\n\v\f\r\x1b") or byte == 127 for byte in head)
