"""What to do, per product and side, as data: remedy ids in, lines of text out.

One TOML file per place (client, server, network, trace). Each remedy says what to do, the exact command where there
is one, how to verify it with a capture, and where that is documented; ``confirmed = false`` marks what is not.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """All remedies by id.

    Examples
    --------
    >>> catalogue()["rras-fragmentation"]["product"]
    'Windows RRAS server'
    """
    found: dict[str, dict[str, Any]] = {}
    for entry in sorted(files("analyzer.remedies").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            found |= tomllib.loads(entry.read_text(encoding="utf-8"))
    return found


@cache
def remedy(key: str) -> tuple[str, ...]:
    """A remedy as text: one paragraph, with its command and the way to verify it.

    Raises
    ------
    KeyError
        No such remedy: a mistake in a rule.
    """
    entry = catalogue()[key]
    lines = [f"{entry['product']}: {entry['what']}"]
    lines += [f"  {command}" for command in entry.get("commands", ())]
    if "further" in entry:
        lines += [entry["further"], *(f"  {command}" for command in entry["further_commands"])]
    if "verify" in entry:
        lines.append(f"Verify: {entry['verify']}")
    if not entry.get("confirmed", True):
        lines.append("(Not confirmed by a source.)")
    return ("\n".join(lines),)
