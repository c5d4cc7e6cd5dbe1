"""One step of a ladder: when, from whom to whom, what, and what an analysis adds.

The grammar is documented in :mod:`analyzer.report.ladder.notation`; this file reads and writes its rule ``step``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from analyzer.report.ladder.message import read_message, write_message
from analyzer.report.ladder.model import Host, Message, Step
from analyzer.report.ladder.values import Line, seconds, split_numbers, write_numbers, write_seconds
from analyzer.report.ladder.words import KINDS, OUTCOMES, STEP_WORDS, Word, phrases, read_word

_ENDPOINT = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)(?::(\d{1,5}))?")


def read_step(line: Line, hosts: Mapping[str, Host]) -> Step:
    """Take a step; its hosts must be among ``hosts``."""
    time = seconds(line)
    left = _read_endpoint(line, hosts)
    arrow = line.take("> or <")
    if arrow not in ("<", ">"):
        line.fail(f"> or < expected, not {arrow!r}")
    right = _read_endpoint(line, hosts)
    (sender, sport), (receiver, dport) = (left, right) if arrow == ">" else (right, left)
    values: dict[str, Any] = {"sender": sender, "receiver": receiver, "sport": sport, "dport": dport}
    if line.peek() in KINDS:
        values["what"] = _read_traffic(line, values)
    else:
        values["what"] = read_message(line, lambda: _read_tail(line, values))
    return Step(time, **values)


def _read_endpoint(line: Line, hosts: Mapping[str, Host]) -> tuple[str, int | None]:
    word = line.take("a host")
    match = _ENDPOINT.fullmatch(word)
    if match is None or match[1] not in hosts:
        line.fail(f"{word!r} is no host with its port, such as C:500")
    port = int(match[2]) if match[2] else None
    if port is not None and port > 65535:
        line.fail(f"{word!r}: no such port")
    return match[1], port


def _read_traffic(line: Line, step: dict[str, Any]) -> Any:
    name = line.take("")
    kind = KINDS[name]
    words = {word.key: word for word in kind.words}
    values: dict[str, Any] = {}
    for word in kind.first:
        read_word(word, line, values)
    while line:
        if line.peek() in words:
            read_word(words[line.take("")], line, values)
        elif not _read_tail(line, step):
            line.fail(f"{line.peek()!r} says nothing about {name}")
    for field in fields(kind.make):
        if field.default is MISSING and field.name not in values:
            line.fail(f"{name} needs {field.name}")
    return kind.make(**values)


def _read_tail(line: Line, step: dict[str, Any]) -> bool:
    """Take one of the words that any step may have into ``step``; say whether there was one."""
    word = line.peek()
    known = {w.key: w for w in STEP_WORDS}
    if word in known:
        read_word(known[line.take("")], line, step)
    elif word in OUTCOMES:
        read_word(Word("outcome", "outcome", lambda it: it.take("")), line, step)
    elif re.fullmatch(r"x\d{1,6}", word):
        read_word(Word(word, "repeats", _read_repeats), line, step)
    elif word.startswith("#"):
        read_word(Word("#", "frames", _read_frames), line, step)
    else:
        return False
    return True


def _read_frames(line: Line) -> tuple[int, ...]:
    text = line.take("")[1:]
    while text.endswith(","):
        text += line.take("the next frame numbers")
    return split_numbers(text, line)


def _read_repeats(line: Line) -> tuple[int, ...]:
    count = int(line.take("")[1:])
    if count < 2 or line.take("at") != "at":
        line.fail("repeats are written x3 at +1.000 +2.000")
    times = tuple(seconds(line) for _ in range(count - 1))
    if min(times) < 0 or sorted(times) != list(times):
        line.fail("repeats come no earlier than the first sending, in their order")
    return times


def write_step(step: Step, names: Sequence[str]) -> list[str]:
    """Return the columns of a step: time, endpoints, then what was sent, phrase by phrase."""
    sender, receiver = _endpoint(step.sender, step.sport), _endpoint(step.receiver, step.dport)
    swapped = names.index(step.sender) > names.index(step.receiver)
    left, arrow, right = (receiver, "<", sender) if swapped else (sender, ">", receiver)
    if isinstance(step.what, Message):
        what = write_message(step.what)
    else:
        name, kind = next((name, kind) for name, kind in KINDS.items() if kind.make is type(step.what))
        first = [word.write(getattr(step.what, word.attribute)) for word in kind.first]
        what = ["  ".join([" ".join([name, *first]), *phrases(step.what, kind.words)])]
    tail = []
    if step.repeats:
        tail.append(f"x{len(step.repeats) + 1} at {' '.join(map(write_seconds, step.repeats))}")
    tail += phrases(step, STEP_WORDS)
    tail += [step.outcome] if step.outcome else []
    tail += [f"#{write_numbers(step.frames)}"] if step.frames else []
    what[-1] = "  ".join(part for part in (what[-1], *tail) if part)
    return [write_seconds(step.time), left, f"{arrow} {right}", *what]


def _endpoint(name: str, port: int | None) -> str:
    return name if port is None else f"{name}:{port}"


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Join cells into lines; a column is as wide as its widest cell that is not the last of its line."""
    columns = max(map(len, rows))
    widths = [max((len(row[i]) for row in rows if i < len(row) - 1), default=0) for i in range(columns)]
    lines = []
    for row in rows:
        # The one right-aligned column is a message's length; the endpoints stand close to their arrow.
        padded = [cell.rjust(widths[i]) if i == 5 else cell.ljust(widths[i]) for i, cell in enumerate(row[:-1])]
        padded.append(row[-1])
        lines.append(f"{padded[0]}  {padded[1]} {'  '.join(padded[2:])}".rstrip())
    return lines
