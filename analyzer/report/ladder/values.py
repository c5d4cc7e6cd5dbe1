"""How single values of the ladder notation are read from a line and written back: times, numbers, sizes, addresses.

The words that carry them are in :mod:`analyzer.report.ladder.words`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NoReturn

from analyzer.errors import UsageError
from analyzer.report.ladder.model import IpFragments

#: A list of numbers longer than this is a slip of the pen (``1-99999999``), not a capture.
MOST_NUMBERS = 1 << 20

_TOKEN = re.compile(r'(?:[^\s(){}"]|\([^(){}"]*\)|\{[^(){}"]*\}|"[^"]*")+')
_SECONDS = re.compile(r"([+-])(\d{1,9})(?:\.(\d{1,9}))?")
_RANGE = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")


class Line:
    """The words of one line, taken from left to right. A word may hold spaces inside (), {} or quotes."""

    def __init__(self, text: str, number: int) -> None:
        self.number = number
        self._words = _TOKEN.findall(text)
        self._next = 0
        if "".join("".join(self._words).split()) != "".join(text.split()):
            self.fail("brackets or quotes do not match")

    def __bool__(self) -> bool:
        return self._next < len(self._words)

    def peek(self) -> str:
        """Return the next word, or nothing at the end of the line."""
        return self._words[self._next] if self else ""

    def take(self, wanted: str) -> str:
        """Return the next word and step over it; ``wanted`` names it in the error when there is none."""
        if not self:
            self.fail(f"{wanted} expected at the end of the line")
        self._next += 1
        return str(self._words[self._next - 1])

    def fail(self, reason: str) -> NoReturn:
        """Raise the user's mistake with the line's number."""
        raise UsageError(f"ladder line {self.number}: {reason}")


def integer(line: Line) -> int:
    """Take a decimal number."""
    word = line.take("a number")
    if not re.fullmatch(r"\d{1,18}", word):
        line.fail(f"a number expected, not {word!r}")
    return int(word)


def hexadecimal(line: Line) -> int:
    """Take a 32-bit SPI, ``0x`` and hex digits."""
    word = line.take("an SPI")
    if not re.fullmatch(r"0x[0-9a-f]{1,8}", word):
        line.fail(f"an SPI such as 0xc0ffee01 expected, not {word!r}")
    return int(word, 16)


def seconds(line: Line) -> int:
    """Take a relative time such as ``+0.075``, in nanoseconds."""
    word = line.take("a time")
    match = _SECONDS.fullmatch(word)
    if match is None:
        line.fail(f"a time such as +0.075 expected, not {word!r}")
    sign, whole, fraction = match.groups()
    nanoseconds = int(whole) * 10**9 + int((fraction or "").ljust(9, "0"))
    return -nanoseconds if sign == "-" else nanoseconds


def write_seconds(nanoseconds: int) -> str:
    """Write a relative time with at least milliseconds, and no digit lost."""
    whole, rest = divmod(abs(nanoseconds), 10**9)
    fraction = f"{rest:09}"
    return f"{'-' if nanoseconds < 0 else '+'}{whole}.{fraction[:3]}{fraction[3:].rstrip('0')}"


def numbers(line: Line) -> tuple[int, ...]:
    """Take a list of numbers such as ``2,3,7-9``."""
    return split_numbers(line.take("a list of numbers"), line)


def split_numbers(text: str, line: Line) -> tuple[int, ...]:
    """Return the numbers of ``2,3,7-9``."""
    found: list[int] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            line.fail(f"numbers such as 2,3,7-9 expected, not {text!r}")
        first = int(match[1])
        last = int(match[2] or first)
        if last < first or len(found) + last - first >= MOST_NUMBERS:
            line.fail(f"{part!r} is no range of numbers")
        found.extend(range(first, last + 1))
    return tuple(found)


def write_numbers(values: Sequence[int]) -> str:
    """Write a list of numbers, runs of three and more as a range."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)


def sizes(line: Line) -> tuple[int, ...]:
    """Take ``(1460 1460 620)`` if it comes next."""
    if not line.peek().startswith("("):
        return ()
    inside = line.take("sizes")[1:-1].split()
    if not inside or not all(re.fullmatch(r"\d{1,9}", size) for size in inside):
        line.fail("sizes such as (1460 1460 620) expected")
    return tuple(map(int, inside))


def write_sizes(values: Sequence[int]) -> str:
    """Write sizes in brackets after a space, nothing when there are none."""
    return f" ({' '.join(map(str, values))})" if values else ""


def ip_fragments(line: Line) -> IpFragments:
    """Take ``3`` or ``3 (1460 1460 620)``."""
    pieces = IpFragments(integer(line), sizes(line))
    if pieces.sizes and len(pieces.sizes) != pieces.count:
        line.fail(f"ip-fragments {pieces.count} with {len(pieces.sizes)} sizes")
    return pieces


def address(line: Line) -> str:
    """Take an IPv4 or IPv6 address, in its canonical spelling."""
    word = line.take("an address")
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        line.fail(f"an IP address expected, not {word!r}")


def name(line: Line) -> str:
    """Take the name of a host or a domain."""
    word = line.take("a name")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", word):
        line.fail(f"a name expected, not {word!r}")
    return word


def quoted(line: Line) -> str:
    """Take text in double quotes."""
    word = line.take("text in quotes")
    if not re.fullmatch(r'"[^"]+"', word):
        line.fail(f"text in quotes expected, not {word!r}")
    return word[1:-1]


def one_of(*choices: str) -> Callable[[Line], str]:
    """Return a reader that takes one of ``choices``."""

    def read(line: Line) -> str:
        word = line.take(" or ".join(choices))
        if word not in choices:
            line.fail(f"{word!r} is none of {', '.join(choices)}")
        return word

    return read


def instant(line: Line) -> int:
    """Take a UTC time such as ``2024-05-13T08:15:02Z``, in nanoseconds since the epoch."""
    word = line.take("a UTC time")
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", word)
    try:
        whole = datetime.fromisoformat(match[1] if match else "")
    except ValueError:
        line.fail(f"a UTC time such as 2024-05-13T08:15:02Z expected, not {word!r}")
    nanoseconds = int(((match and match[2]) or "").ljust(9, "0"))
    return int(whole.replace(tzinfo=UTC).timestamp()) * 10**9 + nanoseconds


def write_instant(nanoseconds: int) -> str:
    """Write a time as UTC, with no digit lost."""
    whole, rest = divmod(nanoseconds, 10**9)
    fraction = f".{rest:09}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(whole, UTC).replace(tzinfo=None).isoformat()}{fraction}Z"


def flag(line: Line) -> bool:
    """Take nothing: the word itself says it."""
    return True
