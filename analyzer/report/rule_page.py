"""The page of a rule: its docstring, its remedies and an example, for ``explain`` and for docs/rules/.

One page, two dresses: plain text for a terminal, Markdown for the documentation.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from itertools import groupby

from analyzer.errors import UsageError
from analyzer.ike.registry import windows_errors
from analyzer.remedies import catalogue, for_topic, products, remedy, script_of
from analyzer.rules.engine import all_rules
from analyzer.rules.model import Rule
from analyzer.rules.shared.evidence import EVIDENCE

#: Headings that every rule's docstring has, in this order.
HEADINGS = ("What it means", "Seen as", "Not to be confused with", "Certain when", "References")

#: Columns of a page, where nobody says how many there are; longer lines of prose are hard to read.
WIDTH = 100

_CANNOT_TELL = """\
cannot-tell

Nothing in this trace shows how the connection attempt ended: it neither failed in it nor succeeded.

What it means
  The trace began too late, stopped too early, was filtered, or lost packets. "Cannot tell" is no verdict about the
  network or the server, and no all-clear.

What to do
  Take another trace: start before dialing, stop ten seconds after the error, keep whole packets, use no port filter.
  ike-analyzer guide tells how, ike-analyzer guide --script windows (or linux) prints a script that does it. Best is one
  at each end in the same minute: ike-analyzer compare CLIENT SERVER.
"""


@dataclass(frozen=True, slots=True)
class RulePage:
    """What there is to say of a rule. ``sections`` are heading and text; ``example`` is a ladder and what it gives."""

    rule: Rule
    title: str
    sections: tuple[tuple[str, str], ...]
    remedies: tuple[str, ...]
    example: str
    says: str


@cache
def examples() -> dict[str, dict[str, str]]:
    """The first case of each rule by code: ``ladder`` and ``says`` (written by ``make docs``)."""
    return tomllib.loads(files("analyzer.rules").joinpath("examples.toml").read_text(encoding="utf-8"))


def page_of(rule: Rule) -> RulePage:
    """Put the page of a rule together.

    Examples
    --------
    >>> from analyzer.rules.engine import all_rules
    >>> page = page_of(next(r for r in all_rules() if r.code == "FRG001"))
    >>> page.title
    'IKE_AUTH left in IP fragments and was never answered.'
    >>> [heading for heading, _ in page.sections][:2]
    ['What it means', 'Seen as']
    """
    doc = inspect.cleandoc(sys.modules[rule.check.__module__].__doc__ or "")
    title, _, body = doc.partition("\n")
    example = examples().get(rule.code, {})
    return RulePage(
        rule,
        title.strip(),
        tuple((heading, text) for heading, told in _sections(body) if (text := _public(heading, told))),
        tuple(text for key in _remedy_ids(rule) for text in remedy(key)),
        example.get("ladder", ""),
        example.get("says", ""),
    )


def _sections(body: str) -> Iterable[tuple[str, str]]:
    heading = ""
    lines: list[str] = []
    for line in [*body.splitlines(), *HEADINGS[-1:]]:
        if line.strip() in HEADINGS and not line.startswith(" "):
            if heading:
                yield heading, " ".join(" ".join(lines).split())
            heading, lines = line.strip(), []
        else:
            lines.append(line)


def _public(heading: str, text: str) -> str:
    """References without the developers' own notes, which a reader of the page does not have."""
    if heading != "References":
        return text
    kept = [part.strip().rstrip(".") for part in text.split(";") if "docs/domain/" not in part]
    return "; ".join(kept) + "." if kept else ""


def _remedy_ids(rule: Rule) -> tuple[str, ...]:
    """Every remedy for what the rule's findings may advise, product by product; a finding itself names a few."""
    named = [*rule.remedies, *rule.topics]
    # What people try in vain is no list to go through: only what fits is named.
    topics = dict.fromkeys(catalogue()[key].topic for key in named if catalogue()[key].helps)
    in_vain = [key for key in named if not catalogue()[key].helps]
    order = list(products())
    by_product = [
        key
        for topic in topics
        for key in sorted(
            for_topic(topic), key=lambda k: (not catalogue()[k].is_general, order.index(catalogue()[k].product))
        )
    ]
    return tuple(dict.fromkeys([*by_product, *in_vain]))


def explain(what: str, *, width: int = WIDTH) -> str:
    """The page of a rule or verdict, or of a Windows error code, as text.

    Parameters
    ----------
    what : str
        A rule's code (``FRG001``), a rule's or verdict's id (``udp-4500-blocked``), or a Windows error (``809``).
    width : int
        Columns.

    Raises
    ------
    UsageError
        There is no such thing; the message names what is near.

    Examples
    --------
    >>> explain("frg001").splitlines()[0]
    'FRG001  ike-auth-ip-fragments-lost-upstream  (blocking, at best proved)'
    """
    if _wanted(what) == "cannot-tell":
        return _CANNOT_TELL
    rule = _rule(what)
    if rule is not None:
        return as_text(page_of(rule), width)
    error = windows_errors.find(what)
    if error is not None:
        return _windows_error(error, width)
    raise _unknown(what)


