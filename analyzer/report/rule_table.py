"""All rules as a table: code, id, severity, how sure at best, what it is about."""

from __future__ import annotations

import json

from analyzer.rules.engine import all_rules
from analyzer.rules.model import Rule

SCHEMA = "ike-analyzer/rules/1"


def as_text() -> str:
    """The table for a terminal, in the order of the catalogue.

    Examples
    --------
    >>> "FRG001  blocking     proved       ike-auth-ip-fragments-lost-upstream" in as_text()
    True
    """
    rows = [("code", "severity", "at best", "id")]
    rows += [(r.code, r.severity.value, r.ceiling.value.replace("-", " "), _id(r)) for r in all_rules()]
    lines = [f"{code:<6}  {severity:<11}  {best:<11}  {name}" for code, severity, best, name in rows]
    return "\n".join([*lines, "", "ike-analyzer explain CODE tells more of each.", ""])


def _id(rule: Rule) -> str:
    return rule.id if rule.is_verdict else f"{rule.id} (remark)"


def as_json() -> str:
    """The same as one line of JSON (schema ``ike-analyzer/rules/1``)."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "rules": [
                {
                    "code": r.code,
                    "id": r.id,
                    "severity": r.severity.value,
                    "at_best": r.ceiling.value,
                    "scope": r.scope,
                    "is_verdict": r.is_verdict,
                    "order": r.order,
                    "title": r.title,
                }
                for r in all_rules()
            ],
        }
    )
