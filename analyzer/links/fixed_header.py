"""The fixed header of a dpkt class, and nothing behind it.

dpkt's own ``unpack`` descends into every layer that it knows, and a hostile byte there raises far more than
``UnpackError`` (``struct.error``, ``IndexError``, ``TypeError`` ...). So :func:`read_header` fills in only the fixed
header that a class declares in ``__hdr__`` and leaves the descent to its callers. That can fail in one way, too few
bytes, which is tested for beforehand: nothing is raised and nothing has to be caught.
"""

from __future__ import annotations

from typing import Any

import dpkt


def read_header(kind: Any, data: bytes, offset: int = 0) -> Any | None:
    """Read the fixed header of a dpkt class and nothing behind it.

    Parameters
    ----------
    kind : subclass of dpkt.Packet
        Its ``__hdr__`` says what to read; its ``unpack`` is not called.
    data : bytes
        Where to read.
    offset : int
        Where the header starts.

    Returns
    -------
    dpkt.Packet or None
        With the header's fields and bit fields set, ``data`` empty; None when not all of it was captured.

    Examples
    --------
    >>> read_header(dpkt.udp.UDP, bytes.fromhex("01f411940074abcd")).dport
    4500
    >>> read_header(dpkt.udp.UDP, b"too few") is None
    True
    """
    end = offset + kind.__hdr_len__
    if len(data) < end:
        return None
    header = kind.__new__(kind)
    dpkt.Packet.unpack(header, data[offset:end])
    return header
