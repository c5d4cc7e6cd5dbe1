"""Error codes that a Windows client shows its user, and what each leaves in a trace (docs/domain/windows.md)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

#: How many bits an error code has, and what an HRESULT begins with that wraps a code of its own (MS-ERREF 2.1).
_BITS = 32
_FACILITY_WIN32 = 0x80070000


@dataclass(frozen=True, slots=True)
class WindowsError:
    """One code: what Windows says, what a trace shows, and the verdicts that it can stand for, the likeliest first.

    ``name`` is the code as Windows shows it: decimal, or hexadecimal for an HRESULT.
    """

    code: int
    name: str
    meaning: str
    trace: str
    verdicts: tuple[str, ...]
    source: str


@cache
def all_errors() -> dict[int, WindowsError]:
    """Every known code with its entry."""
    text = files(__package__).joinpath("windows_errors.csv").read_text(encoding="utf-8")
    return {
        int(row["code"], 0): WindowsError(
            code=int(row["code"], 0),
            name=row["code"],
            meaning=row["meaning"],
            trace=row["trace"],
            verdicts=tuple(row["verdicts"].split()),
            source=row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    }


def find(code: str) -> WindowsError | None:
    """The entry of a code as a user types it, or as a log writes it: decimal, signed or hexadecimal.

    Examples
    --------
    >>> find("809").verdicts[0]
    'ike-auth-ip-fragments-lost-upstream'
    >>> find("error 13801").code
    13801
    >>> find("-2146762487").name, find("0x80070329").name
    ('0x800B0109', '809')
    >>> find("12") is None
    True
    """
    text = code.lower().strip().removeprefix("error").strip()
    return next((all_errors()[value] for value in _readings(text) if value in all_errors()), None)


def _readings(text: str) -> Iterator[int]:
    """The codes that a text can mean, the likeliest first."""
    values = []
    if re.fullmatch(r"-?[0-9]{1,10}", text):
        values.append(int(text) % (1 << _BITS))
    if re.fullmatch(r"0x[0-9a-f]{1,8}|[0-9a-f]{8}", text):
        values.append(int(text, 16))
    yield from values
    # An HRESULT of the facility Win32 holds the code that it was made from.
    yield from (value & 0xFFFF for value in values if value & 0xFFFF0000 == _FACILITY_WIN32)
