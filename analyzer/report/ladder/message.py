"""The part of a ladder's line that says an IKE message: exchange, direction, length, contents, fragments.

The grammar is documented in :mod:`analyzer.report.ladder.notation`; this file reads and writes its rule ``message``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from analyzer.report.ladder.model import Encrypted, Message, Payload
from analyzer.report.ladder.names import rfc_name
from analyzer.report.ladder.values import Line, integer, sizes, split_numbers, write_numbers, write_sizes
from analyzer.report.ladder.words import (
    DIRECTIONS,
    EXCHANGES,
    IKEV1_EXCHANGES,
    MESSAGE_WORDS,
    phrases,
    read_word,
)

#: Payloads that one pair of brackets may hold several of, in the order of the wire.
_GATHERED = ("N", "V")

_ARGUMENTS = {
    "SA": re.compile(r"[a-z0-9_]+(?:-[a-z0-9_]+)*"),
    "KE": re.compile(r"\d{1,5}"),
    "No": re.compile(r"\d{1,3}"),
    "CERTREQ": re.compile(r"\d{1,4}"),
    "V": re.compile(r"[A-Za-z][A-Za-z0-9_.-]*|0x(?:[0-9a-f]{2})+"),
}
_PAYLOAD = re.compile(r"(SA|KE|No|N|V|CERTREQ)(?:\((.*)\))?")
_ENCRYPTED = re.compile(r"(SKF?)(\{([A-Za-z0-9]*)\})?")
_NOTIFY_NAME = re.compile(r"[A-Z][A-Za-z0-9_]*")
_NOTIFY_DATA = re.compile(r"\d{1,5}|0x(?:[0-9a-f]{2})+")


def read_message(line: Line, read_tail: Callable[[], bool]) -> Message:
    """Take a message; ``read_tail`` takes a word that belongs to the step instead, and says whether there was one."""
    values: dict[str, Any] = {"exchange": _read_exchange(line)}
    values["direction"] = line.take("request or response")
    if values["direction"] not in DIRECTIONS:
        line.fail(f"request or response expected, not {values['direction']!r}")
    if line.peek().isdecimal():
        values["length"] = integer(line)
    contents: list[Payload] = []
    words = {word.key: word for word in MESSAGE_WORDS}
    while line:
        word = line.peek()
        if word in words:
            read_word(words[line.take("")], line, values)
        elif _ENCRYPTED.fullmatch(word):
            if "encrypted" in values:
                line.fail("a message ends with one SK or SKF")
            values["encrypted"] = _read_encrypted(line)
        elif match := _PAYLOAD.fullmatch(word):
            if "encrypted" in values:
                line.fail("clear payloads come before SK and SKF")
            line.take("")
            contents += _read_payloads(match[1], match[2], line)
        elif not read_tail():
            line.fail(f"{word!r} says nothing about a message")
    return Message(contents=tuple(contents), **values)


def write_message(message: Message) -> list[str]:
    """Return the columns of a message: exchange, direction, length (may be empty), and all the rest."""
    rest = _write_payloads(message.contents)
    if message.encrypted is not None:
        rest.append(_write_encrypted(message.encrypted))
    rest += phrases(message, MESSAGE_WORDS)
    return [
        message.exchange,
        message.direction,
        "" if message.length is None else str(message.length),
        "  ".join(rest),
    ]


def _read_exchange(line: Line) -> str:
    word = line.take("what was sent")
    if word in EXCHANGES:
        return word
    if word == "exchange":
        number = integer(line)
        if number > 255:
            line.fail(f"exchange {number}: exchange types end at 255")
        return f"exchange {number}"
    if word == "IKEv1":
        name = line.take("an IKEv1 exchange")
        if line.peek() == "Mode":
            name += f" {line.take('')}"
        if name in IKEV1_EXCHANGES:
            return f"IKEv1 {name}"
        word = f"IKEv1 {name}"
    line.fail(f"{word!r} is neither an exchange nor other traffic")


def _read_payloads(name: str, inside: str | None, line: Line) -> list[Payload]:
    arguments = (inside or "").split()
    if inside is not None and not arguments:
        line.fail(f"{name}() is empty")
    if name == "N":
        return list(_read_notifies(arguments, line))
    if not all(_ARGUMENTS[name].fullmatch(argument) for argument in arguments):
        line.fail(f"{name}({inside}) does not make sense")
    if name == "V":
        return [Payload("V", (argument,)) for argument in arguments] or [Payload("V")]
    if name != "SA" and len(arguments) > 1:
        line.fail(f"{name} holds one value")
    return [Payload(name, tuple(arguments))]


def _read_notifies(arguments: list[str], line: Line) -> Iterable[Payload]:
    if not arguments:
        line.fail("N needs the names of notifies in brackets")
    while arguments:
        name = arguments.pop(0)
        if name == "notify" and arguments and arguments[0].isdecimal():
            name = f"notify {int(arguments.pop(0))}"
        elif not _NOTIFY_NAME.fullmatch(name):
            line.fail(f"{name!r} is no notify: write its RFC name or 'notify 40999'")
        data = tuple(arguments.pop(0) for _ in range(1) if arguments and _NOTIFY_DATA.fullmatch(arguments[0]))
        yield Payload("N", (rfc_name(name), *data))


def _write_payloads(contents: Iterable[Payload]) -> list[str]:
    written = []
    for name, same in groupby(contents, key=lambda payload: payload.name):
        if name in _GATHERED:
            # Bare payloads (a vendor ID of which nothing is said) cannot share brackets with named ones.
            for bare, payloads in groupby(same, key=lambda payload: not payload.arguments):
                inside = [" ".join(payload.arguments) for payload in payloads]
                written += [name] * len(inside) if bare else [f"{name}({' '.join(inside)})"]
        else:
            written += [f"{name}({' '.join(p.arguments)})" if p.arguments else name for p in same]
    return written


def _read_encrypted(line: Line) -> Encrypted:
    match = _ENCRYPTED.fullmatch(line.take(""))
    assert match is not None
    inner = match[3] if match[2] else None
    if match[1] == "SK":
        return Encrypted(inner)
    numbers, slash, total = line.take("SKF fragments such as 1/3").partition("/")
    if not slash or not re.fullmatch(r"\d{1,5}", total):
        line.fail("SKF fragments are written 1/3 or 1-3/3")
    found = Encrypted(inner, split_numbers(numbers, line), int(total), sizes(line))
    if min(found.numbers) < 1 or max(found.numbers) > found.total:
        line.fail(f"SKF {numbers}/{total}: fragments count from 1 to the total")
    if found.lengths and len(found.lengths) != len(found.numbers):
        line.fail(f"SKF {numbers}/{total} with {len(found.lengths)} lengths")
    return found


def _write_encrypted(encrypted: Encrypted) -> str:
    inner = "" if encrypted.inner is None else f"{{{encrypted.inner}}}"
    if not encrypted.total:
        return f"SK{inner}"
    return f"SKF{inner} {write_numbers(encrypted.numbers)}/{encrypted.total}{write_sizes(encrypted.lengths)}"
