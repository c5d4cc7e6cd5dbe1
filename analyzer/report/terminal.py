"""What a terminal gets that a file does not: its own width, folded ladders, colour.

Colour is put on the finished text, line by line, by how a line begins: what the text says never depends on it.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import Literal, TextIO

from analyzer.report.layout import NARROWEST, WIDTH, Layout

Colour = Literal["auto", "always", "never"]
COLOURS: tuple[Colour, ...] = ("auto", "always", "never")

_BOLD, _RED, _GREEN, _YELLOW = "1", "1;31", "1;32", "1;33"
_HEADINGS = "WHY|WHAT TO DO|WHAT CHANGED|ALSO FOUND|NOT ASSESSED|ABOUT THE CAPTURE"
#: What is coloured, the first that fits a line.
_LINES = (
    (re.compile(r"^VERDICT  (failed|degraded): .*$"), _RED),
    (re.compile(r"^VERDICT  .*(cannot-tell|cannot tell).*$"), _YELLOW),
    (re.compile(r"^VERDICT  .*$"), _GREEN),
    (re.compile(rf"^(?:{_HEADINGS})$"), _BOLD),
    (re.compile(r"^IKE SA \d+ .*$"), _BOLD),
    (re.compile(r"^  Mind the limits of this trace:"), _YELLOW),
    (re.compile(r"^RESULT: all .*$"), _GREEN),
    (re.compile(r"^RESULT: not fixed.*$"), _RED),
    (re.compile(r"^RESULT: .*$"), _YELLOW),
    (re.compile(r"^ +FAIL\b"), _RED),
    (re.compile(r"(?<=^  )pass(?= )"), _GREEN),
    (re.compile(r"(?<=^  )cannot tell(?= )"), _YELLOW),
    (re.compile(r"(?<=  )unanswered(?=  |$)"), _RED),
)


def layout_of(stream: TextIO, *, verbose: bool = False) -> Layout:
    """How to lay out what goes to a stream: a terminal's own width, 110 columns anywhere else."""
    if not stream.isatty():
        return Layout(verbose=verbose)
    columns = shutil.get_terminal_size((WIDTH, 24)).columns
    return Layout(width=max(columns, NARROWEST), verbose=verbose, folds=True)


def is_coloured(wanted: Colour, stream: TextIO) -> bool:
    """Whether a stream gets colour: as the user wants, else by NO_COLOR and FORCE_COLOR, else if it is a terminal.

    https://no-color.org: set and not empty, it counts. A Windows console is asked to understand ANSI; an old one that
    does not gets none.
    """
    if wanted != "auto":
        return wanted == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb" and _understands_ansi()


def painted(text: str) -> str:
    r"""The text with colour.

    Examples
    --------
    >>> painted("WHY\n  because\n")
    '\x1b[1mWHY\x1b[0m\n  because\n'
    """
    return "\n".join(map(_painted_line, text.split("\n")))


def _painted_line(line: str) -> str:
    for pattern, code in _LINES:
        found = pattern.search(line)
        if found is not None:
            return f"{line[: found.start()]}\x1b[{code}m{found[0]}\x1b[0m{line[found.end() :]}"
    return line


#: GetStdHandle's number of standard output, and the mode that makes a console read ANSI (consoleapi).
_STD_OUTPUT_HANDLE, _VIRTUAL_TERMINAL = -11, 0x0004


def _understands_ansi() -> bool:
    """Everything but a Windows console does; that is asked, and says no before Windows 10 1511."""
    if sys.platform != "win32":
        return True
    import ctypes

    kernel = ctypes.windll.kernel32
    handle, mode = kernel.GetStdHandle(_STD_OUTPUT_HANDLE), ctypes.c_ulong()
    return bool(
        kernel.GetConsoleMode(handle, ctypes.byref(mode))
        and kernel.SetConsoleMode(handle, mode.value | _VIRTUAL_TERMINAL)
    )
