"""A sliding window over a byte stream: bounded memory, no seek, an optional SHA-256 of all that passes."""

from __future__ import annotations

import hashlib
import io
import threading
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from analyzer.errors import InputError
from analyzer.formats.records import SLACK, Note

#: A window is never smaller: the first bytes must tell what the file is.
MIN_BYTES = 512


class Window:
    """The bytes of ``stream`` from ``offset`` on, as far as they fit.

    Attributes
    ----------
    buffer : uint8 array
        ``buffer[:end]`` is valid; it can be read ``SLACK`` bytes further. Valid until the next :meth:`advance`.
    end : int
        Number of valid bytes.
    offset : int
        Position of ``buffer[0]`` in the stream, bytes.
    at_end : bool
        No byte follows ``buffer[:end]``.
    sha256 : str or None
        Digest of the whole stream, hex; None until :meth:`finish`, and without ``sha256=True``.
    notes : list of Note
        Remarks on how the stream came to be (unpacked, converted); complete when it has ended.
    origin : str
        What the stream was made from, as an addition to the name of its format: ``+gzip``; else empty.

    Examples
    --------
    >>> import io
    >>> window = Window(io.BytesIO(bytes(1000)), "example", 512)
    >>> window.end, window.at_end
    (512, False)
    >>> window.advance(500)
    >>> window.offset, window.end, window.at_end
    (500, 500, True)
    """

    def __init__(
        self, stream: BinaryIO, name: str, chunk_bytes: int, *, sha256: bool = False, owned: BinaryIO | None = None
    ) -> None:
        self.name = name
        self.offset = 0
        self.end = 0
        self.at_end = False
        self.sha256: str | None = None
        self.notes: list[Note] = []
        self.origin = ""
        self._stream = stream
        self._owned = owned
        self._hash = hashlib.sha256() if sha256 else None
        self._hashing: threading.Thread | None = None
        self._lent: NDArray[np.uint8] | None = None
        self._returned = threading.Event()
        self.buffer = _room(max(chunk_bytes, MIN_BYTES))
        # While a thread still hashes one buffer, or somebody works on it, the next bytes are read into the other.
        self._spare = _room(self._capacity) if sha256 else self.buffer
        self._fill()

    @property
    def head(self) -> bytes:
        """The first bytes of the window, which tell what the file is as long as nothing was read."""
        return self.buffer[: min(self.end, MIN_BYTES)].tobytes()

    def use_two_buffers(self) -> None:
        """From now on the next bytes never go into the buffer that holds the last ones."""
        if self._spare is self.buffer:
            self._spare = _room(self._capacity)

    def lend(self) -> None:
        """Nothing is read into the present buffer, by whatever thread, until :meth:`give_back`."""
        self._returned.clear()
        self._lent = self.buffer

    def give_back(self) -> None:
        """The lent buffer is free again."""
        self._lent = None
        self._returned.set()

    @property
    def file(self) -> BinaryIO | None:
        """The stream, if it is a file on disk of the window's own: once all was read, it can be read again anywhere."""
        owned = self._owned
        lasting = isinstance(owned, io.FileIO) and not owned.closed and owned.seekable()
        return cast(BinaryIO, owned) if lasting else None

    @property
    def _capacity(self) -> int:
        return len(self.buffer) - SLACK

    def advance(self, consumed: int, least: int = 0) -> None:
        """Drop the first ``consumed`` bytes and read on until the window is full or the stream ends.

        A window from which nothing is dropped, and one asked to hold at ``least`` so many bytes, grows. Memory stays
        bounded because the readers ask for no more than their longest record.
        """
        kept = self.end - consumed
        target = self._spare
        room = max(least, 2 * self._capacity if kept == self._capacity else 0)
        if room > self._capacity:
            target = _room(room)
            self._spare = target if self._spare is self.buffer else _room(room)
        else:
            if target is self._lent:
                self._returned.wait()
            self._spare = self.buffer
        target[:kept] = self.buffer[consumed : self.end]
        self.buffer = target
        self.end = kept
        self.offset += consumed
        self._fill()

    def holding(self, at: int, size: int) -> int:
        """Make ``size`` bytes from ``at`` on available, unless the stream ends before; where ``at`` is now.

        Examples
        --------
        >>> import io
        >>> window = Window(io.BytesIO(bytes(2000)), "example", 512)
        >>> window.holding(10, 100), window.holding(10, 1000), window.end >= 1000
        (10, 0, True)
        """
        if self.end - at >= size or self.at_end:
            return at
        self.advance(at, size)
        return 0

    def remarks(self) -> list[Note]:
        """The notes on this stream and on what it was made from."""
        return self.notes

    def finish(self) -> None:
        """Read what is left, so that the digest covers every byte of the stream."""
        if self._hash is None or self.sha256 is not None:
            return
        while not self.at_end:
            self.advance(self.end)
        self._wait()
        self.sha256 = self._hash.hexdigest()

    def close(self) -> None:
        """Read no more; close the stream if it was opened for this window (``owned``)."""
        self._wait()
        self.at_end = True
        self.buffer = self._spare = _room(0)
        if self._owned is not None:
            self._owned.close()

    def _fill(self) -> None:
        room = self.buffer.data[: self._capacity]
        first = self.end
        while self.end < len(room):
            try:
                count = self._stream.readinto(room[self.end :])  # type: ignore[attr-defined]
            except OSError as error:
                raise InputError(f"{self.name}: cannot be read: {error.strerror or type(error).__name__}") from error
            if count is None:
                raise InputError(f"{self.name}: cannot be read: the input is in non-blocking mode")
            if count == 0:
                self.at_end = True
                break
            self.end += count
        self.buffer[self.end : self.end + SLACK] = 0
        if self._hash is not None and self.end > first:
            self._wait()
            fresh = room[first : self.end]
            thread = threading.Thread(target=self._hash.update, args=(fresh,), daemon=True)
            try:
                thread.start()
            except RuntimeError:  # there are no threads, as in a browser, or no more of them
                self._hash.update(fresh)
            else:
                self._hashing = thread

    def _wait(self) -> None:
        if self._hashing is not None:
            self._hashing.join()
            self._hashing = None


class InnerWindow(Window):
    """A window onto what was made from another one, by unpacking say: the digest is that of the outer stream.

    Parameters
    ----------
    outer : Window
        Is closed together with this one.
    stream : binary file
        What was made of it; is closed, too.
    by : str
        What made it: gzip, editcap.
    """

    def __init__(self, outer: Window, stream: BinaryIO, by: str, chunk_bytes: int) -> None:
        self._outer = outer
        super().__init__(stream, outer.name, chunk_bytes, owned=stream)
        self.origin = f"{outer.origin}+{by}"

    def remarks(self) -> list[Note]:
        return [*self._outer.remarks(), *self.notes]

    def finish(self) -> None:
        """Read what is left of the outer stream."""
        self._outer.finish()
        self.sha256 = self._outer.sha256

    def close(self) -> None:
        super().close()
        self._outer.close()


def _room(size: int) -> NDArray[np.uint8]:
    return np.zeros(size + SLACK, np.uint8)
