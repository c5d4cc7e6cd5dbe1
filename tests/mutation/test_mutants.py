"""Which faults are put in, and which are not. The rules to be judged are those of tests/rules; here it is the tool."""

from __future__ import annotations

import pytest

from tests.mutation.mutants import mutants_of


def changes(source: str) -> list[str]:
    return [mutant.change for mutant in mutants_of("example", source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < 640\n", ["< 640 -> <= 640", "640 -> 641", "640 -> 639"]),
        ("x = n[0]\n", ["0 -> 1", "0 -> (-1)"]),
        ("x = a and b\n", ["a and b -> a or b"]),
        ("x = not a\n", ["not a -> a"]),
        ("x = True\n", ["True -> False"]),
        ("x = a in b\n", ["in -> not in"]),
        ("x = a if b else c\n", ["b -> (b) and False", "b -> (b) or True"]),
        ("if a:\n    f()\n", ["a -> not (a)"]),
        ("for a in b:\n    break\n", ["break -> return"]),
        ("for a in b:\n    continue\n", ["continue -> break"]),
        ('x = f(key="some-id")\n', ['key="some-id" -> ', '"some-id" -> "XXsome-idXX"']),
        ("@cache\ndef f(): ...\n", ["@cache -> "]),
        ("x = t / 1e9\n", ["t / 1e9 -> t * 1e9", "1e9 -> 2000000000.0"]),
    ],
)
def test_faults(source, expected):
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring of 3 words."""\n',
        'x = "Prose that a reader sees."\n',
        "def f(a: int | None, b: tuple[int, ...]) -> Literal['no']: ...\n",
        "from a import b\n",
        "Pair = tuple[int, int]\n",
        "@dataclass(frozen=True)\nclass A: ...\n",
        'x = f"sent {count} times"\n',
    ],
)
def test_what_is_left_alone(source):
    assert changes(source) == []


def test_a_mutant_differs_from_the_module_in_its_fault_only():
    source = "# why\nLIMIT = 16  # of Libreswan\n\n\ndef f(n: int) -> bool:\n    return n > LIMIT\n"
    texts = [mutant.text() for mutant in mutants_of("example", source)]
    assert texts == [source.replace("16 ", "17 "), source.replace("16 ", "15 "), source.replace("n > ", "n >= ")]