def script(what: str) -> str:
    """The script that does what the page of a rule or verdict advises, where one of its remedies has one.

    Raises
    ------
    UsageError
        There is no such rule, or no script for it.

    Examples
    --------
    >>> script("FRG004").splitlines()[1]
    '.SYNOPSIS'
    """
    rule = _rule(what)
    if rule is None:
        if _wanted(what) == "cannot-tell" or windows_errors.find(what) is not None:
            raise UsageError(f"there is no script for {what.strip()[:60]!a}: name a rule or a verdict")
        raise _unknown(what)
    texts = [text for key in _remedy_ids(rule) if (text := script_of(key))]
    if not texts:
        raise UsageError(f"no remedy for {rule.code} has a script: ike-analyzer explain {rule.code} tells what to do")
    return texts[0]


def _wanted(what: str) -> str:
    return what.strip().lower()


def _rule(what: str) -> Rule | None:
    return next((rule for rule in all_rules() if _wanted(what) in (rule.code.lower(), rule.id)), None)


def _unknown(what: str) -> UsageError:
    known = {name.lower(): name for rule in all_rules() for name in (rule.code, rule.id)}
    known |= {error.name.lower(): error.name for error in windows_errors.all_errors().values()}
    near = [known[name] for name in get_close_matches(_wanted(what), known, n=3)]
    hint = f"; did you mean {', '.join(near)}?" if near else " (see ike-analyzer rules)"
    return UsageError(f"no rule, verdict or Windows error {what.strip()[:60]!a}{hint}")


def as_text(page: RulePage, width: int = WIDTH) -> str:
    """The page for a terminal."""
    rule = page.rule
    title = textwrap.fill(page.title, width)
    parts = [f"{rule.code}  {rule.id}  ({_nature(rule)})", "", title, ""]
    for heading, text in page.sections:
        parts += [heading, textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  "), ""]
    if rule.needs:
        parts += ["Not assessed when", *(f"  {line}" for line in _lacking(rule)), ""]
    if page.remedies:
        parts += ["What to do", *_indented(page.remedies, width), ""]
    if page.example:
        parts += ["For example", textwrap.indent(page.example.rstrip(), "  "), ""]
        parts += [textwrap.fill(f"gives: {page.says}", width, initial_indent="  ", subsequent_indent="  "), ""]
    return "\n".join(parts).rstrip() + "\n"


def as_markdown(page: RulePage) -> str:
    """The page for the documentation."""
    rule = page.rule
    parts = [f"# {rule.code}: {rule.id}", "", f"*{_nature(rule)}*", "", page.title, ""]
    for heading, text in page.sections:
        parts += [f"## {heading}", "", textwrap.fill(text, 118), ""]
    if rule.needs:
        parts += ["## Not assessed when", "", *(f"- {line}" for line in _lacking(rule)), ""]
    if page.remedies:
        parts += ["## What to do", "", *_as_list(page.remedies), ""]
    if page.example:
        parts += ["## Example", "", "```text", page.example.rstrip(), "```", ""]
        parts += [textwrap.fill(f"gives: {page.says}", 118), ""]
    return "\n".join(parts).rstrip() + "\n"


def _nature(rule: Rule) -> str:
    surest = rule.ceiling.value.replace("-", " ")
    return f"{rule.severity.value}, at best {surest}" + ("" if rule.is_verdict else "; a remark, never the verdict")


def _lacking(rule: Rule) -> Iterable[str]:
    for need in rule.needs:
        doc = inspect.cleandoc(EVIDENCE[need].__doc__ or need)
        yield f"the trace lacks this: {doc.splitlines()[0][0].lower()}{doc.splitlines()[0][1:].rstrip('.')}"


def _indented(texts: Iterable[str], width: int) -> Iterable[str]:
    for text in texts:
        for i, line in enumerate(text.splitlines()):
            command = line.startswith("  ")
            first = "  - " if i == 0 else "    "
            yield (
                first + line if command else textwrap.fill(line, width, initial_indent=first, subsequent_indent="    ")
            )


def _as_list(texts: Iterable[str]) -> Iterable[str]:
    """Each remedy as an item; what is to be copied (indented) stays as it is, in a block."""
    for text in texts:
        bullet = "- "
        for is_code, lines in groupby(text.splitlines(), key=lambda line: line.startswith("  ")):
            if is_code:
                yield from ("", "  ```text", *lines, "  ```", "")
                continue
            for line in lines:
                yield textwrap.fill(
                    _escaped(line),
                    118,
                    initial_indent=bullet,
                    subsequent_indent="  ",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
                bullet = "  "


def _escaped(line: str) -> str:
    """Angle brackets and stars are text, not Markdown."""
    return re.sub(r"([<>*])", r"\\\1", line)


def _windows_error(error: windows_errors.WindowsError, width: int) -> str:
    fill: Callable[[str], str] = lambda text: textwrap.fill(  # noqa: E731
        text, width, initial_indent="  ", subsequent_indent="  "
    )
    titles = {rule.id: f"{rule.code}  {rule.id}" for rule in all_rules()}
    title = textwrap.fill(f"Windows error {error.name}: {error.meaning}", width, subsequent_indent="  ")
    parts = [title, "", "In the trace", fill(error.trace), ""]
    parts += ["Verdicts that it can stand for", *(f"  {titles.get(v, v)}" for v in error.verdicts), ""]
    source = "; ".join(part.strip() for part in error.source.split(";") if "docs/domain/" not in part)
    parts += ["Source of the meaning", fill(source)] if source else []
    return "\n".join(parts) + "\n"
