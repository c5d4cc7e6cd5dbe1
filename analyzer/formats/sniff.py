"""What a file is, by its first bytes; and for what cannot be read, the sentence that says so and what to do."""

from __future__ import annotations

from analyzer.formats.table import format_of

_UNPACK = "is {}; unpack it first"
#: First bytes of files that are no capture that can be read, and what to say.
_REFUSALS = (
    (b"\x04\x22\x4d\x18", _UNPACK.format("lz4-compressed")),
    (b"7z\xbc\xaf\x27\x1c", _UNPACK.format("a 7z archive")),
    (b"Rar!\x1a\x07", _UNPACK.format("a RAR archive")),
    (b"MSCF", _UNPACK.format("a CAB archive (netsh trace puts its .etl file beside it)")),
    (b"%PDF", "is a PDF document, not a capture"),
    (b"\x7fELF", "is a program, not a capture"),
    (b"MZ", "is a program, not a capture"),
)

#: First bytes of captures that only Wireshark's editcap can read.
_FOREIGN = (
    (b"iptrace ", "an AIX iptrace capture"),
    (b"TRSNIFF data", "a DOS Sniffer capture"),
    (b"XCP\0", "a NetXray or Windows Sniffer capture"),
    (b"btsnoop\0", "a btsnoop capture"),
    (b"EyeSDN", "an EyeSDN capture"),
    (b"\x1c\x00\x01\xac", "an IXIA capture"),
    (b"\xac\x01\x00\x1c", "an IXIA capture"),
)

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")

#: Where the checksum of a tar header stands (POSIX.1-1988, ustar): six octal digits, counted as eight spaces.
_TAR_HEADER, _TAR_SUM = 512, slice(148, 156)

#: What :func:`kind_of` says of what holds captures and is none.
ARCHIVES = ("zip", "tar")


def kind_of(head: bytes) -> str:
    """``pcap``, ``pcapng``, ``etl``, ``netmon``, ``snoop``, ``zip``, ``tar``, or empty when it is none of them.

    Examples
    --------
    >>> kind_of(bytes.fromhex("d4c3b2a1 0200 0400")), kind_of(bytes.fromhex("0a0d0d0a")), kind_of(b"hello")
    ('pcap', 'pcapng', '')
    """
    if head.startswith(_ZIP):
        return "zip"
    found = format_of(head)
    return found.name if found is not None else "tar" if is_tar(head) else ""


def is_foreign(head: bytes) -> bool:
    """Whether it is a capture of a format that is not read here, but by editcap.

    Examples
    --------
    >>> is_foreign(b"iptrace 2.0"), is_foreign(b"hello")
    (True, False)
    """
    return any(head.startswith(magic) for magic, _ in _FOREIGN)


def is_no_capture(head: bytes) -> bool:
    """Whether it is certainly something else: a program, an archive that is not opened, a web page."""
    return not head or _is_html(head) or any(head.startswith(magic) for magic, _ in _REFUSALS)


def refusal(head: bytes) -> str:
    """Why a file with these first bytes cannot be read, as the rest of a sentence that starts with its name.

    Examples
    --------
    >>> refusal(b"Rar!\\x1a\\x07...")
    'is a RAR archive; unpack it first'
    >>> refusal(b"No.  Time  Source")
    'looks like text, not a capture'
    """
    if not head:
        return "is empty"
    for magic, what in _REFUSALS:
        if head.startswith(magic):
            return what
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            return (
                f"is {what}, which is read by way of editcap (of Wireshark): that is not installed, or cannot read it; "
                "where it can, convert it: editcap -F pcapng IN OUT"
            )
    if _is_html(head):
        return "is a web page (HTML), not a capture: the download did not give the file itself"
    if _is_text(head):
        return "looks like text, not a capture"
    if len(head) < 24:
        return f"is too short for a capture: {len(head)} bytes"
    return f"is not a capture that can be read: it starts with the bytes {head[:8].hex(' ')}"


def is_tar(head: bytes) -> bool:
    """A tar header has a checksum; its magic is younger than some tar programs."""
    if len(head) < _TAR_HEADER or not head[0]:
        return False
    stated = head[_TAR_SUM].strip(b" \0")
    plain = head[: _TAR_SUM.start] + b" " * 8 + head[_TAR_SUM.stop : _TAR_HEADER]
    return stated.isdigit() and len(stated) <= 7 and f"{sum(plain):o}".encode() == stated.lstrip(b"0")


def _is_html(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def _is_text(head: bytes) -> bool:
    """UTF-16 with its mark, or bytes without the control characters that text does not have."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not any((byte < 32 and byte not in b"\t\n\v\f\r\x1b") or byte == 127 for byte in head)
