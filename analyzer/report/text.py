"""The text report: one sentence, then the ladder of each IKE SA, then findings with frames, filter and remedy."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from analyzer.relate.sa import IkeSa
from analyzer.report.ladder import render
from analyzer.report.ladder_of_sa import ladder_of, steps_left_out
from analyzer.report.timestamp import duration, utc
from analyzer.rules.model import Finding, NotAssessed, Severity, Verdict

if TYPE_CHECKING:
    from analyzer.analysis import Capture

WIDTH = 110
#: IKE SAs shown with ladder and findings; a capture with thousands would not be read.
MAX_SAS = 20


def as_text(capture: Capture, *, max_sas: int = MAX_SAS) -> str:
    """The report of one capture, as lines for a terminal.

    Parameters
    ----------
    capture : Capture
        What :func:`analyzer.read` gave.
    max_sas : int
        IKE SAs shown, the gravest first.

    Returns
    -------
    str
        Ends with a newline. Text from the capture in it is escaped.
    """
    judgement = capture.judgement
    shown = _worth_showing(capture, max_sas)
    parts = [_header(capture), _verdict(capture.verdict)]
    for sa in shown:
        parts.append(_sa(capture, sa, judgement.of_sa[sa.number]))
    rest = len(capture.sas_seen) - len(shown)
    if rest > 0:
        verb = "is" if rest == 1 else "are"
        parts.append(f"{_count(rest, 'more IKE SA')} {verb} not shown: --json has all of them.\n")
    findings, not_assessed = judgement.of(shown)
    parts += _findings(findings, capture.verdict, many=len(shown) > 1)
    parts += _notes(capture, not_assessed)
    return "\n".join(parts)


def _worth_showing(capture: Capture, most: int) -> list[IkeSa]:
    """The SAs to show, in the order of appearance: all of a few, the gravest of many."""
    sas = capture.sas_seen
    if len(sas) <= most:
        return list(sas)
    verdicts = capture.judgement.of_sa
    gravest = sorted(range(len(sas)), key=verdicts.rank)
    return [sas[number] for number in sorted(gravest[:most])]


def _header(capture: Capture) -> str:
    facts = capture.related.capture
    when = f", {utc(facts.first)}, {duration(facts.last - facts.first)}" if facts.packets and facts.first >= 0 else ""
    counts = (
        _count(facts.packets, "packet"),
        _count(facts.ike_messages, "IKE message"),
        _count(len(capture.sas_seen), "IKE SA"),
    )
    return f"{capture.name}: {', '.join(counts)}{when}\n"


def _count(number: int, what: str) -> str:
    """
    >>> _count(1, "packet"), _count(2500, "packet")
    ('1 packet', '2,500 packets')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _verdict(verdict: Verdict) -> str:
    label = f"{_LABEL[verdict.severity]}{verdict.id} ({verdict.confidence.value})"
    return f"{label}\n{wrapped(verdict.text, '  ')}\n"


_LABEL = {
    Severity.BLOCKING: "VERDICT  failed: ",
    Severity.DEGRADING: "VERDICT  degraded: ",
    Severity.INFORMATION: "VERDICT  ",
}


_SIDES = {"initiator": "client", "responder": "server"}


def _sa(capture: Capture, sa: IkeSa, verdict: Verdict) -> str:
    spi_r = f"{sa.spi_r:016x}" if sa.spi_r else "not chosen"
    head = (
        f"IKE SA {sa.number + 1}  {sa.spi_i:016x} / {spi_r}  IKEv{sa.version}  {utc(sa.start)}\n"
        f"  reached: {sa.reached}   verdict: {verdict.id} ({verdict.confidence.value})\n"
        f"  IKE fragmentation: client {sa.fragmentation_i}, server {sa.fragmentation_r}"
        f"  NAT: client {sa.nat_i}, server {sa.nat_r}  seen from: {_SIDES.get(sa.side, sa.side)}\n"
    )
    directions = (("client > server", sa.path_mtu["initiator"]), ("server > client", sa.path_mtu["responder"]))
    bounds = [
        wrapped(f"MTU {way}: {_range(b.lower, b.upper)} ({b.evidence})", "  ", "    ") + "\n"
        for way, b in directions
        if b.evidence
    ]
    rest = steps_left_out(sa)
    more = f"  ... and {_count(rest, 'more step')}\n" if rest else ""
    return head + "".join(bounds) + "\n" + textwrap.indent(render(ladder_of(sa)), "  ") + more


