"""The check after the fix, as text and as JSON."""

from __future__ import annotations

import json
from typing import Any

from analyzer.analysis import Analysis
from analyzer.printable import encodable
from analyzer.report.document import gravest
from analyzer.report.layout import PLAIN
from analyzer.report.timestamp import iso, utc
from analyzer.validation import Check, CheckedSa, Validation

SCHEMA = "ike-analyzer/validation/1"
#: IKE SAs shown; those that fail come first where there are more.
MAX_SAS = 20

_WORDS = {"pass": "pass", "fail": "FAIL", "cannot-tell": "cannot tell"}
_GRAVITY = ("fail", "cannot-tell", "pass")
_RESULT = {
    0: "all checks pass.",
    1: "not fixed: see FAIL above.",
    3: "nothing fails, but not everything can be told from this trace.",
}
_MARGIN = " " * 15


def as_text(analysis: Analysis, validation: Validation) -> str:
    """The checks of each IKE SA, a line or two each, and the result.

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
    lines = [f"{analysis.name}: the check after the fix", ""]
    shown = gravest(len(validation.checked), MAX_SAS, lambda index: (_gravity(validation.checked[index]),))
    for one in map(validation.checked.__getitem__, shown):
        lines.append(f"{one.sa.initiator} > {one.sa.responder}, {utc(one.sa.start)}, SPI {one.sa.spi_i:016x}")
        lines += [_line(check) for check in one.checks]
        lines.append("")
    if not validation.checked:
        lines += ["No IKEv2 connection attempt is in this trace.", ""]
    if len(validation.checked) > len(shown):
        lines += [f"{len(validation.checked) - len(shown):,} more IKE SAs are not shown: --json has all of them.", ""]
    if validation.superseded:
        attempts = "attempt" if validation.superseded == 1 else "attempts"
        lines += [f"Not checked: {validation.superseded:,} earlier {attempts} that a later success makes past.", ""]
    lines.append(f"RESULT: {_RESULT[validation.exit_status]}")
    return "\n".join(lines) + "\n"


def _gravity(one: CheckedSa) -> int:
    return min((_GRAVITY.index(c.result) for c in one.checks), default=len(_GRAVITY))


def _line(check: Check) -> str:
    where = f" ({_frames(check.frames)})" if check.frames else ""
    return PLAIN.wrapped(f"{check.title}: {check.because}{where}", f"  {_WORDS[check.result]:<13}", _MARGIN)


def _frames(frames: tuple[int, ...]) -> str:
    """``frame 19``, ``frames 21 to 31``: enough to find them; --json lists each."""
    return f"frame {frames[0]}" if len(frames) == 1 else f"frames {min(frames)} to {max(frames)}"


def as_json(analysis: Analysis, validation: Validation) -> str:
    """The same as one line of JSON (schema ``ike-analyzer/validation/1``)."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "file": encodable(analysis.path),
            "exit_status": validation.exit_status,
            "superseded": validation.superseded,
            "sas": [_sa(one) for one in validation.checked],
        }
    )


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
