"""The pages in docs/: what cites them finds them, links lead somewhere, the index is whole, ids are the rules' own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from analyzer.rules.engine import all_rules

ROOT = Path(__file__).resolve().parent.parent
DOMAIN = ROOT / "docs" / "domain"
FOLDERS = ("analyzer", "tests", "sample_pcaps", "notebooks", "docs", "make")
KINDS = {".py", ".toml", ".yml", ".md", ".csv", ".sh", ".ipynb"}

#: A page of docs/, and what it is asked for: ``no. 7``, ``rules 1 and 4``, ``row "Apple"``, ``section "Rules"``.
CITATION = re.compile(
    r"""(?<![\w./-])(?P<page>docs/[\w/-]+\.md)(?:,?\ (?:
        (?:nos?\.|rules?|row)\ (?P<numbers>\d+\b(?:(?:,\ |\ and\ )\d+\b(?!\.))*)
        | (?:row|section)\ "(?P<name>[^"]+)"
    ))?""",
    re.VERBOSE,
)
#: Notes from before these pages, which nobody can look up. (Written so that this file does not cite them either.)
ELSEWHERE = re.compile(r"(?<![\w/-])(?:domain|design|users|corrections|research|lab-notes)\.md\b", re.IGNORECASE)


@cache
def files() -> dict[str, str]:
    """Every text of the project, by its path."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in KINDS]
    found += [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / "Makefile"]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(found)}


@cache
def pages() -> dict[str, str]:
    """Every page, without its fenced blocks."""
    plain = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
    return {name: plain.sub("", text) for name, text in files().items() if name.endswith(".md")}


def lacking(page: str, numbers: str | None, name: str | None) -> Iterator[str]:
    """What a page is cited for and does not have."""
    if page not in pages():
        yield page
        return
    for number in re.findall(r"\d+", numbers or ""):
        if not re.search(rf"^(?:\| |#+ |){number}(?:\. | \|)", pages()[page], re.MULTILINE):
            yield f"{page} no. {number}"
    if name and not re.search(rf"^(?:\| |#+ ){re.escape(name)}(?: \||$)", pages()[page], re.MULTILINE):
        yield f'{page} "{name}"'


def unwrapped(text: str) -> str:
    """A text in which a citation is not broken over the ends of lines and the signs of comments."""
    return re.sub(r"\s*\n\s*(?:#:?\s+)?", " ", text)


def anchors(page: str) -> set[str]:
    """The headings of a page as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", pages()[page], re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_that_is_cited_exists_with_what_it_is_cited_for() -> None:
    missing = {
        f"{name} cites {what}"
        for name, text in files().items()
        if name != "tests/test_docs.py"
        for cited in CITATION.finditer(unwrapped(text))
        for what in lacking(cited["page"], cited["numbers"], cited["name"])
    }
    assert not missing, "\n".join(sorted(missing))


def test_nobody_cites_what_is_not_in_the_repository() -> None:
    cited = {f"{name}: {found[0]}" for name, text in files().items() for found in ELSEWHERE.finditer(text)}
    assert not cited, "\n".join(sorted(cited))


@pytest.mark.parametrize("page", sorted(pages()))
def test_links_lead_to_a_file_and_a_heading(page: str) -> None:
    for target, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)", pages()[page]):
        path = ((ROOT / page).parent / target).resolve() if target else ROOT / page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.relative_to(ROOT).as_posix()), f"{target}#{anchor}"


def test_the_index_names_every_page_of_the_domain() -> None:
    named = re.findall(r"^\| \[[\w-]+\]\(([\w-]+\.md)\)", pages()["docs/domain/README.md"], re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in DOMAIN.glob("*.md") if path.name != "README.md")


def test_root_causes_are_numbered_without_a_gap_and_bear_the_names_of_their_rules() -> None:
    rows = re.findall(
        r"^\| (\d+) \| ([a-z0-9-]+) \[(\w+)\]\(\.\./rules/(\w+)\.md\)",
        pages()["docs/domain/root-causes.md"],
        re.MULTILINE,
    )
    assert [int(number) for number, *_ in rows] == list(range(1, 49))
    names = {rule.code: rule.id for rule in all_rules()}
    assert {code: (name, linked) for _, name, code, linked in rows} == {
        code: (names[code], code) for _, _, code, _ in rows
    }


def test_the_glossary_is_in_the_order_of_the_alphabet() -> None:
    words = re.findall(r"^- \*\*(.+?)\*\*", pages()["docs/glossary.md"], re.MULTILINE)
    assert len(words) > 60
    assert words == sorted(words, key=str.casefold)
