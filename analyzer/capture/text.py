"""Text from outside (file names, comments, interface names), made safe to print on one line."""

from __future__ import annotations

#: Longer text is cut here: a comment is for a person, and a file may hold many.
MAX_TEXT = 1000


def printable(text: str) -> str:
    """Escape what could move a cursor, hide or reorder text: control characters, line ends, lone surrogates.

    Examples
    --------
    >>> print(printable("a\\x1b[2Jb\\n"))
    a\\x1b[2Jb\\n
    >>> printable("Büro")
    'Büro'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def decoded(raw: bytes) -> str:
    """Text of a capture file's string field: UTF-8 (pcapng section 3.5), trailing NULs dropped, cut and escaped.

    Examples
    --------
    >>> decoded(b"eth0\\0\\0")
    'eth0'
    >>> decoded(b"\\xff")
    '\\\\xff'
    """
    # Four bytes are the most that one character takes.
    text = raw[: 4 * MAX_TEXT].rstrip(b"\0").decode("utf-8", "backslashreplace")
    return printable(text[:MAX_TEXT])[:MAX_TEXT]
