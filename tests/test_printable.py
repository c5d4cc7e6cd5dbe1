"""Text from outside: what hides, moves or stacks is escaped, and what people write in stays as it is."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analyzer import printable as module
from analyzer.printable import MAX_TEXT, decoded, printable, utf16


def escape(character: str) -> str:
    """As Python writes a character that it does not print."""
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


#: Default_Ignorable_Code_Point of Unicode 15.1's DerivedCoreProperties.txt, unassigned ones included.
IGNORABLE = [
    0xAD, 0x34F, 0x61C, *range(0x115F, 0x1161), *range(0x17B4, 0x17B6), *range(0x180B, 0x1810), *range(0x200B, 0x2010),
    *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0,
    *range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000),
]  # fmt: skip
#: Neither a glyph nor ignorable; a surrogate, private use, noncharacters.
OTHERS = [0x2800, 0x1D159, 0xA0, 0x3000, 0x2028, 0x85, 0xD800, 0xDFFF, 0xE000, 0xFFFE, 0xFDD0, 0x10FFFF, 0xF0000]


@pytest.mark.parametrize("code", [*IGNORABLE[:120], *IGNORABLE[-240:], *OTHERS], ids=hex)
def test_what_hides(code: int) -> None:
    character = chr(code)
    for before, behind in (("", ""), ("a", "b"), ("日", "本"), ("ก", "ก")):
        assert printable(before + character + behind) == before + escape(character) + behind


def test_no_character_alone_slips_through() -> None:
    """Over all of Unicode: escaped as Python does it, or blank, or a mark without a base; else as it is."""
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        shown = printable(character)
        is_mark = unicodedata.category(character) in ("Mn", "Me")
        if character.isprintable() and not is_mark and shown != character:
            assert code in (0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0, 0x1D159, 0x13441, 0x13442) or (
                0x1161 <= code < 0x1200 or 0xD7B0 <= code < 0xD7FC
            ), hex(code)
        assert is_mark <= (shown == escape(character)), hex(code)
        assert shown.isprintable()


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


#: Words as people write them, and names as macOS stores them (decomposed).
WORDS = {
    "German": "Büro Größe", "the same on a Mac": nfd("Büro Größe"),
    "Vietnamese": "Tiếng Việt, đường hầm ậ ố ữ", "Vietnamese on a Mac": nfd("Tiếng Việt ậ ố ữ"),
    "Greek": "ἄνθρωπος ᾅ", "Greek on a Mac": nfd("ἄνθρωπος ᾅ"),
    "Russian": "Ёжик йод", "Russian on a Mac": nfd("Ёжик йод"),
    "Korean": "한국어 각", "Korean on a Mac": nfd("한국어 각"),
    "Japanese": "日本語が ガギグ", "Japanese on a Mac": nfd("日本語が ガギグ"),
    "Chinese": "中文抓包", "Arabic": "مُحَمَّد اتِّصال", "Hebrew": "שָׁלוֹם בְּרֵאשִׁית",
    "Hindi": "हिन्दी क्षेत्र ज़ें लड़कों", "Tamil": "தமிழ் நிக்கோ", "Telugu": "తెలుగు", "Bengali": "বাংলা চাঁদ",
    "Thai": "ที่นี่ ผู้ใหญ่ น้ำ เก็บ", "Lao": "ພາສາລາວ ຢູ່ບໍ່", "Khmer": "ភាសាខ្មែរ", "Burmese": "မြန်မာ ကျွန်ုပ်",
    "Tibetan": "བོད་ཡིག སྐྱོངས", "Georgian": "ქართული", "Armenian": "Հայերեն", "emoji": "👍🏽 🇩🇪 🚀 ✓",
}  # fmt: skip


@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)
def test_what_people_write_stays(word: str) -> None:
    assert printable(word) == word
    assert decoded(word.encode()) == word
    assert utf16(word.encode("utf-16-le"), 0)[0] == word


@pytest.mark.parametrize(
    "text, shown",
    [
        ("a\u0301\u0300", "a\u0301\\u0300"),  # composes with the first mark, not with the second
        ("x\u0301\u0300\u0301\u0302b\u0301", "x\u0301\\u0300\\u0301\\u0302b\u0301"),
        ("a\u0301\u0301", "a\u0301\\u0301"),
        ("\u0301x", "\\u0301x"),  # would stand on what is printed before
        ("\udcff\u0301x", "\\udcff\\u0301x"),
        ("\u200d\u0301x", "\\u200d\\u0301x"),  # would stand on the escape
        ("日\u0301\u0302", "日\u0301\\u0302"),
        ("ส\u0e47\u0e47\u0e47", "ส\u0e47\\u0e47\\u0e47"),  # the same one twice
        ("ก\u0e34\u0e49\u0e4c\u0e38\u0e3a\u0e47", "ก\u0e34\u0e49\u0e4c\u0e38\\u0e3a\\u0e47"),  # more than four
        ("\u1112\u1161\u11ab\u11ac", "\u1112\u1161\u11ab\\u11ac"),  # a syllable has one final
        ("\u1161", "\\u1161"),
        ("1\ufe0f\u20e3", "1\\ufe0f\\u20e3"),
        ("a\u20dd\u20de", "a\u20dd\\u20de"),
        ("h\u0336i", "h\u0336i"),
    ],
)
def test_what_stacks(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_once_is_enough_and_all_is_printable(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable() and printable(shown) == shown
    if text.isascii() and text.isprintable():
        assert shown == text


@given(st.text(alphabet="a\u0301\u0302\u0323ก\u0e34\u0e49\u3164\u1112\u1161\u11ab\x1b日 ", max_size=30))
def test_marks_on_a_character_are_few(text: str) -> None:
    run: list[str] = []
    for character in printable(text):
        if unicodedata.category(character) in ("Mn", "Me"):
            run.append(character)
            assert len(run) == len(set(run)) <= 4
        else:
            run = []


@given(st.binary(max_size=300))
def test_bytes_of_any_kind(raw: bytes) -> None:
    """As Python's own decoder says what is no UTF-8; on such a byte no mark stands."""
    text = raw.rstrip(b"\0").decode("utf-8", "backslashreplace")
    assume(not any(unicodedata.category(c) in ("Mn", "Me") or "\u1160" < c < "\u1200" for c in text))
    assert decoded(raw) == printable(text)[:MAX_TEXT]


