"""Temporary files: a whole input to go back and forth in, for formats that are not read front to back; a folder.

A temporary file has no name (or Windows deletes it with its last handle), so that nothing is left of it however the
process ends. A folder is removed also when a signal ends the process.
"""

from __future__ import annotations

import io
import os
import tempfile
from typing import BinaryIO, cast

from analyzer import signals
from analyzer.errors import InputError
from analyzer.formats.records import Note
from analyzer.formats.window import Window

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


class Folder:
    """A temporary folder, for a program that wants names of files.

    Attributes
    ----------
    path : str
        Where it is; absolute, and nobody else's.

    Examples
    --------
    >>> folder = Folder()
    >>> os.path.isdir(folder.path)
    True
    >>> folder.remove()
    >>> os.path.exists(folder.path)
    False
    """

    def __init__(self) -> None:
        try:
            with signals.held():
                self._made = tempfile.TemporaryDirectory(prefix="ike-analyzer-", ignore_cleanup_errors=True)
                self.path = os.path.abspath(self._made.name)
                signals.leftovers.append(self.remove)
        except KeyboardInterrupt:
            self.remove()
            raise

    def remove(self) -> None:
        """Remove it with all that is in it; harmless when repeated. On Windows a file that is open stays, and so it."""
        self._made.cleanup()
        if self.remove in signals.leftovers and not os.path.lexists(self.path):
            signals.leftovers.remove(self.remove)


class LastFile(io.FileIO):
    """A file of a temporary folder, open for reading, that is all that is still needed of it.

    The folder is removed at once where the system removes what is open, else when the file is closed.

    Examples
    --------
    >>> folder = Folder()
    >>> with open(os.path.join(folder.path, "x"), "wb") as file:
    ...     _ = file.write(b"abc")
    >>> with LastFile(os.path.join(folder.path, "x"), folder) as file:
    ...     file.read()
    b'abc'
    >>> os.path.exists(folder.path)
    False
    """

    def __init__(self, path: str, folder: Folder) -> None:
        self._folder = folder
        super().__init__(path)
        folder.remove()
        if folder.remove in signals.leftovers:
            signals.leftovers.append(self.close)

    def close(self) -> None:
        super().close()
        self._folder.remove()
        if self.close in signals.leftovers:
            signals.leftovers.remove(self.close)
