"""Writes tables as TOML, which the standard library can only read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }" if value else "{}"
        )
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    return (
        key
        if key.replace("-", "").replace("_", "").isalnum() and key.isascii()
        else json.dumps(key, ensure_ascii=False)
    )


def table(name: str, entries: Mapping[str, Any]) -> str:
    """Write one table; a list of texts goes one a line.

    >>> print(table("a.b", {"n": 1, "what": {"x": True}, "lines": ["p", "q"]}), end="")
    [a.b]
    n = 1
    what = { x = true }
    lines = [
      "p",
      "q",
    ]
    """
    lines = [f"[{name}]\n"]
    for key, value in entries.items():
        if isinstance(value, (list, tuple)) and len(value) > 1 and all(isinstance(item, str) for item in value):
            lines.append(f"{_key(key)} = [\n" + "".join(f"  {_value(item)},\n" for item in value) + "]\n")
        else:
            lines.append(f"{_key(key)} = {_value(value)}\n")
    return "".join(lines)
