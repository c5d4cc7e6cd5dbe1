"""Where two versions say something else of a capture: each difference with the path of its field.

Entries of lists are told apart by what they are about, so that one finding more does not make all others differ:
``findings.NET001.confidence``, ``not_assessed.FRG001.because``, ``sas.nat.initiator``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

#: Stands where one version has an entry and the other has none.
ABSENT = "(absent)"
#: Lists whose entries say themselves what they are about, and under which name an entry is shown.
_ABOUT = {"sas": (("spi_i",), None), "findings": (("rule", "sa"), "rule"), "not_assessed": (("rule", "sa"), "rule")}


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that differs; values are shown as texts, JSON where they are none."""

    path: str
    before: str
    after: str


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    """What differs between two answers of :mod:`tests.baseline.worker`."""
    return list(_of_dicts("", before, after))


def _of(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_dicts(path, before, after)
    elif _holds_entries(before) and _holds_entries(after):
        yield from _of_lists(path, before, after)
    else:
        yield Difference(path, shown(before), shown(after))


def _of_dicts(path: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    for key in before | after:
        # What is the report's own is called as in the report.
        inner = path if key in ("captures", "report") else f"{path}.{key}".lstrip(".")
        yield from _of(inner, before.get(key, ABSENT), after.get(key, ABSENT))


def _of_lists(path: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[Difference]:
    about, named = _ABOUT.get(path, ((), None))
    old, new = _keyed(before, about), _keyed(after, about)
    for key in old | new:
        entry = old.get(key) or new[key]
        inner = f"{path}.{entry[named]}" if named else path
        if key in old and key in new:
            yield from _of(inner, old[key], new[key])
        else:
            yield Difference(inner or "captures", _brief(old.get(key)), _brief(new.get(key)))
    order = [key for key in old if key in new]
    if order != [key for key in new if key in old]:
        yield Difference(f"{path}.order", shown([key[0] for key in old]), shown([key[0] for key in new]))


def _keyed(entries: Sequence[Any], about: Sequence[str]) -> dict[tuple[Any, ...], Any]:
    """Entries by what they are about; of several about the same, or where that is not said, by number."""
    keyed: dict[tuple[Any, ...], Any] = {}
    for entry in entries:
        number, what = 0, tuple(entry.get(field) for field in about)
        while (*what, number) in keyed:
            number += 1
        keyed[(*what, number)] = entry
    return keyed


def _holds_entries(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _brief(entry: dict[str, Any] | None) -> str:
    """An entry that the other version does not have."""
    if entry is None:
        return ABSENT
    if "because" in entry:
        return shown(entry["because"])
    about = entry.get("report", entry)
    verdict = about.get("verdict", about)
    words = [verdict[key] for key in ("id", "severity", "confidence") if key in verdict]
    return " ".join(words) or shown(entry)


def shown(value: Any) -> str:
    """A value as text."""
    return value if isinstance(value, str) else json.dumps(value)