def _range(lower: int | None, upper: int | None) -> str:
    """
    >>> _range(1460, 1467), _range(None, 1300), _range(1400, 1400)
    ('1,460..1,467', 'at most 1,300', '1,400')
    """
    if lower is None or upper is None:
        return "unknown" if upper is None else f"at most {upper:,}"
    return f"{upper:,}" if lower == upper else f"{lower:,}..{upper:,}"


def _findings(findings: Sequence[Finding], verdict: Verdict, *, many: bool) -> Iterable[str]:
    if findings:
        yield "FINDINGS\n"
    said: set[str] = set()
    for finding in findings:
        stated = not many and finding.title == verdict.text
        # What works needs no remedy, unless the trace itself does.
        advise = verdict.exit_status != 0 or finding.severity is not Severity.INFORMATION
        yield _finding(finding, said, many=many, stated=stated, advise=advise)


def _finding(finding: Finding, said: set[str], *, many: bool, stated: bool, advise: bool) -> str:
    """One finding; what the verdict above or an earlier finding said already (``said``: remedies) is not repeated."""
    whose = f"  IKE SA {finding.sa + 1}" if many and finding.sa is not None else ""
    lines = [f"{finding.rule}  {finding.severity.value}, {finding.confidence.value}  {finding.id}{whose}"]
    lines.append("  (the verdict above)" if stated else wrapped(finding.title, "  "))
    if finding.detail.strip():
        lines.append(wrapped(finding.detail, "  "))
    if finding.frames:
        lines.append(f"  Wireshark: {finding.filter}")
    for remedy in finding.remedies if advise else ():
        if remedy not in said:
            said.add(remedy)
            lines.append(_remedy(remedy))
    return "\n".join(lines) + "\n"


def _remedy(text: str) -> str:
    """A remedy: prose wrapped, commands (indented) left as they are so that they can be copied."""
    lines = []
    for i, line in enumerate(text.split("\n")):
        if line.startswith("  "):
            lines.append("      " + line.strip())
        else:
            lines.append(wrapped(line, "  - " if i == 0 else "    ", "    "))
    return "\n".join(lines)


def _notes(capture: Capture, not_assessed: Iterable[NotAssessed]) -> Iterable[str]:
    reasons: dict[str, list[str]] = {}
    for lacking in not_assessed:
        rules = reasons.setdefault(lacking.because, [])
        if lacking.rule not in rules:
            rules.append(lacking.rule)
    if reasons:
        yield (
            "NOT ASSESSED\n"
            + "\n".join(wrapped(f"{', '.join(rules)}: {because}", "  ", "    ") for because, rules in reasons.items())
            + "\n"
        )
    if capture.notes:
        yield (
            "ABOUT THE CAPTURE\n"
            + "\n".join(wrapped(f"{note.id}: {note.detail}", "  ", "    ") for note in capture.notes)
            + "\n"
        )


#: A number stays on the line of its unit.
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:s|ms|bytes?|packets?|times)\b)")
_NO_BREAK = "\N{NO-BREAK SPACE}"


def wrapped(text: str, indent: str, further: str | None = None) -> str:
    """Fill lines of the report's width; ``further`` indents all but the first line."""
    filled = textwrap.fill(
        _BEFORE_UNIT.sub(_NO_BREAK, " ".join(text.split())),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace(_NO_BREAK, " ")
