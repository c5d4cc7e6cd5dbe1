"""Base of the IKE classes: a fixed header by dpkt's ``__hdr__``, parsed parts, then the bytes that are left.

One rule holds for all of them: ``bytes(x)`` is header + ``parts()`` + ``data``, where ``data`` is what was not parsed
further. So every byte survives, also those of a damaged or unknown structure.
"""

from __future__ import annotations

from collections.abc import Iterable

import dpkt

#: dpkt's description of a header: name, struct format and default of each field.
Header = tuple[tuple[str, str, int | bytes], ...]


class Structure(dpkt.Packet):
    """A ``dpkt.Packet`` whose body may hold parsed parts in front of its ``data``.

    Attributes
    ----------
    data : bytes
        What is behind the header and the parts.
    problem : str
        Why the bytes do not add up; empty when they do.
    """

    __hdr__: Header

    data: bytes
    problem: str = ""

    def parts(self) -> Iterable[bytes]:
        """Bytes of what was parsed between header and ``data``, in order."""
        return ()

    def __bytes__(self) -> bytes:
        return b"".join((self.pack_hdr(), *self.parts(), self.data))

    def __len__(self) -> int:
        return len(bytes(self))
