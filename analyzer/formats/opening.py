"""Opening a capture: from a path, standard input or a stream to the reader of its format."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from analyzer.errors import InputError
from analyzer.formats.file_reader import FileReader
from analyzer.formats.packed.budget import Budget
from analyzer.formats.packed.compressed import packer_of, unpacked
from analyzer.formats.records import Note
from analyzer.formats.sniff import ARCHIVES, is_foreign, is_no_capture, kind_of, refusal
from analyzer.formats.table import format_of
from analyzer.formats.window import Window
from analyzer.printable import printable

CHUNK_BYTES = 16 << 20

#: Bytes looked at to tell what an input is. What is only unpacked, and archives, are read so many at a time, too:
#: several of those may lie around one capture.
_FIRST = 1 << 18
#: Bytes read at a time while decoders take much memory beside.
_BESIDE_DECODERS = 2 << 20

_DIRECTORY = "is a directory; name the capture files in it"


def open_capture(
    path: str | os.PathLike[str],
    *,
    stream: BinaryIO | None = None,
    sha256: bool = False,
    chunk_bytes: int = CHUNK_BYTES,
) -> FileReader:
    """Open a capture file for one reading, front to back.

    Parameters
    ----------
    path : str or path-like
        The file, packed (gzip, bzip2, xz, zstd) or not; ``"-"`` is standard input. Need not be seekable.
    stream : binary file, optional
        Read this instead; ``path`` is then only the name in messages. It is left open.
    sha256 : bool
        Hash the whole input in a thread beside the reading; see the reader's ``sha256``.
    chunk_bytes : int
        Bytes read at a time, at least 512. It changes speed and memory, never the packets.

    Returns
    -------
    FileReader
        A :class:`analyzer.formats.records.Reader` and context manager, with ``snaplen`` and ``sha256`` besides.

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
    window = open_window(path, stream=stream, sha256=sha256, chunk_bytes=chunk_bytes)
    if kind_of(window.head) in ARCHIVES:
        window.close()
        what = "is an archive: `ike-analyzer analyze` and analyzer.read_each() read the captures in it"
        raise InputError(f"{window.name}: {what}")
    return reader_of(window, chunk_bytes)


def open_window(
    path: str | os.PathLike[str],
    *,
    stream: BinaryIO | None = None,
    sha256: bool = False,
    chunk_bytes: int = CHUNK_BYTES,
    budget: Budget | None = None,
    notes: list[Note] | None = None,
) -> Window:
    """Open an input and unpack it, once.

    Parameters
    ----------
    path, stream, sha256, chunk_bytes
        As for :func:`open_capture`.
    budget : Budget, optional
        What may be unpacked.
    notes : list of Note, optional
        To which whoever gives the stream adds remarks on it; they become the reader's.

    Raises
    ------
    InputError
        The input cannot be opened or unpacked.
    """
    name = printable(os.fspath(path)) or "''"
    owned = None
    is_standard_input = stream is None and name == "-"
    if name == "-":
        name = "standard input"
    if is_standard_input:
        if sys.stdin is None:
            raise InputError(f"{name}: is closed")
        stream = sys.stdin.buffer
    elif stream is None:
        stream = owned = _open(path, name)
    first, budget = min(_FIRST, chunk_bytes), budget or Budget()
    try:
        window = Window(stream, name, first, sha256=sha256, owned=owned)
    except InputError:
        if owned is not None:
            owned.close()
        raise
    if notes is not None:
        window.notes = notes
    try:
        packer = packer_of(window.head)
        if packer:
            window = unpacked(window, packer, budget, first)
            if packer_of(window.head):
                raise InputError(f"{name}: is packed twice ({packer_of(window.head)} in {packer}); unpack it first")
        if kind_of(window.head) not in ARCHIVES:
            window.holding(0, min(_BESIDE_DECODERS, chunk_bytes) if budget.memory else chunk_bytes)
    except InputError:
        window.close()
        raise
    return window


def reader_of(window: Window, chunk_bytes: int = CHUNK_BYTES, *, foreign_only: bool = False) -> FileReader:
    """The reader of what a window shows; the window is closed if there is none.

    Parameters
    ----------
    foreign_only : bool
        Let editcap look only at what begins like a capture; else at whatever may be one.

    Raises
    ------
    InputError
        It is no capture that can be read.
    """
    head = window.head
    try:
        if not kind_of(head) and (is_foreign(head) if foreign_only else not is_no_capture(head)):
            from analyzer.formats.convert import converted

            made = converted(window, chunk_bytes)
            if made is not None:
                window = made
        format = format_of(window.head)
        if format is None:
            raise InputError(f"{window.name}: {refusal(head)}")
        return format.open(window)
    except InputError:
        window.close()
        raise


def _open(path: str | os.PathLike[str], name: str) -> BinaryIO:
    try:
        return open(path, "rb", buffering=0)
    except (FileNotFoundError, ValueError):  # ValueError: a name that no file can have
        reason = "no such file"
    except IsADirectoryError:
        reason = _DIRECTORY
    except PermissionError:  # as Windows says of a directory
        reason = _DIRECTORY if os.path.isdir(path) else "permission denied"
    except OSError as error:
        reason = f"cannot be opened: {error.strerror or type(error).__name__}"
    raise InputError(f"{name}: {reason}")
