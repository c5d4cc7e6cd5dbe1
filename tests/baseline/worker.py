"""Analyses captures with the analyzer of one folder: a line with a path comes in, a line of JSON goes out.

    python tests/baseline/worker.py FOLDER

Nothing of the tests is imported here, and of the analyzer only what is public: this file runs with any version of it.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator
from typing import Any


def main(folder: str) -> None:
    """Say whose analyzer this is, then answer until the input ends."""
    # In front of everything, also of where an editable installation points.
    sys.path.insert(0, folder)
    import analyzer

    # Answers go out here, and nothing else: whatever prints, prints elsewhere.
    answers, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps([analyzer.__file__, analyzer.read_each.__module__]), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), file=answers, flush=True)


def _answer(path: str) -> dict[str, Any]:
    """All captures in a file: reports, verdicts as the text report prints them, exit statuses, errors; or the crash."""
    import analyzer

    errors: list[str] = []
    captures: list[dict[str, Any]] = []
    try:
        for capture in analyzer.read_each(path, problem=lambda error: errors.append(str(error))):
            status = capture.verdict.exit_status
            captures.append({"report": capture.report(), "exit": status, "text": list(_verdict_lines(capture.text()))})
    except analyzer.AnalyzerError as error:
        errors.append(str(error))
    except Exception:  # noqa: BLE001 - whatever it is, it is the answer
        return {"crash": traceback.format_exc().strip().splitlines()[-3:]}
    return {"captures": captures, "errors": errors}


def _verdict_lines(text: str) -> Iterator[str]:
    """The verdict with its sentence, and the verdict of each IKE SA."""
    within = False
    for line in text.splitlines():
        within = line.startswith("VERDICT") or (within and line.strip() != "")
        if within or line.startswith("  verdict: "):
            yield line


if __name__ == "__main__":
    main(sys.argv[1])
