"""What somebody may have meant who mistyped: a near word, or a file of a near name in the same folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice

#: Names of files that are looked at: a folder of tickets may hold any number.
_MOST_FILES = 5_000
_MOST_TOLD = 3
#: Of the likeness that difflib works out, from 0 to 1: ``--sa`` is not meant by ``--jsn``.
_NEAR = 0.7


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A clause to be put behind an error; empty where nothing is near.

    Examples
    --------
    >>> did_you_mean("anlyze", ["analyze", "validate"])
    '; did you mean analyze?'
    >>> did_you_mean("xyz", ["analyze"])
    ''
    """
    from difflib import get_close_matches

    near = get_close_matches(word, list(dict.fromkeys(known)), n=_MOST_TOLD, cutoff=_NEAR)
    return f"; did you mean {', '.join(near)}?" if near else ""


def near_files(path: str) -> str:
    """The same for a file that is not there, from the names beside it."""
    folder, name = os.path.split(path)
    try:
        with os.scandir(folder or ".") as entries:
            names = [entry.name for entry in islice(entries, _MOST_FILES)]
    except (OSError, ValueError):  # no such folder, or a name that none can have
        return ""
    from difflib import get_close_matches

    from analyzer.printable import printable

    near = get_close_matches(name, names, n=1)
    return f"; did you mean '{printable(os.path.join(folder, near[0]))}'?" if near else ""
