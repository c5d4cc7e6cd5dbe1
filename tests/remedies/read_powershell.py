"""A small reader of PowerShell: text in, the commands in it out; enough for the lines that we print.

It splits a text into words as PowerShell does (both kinds of quotes, comments, brackets) and finds where a command
can stand: at the beginning, after ``|``, ``;``, ``=``, a line's end, an opening bracket. What begins otherwise (a
variable, a string, a type, an operator) is an expression, of which only the brackets are looked into.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<gap>[ \t\r]+|`\n)
    |(?P<comment><\#.*?\#>|(?<![^\s(){};|,])\#[^\n]*)
    |(?P<string>'(?:[^']|'')*'|"(?:[^"`]|`.|"")*")
    |(?P<open>[@$]?\(|@?\{)
    |(?P<close>[)}])
    |(?P<end>[;\n])
    |(?P<pipe>\|)
    |(?P<comma>,)
    |(?P<assign>[-+]?=(?=\s))
    |(?P<word>(?:[^\s'"(){};|,`]|`.)+)""",
    re.VERBOSE | re.DOTALL,
)
_KEYWORDS = {"if", "elseif", "else", "try", "catch", "finally", "return", "exit", "param", "foreach", "while", "throw"}
_CLOSING = {"(": ")", "{": "}"}


class Unreadable(ValueError):
    """No PowerShell: a quote or a bracket without its other half."""


@dataclass
class Command:
    """A command with what follows its name: parameters with their hyphen, and values (a list is one value)."""

    name: str
    arguments: list[str | tuple[str, ...]] = field(default_factory=list)


@dataclass
class Script:
    """What a text holds: commands in order, functions that it defines, comments, variables assigned and read."""

    commands: list[Command] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    comments: list[str] = field(default_factory=list)
    assigned: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)


def read(text: str) -> Script:
    """Read a text.

    Raises
    ------
    Unreadable
        A bracket or a quote is not closed, or closed without being open.
    """
    script = Script()
    tokens = list(_tokens(text, script))
    position = _statements(tokens, 0, script, "")
    if position != len(tokens):
        raise Unreadable(f"{tokens[position][1]!r} closes nothing")
    return script


def _tokens(text: str, script: Script) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unreadable(f"not to be read from {text[position : position + 40]!r} on")
        kind, token, position = str(match.lastgroup), match.group(), match.end()
        if kind == "comment":
            script.comments.append(token.strip("<># \n"))
        elif kind != "gap":
            for name in re.findall(r"\$\{?([A-Za-z_]\w*)", "" if token.startswith("'") else token):
                script.read.add(name.lower())
            yield kind, token


def _statements(tokens: list[tuple[str, str]], position: int, script: Script, closing: str) -> int:
    """Read up to the bracket that closes; returns its position."""
    while position < len(tokens):
        kind, token = tokens[position]
        if kind == "close":
            if token != closing:
                raise Unreadable(f"{token!r} where {closing!r} should stand")
            return position
        if kind in ("end", "pipe", "comma"):
            position += 1
        elif kind == "word" and token.lower() == "function":
            script.functions.add(tokens[position + 1][1])
            position += 2
        elif kind == "word" and token.lower() in _KEYWORDS:
            position += 1
        elif kind == "word" and re.match(r"[A-Za-z]", token):
            position = _command(tokens, position, script)
        else:
            position = _expression(tokens, position, script)
    if closing:
        raise Unreadable(f"{closing!r} is missing")
    return position


def _expression(tokens: list[tuple[str, str]], position: int, script: Script) -> int:
    """Skip what is no command; after a sign of assignment a statement may stand again."""
    while position < len(tokens) and tokens[position][0] not in ("end", "pipe", "close"):
        kind, token = tokens[position]
        if kind == "assign":
            script.assigned.add(tokens[position - 1][1].lstrip("$").lower())
            return position + 1
        position = _bracket(tokens, position, script) if kind == "open" else position + 1
        if kind == "open" and token.endswith("{") and token != "@{":
            return position
    return position


def _bracket(tokens: list[tuple[str, str]], position: int, script: Script) -> int:
    """Read what stands in brackets; returns the position behind them. The keys of a hash table are no commands."""
    opening = tokens[position][1]
    if opening == "@{":
        depth = 1
        while depth:
            position += 1
            if position == len(tokens):
                raise Unreadable("'}' is missing")
            depth += {"open": 1, "close": -1}.get(tokens[position][0], 0)
        return position + 1
    return _statements(tokens, position + 1, script, _CLOSING[opening[-1]]) + 1


def _command(tokens: list[tuple[str, str]], position: int, script: Script) -> int:
    command = Command(tokens[position][1])
    script.commands.append(command)
    position += 1
    is_list = False
    while position < len(tokens) and tokens[position][0] not in ("end", "pipe", "close"):
        kind, token = tokens[position]
        if kind == "comma":
            is_list = True
            position += 1
            continue
        after = _bracket(tokens, position, script) if kind == "open" else position + 1
        if kind == "word" and re.match(r"--?[A-Za-z]", token):
            command.arguments.append(token)
        else:
            value = token.strip("'\"") if kind == "string" else token
            if is_list and command.arguments and isinstance(command.arguments[-1], tuple):
                command.arguments[-1] += (value,)
            else:
                command.arguments.append((value,))
        is_list = False
        position = after
    return position
