"""Every line that we print for somebody to paste, wherever it comes from, and what reads it.

- steps of remedies, which reports, ``explain`` and docs/rules print;
- blocks of code in the guide, the README and docs;
- commands in the words of remedies and in texts that code prints: few, and each is listed here (those of Windows are
  found), or a test fails.

Limits that a report computes stand in the steps too (test_limits.py).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from analyzer.remedies import Step, catalogue

ROOT = Path(__file__).resolve().parents[2]
#: Documents whose blocks of code are to be pasted; docs/rules is made of the steps.
DOCUMENTS = (
    "README.md",
    "analyzer/report/capture_guide.md",
    *sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("docs/*.md")),
)
#: Languages of those blocks; the others show what is printed, not what to type.
LANGUAGES = {"sh": "shell", "powershell": "powershell"}
#: Our own commands, whose options the tests of the command line and the README try.
OUR_OWN = ("ike-analyzer", "make", "source")

#: Commands in running text, and what reads them. An address: nobody here can, so that is who says it.
INLINE = {
    "editcap -F pcapng IN OUT": "shell",
    "editcap -c 99999 IN OUT": "shell",
    "journalctl -u ipsec": "shell",
    "journalctl -u strongswan": "shell",
    "ping -M do -s SIZE": "shell",
    "ping -f -l SIZE": "https://learn.microsoft.com/en-us/windows-server/administration/windows-commands/ping",
}
#: Programs of Windows, whose lines the table of PowerShell knows.
WINDOWS = ("netsh", "pktmon")

_PROGRAMS = "editcap|ikectl|iked|ip6?tables|ipsec|journalctl|netsh|nft|ping|pki|pktmon|swanctl|systemctl|tcpdump|tshark"
#: A program with at least one option, up to the end of the clause.
_COMMAND = re.compile(
    rf"\b(?:{_PROGRAMS})(?: [a-z0-9]+)* (?:--?\w[\w-]*|\w+=\S+)"
    r"(?: [^\s,;:()\"]*[^\s,;:()\".](?::\\[\w.]+)?)*"  # a path of Windows holds a colon and a full stop
)


@dataclass(frozen=True, slots=True)
class Printed:
    """Lines that are pasted as a whole; ``origin`` says where they are printed."""

    origin: str
    step: Step

    def __str__(self) -> str:
        return self.origin


@cache
def printed() -> tuple[Printed, ...]:
    """Everything, in order of its origin."""
    return (*_from_remedies(), *_from_documents(), *_from_words())


def of_syntax(syntax: str) -> tuple[Printed, ...]:
    """What goes into one kind of file."""
    return tuple(p for p in printed() if p.step.syntax == syntax)


def of_program(program: str) -> tuple[tuple[str, str, str], ...]:
    """Commands of one program that are typed into a shell: origin, command, and versions that know it."""
    return tuple(
        (p.origin, command, p.step.versions)
        for p in of_syntax("shell")
        for command in p.step.commands
        if command.split()[0] == program
    )


def _from_remedies() -> Iterator[Printed]:
    for key, entry in catalogue().items():
        for number, step in enumerate(entry.steps, 1):
            yield Printed(f"{key}-{number}", step)


def _from_documents() -> Iterator[Printed]:
    for name in DOCUMENTS:
        text = (ROOT / name).read_text(encoding="utf-8")
        for number, found in enumerate(re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL), 1):
            if found[1] in LANGUAGES:
                yield Printed(f"{name}-{number}", Step(LANGUAGES[found[1]], tuple(found[2].splitlines())))


def _from_words() -> Iterator[Printed]:
    for command, read_by in INLINE.items():
        if not read_by.startswith("https://"):
            yield Printed(command, Step(read_by, (command,)))
    for place, command in commands_in_words():
        if command.split()[0] in WINDOWS:
            yield Printed(place, Step("powershell", (command,)))


def commands_in_words() -> Iterator[tuple[str, str]]:
    """Commands in running text, each with its place: of remedies, and of what code prints."""
    for place, text in words():
        for found in _COMMAND.finditer(text):
            yield place, found[0]


def words() -> Iterator[tuple[str, str]]:
    """Running text that users read, each with its place."""
    for key, entry in catalogue().items():
        for text in (entry.what, entry.brief, entry.changes, entry.versions, entry.verify):
            yield key, text
    for path in sorted((ROOT / "analyzer").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        of_rule = (
            {id(tree.body[0].value)} if path.parent.name == "rules" and isinstance(tree.body[0], ast.Expr) else set()
        )
        hidden = _docstrings(tree) - of_rule
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in hidden:
                yield f"{path.relative_to(ROOT).as_posix()}:{node.lineno}", " ".join(node.value.split())


def _docstrings(tree: ast.AST) -> set[int]:
    """What only developers read."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, kinds) and node.body]
    return {id(body[0].value) for body in bodies if isinstance(body[0], ast.Expr)}
