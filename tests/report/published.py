"""The published JSON Schema of the report, and what does not keep to it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "report-2.schema.json").read_text(encoding="utf-8"))


def strict(schema: Any) -> Any:
    """The schema without room for fields that it does not name: what we write is documented, all of it."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if schema.get("type") == "object" else {}
    return {key: strict(value) for key, value in schema.items()} | closed


@cache
def validator(definition: str) -> jsonschema.Draft202012Validator:
    definitions = strict(SCHEMA["$defs"])
    return jsonschema.Draft202012Validator({"$defs": definitions, "$ref": f"#/$defs/{definition}"})


def departures(value: Any, definition: str = "report") -> list[str]:
    """Where a value is not what the published schema says: each place, and what stands there."""
    return [f"{error.json_path}: {error.message}" for error in validator(definition).iter_errors(value)]