@pytest.mark.parametrize("raw", [b"\xff", b"\x1b", "\U000f0000".encode(), "e\u0301\u0302".encode(), "ก\u0e34".encode()])
def test_no_more_is_looked_at_than_is_shown(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment may have 65,535 bytes, and a file 65,536 comments."""
    looked = 0
    real = module._kind

    def counted(character: str) -> object:
        nonlocal looked
        looked += 1
        return real(character)

    monkeypatch.setattr(module, "_kind", counted)
    shown = decoded(raw * (65_535 // len(raw)))
    assert len(shown) == MAX_TEXT and looked <= MAX_TEXT
    if raw[0] != 0xE0:  # what is escaped takes the room of several
        assert looked <= MAX_TEXT // 2


@pytest.mark.parametrize("unit", ["x", "ü", "中", "🚀", "\n", "e\u0301", "\u3164"])
def test_a_long_text_is_cut(unit: str) -> None:
    long = unit * 65_535
    assert decoded(long.encode()) == utf16(long.encode("utf-16-le") + b"\0\0", 0)[0] == printable(long)[:MAX_TEXT]
    assert printable(long).startswith(decoded(long.encode())) and len(decoded(long.encode())) == MAX_TEXT


def test_of_plain_text_no_character_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_kind", None)
    for word in ("eth0, a comment", "Büro", "中文抓包", "한국어", "🚀"):
        assert printable(word * 100) == word * 100
