"""Writes the tables of docs/json-report.md from the published schema: ``python -m tests.write_json_fields``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analyzer.rules.reasons import REASONS

DOCS = Path(__file__).resolve().parent.parent / "docs"
#: Comments around what is written here.
FIELDS = "<!-- fields: from report-2.schema.json -->\n", "<!-- end of fields -->\n"
WHY = "<!-- reasons: from analyzer/rules/reasons.py -->\n", "<!-- end of reasons -->\n"
#: Definitions with a table of their own, in the order of reading, and where each occurs.
TABLES = {
    "report": "The report",
    "verdict": "A verdict (`verdict`, `sas[].verdict`)",
    "counted": "A row of `tally[]`",
    "sa": "An IKE SA (`sas[]`)",
    "message": "A message (`sas[].ike_auth.request`, `sas[].ike_auth.response`)",
    "exchange": "An exchange (`sas[].exchanges[]`)",
    "sending": "One sending (`sas[].exchanges[].requests[]`, `sas[].exchanges[].responses[]`)",
    "bounds": "Bounds (`sas[].path_mtu.initiator_to_responder`, and the way back)",
    "guess": "A guess (`sas[].peers.initiator[]`, `sas[].peers.responder[]`)",
    "plan": "A plan (`sas[].what_if[]`)",
    "finding": "A finding (`findings[]`)",
    "remedy": "A remedy (`findings[].remedies[]`)",
    "lacking": "What could not be assessed (`not_assessed[]`)",
    "unreadable": "An input that cannot be read",
}


def tables(schema: dict[str, Any]) -> str:
    """All tables, as Markdown."""
    return "\n".join(_table(schema["$defs"], name, title) for name, title in TABLES.items())


def _table(definitions: dict[str, Any], name: str, title: str) -> str:
    about = definitions[name].get("description", "")
    lines = [f"### {title}\n", f"{about}.\n" if about else "", "| field | type | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{path}` | {kind} | {what} |" for path, kind, what in _fields(definitions, definitions[name])]
    return "\n".join(line for line in lines if line) + "\n"


def _fields(definitions: dict[str, Any], one: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for name, value in one["properties"].items():
        path, many = f"{prefix}{name}", value.get("type") == "array"
        inner = value["items"] if many else value
        path += "[]" if many else ""
        if inner.get("type") == "object":
            if "description" in value:
                yield path, "object", value["description"]
            yield from _fields(definitions, inner, f"{path}.")
        else:
            yield path, _kind(definitions, inner), _meaning(definitions, value)


def _kind(definitions: dict[str, Any], value: dict[str, Any]) -> str:
    if "anyOf" in value:
        return f"{_kind(definitions, value['anyOf'][0])} or null"
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        target = definitions[name]
        return _lower(TABLES[name].split(" (")[0]) if name in TABLES else _kind(definitions, target)
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    kinds = value.get("type", "text")
    names = {"integer": "number", "string": "text", "null": "null"}
    return " or ".join(names.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _lower(title: str) -> str:
    return title[0].lower() + title[1:]


def _meaning(definitions: dict[str, Any], value: dict[str, Any]) -> str:
    if "description" in value:
        return str(value["description"])
    for inner in (value.get("items", {}), *value.get("anyOf", ()), value):
        if "$ref" in inner:
            return str(definitions[inner["$ref"].rpartition("/")[2]].get("description", ""))
        if "description" in inner:
            return str(inner["description"])
    return ""


def reasons() -> str:
    """The table of reasons, as Markdown."""
    head = "| reason | what is missing, and what would decide it |\n| --- | --- |\n"
    return head + "".join(f"| `{code}` | {what} |\n" for code, what in REASONS.items())


def page(text: str) -> str:
    """The page with its tables written anew."""
    schema = json.loads((DOCS / "report-2.schema.json").read_text(encoding="utf-8"))
    for (begin, end), written in ((FIELDS, tables(schema)), (WHY, reasons())):
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{written}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE = DOCS / "json-report.md"
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
