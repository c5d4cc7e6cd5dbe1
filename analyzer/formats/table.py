"""The capture formats that are read here: how each begins, its name, its reader. A new format is a line here."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzer.formats.file_reader import FileReader
    from analyzer.formats.window import Window

#: The first four bytes of a pcapng, and of a pcap in one byte order (the others are these backwards).
SECTION_HEADER = b"\x0a\x0d\x0d\x0a"
_PCAP = (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d", b"\xa1\xb2\xcd\x34")


@dataclass(frozen=True, slots=True)
class Format:
    """A format of capture files.

    Attributes
    ----------
    name : str
        As in ``kind_of``.
    begins : callable
        Whether a file with these first bytes (some hundreds) is of the format.
    reader : str
        ``module:class`` of the :class:`analyzer.formats.file_reader.FileReader`, which is made of a window that stands
        at the first byte. It is imported when a file needs it.
    """

    name: str
    begins: Callable[[bytes], bool]
    reader: str

    def open(self, window: Window) -> FileReader:
        """The reader of a file.

        Raises
        ------
        InputError
            The file's header is damaged.
        """
        module, _, name = self.reader.partition(":")
        reader: FileReader = getattr(import_module(module), name)(window)
        return reader


def magic(*beginnings: bytes) -> Callable[[bytes], bool]:
    """A test for first bytes.

    Examples
    --------
    >>> magic(b"GMBU", b"RTSS")(b"GMBU rest"), magic(b"GMBU", b"RTSS")(b"rest")
    (True, False)
    """
    return lambda head: head.startswith(beginnings)


def is_etl(head: bytes) -> bool:
    """An ETW log starts with a buffer of type "header", whose first event is a system one.

    Source: docs/domain/windows-traces.md.
    """
    if len(head) < 80:
        return False
    (size,) = struct.unpack_from("<I", head)
    (buffer_type,) = struct.unpack_from("<H", head, 54)
    return size > 0 and size % 512 == 0 and buffer_type == 4 and head[74] in (1, 2) and head[75] == 0xC0


FORMATS = (
    Format("pcap", magic(*_PCAP, *(each[::-1] for each in _PCAP)), "analyzer.formats.pcap:PcapReader"),
    Format("pcapng", magic(SECTION_HEADER), "analyzer.formats.pcapng.reader:PcapngReader"),
    Format("netmon", magic(b"GMBU", b"RTSS"), "analyzer.formats.netmon:NetmonReader"),
    Format("snoop", magic(b"snoop\0\0\0"), "analyzer.formats.snoop:SnoopReader"),
    Format("etl", is_etl, "analyzer.formats.etl.reader:EtlReader"),
)


def format_of(head: bytes) -> Format | None:
    """The format of a file with these first bytes, if it is read here.

    Examples
    --------
    >>> format_of(bytes.fromhex("d4c3b2a1 0200 0400")).name, format_of(b"hello")
    ('pcap', None)
    """
    return next((each for each in FORMATS if each.begins(head)), None)
