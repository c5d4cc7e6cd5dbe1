"""The command: a fault in the analyzer is seen, told by kind, and excused by the reviewed list only."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.baseline.inputs import Input, one_in_ten
from tests.baseline.result import Result
from tests.baseline.run import chosen_inputs, main, parser
from tests.baseline.version import ROOT
from tests.baseline.wanted import Wanted

EMPTY: dict = {"captures": [], "errors": []}


def copied(folder: Path, rule: str, before: str, after: str) -> Path:
    """The working tree's analyzer with another word in one rule."""
    shutil.copytree(ROOT / "analyzer", folder / "analyzer", ignore=shutil.ignore_patterns("__pycache__"))
    [file] = (folder / "analyzer" / "rules").glob(f"{rule.lower()}_*.py")
    source = file.read_text(encoding="utf-8")
    assert before in source
    file.write_text(source.replace(before, after), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def changed(tmp_path_factory) -> Path:
    """With other words in one verdict."""
    folder = tmp_path_factory.mktemp("changed")
    return copied(folder, "NET001", "never answered", "did not answer")


def test_the_working_tree_says_what_it_says(capsys):
    assert main(["--base", str(ROOT), "--only", "samples", "--jobs", "1"]) == 0
    assert capsys.readouterr().out.endswith("\nNo difference.\n")


def test_a_change_is_seen(changed, capsys):
    assert main(["--base", str(changed), "--only", "samples", "--jobs", "2"]) == 1
    said = capsys.readouterr().out
    assert "\nfindings.NET001.title: 1 capture\n" in said
    assert "did not answer" in said
    assert "never answered" in said
    assert "\n    1 capture: samples/no-response.pcapng\n" in said
    assert 'path = ["findings.NET001.title", "sas.verdict.text", "text", "verdict.text"]\n' in said


def test_a_change_that_is_wanted(changed, tmp_path, capsys):
    wanted = tmp_path / "wanted.toml"
    entry = '[[wanted]]\nreason = "better words"\ncaptures = "samples/*"\npath = ["*.title", "*text"]\n'
    wanted.write_text(entry, encoding="utf-8")
    words = ["--base", str(changed), "--wanted", str(wanted), "no-response", "--only", "samples"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert said.endswith("4 differences wanted (one entry of the list).\nNo other difference.\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "samples", "no-such-name"], "no capture has such a name"),
        (["--only", "samples", "--base", "0123" * 10], "git "),
        (["--only", "samples", "--wanted", "no-such-file"], "no-such-file"),
    ],
)
def test_what_cannot_be_compared(words, message, capsys):
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert said.err.startswith("baseline: ")
    assert said.err.count("\n") == 1


def test_a_word_that_it_does_not_know():
    with pytest.raises(SystemExit) as left:
        main(["--only", "everything"])
    assert left.value.code == 2


def test_real_captures_that_are_not_here(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IKE_ANALYZER_CAPTURES", str(tmp_path))
    assert main(["--base", str(ROOT), "--only", "real", "--only", "samples", "no-response"]) == 0
    assert "No real captures compared" in capsys.readouterr().out


def test_a_tenth_of_it():
    some = [Input(f"cases/{number}", bytes) for number in range(2000)]
    first, again, other = (one_in_ten(some, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert 150 < len(first) < 250


def test_quick_takes_a_tenth():
    whole, quick = (chosen_inputs(["cases"], parser().parse_args(words)) for words in ([], ["--quick"]))
    assert [one.name for one in quick] == [one.name for one in one_in_ten(whole, 1)]


class TestResult:
    def test_crashes_are_named(self):
        result = Result([])
        result.add("lab/x", EMPTY, {"crash": ["here", "ZeroDivisionError"]})
        assert result.status == 1
        assert next(result.lines(whole=True)) == "\nThe working tree crashes on lab/x: here | ZeroDivisionError\n"

    def test_a_crash_of_both_is_no_less_one(self):
        result = Result([])
        result.add("lab/x", {"crash": ["a"]}, {"crash": ["a"]})
        assert result.status == 1
        assert next(result.lines(whole=True)) == "\nThe working tree crashes on lab/x: a\n"

    def test_a_crash_that_is_mended(self):
        result = Result([])
        result.add("lab/x", {"crash": ["in a file", "ZeroDivisionError"]}, EMPTY)
        assert any("ZeroDivisionError -> answers" in line for line in result.lines(whole=True))

    def test_a_stale_entry(self):
        entry = Wanted("once", ("lab/*",), ("exit",))
        result = Result([entry])
        result.add("lab/x", EMPTY, EMPTY)
        assert result.status == 0
        assert any(line.startswith("Stale in the reviewed list") for line in result.lines(whole=True))
        assert not any(line.startswith("Stale") for line in result.lines(whole=False))

    def test_kinds_are_counted(self):
        result = Result([])
        for number in range(30):
            result.add(f"lab/{number:02}", EMPTY | {"exit": number % 10}, EMPTY | {"exit": 12})
        said = "".join(result.lines(whole=True))
        assert "\nexit: 30 captures\n  0 -> 12\n    3 captures: lab/00; lab/10; lab/20\n" in said
        assert "  and 2 other changes\n" in said
        assert said.count("[[wanted]]") == 1
        assert 'captures = "lab/*"\npath = "exit"\n' in said
        assert "before = " not in said

    def test_one_change_is_proposed_with_its_values(self):
        result = Result([])
        result.add("lab/x", EMPTY | {"exit": 0}, EMPTY | {"exit": 1})
        assert 'captures = "lab/x"\npath = "exit"\nbefore = "0"\nafter = "1"\n' in "".join(result.lines(whole=True))

    def test_what_differs_in_the_same_captures_is_proposed_together(self):
        result = Result([])
        for name in ("lab/x", "lab/y"):
            result.add(name, EMPTY | {"exit": 0, "text": ["a"]}, EMPTY | {"exit": 1, "text": ["b"]})
        assert 'captures = ["lab/x", "lab/y"]\npath = ["exit", "text"]\n' in "".join(result.lines(whole=True))
