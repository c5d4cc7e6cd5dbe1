"""The text report: one sentence, why, and what to do; then each IKE SA with its ladder; then what else was found."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from analyzer.relate.sa import IkeSa
from analyzer.report.ladder import render
from analyzer.report.ladder_of_sa import ladder_of, steps_left_out
from analyzer.report.sa_facts import facts
from analyzer.report.timestamp import duration, utc
from analyzer.rules.model import Finding, NotAssessed, Severity, Verdict

if TYPE_CHECKING:
    from analyzer.analysis import Capture

WIDTH = 110
#: IKE SAs shown with ladder and findings; a capture with thousands would not be read.
MAX_SAS = 20
#: Frame numbers named with a remark.
_FRAMES_TOLD = 8


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
    findings, not_assessed = judgement.of(shown)
    decisive = _decisive(findings, capture.verdict)
    parts = [_header(capture), _verdict(capture.verdict), *_why(decisive, capture.verdict)]
    for sa in shown:
        parts.append(_sa(sa, judgement.of_sa[sa.number]))
    rest = len(capture.sas_seen) - len(shown)
    if rest > 0:
        verb = "is" if rest == 1 else "are"
        parts.append(f"{_count(rest, 'more IKE SA')} {verb} not shown: --json has all of them.\n")
    parts += _others([f for f in findings if f is not decisive], decisive, capture.verdict, many=len(shown) > 1)
    parts += _notes(capture, not_assessed)
    if capture.verdict.exit_status == 3:
        parts.append("How to take a trace that can tell: ike-analyzer guide\n")
    return "\n".join(parts)


def _decisive(findings: Sequence[Finding], verdict: Verdict) -> Finding | None:
    """The finding that is the verdict; None where no rule made it."""
    return next(
        (f for f in findings if (f.rule, f.sa, f.title) == (verdict.rule, verdict.sa, verdict.text)),
        None,
    )


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




def _why(decisive: Finding | None, verdict: Verdict) -> Iterable[str]:
    """What the verdict rests on, and what to do about it."""
    if decisive is None:
        return
    lines = [wrapped(decisive.detail, "  ")] if decisive.detail.strip() else []
    if decisive.frames:
        lines.append(f"  Wireshark: {decisive.filter}")
    if lines:
        yield "\n".join(["WHY", *lines]) + "\n"
    if decisive.remedies and verdict.exit_status != 0:
        yield "\n".join(["WHAT TO DO", *map(_remedy, decisive.remedies)]) + "\n"


def _sa(sa: IkeSa, verdict: Verdict) -> str:
    spi_r = f"{sa.spi_r:016x}" if sa.spi_r else "not chosen"
    head = (
        f"IKE SA {sa.number + 1}  {sa.spi_i:016x} / {spi_r}  IKEv{sa.version}  {utc(sa.start)}\n"
        f"  {sa.initiator} > {sa.responder}   reached: {sa.reached}   verdict: {verdict.id} "
        f"({verdict.confidence.value})\n"
    )
    known = "".join(wrapped(fact, "  ", "    ") + "\n" for fact in facts(sa))
    rest = steps_left_out(sa)
    more = f"  ... and {_count(rest, 'more step')}\n" if rest else ""
    return head + known + "\n" + textwrap.indent(render(ladder_of(sa)), "  ") + more


def _others(
    findings: Sequence[Finding], decisive: Finding | None, verdict: Verdict, *, many: bool
) -> Iterable[str]:
    """What else was found; remedies that were given already are not repeated."""
    if findings:
        yield "ALSO FOUND\n"
    said = set(decisive.remedies if decisive is not None else ())
    shown = set(decisive.frames if decisive is not None else ())
    for finding in findings:
        # The same packets once more, seen by a more general rule: one sentence is enough.
        again = decisive is not None and finding.sa == decisive.sa and set(finding.frames) <= shown
        yield _finding(finding, said, many=many, again=again, advise=verdict.exit_status != 0)


def _finding(finding: Finding, said: set[str], *, many: bool, again: bool, advise: bool) -> str:
    """A failure with all that is known of it; a mere remark in a line or two (--json has the details)."""
    whose = f"  IKE SA {finding.sa + 1}" if many and finding.sa is not None else ""
    lines = [f"{finding.rule}  {finding.severity.value}, {finding.confidence.value}  {finding.id}{whose}"]
    grave = (finding.severity is not Severity.INFORMATION or finding.is_verdict) and not again
    lines.append(wrapped(finding.title + ("" if grave else _in_frames(finding)), "  "))
    if grave:
        if finding.detail.strip():
            lines.append(wrapped(finding.detail, "  "))
        if finding.frames:
            lines.append(f"  Wireshark: {finding.filter}")
    for remedy in finding.remedies if advise and grave else ():
        if remedy not in said:
            said.add(remedy)
            lines.append(_remedy(remedy))
    return "\n".join(lines) + "\n"


def _in_frames(finding: Finding) -> str:
    """``(frames 19, 20)``, shortened: enough to find them."""
    some = ", ".join(map(str, finding.frames[:_FRAMES_TOLD]))
    more = " ..." if len(finding.frames) > _FRAMES_TOLD else ""
    return f" (frame{'' if len(finding.frames) == 1 else 's'} {some}{more})" if finding.frames else ""


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
