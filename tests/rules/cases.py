"""The rules' cases, as written in ``<CODE>.yml`` beside this file: a list of cases of one rule.

Keys of a case:

- ``name``, ``why``: what it shows, and the reasoning from which its expectation follows.
- ``ladder``: the conversation (:mod:`analyzer.report.ladder.notation`). ``file``: what a ladder cannot say about the
  file: ``lost-packets: N`` (the host's own drop counter), ``cut: N`` (bytes missing at the end), ``link-type: N``.
- ``expect``: ``fires SEVERITY CONFIDENCE``, ``silent``, or ``not assessed: PIECE OF THE REASON``. ``count``: findings
  of the rule, 1 unless said.
- ``title``, ``detail``, ``remedies``: pieces of text that a finding of the rule holds; with ``not-`` before it: that
  none holds. ``frames``: its frame numbers.
- ``verdict``: ``ID CONFIDENCE`` of the capture, in every case; ``exit``: its exit status, which follows from that.
  ``doubt``: why the verdict may be another one; what stands under ``verdict`` is then only what the tool says today.
- ``also``: other rules that may say "blocking" here and be surer than "possible".
- ``lacks``: what the capture lacks, in a case that takes evidence away: the rule must then say less than elsewhere.

Nothing here needs the rules themselves, which tests/mutation changes after the cases are read.
"""

from __future__ import annotations

import struct
from dataclasses import MISSING, dataclass, fields, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

import analyzer
from analyzer.report.ladder.model import Ladder
from analyzer.report.ladder.notation import parse
from sample_pcaps.lab.maker import make

HERE = Path(__file__).parent

#: pcapng interface statistics (draft-ietf-opsawg-pcapng section 4.6); option 5 is isb_ifdrop.
_STATISTICS, _IFDROP = 5, 5


@dataclass(frozen=True, eq=False)
class Case:
    """One case as written; see the module's docstring."""

    rule: str
    name: str
    why: str
    ladder: str
    expect: str
    verdict: str
    file: dict[str, int] | None = None
    count: int = 1
    title: tuple[str, ...] = ()
    not_title: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()
    not_detail: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    not_remedies: tuple[str, ...] = ()
    frames: tuple[int, ...] = ()
    doubt: str = ""
    exit: int | None = None
    also: tuple[str, ...] = ()
    lacks: str = ""

    @property
    def kind(self) -> str:
        return self.expect.split(":")[0].split()[0]


def read_cases(rule: str) -> list[Case]:
    """The cases of a rule, by its code."""
    known = {field.name for field in fields(Case)}
    needed = {field.name for field in fields(Case) if field.default is MISSING}
    cases = []
    for entry in yaml.safe_load((HERE / f"{rule}.yml").read_text(encoding="utf-8")):
        values: dict[str, Any] = {key.replace("-", "_"): value for key, value in entry.items()}
        values["rule"] = rule
        assert set(values) <= known, f"{rule}: {entry.get('name')}: unknown {set(values) - known}"
        assert set(values) >= needed, f"{rule}: {entry.get('name')}: lacks {needed - set(values)}"
        lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
        cases.append(Case(**(values | lists)))
    return cases


CASES = [case for path in sorted(HERE.glob("*.yml")) for case in read_cases(path.stem)]


def file_of(case: Case) -> bytes:
    """The capture that a case describes, as a file."""
    return _file(case, parse(case.ladder))


@cache
def capture_of(case: Case) -> analyzer.Capture:
    """The capture that a case describes."""
    return _capture(case, parse(case.ladder))


@cache
def doubled(case: Case) -> analyzer.Capture:
    """The same with each packet twice, as where two interfaces were captured."""
    ladder = parse(case.ladder)
    return _capture(case, replace(ladder, steps=tuple(replace(step, duplicated=True) for step in ladder.steps)))


def _capture(case: Case, ladder: Ladder) -> analyzer.Capture:
    return analyzer.read(case.name, stream=BytesIO(_file(case, ladder)))


def _file(case: Case, ladder: Ladder) -> bytes:
    data = make(ladder)
    extra = case.file or {}
    if "lost-packets" in extra:
        body = struct.pack("<III", 0, 0, 0) + struct.pack("<HHQ", _IFDROP, 8, extra["lost-packets"]) + bytes(4)
        length = struct.pack("<I", 12 + len(body))
        data += struct.pack("<I", _STATISTICS) + length + body + length
    if "link-type" in extra:
        # The interface description follows the section header; its link type is behind the block's type and length.
        at = int.from_bytes(data[4:8], "little") + 8
        data = data[:at] + struct.pack("<H", extra["link-type"]) + data[at + 2 :]
    if "cut" in extra:
        data = data[: -extra["cut"]]
    return data
