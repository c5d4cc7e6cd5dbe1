"""The captures in an archive: a ticket's ``.zip``, ``.tar`` or ``.tar.gz``, and one archive deep inside it.

Members are read one after another, as streams. None is ever written to disk under its name, so no name can lead
anywhere; links, devices and folders are passed over. What unpacks is bounded by one
:class:`analyzer.formats.packed.budget.Budget` for the whole archive.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from analyzer.errors import InputError
from analyzer.formats.file_reader import FileReader
from analyzer.formats.opening import CHUNK_BYTES, open_window, reader_of
from analyzer.formats.packed.budget import Budget
from analyzer.formats.packed.compressed import packer_of
from analyzer.formats.packed.member import Member
from analyzer.formats.packed.tar import tar_members
from analyzer.formats.packed.zip import zip_members
from analyzer.formats.records import Note
from analyzer.formats.sniff import ARCHIVES, is_foreign, kind_of, refusal
from analyzer.formats.temporary import spooled
from analyzer.formats.window import Window
from analyzer.printable import printable

#: Members of an archive that are looked at, and captures that are read of them; archives inside count along.
MAX_MEMBERS = 10_000
MAX_CAPTURES = 1_000

#: An archive in an archive is opened, one in that is named only.
MAX_DEPTH = 1

#: When nothing can be read, so many members are named. Names are cut at this length.
NAMED, MAX_NAME = 5, 300

#: First bytes of a member, which tell what it is.
HEAD = 512


@dataclass(frozen=True, slots=True)
class Found:
    """A capture that was found: its reader, or why it cannot be read.

    Attributes
    ----------
    path : str
        As the file was named; in an archive, with the name inside behind a slash, made safe for printing.
    reader : FileReader or None
        To be read and closed before the next one is asked for.
    problem : InputError or None
        What is wrong, where there is no reader.
    is_inside : bool
        It lies in an archive.
    """

    path: str
    reader: FileReader | None = None
    problem: InputError | None = None
    is_inside: bool = False


def captures_in(
    path: str | os.PathLike[str],
    *,
    stream: BinaryIO | None = None,
    sha256: bool = False,
    chunk_bytes: int = CHUNK_BYTES,
) -> Iterator[Found]:
    """The capture that a file is, or those in the archive that it is.

    Parameters
    ----------
    path, stream, sha256, chunk_bytes
        As for :func:`analyzer.formats.open_capture`; digests are those of the members.

    Raises
    ------
    InputError
        The input is neither a capture nor an archive with at least one that can be read or is named as a problem.

    Examples
    --------
    >>> import zipfile
    >>> file = io.BytesIO()
    >>> with zipfile.ZipFile(file, "w") as archive:
    ...     archive.writestr("notes.txt", "dear colleague")
    ...     archive.writestr("../trace.pcap", bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    >>> for found in captures_in("ticket.zip", stream=io.BytesIO(file.getvalue())):
    ...     print(found.path, found.reader.format)
    ticket.zip/trace.pcap pcap
    """
    name = os.fspath(path)
    budget = Budget()
    window = open_window(name, stream=stream, sha256=sha256, chunk_bytes=chunk_bytes, budget=budget)
    if kind_of(window.head) not in ARCHIVES:
        yield Found(name, reader_of(window, chunk_bytes))
        return
    visit = _Visit(budget, sha256, chunk_bytes)
    told = False
    try:
        for found in visit.members(window, name, 0):
            told = True
            yield found
            if found.reader is not None:
                found.reader.close()
        for note in window.remarks():
            told = True
            yield _problem(name, note.detail)
    finally:
        window.close()
    if not told:
        raise InputError(f"{window.name}: holds no capture that can be read: {visit.others_listed()}")


class _Visit:
    """One walk through an archive and the archives in it."""

    def __init__(self, budget: Budget, sha256: bool, chunk_bytes: int) -> None:
        self._budget = budget
        self._sha256 = sha256
        self._chunk_bytes = chunk_bytes
        self._members = 0
        self._captures = 0
        self._stopped = False
        self._others: list[str] = []
        self._other_count = 0

    def members(self, window: Window, path: str, depth: int) -> Iterator[Found]:
        """The captures in the archive that a window shows."""
        kind = kind_of(window.head)
        for member in self._zip(window) if kind == "zip" else self._tar(window):
            self._members += 1
            limit = self._limit()
            if limit:
                if not self._stopped:
                    yield _problem(path, limit)
                self._stopped = True
                return
            name = _clean(member.name) if member.name else ""
            inner = f"{path}/{name}" if name else path
            if isinstance(member.body, str):
                yield _problem(inner, member.body)
            else:
                yield from self._member(inner, name, member.body, depth)

    def _limit(self) -> str:
        """Which limit was reached; empty when none was."""
        exceeded = self._budget.exceeded()
        if exceeded:
            return f"{exceeded}: what follows was not read"
        if self._members > MAX_MEMBERS or self._captures >= MAX_CAPTURES:
            return f"only the first {MAX_CAPTURES:,} captures among {MAX_MEMBERS:,} members are read"
        return ""

    def _member(self, path: str, name: str, stream: BinaryIO, depth: int) -> Iterator[Found]:
        opened: Window | None = None
        notes: list[Note] = getattr(stream, "notes", [])
        try:
            head = stream.read(HEAD)
            if not head and notes:
                yield _problem(path, notes[0].detail)
                return
            if not (kind_of(head) or packer_of(head) or is_foreign(head)):
                raise InputError(refusal(head))
            opened = open_window(
                path,
                stream=cast(BinaryIO, io.BufferedReader(_Chained(head, stream))),
                sha256=self._sha256,
                chunk_bytes=self._chunk_bytes,
                budget=self._budget,
                notes=notes,
            )
            if kind_of(opened.head) not in ARCHIVES:
                reader = reader_of(opened, self._chunk_bytes, foreign_only=True)
                self._captures += 1
                yield Found(path, reader, is_inside=True)
            elif depth >= MAX_DEPTH:
                yield _problem(path, "is an archive in an archive in an archive; unpack it first")
            else:
                yield from self.members(opened, path, depth + 1)
                for note in opened.remarks():
                    yield _problem(path, note.detail)
        except InputError as error:
            self._other_count += 1
            if len(self._others) < NAMED:
                self._others.append(f"{name} ({str(error).removeprefix(printable(path) + ': ')})")
        finally:
            if opened is not None:
                opened.close()

    def _zip(self, window: Window) -> Iterator[Member]:
        """The plain files of a ZIP archive."""
        file = spooled(window)
        if self._budget.claim():
            self._budget.packed = file.seek(0, os.SEEK_END)
        try:
            yield from zip_members(file, self._budget)
        finally:
            if file is not window.file:
                file.close()

    def _tar(self, window: Window) -> Iterator[Member]:
        """The plain files of a tar archive."""
        yield from tar_members(cast(BinaryIO, io.BufferedReader(_Rest(window, self._budget))), self._budget)

    def others_listed(self) -> str:
        """What was there instead of captures, in a few words."""
        more = self._other_count - len(self._others)
        listed = ", ".join(self._others) + (f" and {more:,} more" if more else "")
        return listed or "it is empty"


def _problem(path: str, what: str) -> Found:
    return Found(path, problem=InputError(f"{printable(path)}: {what}"), is_inside=True)


def _clean(name: str) -> str:
    """The name of a member without what could lead out of a folder, on one line.

    Examples
    --------
    >>> _clean("../../etc\\\\./trace\\n.pcap"), _clean("//")
    ('etc/trace\\\\n.pcap', 'unnamed')
    """
    parts = [part for part in name[:MAX_NAME].replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return printable("/".join(parts)) or "unnamed"


class _Chained(io.RawIOBase):
    """A stream with the bytes before it that were read already."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        piece = self._head[: len(target)] or self._stream.read(len(target)) or b""
        self._head = self._head[len(target) :]
        target[: len(piece)] = piece
        return len(piece)


class _Rest(io.RawIOBase):
    """What a window shows, and all behind it, as a stream."""

    def __init__(self, window: Window, budget: Budget) -> None:
        self._window = window
        self._budget = budget
        self._counts = budget.claim()
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        window = self._window
        if self._at == window.end and not window.at_end:
            window.advance(window.end)
            self._at = 0
        size = min(len(target), window.end - self._at)
        target[:size] = window.buffer[self._at : self._at + size].data
        self._at += size
        if self._counts:
            self._budget.packed += size
        return size
