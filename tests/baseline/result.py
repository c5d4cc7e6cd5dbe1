"""What a comparison found: differences grouped by kind, with what the reviewed list covers, and crashes by name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tests.baseline.differences import Difference, differences
from tests.baseline.wanted import Wanted, to_paste

#: Told of a field: changes of its value, and captures of each.
_CHANGES, _NAMES = 8, 4
#: Of a value, so many characters.
_WIDTH = 160


class Result:
    """Filled capture by capture (:meth:`add`)."""

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self._wanted = wanted
        self._covered: Counter[Wanted] = Counter()
        #: By field, then by change: names of captures.
        self._found: dict[str, dict[Difference, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._crashes: list[tuple[str, str]] = []

    def add(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Both answers on a capture."""
        if "crash" in after:
            self._crashes.append((name, " | ".join(after["crash"])))
            return
        if "crash" in before:
            # Nothing to compare with: that it is mended is to be said once.
            before, after = {"crash": before["crash"][-1]}, {"crash": "answers"}
        for difference in differences(before, after):
            entry = next((entry for entry in self._wanted if entry.covers(name, difference)), None)
            if entry is None:
                self._found[difference.path][difference].append(name)
            else:
                self._covered[entry] += 1

    @property
    def status(self) -> int:
        return 1 if self._found or self._crashes else 0

    def lines(self, *, whole: bool) -> Iterator[str]:
        """To be printed; only where the whole was compared is it known that an entry of the list is stale."""
        for name, crash in self._crashes:
            yield f"\nThe working tree crashes on {name}: {crash}\n"
        fields = sorted(self._found.items(), key=lambda item: -_captures(item[1]))
        for path, changes in fields:
            yield from _field(path, changes)
        if self._found:
            yield "\nTo be mended, or with a reason to be put into the reviewed list:\n"
            yield from _entries(fields)
        for entry in self._wanted if whole else ():
            if not self._covered[entry]:
                what = f"{', '.join(entry.path)} of {', '.join(entry.captures)}"
                yield f"Stale in the reviewed list, it covers nothing: {what}\n"
        if self._covered:
            entries = "one entry" if len(self._covered) == 1 else f"{len(self._covered)} entries"
            yield f"{_counted(self._covered.total(), 'difference')} wanted ({entries} of the list).\n"
        yield "" if self.status else "No other difference.\n" if self._covered else "No difference.\n"


def _captures(changes: dict[Difference, list[str]]) -> int:
    return len({name for names in changes.values() for name in names})


def _most(changes: dict[Difference, list[str]]) -> list[tuple[Difference, list[str]]]:
    return sorted(changes.items(), key=lambda item: -len(item[1]))


def _field(path: str, changes: dict[Difference, list[str]]) -> Iterator[str]:
    yield f"\n{path}: {_counted(_captures(changes), 'capture')}\n"
    for change, names in _most(changes)[:_CHANGES]:
        told = sorted(set(names))
        more = f" and {len(told) - _NAMES:,} more" if len(told) > _NAMES else ""
        yield f"  {_short(change.before)} -> {_short(change.after)}\n"
        yield f"    {_counted(len(told), 'capture')}: {'; '.join(told[:_NAMES])}{more}\n"
    if len(changes) > _CHANGES:
        yield f"  and {_counted(len(changes) - _CHANGES, 'other change')}\n"


def _entries(fields: Iterable[tuple[str, dict[Difference, list[str]]]]) -> Iterator[str]:
    """What differs in the same captures together; a single change with its values."""
    together: dict[tuple[str, ...], list[dict[Difference, list[str]]]] = defaultdict(list)
    for _, changes in fields:
        together[tuple(sorted({name for names in changes.values() for name in names}))].append(changes)
    for names, some in together.items():
        paths = [change.path for changes in some for change in changes]
        yield "\n" + to_paste(names, paths, next(iter(some[0])) if len(paths) == 1 else None) + "\n"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _short(value: str) -> str:
    return value if len(value) <= _WIDTH else value[: _WIDTH - 4] + " ..."
