"""The catalogue of root causes, as data: ``catalogue.csv``, a line for each, what is told first before the others.

Where two findings are equally grave and equally sure, the one whose line comes first is the verdict. So a new rule
finds its place by reading that one file. What each cause looks like is told in docs/domain/root-causes.md.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Cause(NamedTuple):
    """A line of the catalogue.

    Attributes
    ----------
    code, id : str
        ``FRG001`` and its kebab-case name.
    order : int
        Its place, from 1.
    title : str
        What it is, in one sentence.
    counted : str
        What is said of so many IKE SAs that have it: "20 failed by lost IP fragments"; ``{possibly}`` stands before
        what is a conclusion, ``{their}`` and ``{were}`` for what depends on the number.
    """

    code: str
    id: str
    order: int
    title: str
    counted: str


@cache
def causes() -> dict[str, Cause]:
    """All causes by code, in their order.

    Examples
    --------
    >>> next(iter(causes().values()))[:3]
    ('NET001', 'no-response-ike-sa-init', 1)
    """
    text = files("analyzer.rules").joinpath("catalogue.csv").read_text(encoding="utf-8")
    lines = csv.DictReader(text.splitlines())
    return {
        line["code"]: Cause(line["code"], line["id"], order, line["title"], line["counted"])
        for order, line in enumerate(lines, 1)
    }


@cache
def counted(of: str, number: int, *, possibly: bool = False) -> str:
    """What is said of a number of IKE SAs with one verdict; ``possibly``: it is one cause of several that fit.

    Examples
    --------
    >>> counted("no-proposal-chosen-ike", 10), counted("no-proposal-chosen-ike", 1)
    ('10 had their proposals refused', '1 had its proposals refused')
    >>> counted("auth-failed", 2, possibly=True)
    '2 possibly had their login refused'
    >>> counted("cannot-tell", 3)
    '3 cannot be decided'
    """
    said = next((cause.counted for cause in causes().values() if cause.id == of), _UNDECIDED)
    words = ("its", "was") if number == 1 else ("their", "were")
    return f"{number:,} {said.format(their=words[0], were=words[1], possibly='possibly ' if possibly else '')}"


#: Of a verdict that no rule makes.
_UNDECIDED = "cannot be decided"
