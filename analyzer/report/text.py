"""The text report: one sentence, why, and what to do; then each IKE SA with its ladder; then what else was found.

A failure, or a trace that cannot tell, has WHY and WHAT TO DO; a connection that stands needs neither heading.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from analyzer.analysis import Analysis
from analyzer.relate.sa import IkeSa
from analyzer.report.ladder.notation import render
from analyzer.report.ladder.of_sa import ladder_of, steps_left_out
from analyzer.report.ladder.values import write_numbers
from analyzer.report.sa_facts import facts
from analyzer.report.timestamp import duration, utc
from analyzer.rules.model import Confidence, Finding, NotAssessed, Severity, Verdict

WIDTH = 110
#: IKE SAs shown with ladder and findings: of twenty times the same nothing is read.
MAX_SAS = 5
#: Of so many more it is told which verdicts they have.
_TALLIED = 2_000
#: Runs of frame numbers named with a remark.
_RUNS_TOLD = 6


def as_text(analysis: Analysis, *, max_sas: int = MAX_SAS) -> str:
    """The report of one capture, as lines for a terminal.

    Parameters
    ----------
    analysis : Analysis
        Of the capture.
    max_sas : int
        IKE SAs shown, the gravest first.

    Returns
    -------
    str
        Ends with a newline. Text from the capture in it is escaped.
    """
    judgement = analysis.judgement
    shown = _worth_showing(analysis, max_sas)
    findings, not_assessed = judgement.of(shown)
    decisive = _decisive(findings, analysis.verdict)
    parts = [_header(analysis), _verdict(analysis, decisive), *_why(decisive, analysis.verdict)]
    for sa in shown:
        verdict = judgement.of_sa[sa.index]
        parts.append(_sa(sa, verdict, say=len(shown) > 1 or verdict != analysis.verdict))
    parts += _not_shown(analysis, shown)
    others = [f for f in findings if f is not decisive]
    parts += _others(others, decisive, many=len(shown) > 1, advise=analysis.verdict.exit_status != 0)
    parts += _notes(analysis, not_assessed)
    if analysis.verdict.exit_status == 3:
        parts.append("How to take a trace that can tell: ike-analyzer guide\n")
    return "\n".join(parts)


def _decisive(findings: Sequence[Finding], verdict: Verdict) -> Finding | None:
    """The finding that is the verdict; None where no rule made it."""
    return next(
        (f for f in findings if (f.rule, f.sa, f.title) == (verdict.rule, verdict.sa, verdict.text)),
        None,
    )


def _worth_showing(analysis: Analysis, most: int) -> list[IkeSa]:
    """The SAs to show, in the order of appearance: all of a few; of many the one that decides and the gravest."""
    sas = analysis.sas
    if len(sas) <= most:
        return list(sas)
    verdicts = analysis.judgement.of_sa
    gravest = sorted(range(len(sas)), key=lambda index: (index + 1 != analysis.verdict.sa, verdicts.rank(index)))
    return [sas[index] for index in sorted(gravest[:most])]


def _not_shown(analysis: Analysis, shown: Sequence[IkeSa]) -> Iterable[str]:
    indices = {sa.index for sa in shown}
    rest = [index for index in range(len(analysis.sas)) if index not in indices]
    if not rest:
        return
    verb = "is" if len(rest) == 1 else "are"
    ids = Counter(map(analysis.judgement.of_sa.id, rest)) if len(rest) <= _TALLIED else Counter()
    which = f" ({', '.join(f'{count} {name}' for name, count in ids.most_common())})" if ids else ""
    told = f"{_count(len(rest), 'more IKE SA')}{which} {verb} not shown"
    yield wrapped(f"{told}: --json lists them (up to 10,000).", "") + "\n"


def _header(analysis: Analysis) -> str:
    facts = analysis.related.capture
    when = f", {utc(facts.first)}, {duration(facts.last - facts.first)}" if facts.packets and facts.first >= 0 else ""
    counts = (
        _count(facts.packets, "packet"),
        _count(facts.ike_messages, "IKE message"),
        _count(len(analysis.sas), "IKE SA"),
    )
    return f"{analysis.name}: {', '.join(counts)}{when}\n"


def _count(number: int, what: str) -> str:
    """
    >>> _count(1, "packet"), _count(2500, "packet")
    ('1 packet', '2,500 packets')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _verdict(analysis: Analysis, decisive: Finding | None) -> str:
    verdict = analysis.verdict
    whose = f"  IKE SA {verdict.sa}" if verdict.sa is not None and len(analysis.sas) > 1 else ""
    lines = [f"{_LABEL[verdict.severity]}{_named(verdict)}{whose}", wrapped(verdict.text, "  ")]
    if decisive is not None and verdict.exit_status == 0:
        lines += _evidence(decisive)
    return "\n".join(lines) + "\n"


_LABEL = {
    Severity.BLOCKING: "VERDICT  failed: ",
    Severity.DEGRADING: "VERDICT  degraded: ",
    Severity.INFORMATION: "VERDICT  ",
}


def _named(verdict: Verdict) -> str:
    """``udp-4500-blocked (probable)``; what only says that it cannot tell says so once."""
    sure = verdict.confidence.value
    return verdict.id if verdict.id == sure else f"{verdict.id} ({sure})"


