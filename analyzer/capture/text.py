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


def encodable(text: str) -> str:
    """A text as JSON may hold it: a file name whose bytes are no UTF-8 has lone surrogates, which few parsers take.

    Examples
    --------
    >>> encodable("B\\udcfcro.pcap")
    'B\\\\udcfcro.pcap'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


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


def utf16(raw: bytes, at: int) -> tuple[str, int]:
    """Text of a Windows record that begins at ``at`` and ends with a zero word, and where the record goes on.

    Without a zero word, the text goes to the end. It is cut and escaped like that of :func:`decoded`.

    Examples
    --------
    >>> utf16(b"..W\\0L\\0A\\0N\\0\\0\\0rest", 2)
    ('WLAN', 12)
    >>> utf16(b"a\\0b\\0", 0)
    ('ab', 4)
    """
    end = raw.find(b"\0\0", at)
    while end >= 0 and (end - at) % 2:
        end = raw.find(b"\0\0", end + 1)
    stop, behind = (len(raw), len(raw)) if end < 0 else (end, end + 2)
    text = raw[at : min(stop, at + 4 * MAX_TEXT)].decode("utf-16-le", "backslashreplace")
    return printable(text[:MAX_TEXT])[:MAX_TEXT], behind
