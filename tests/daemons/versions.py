"""Which versions of a product know a line, as its step says it ("6.0 and later")."""

from __future__ import annotations

import re


def knows(installed: tuple[int, ...], versions: str) -> bool:
    """An installed version knows the lines of a step.

    >>> knows((5, 9, 8), ""), knows((5, 9, 8), "6.0 and later"), knows((6, 0, 1), "6.0 and later")
    (True, False, True)
    >>> knows((4, 10), "before 5.0"), knows((7, 4), "after 7.4, or OpenBSD 7.6"), knows((7, 5), "after portable 7.4")
    (True, False, True)
    """
    if not versions:
        return True
    found = re.search(r"(before|after)\D*([\d.]*\d)|([\d.]*\d) and later", versions)
    assert found, f"{versions}: not said as 'before 5.0', 'after 7.4' or '6.0 and later'"
    named = tuple(map(int, (found[2] or found[3]).split(".")))
    if found[1] == "before":
        return installed < named
    return installed[: len(named)] > named if found[1] == "after" else installed >= named