def _why(decisive: Finding | None, verdict: Verdict) -> Iterable[str]:
    """What a failure rests on, and what to do about it."""
    if decisive is None or verdict.exit_status == 0:
        return
    lines = _evidence(decisive)
    if lines:
        yield "\n".join(["WHY", *lines]) + "\n"
    if decisive.remedies:
        yield "\n".join(["WHAT TO DO", *map(_remedy, decisive.remedies)]) + "\n"


def _evidence(finding: Finding) -> list[str]:
    """What was seen, and where to look at it."""
    lines = [wrapped(finding.detail, "  ")] if finding.detail.strip() else []
    return [*lines, f"  Wireshark: {finding.filter}"] if finding.frames else lines


def _sa(sa: IkeSa, verdict: Verdict, *, say: bool) -> str:
    spi_r = f"{sa.spi_r:016x}" if sa.spi_r else "not chosen"
    head = (
        f"IKE SA {sa.number}  {sa.spi_i:016x} / {spi_r}  IKEv{sa.version}  {utc(sa.start)}\n"
        f"  {sa.initiator} > {sa.responder}   reached: {sa.reached}\n"
    )
    if say:
        head += f"  verdict: {_named(verdict)}\n"
    told = facts(sa, plans=verdict.exit_status != 0)
    known = "".join(wrapped(fact, "  ", "    ") + "\n" for fact in told)
    rest = steps_left_out(sa)
    more = f"  ... and {_count(rest, 'more step')}\n" if rest else ""
    return head + known + "\n" + textwrap.indent(render(ladder_of(sa), brief=True), "  ") + more


def _others(findings: Sequence[Finding], decisive: Finding | None, *, many: bool, advise: bool) -> Iterable[str]:
    """What else was found; what was given already, a remedy or the evidence of a failure, is not repeated."""
    remedies = set(decisive.remedies if decisive is not None else ())
    shown: dict[int | None, set[int]] = defaultdict(set)
    if decisive is not None:
        shown[decisive.sa].update(decisive.frames)
    # Several IKE SAs often get the same, a remark or a failure: it is said once.
    entries: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        # The same packets once more, seen by a more general rule: one sentence is enough.
        again = bool(finding.frames) and shown[finding.sa].issuperset(finding.frames)
        brief = again or _is_remark(finding)
        if not brief:
            shown[finding.sa].update(finding.frames)
        what = (brief, finding.rule, finding.severity, finding.confidence, finding.title)
        entries.setdefault(what, []).append(finding)
    if entries:
        yield "ALSO FOUND\n"
    for (in_brief, *_), same in entries.items():
        lines = [_heading(same, many=many), *_what_was_found(same, decisive, brief=bool(in_brief))]
        for remedy in same[0].remedies if advise and not in_brief else ():
            if remedy not in remedies:
                remedies.add(remedy)
                lines.append(_remedy(remedy))
        yield "\n".join(lines) + "\n"


def _is_remark(finding: Finding) -> bool:
    """Neither a failure nor a reason why the trace cannot tell of one."""
    informs = finding.severity is Severity.INFORMATION
    return informs and not (finding.is_verdict and finding.confidence is Confidence.CANNOT_TELL)


def _what_was_found(same: Sequence[Finding], decisive: Finding | None, *, brief: bool) -> Iterable[str]:
    """A failure with all that is known of it; in a line or two a remark, and what stands in the verdict already."""
    first = same[0]
    in_frames = _in_frames(sorted({frame for finding in same for frame in finding.frames}))
    if decisive is not None and first.title == decisive.title:
        yield wrapped(f"The same as in the verdict.{in_frames}", "  ")
    elif brief or len(same) > 1:
        yield wrapped(first.title + in_frames, "  ")
    else:
        yield wrapped(first.title, "  ")
        yield from _evidence(first)


def _heading(same: Sequence[Finding], *, many: bool) -> str:
    first = same[0]
    numbers = sorted({finding.sa for finding in same if finding.sa is not None})
    whose = f"  IKE SA {', '.join(map(str, numbers))}" if many and numbers else ""
    return f"{first.rule}  {first.severity.value}, {first.confidence.value}  {first.id}{whose}"


def _in_frames(frames: Sequence[int]) -> str:
    """Where to look, shortened where it would be long.

    >>> _in_frames((3, 4, 5, 9)), _in_frames((1,)), _in_frames(())
    (' (frames 3-5, 9)', ' (frame 1)', '')
    """
    runs = write_numbers(frames).split(",")
    some = ", ".join(runs[:_RUNS_TOLD]) + (" ..." if len(runs) > _RUNS_TOLD else "")
    return f" (frame{'' if len(frames) == 1 else 's'} {some})" if frames else ""


def _remedy(text: str) -> str:
    """A remedy: prose wrapped, commands (indented) left as they are so that they can be copied."""
    lines = []
    for i, line in enumerate(text.split("\n")):
        if line.startswith("  "):
            lines.append("    " + line)
        else:
            lines.append(wrapped(line, "  - " if i == 0 else "    ", "    "))
    return "\n".join(lines)


def _notes(analysis: Analysis, not_assessed: Iterable[NotAssessed]) -> Iterable[str]:
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
    if analysis.notes:
        yield (
            "ABOUT THE CAPTURE\n"
            + "\n".join(wrapped(f"{note.id}: {note.detail}", "  ", "    ") for note in analysis.notes)
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
