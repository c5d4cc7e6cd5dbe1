"""Captures of formats that are not read here, by way of Wireshark's editcap where that is installed.

editcap (or tshark, where packets of several link types are in one file) writes a pcapng into a temporary folder, within
:data:`SECONDS` and :data:`MAX_BYTES`. It is started without a shell, and never sees a file name that it could take for
an option.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import subprocess
import time

from analyzer.errors import InputError
from analyzer.formats.pcapng.blocks import ENHANCED
from analyzer.formats.records import Note
from analyzer.formats.sniff import is_foreign
from analyzer.formats.table import SECTION_HEADER
from analyzer.formats.temporary import Folder, LastFile, copy_to
from analyzer.formats.window import InnerWindow, Window
from analyzer.programs import found, running

#: How long editcap may run, and how much it may write.
SECONDS = 120.0
MAX_BYTES = 4 << 30

#: So much of a long input is tried first: what editcap does not know then is not copied whole.
TRIED_FIRST = 1 << 20

#: In place of an exit status: editcap ended well though it could not read all.
_STOPPED_SHORT = 256

_LOOK = 0.05  # seconds from look to look at what editcap does


def converted(window: Window, chunk_bytes: int) -> Window | None:
    """A window onto the pcapng that editcap makes of the input; None when it is not installed or cannot.

    The window is used up in either case.

    Examples
    --------
    >>> import io
    >>> converted(Window(io.BytesIO(b"no capture"), "example", 512), 512) is None
    True
    """
    program = found("editcap")
    if program is None:
        return None
    try:
        made = _made(program, window)
    except OSError as error:
        raise InputError(f"{window.name}: cannot be converted: {error.strerror or type(error).__name__}") from error
    if made is None:
        return None
    stream, status = made
    inner = InnerWindow(window, stream, "editcap", chunk_bytes)
    inner.notes.append(Note("capture-converted", "the file was converted to pcapng by editcap before it was read"))
    if status == _STOPPED_SHORT:
        what = "editcap could not read all of the file (damaged, or not as editcap takes it): what follows is missing"
        inner.notes.append(Note("capture-lost-packets", what))
    elif status:
        what = "editcap did not come to the end: the file is cut off, damaged or too large; the rest was not read"
        inner.notes.append(Note("capture-damaged", what))
    return inner


def _made(program: str, window: Window) -> tuple[LastFile, int] | None:
    """The pcapng and the exit status of who made it, or None where nothing came of it."""
    head, folder = window.head, Folder()
    try:
        source, target = os.path.join(folder.path, "in"), os.path.join(folder.path, "out.pcapng")
        window.holding(0, TRIED_FIRST)
        if not window.at_end:
            with open(source, "xb") as copy:
                copy.write(window.buffer[: window.end].data)
            if _convert(program, source, target, head) is None:
                return None
            os.remove(target)
        with open(source, "wb") as copy:
            copy_to(copy, window)
        status = _convert(program, source, target, head)
        return None if status is None else (LastFile(target, folder), status)
    finally:
        folder.remove()


def _convert(program: str, source: str, target: str, head: bytes) -> int | None:
    """Let editcap do it, or else tshark; the exit status, or None where nothing came of it."""
    status = _run([program, "-F", "pcapng", source, target], target)
    if status and not _holds_packet(target) and is_foreign(head):
        status = _run_tshark(source, target)
    if not _is_pcapng(target) or (status and not _holds_packet(target)):
        return None
    return status or (0 if _is_readable(source) else _STOPPED_SHORT)


def _is_readable(source: str) -> bool:
    """Whether Wireshark can read all of a file: capinfos says so by its exit status, editcap's is 0 in any case."""
    program = found("capinfos")
    return program is None or _run([program, "-c", source], source) == 0


def _run_tshark(source: str, target: str) -> int:
    """Let tshark do it: editcap cannot write packets of several link types into one pcapng, tshark can."""
    program = found("tshark")
    return 1 if program is None else _run([program, "-n", "-r", source, "-F", "pcapng", "-w", target], target)


def _run(command: list[str], target: str) -> int:
    """Run editcap and watch over what it writes; its exit status. Nothing that it started outlives it."""
    # Formats that keep local time without its zone: told as they are, as if in UTC.
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    with running(command, env=environment) as process:
        end = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < end and _size(target) <= MAX_BYTES:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK)
    return process.returncode


def _size(path: str) -> int:
    """Bytes of a plain file; -1 for all else, which must not be opened."""
    try:
        found = os.lstat(path)
    except OSError:
        return -1
    return found.st_size if stat.S_ISREG(found.st_mode) else -1


def _is_pcapng(path: str) -> bool:
    if _size(path) < len(SECTION_HEADER):
        return False
    with open(path, "rb") as file:
        return file.read(len(SECTION_HEADER)) == SECTION_HEADER


def _holds_packet(path: str) -> bool:
    """Whether a pcapng that was perhaps not finished has a packet behind its headers."""
    if _size(path) < 0:
        return False
    with open(path, "rb") as file:
        head = file.read(1 << 16)
    at = 0
    while at + 8 <= len(head):
        kind, length = struct.unpack_from("=II", head, at)
        if kind == ENHANCED:
            return True
        at += max(length, 12)
    return False
