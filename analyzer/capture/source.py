"""Opening a capture: from a path, standard input or a stream to the reader of its format."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from analyzer.capture.pcap import PcapReader
from analyzer.capture.pcapng import PcapngReader
from analyzer.capture.sniff import HEAD, kind_of, refusal
from analyzer.capture.text import printable
from analyzer.capture.window import Window
from analyzer.errors import InputError

CHUNK_BYTES = 16 << 20


def open_capture(
    path: str | os.PathLike[str],
    *,
    stream: BinaryIO | None = None,
    sha256: bool = False,
    chunk_bytes: int = CHUNK_BYTES,
) -> PcapReader | PcapngReader:
    """Open a capture file for one reading, front to back.

    Parameters
    ----------
    path : str or path-like
        The file; ``"-"`` is standard input. Need not be seekable.
    stream : binary file, optional
        Read this instead; ``path`` is then only the name in messages. It is left open.
    sha256 : bool
        Hash the whole input in a thread beside the reading; see the reader's ``sha256``.
    chunk_bytes : int
        Bytes read at a time, at least 512. It changes speed and memory, never the packets.

    Returns
    -------
    PcapReader or PcapngReader
        A :class:`analyzer.capture.records.Reader` and context manager, with ``snaplen`` and ``sha256`` besides.

    Raises
    ------
    InputError
        The input cannot be opened, or is no capture that can be read: one line that names it and says why.

    Examples
    --------
    >>> import io
    >>> open_capture("notes.txt", stream=io.BytesIO(b"dear colleague"))
    Traceback (most recent call last):
    analyzer.errors.InputError: notes.txt: looks like text, not a capture
    """
    name = printable(os.fspath(path))
    owned = None
    if stream is None and name == "-":
        name = "standard input"
        if sys.stdin is None:
            raise InputError(f"{name}: is closed")
        stream = sys.stdin.buffer
    elif stream is None:
        stream = owned = _open(path, name)
    try:
        window = Window(stream, name, chunk_bytes, sha256=sha256, owned=owned)
    except InputError:
        if owned is not None:
            owned.close()
        raise
    try:
        head = window.buffer[: min(window.end, HEAD)].tobytes()
        kind = kind_of(head)
        if kind == "pcap":
            return PcapReader(window)
        if kind == "pcapng":
            return PcapngReader(window)
        raise InputError(f"{name}: {refusal(head)}")
    except InputError:
        window.close()
        raise


def _open(path: str | os.PathLike[str], name: str) -> BinaryIO:
    try:
        return open(path, "rb", buffering=0)
    except (FileNotFoundError, ValueError):  # ValueError: a name that no file can have
        reason = "no such file"
    except IsADirectoryError:
        reason = "is a directory; name the capture files in it"
    except PermissionError:
        reason = "permission denied"
    except OSError as error:
        reason = f"cannot be opened: {error.strerror or type(error).__name__}"
    raise InputError(f"{name}: {reason}")
