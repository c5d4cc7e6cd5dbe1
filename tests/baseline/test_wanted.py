"""The reviewed list: what an entry covers, what is refused, and what is proposed."""

from __future__ import annotations

import tomllib

import pytest

from tests.baseline.differences import ABSENT, Difference
from tests.baseline.version import BaselineError
from tests.baseline.wanted import LIST, Wanted, read_wanted, to_paste

CHANGE = Difference("findings.NET001.confidence", "probable", "possible")


@pytest.mark.parametrize(
    ("captures", "path", "values", "covers"),
    [
        (["cases/NET001/sent twice"], "findings.NET001.confidence", {}, True),
        (["cases/NET001/*"], "findings.NET001.*", {}, True),
        (["lab/*", "cases/*"], "findings.*.confidence", {}, True),
        (["cases/NET001/*"], "findings.NET001.confidence", {"before": "probable", "after": "possible"}, True),
        (["cases/NET001/*"], "findings.NET001.confidence", {"after": "strong"}, False),
        (["cases/NET001/*"], "findings.NET001.confidence", {"before": "pos*"}, False),
        (["cases/NET001/sent"], "findings.NET001.confidence", {}, False),
        (["cases/NET002/*"], "findings.NET001.confidence", {}, False),
        (["*"], "findings.NET001", {}, False),
        (["*"], "findings.NET00[12].confidence", {}, False),
    ],
)
def test_covers(captures, path, values, covers):
    entry = Wanted("reviewed", tuple(captures), ("exit", path), **values)
    assert entry.covers("cases/NET001/sent twice", CHANGE) is covers


def written(tmp_path, text):
    file = tmp_path / "wanted.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_list_is_read(tmp_path):
    file = written(tmp_path, '[[wanted]]\nreason = "so"\ncaptures = "cases/*"\npath = "exit"\nafter = "0"\n')
    assert read_wanted(file) == [Wanted("so", ("cases/*",), ("exit",), "*", "0")]


def test_the_list_that_is_here_can_be_read():
    assert all(entry.reason for entry in read_wanted(LIST))


@pytest.mark.parametrize(
    "entry",
    [
        'captures = "*"\npath = "exit"',
        'reason = " "\ncaptures = "*"\npath = "exit"',
        'reason = "so"\npath = "exit"',
        'reason = "so"\ncaptures = "*"',
        'reason = "so"\ncaptures = "*"\npath = "exit"\nvalue = "0"',
    ],
)
def test_an_entry_that_says_too_little_is_refused(tmp_path, entry):
    with pytest.raises(BaselineError, match="entry 1 needs a reason"):
        read_wanted(written(tmp_path, f"[[wanted]]\n{entry}\n"))


@pytest.mark.parametrize("text", ["[[wanted", None])
def test_a_list_that_cannot_be_read(tmp_path, text):
    file = tmp_path / "wanted.toml" if text is None else written(tmp_path, text)
    with pytest.raises(BaselineError, match=r"wanted\.toml"):
        read_wanted(file)


@pytest.mark.parametrize(
    ("names", "difference"),
    [
        (["cases/NET001/over ipv6"], CHANGE),
        ([f"cases/NET001/{number}" for number in range(20)], CHANGE),
        ([f"{number}/{number}" for number in range(20)], CHANGE),
        (['real/a "b" \\ \x7f \N{SNOWMAN} \N{GRINNING FACE}'], Difference("errors", ABSENT, 'a "quoted" \x1b one')),
    ],
)
@pytest.mark.parametrize("more", [[], ["exit"]])
def test_what_is_proposed_covers_what_was_found(tmp_path, names, difference, more):
    proposed = to_paste(names, [difference.path, *more], None if more else difference)
    [entry] = read_wanted(written(tmp_path, proposed.replace('reason = ""', 'reason = "so"')))
    assert all(entry.covers(name, difference) for name in names)
    with pytest.raises(BaselineError):
        read_wanted(written(tmp_path, proposed))
    assert tomllib.loads(proposed)["wanted"][0]["reason"] == ""
