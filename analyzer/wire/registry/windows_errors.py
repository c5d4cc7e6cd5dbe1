"""Error codes that a Windows client shows its user, and what each leaves in a trace (domain.md 8.1)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class WindowsError:
    """One code: what Windows says, what a trace shows, and the verdicts that it can stand for, the likeliest first."""

    code: int
    meaning: str
    trace: str
    verdicts: tuple[str, ...]
    source: str


@cache
def all_errors() -> dict[str, WindowsError]:
    """Every known code as text, with its entry."""
    text = files(__package__).joinpath("windows_errors.csv").read_text(encoding="utf-8")
    return {
        row["code"]: WindowsError(
            int(row["code"]), row["meaning"], row["trace"], tuple(row["verdicts"].split()), row["source"]
        )
        for row in csv.DictReader(text.splitlines())
    }


def find(code: str) -> WindowsError | None:
    """The entry of a code as a user types it.

    Examples
    --------
    >>> find("809").verdicts[0]
    'ike-auth-ip-fragments-lost-upstream'
    >>> find("error 13801").code
    13801
    >>> find("12") is None
    True
    """
    return all_errors().get(code.lower().removeprefix("error").strip())
