"""Text of a capture or a file name as a figure can show it: literal, one line, every glyph in the font."""

from __future__ import annotations

import functools

FONT = "DejaVu Sans"


@functools.cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(FONT)).get_charmap())


def literal(text: str, limit: int) -> str:
    r"""Escape what is unprintable or has no glyph in the font (``\x1b``, ``\u202e``), and shorten in the middle.

    A missing glyph would print an empty box, a control or direction character could change the text around it.

    Parameters
    ----------
    text : str
        Any text, for instance a file name with surrogates.
    limit : int
        Most characters of the result; an ellipsis stands for what was left out.

    Examples
    --------
    >>> print(literal("a$b\n\u202ec", 80))
    a$b\x0a\u202ec
    >>> literal("0123456789", 7)
    '012…789'
    """
    known = _glyphs()
    # Twice the limit is enough to cut from: the escape only lengthens.
    if len(text) > 2 * limit:
        text = text[:limit] + text[-limit:]
    escaped = "".join(c if c.isprintable() and ord(c) in known else _escape(ord(c)) for c in text)
    if len(escaped) <= limit:
        return escaped
    head = (limit - 1 + 1) // 2
    return escaped[:head] + "…" + escaped[len(escaped) - (limit - 1 - head) :]


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
