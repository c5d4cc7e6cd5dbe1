"""The whole of an input as a file in which one can go back and forth, for formats that are not read front to back."""

from __future__ import annotations

import io
import tempfile
from typing import BinaryIO, cast

from analyzer.capture.records import Note
from analyzer.capture.window import Window
from analyzer.errors import InputError

#: What cannot go back (a pipe, unpacked data) is copied to a temporary file of at most so many bytes.
MAX_SPOOL = 4 << 30


def spooled(window: Window) -> BinaryIO:
    """The input of a window that stands at its first byte, as a file to seek in. The window is used up.

    Small inputs stay in memory, files are read where they are, and all else is copied to an unnamed temporary file.

    Raises
    ------
    InputError
        The temporary file cannot be written.

    Examples
    --------
    >>> spooled(Window(io.BytesIO(b"abcdef"), "example", 512)).read()
    b'abcdef'
    """
    if window.at_end:
        return io.BytesIO(window.buffer[: window.end].tobytes())
    file = window.file
    if file is not None:
        window.finish()
        file.seek(0)
        return file
    try:
        copy = cast(BinaryIO, tempfile.TemporaryFile(prefix="ike-analyzer-"))  # noqa: SIM115 - the caller closes it
    except OSError as error:
        raise InputError(f"{window.name}: cannot be copied to a temporary file: {error.strerror}") from error
    try:
        copy_to(copy, window)
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    return copy


def copy_to(file: BinaryIO, window: Window) -> None:
    """Write all that a window still gives into a file, up to the limit."""
    left = MAX_SPOOL
    try:
        while window.end and left:
            left -= file.write(window.buffer[: min(window.end, left)].data)
            window.advance(window.end)
        file.flush()
    except OSError as error:
        raise InputError(f"{window.name}: cannot be copied to a temporary file: {error.strerror}") from error
    if window.end:
        what = f"more than {MAX_SPOOL >> 30} GiB had to be copied to a temporary file: the rest was not read"
        window.notes.append(Note("analysis-limit", what))
