"""The check after the fix, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from analyzer.analysis import Analysis
from analyzer.printable import encodable
from analyzer.report.changes import ChangedSa, changed
from analyzer.report.layout import PLAIN, Layout
from analyzer.report.pointers import is_counted_otherwise
from analyzer.timestamp import iso, utc
from analyzer.validation import Check, CheckedSa, Validation

SCHEMA = "ike-analyzer/validation/1"
#: So many IKE SAs are told check by check; of more each client is a line, and the worst are told as examples.
FEW, EXAMPLES = 3, 2
#: Clients shown; those that fail come first where there are more.
MAX_CLIENTS = 50

_WORDS = {"pass": "pass", "fail": "FAIL", "cannot-tell": "cannot tell"}
_GRAVITY = ("fail", "cannot-tell", "pass")
_RESULT = {
    0: "all checks pass.",
    1: "not fixed: see FAIL above.",
    3: "nothing fails, but not everything can be told from this trace.",
}
_MARGIN = " " * 15


def as_text(
    analysis: Analysis, validation: Validation, *, before: Analysis | None = None, layout: Layout = PLAIN
) -> str:
    """The checks of each IKE SA, a line or two each, and the result; of many a table with a line for each client.

    Parameters
    ----------
    analysis : Analysis
        Of the capture.
    validation : Validation
        What was checked in it.
    before : Analysis, optional
        Of the capture taken before the fix: what has changed is told, too.
    layout : Layout
        Its width.

    Examples
    --------
    >>> import analyzer
    >>> cap = analyzer.read("sample_pcaps/809-fixed.pcapng")
    >>> print(as_text(cap.analysis, analyzer.validate(cap, "client")), end="")  # doctest: +ELLIPSIS
    809-fixed.pcapng: the check after the fix
    <BLANKLINE>
    10.20.0.15 > 203.0.113.10, ...
      pass         the client offers IKE fragmentation: notify 16430 is in its IKE_SA_INIT request (frame 19)
    ...
    RESULT: all checks pass.
    """
    counted = not is_counted_otherwise(analysis)
    lines = [f"{analysis.name}: the check after the fix", ""]
    in_full = list(validation.checked)
    if len(in_full) > FEW:
        lines += [*_table(validation), ""]
        # The table says of the others what there is to say.
        in_full = sorted((one for one in in_full if _gravity(one) < len(_GRAVITY) - 1), key=_gravity)[:EXAMPLES]
    for one in in_full:
        lines.append(f"{one.sa.initiator} > {one.sa.responder}, {utc(one.sa.start)}, SPI {one.sa.spi_i:016x}")
        lines += [_line(check, layout, counted=counted) for check in one.checks]
        lines.append("")
    if not validation.checked:
        lines += ["No IKEv2 connection attempt is in this trace.", ""]
    if validation.superseded:
        attempts = "attempt" if validation.superseded == 1 else "attempts"
        lines += [f"Not checked: {validation.superseded:,} earlier {attempts}, since a later one succeeded.", ""]
    if before is not None:
        lines += [*_what_changed(before, analysis, validation, layout), ""]
    lines.append(f"RESULT: {_RESULT[validation.exit_status]}")
    text = "\n".join(lines) + "\n"
    return layout.fitted(text) if layout.folds else text


def _table(validation: Validation) -> list[str]:
    """A line for each client, those that fail first."""
    by_client: dict[tuple[str, str], list[CheckedSa]] = {}
    for one in validation.checked:
        by_client.setdefault((one.sa.initiator, one.sa.responder), []).append(one)
    rows = [
        (min(map(_gravity, ones)), f"{client} > {server}", str(len(ones)), _summary(ones))
        for (client, server), ones in by_client.items()
    ]
    shown = sorted(rows, key=lambda row: row[0])[:MAX_CLIENTS]
    width = max(len(row[1]) for row in shown)
    lines = [f"{'client > server':<{width}}  IKE SAs  checks"]
    lines += [f"{who:<{width}}  {count:>7}  {said}" for _, who, count, said in shown]
    if len(rows) > len(shown):
        lines.append(f"{len(rows) - len(shown):,} more clients are not shown: --json has all of them.")
    return lines


def _summary(ones: Sequence[CheckedSa]) -> str:
    """``all pass``; or which checks do not, the gravest result first."""
    said = []
    for result in _GRAVITY[:-1]:
        ids = dict.fromkeys(check.id for one in ones for check in one.checks if check.result == result)
        if ids:
            said.append(f"{_WORDS[result]}: {', '.join(ids)}")
    return "; ".join(said) or "all pass"


def _what_changed(before: Analysis, after: Analysis, validation: Validation, layout: Layout) -> list[str]:
    found = changed(before, after, validation)
    lines = ["WHAT CHANGED"]
    if not found:
        lines.append(layout.wrapped(f"No client of {before.name} is in this trace: nothing can be compared.", "  "))
    for one in found:
        whose = f"{one.now.initiator}, " if len(found) > 1 else ""
        if not one.changes:
            lines.append(layout.wrapped(f"{whose}Nothing that is checked has changed.", "  ", "    "))
        for change in one.changes:
            told = f"{whose}{change.what}: {change.then} then; {change.now} now"
            lines.append(layout.wrapped(told, "  ", "    "))
    return lines


def _gravity(one: CheckedSa) -> int:
    return min((_GRAVITY.index(c.result) for c in one.checks), default=len(_GRAVITY))


def _line(check: Check, layout: Layout, *, counted: bool) -> str:
    where = f" ({_frames(check.frames)})" if check.frames and counted else ""
    return layout.wrapped(f"{check.title}: {check.because}{where}", f"  {_WORDS[check.result]:<13}", _MARGIN)


def _frames(frames: tuple[int, ...]) -> str:
    """``frame 19``, ``frames 21 to 31``: enough to find them; --json lists each."""
    return f"frame {frames[0]}" if len(frames) == 1 else f"frames {min(frames)} to {max(frames)}"


def as_json(analysis: Analysis, validation: Validation, *, before: Analysis | None = None) -> str:
    """The same as one line of JSON (schema ``ike-analyzer/validation/1``); ``before`` is there when it is given."""
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "file": encodable(analysis.path),
        "exit_status": validation.exit_status,
        "superseded": validation.superseded,
        "sas": [_sa(one) for one in validation.checked],
    }
    if before is not None:
        report["before"] = {
            "file": encodable(before.path),
            "changed": [_changed(one) for one in changed(before, analysis, validation)],
        }
    return json.dumps(report)


def _changed(one: ChangedSa) -> dict[str, Any]:
    return {
        "spi_i": f"{one.now.spi_i:016x}",
        "before_spi_i": f"{one.then.spi_i:016x}",
        "changes": [{"what": change.what, "then": change.then, "now": change.now} for change in one.changes],
    }


def _sa(one: CheckedSa) -> dict[str, Any]:
    return {
        "spi_i": f"{one.sa.spi_i:016x}",
        "initiator": one.sa.initiator,
        "responder": one.sa.responder,
        "start": iso(one.sa.start),
        "checks": [
            {
                "id": check.id,
                "subject": check.subject,
                "title": check.title,
                "result": check.result,
                "because": check.because,
                "frames": list(check.frames),
            }
            for check in one.checks
        ],
    }
