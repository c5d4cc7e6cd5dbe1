"""Text from outside (file names, comments, interface names), made safe to print on one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import chain, islice
from typing import Literal
from unicodedata import category, normalize

#: Longer text is cut here: a comment is for a person, and a file may hold many.
MAX_TEXT = 1000

#: What has no glyph although ``str.isprintable`` lets it pass: fillers and variation selectors, which are
#: Default_Ignorable_Code_Point in Unicode's DerivedCoreProperties.txt; and what is drawn as nothing: the blank Braille
#: pattern, the null notehead, the Khitan filler, the blank hieroglyphs.
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0\u2800\U0001d159\U00016fe4\U00013441\U00013442"
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))

#: The marks of scripts that put several on a letter (Hebrew to Vedic, Syloti Nagri to Meetei Mayek, Kharoshthi to Kawi,
#: Adlam), and how many different ones a letter may have: Thai wants two, Devanagari three, Tibetan and pointed Hebrew
#: four. UTS #39 section 5.4 takes more than four of them, or the same one twice, for deceit.
_OF_ONE_SCRIPT = re.compile(
    "[\u0591-\u10ff\u1200-\u1a7f\u1b00-\u1cff\ua802-\uabed\U00010a01-\U00011fff\U0001e900-\U0001e95f]"
)
_MOST_MARKS = 4

#: Vowels and finals that are put into the syllable of the consonant before them, as marks are: macOS writes Korean so.
_JAMO = re.compile("[\u1161-\u11ff\ud7b0-\ud7fb]")

#: A run of characters none of which is a mark, a jamo, blank or a control character; or of others, some of which are.
_RUN = re.compile(
    "([^{0}]+)|[{0}]+".format(
        "\0-\x1f\x7f-\xa0\u0300-\u036f\u0483-\u0489\u0591-\u1dff\u2000-\u200f\u2028-\u202f\u205f-\u206f\u20d0-\u20f0\u2800"
        "\u2cef-\u2cf1\u2d7f\u2de0-\u2dff\u302a-\u302f\u3099\u309a\u3164\ua66f-\ua6f1\ua802-\uabff\ud7b0-\ud7fb\ufb1e"
        "\ufe00-\ufe2f\uffa0\U000101fd-\U0001efff\U000e0100-\U000e01ef"
    )
)

_Kind = Literal["plain", "hidden", "mark"]

#: Texts repeat few characters often. So many are remembered, an attacker's may be all different.
_remembered = lru_cache(1 << 12)


def printable(text: str) -> str:
    """Escape what could move a cursor, or hide, reorder or stack text.

    These are control characters and line ends, all spaces but the common one, marks of direction, joiners, variation
    selectors, fillers and other characters without a glyph, lone surrogates, private and unassigned code points; and
    combining marks beyond one on a character. Further marks are let pass where Unicode composes them with the character
    into one (Vietnamese and Korean as macOS writes them), and up to four different ones of a script that needs them
    (Arabic, Hebrew, Hindi, Thai). A mark is escaped, too, that would stand on what is printed before the text.

    Examples
    --------
    >>> print(printable("a\\x1b[2Jb\\n"))
    a\\x1b[2Jb\\n
    >>> printable("Büro")
    'Büro'
    >>> print(printable("1\\u0301\\u0302 \\u3164"))
    1\u0301\\u0302 \\u3164
    """
    return text if _is_plain(text) else "".join(_pieces(text, _escape))


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
    # Four bytes are the most that one character takes. What is no UTF-8 comes out as surrogates, one for each byte.
    return _cut(raw[: 4 * MAX_TEXT].rstrip(b"\0").decode("utf-8", "surrogateescape"), _escape_byte)


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
    return _cut(raw[at : min(stop, at + 4 * MAX_TEXT)].decode("utf-16-le", "backslashreplace"), _escape), behind


def _cut(text: str, escape: Callable[[str], str]) -> str:
    """The first characters of a text, escaped; no more of it is looked at than is shown."""
    text = text[:MAX_TEXT]
    return text if _is_plain(text) else "".join(islice(chain.from_iterable(_pieces(text, escape)), MAX_TEXT))


def _is_plain(text: str) -> bool:
    """Whether there is nothing to escape, at a glance."""
    if not text.isprintable():
        return False
    run = None if text.isascii() else _RUN.match(text)
    return run is None or (run.lastindex == 1 and run.end() == len(text))


def _pieces(text: str, escape: Callable[[str], str]) -> Iterator[str]:
    """A text in order, with escapes for what needs them."""
    stack = ""  # the last character with its marks, where a further mark would stand; empty behind an escape
    for run in _RUN.finditer(text):
        if run.lastindex and run[0].isprintable():
            yield run[0]
            stack = run[0][-1]
            continue
        for character in run[0]:
            kind = _kind(character)
            if kind == "plain":
                stack = character
            elif kind == "mark" and _may_stand(stack, character):
                stack += character
            else:
                stack = ""
            yield character if stack else escape(character)


@_remembered
def _kind(character: str) -> _Kind:
    if not character.isprintable() or character in _BLANK:
        return "hidden"
    return "mark" if category(character) in ("Mn", "Me") or _JAMO.match(character) else "plain"


@_remembered
def _may_stand(stack: str, mark: str) -> bool:
    """Whether a character with its marks so far takes one more."""
    if len(stack) < 2 or mark in stack:
        return len(stack) == 1
    if _OF_ONE_SCRIPT.match(mark):
        return len(stack) <= _MOST_MARKS
    return len(normalize("NFC", stack + mark)) == 1


@_remembered
def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


@_remembered
def _escape_byte(character: str) -> str:
    """The same, of a text in which a surrogate stands for a byte."""
    return f"\\x{ord(character) - 0xDC00:02x}" if "\udc80" <= character <= "\udcff" else _escape(character)
