"""The reviewed list of differences that are wanted: wanted.toml.

Each entry: ``reason``; ``captures`` and ``path``, a pattern in which ``*`` stands for anything, or a list of them; and,
where not every change of the fields is meant, ``before`` and ``after``, patterns too.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.baseline.differences import Difference
from tests.baseline.version import BaselineError

LIST = Path(__file__).parent / "wanted.toml"
_REQUIRED, _OPTIONAL = {"reason", "captures", "path"}, {"before", "after"}
#: More captures than this are not listed one by one in an entry to be pasted.
_FEW = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """One entry of the list."""

    reason: str
    captures: tuple[str, ...]
    path: tuple[str, ...]
    before: str = "*"
    after: str = "*"

    def covers(self, capture: str, difference: Difference) -> bool:
        return (
            _fits(self.before, difference.before)
            and _fits(self.after, difference.after)
            and any(_fits(pattern, difference.path) for pattern in self.path)
            and any(_fits(pattern, capture) for pattern in self.captures)
        )


def read_wanted(file: Path = LIST) -> list[Wanted]:
    """The list as written."""
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8")).get("wanted", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BaselineError(f"{file}: {error}") from None
    return [_wanted(file, number, entry) for number, entry in enumerate(entries, 1)]


def _wanted(file: Path, number: int, entry: dict[str, Any]) -> Wanted:
    if not _REQUIRED <= entry.keys() <= _REQUIRED | _OPTIONAL or not str(entry["reason"]).strip():
        raise BaselineError(f"{file}: entry {number} needs a reason, captures, a path, and may have before and after")
    lists = {key: (value,) if isinstance(value := entry[key], str) else tuple(value) for key in ("captures", "path")}
    return Wanted(**(entry | lists))


def to_paste(captures: Iterable[str], paths: Iterable[str], change: Difference | None = None) -> str:
    """An entry that covers these; its reason is left to be written."""
    names = sorted(set(captures))
    if len(names) > _FEW:
        names = sorted({f"{name.rpartition('/')[0]}/*" for name in names})
    if len(names) > _FEW:
        names = ["*"]
    lines = ["[[wanted]]", 'reason = ""', f"captures = {_toml(names)}", f"path = {_toml(sorted(set(paths)))}"]
    if change is not None:
        lines += [f"before = {_toml([change.before])}", f"after = {_toml([change.after])}"]
    return "\n".join(lines)


def _toml(texts: Sequence[str]) -> str:
    """One TOML basic string, or an array of them: JSON's escapes are among TOML's."""
    written = [json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F") for text in texts]
    return written[0] if len(written) == 1 else f"[{', '.join(written)}]"


@cache
def _pattern(written: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, written.split("*"))), re.DOTALL)


def _fits(written: str, text: str) -> bool:
    """
    >>> _fits("findings.NET*", "findings.NET001.title"), _fits("sas", "sas.nat")
    (True, False)
    """
    return _pattern(written).fullmatch(text) is not None
