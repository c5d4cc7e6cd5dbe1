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
    """A line of the catalogue: ``FRG001``, its kebab-case name, its place from 1, and what it is in one sentence."""

    code: str
    id: str
    order: int
    title: str


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
    return {line["code"]: Cause(line["code"], line["id"], order, line["title"]) for order, line in enumerate(lines, 1)}
