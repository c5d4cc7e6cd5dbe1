"""The text report: one sentence, why, and what to do; then each IKE SA with its ladder; then what else was found.

A failure, or a trace that cannot tell, has WHY and WHAT TO DO; a connection that stands needs neither heading. What is
told, and in which order, is the document's choice (:mod:`analyzer.report.document`).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from analyzer.analysis import Analysis
from analyzer.report.document import MAX_SAS, AlsoFound, Document, Header, NotShown, ShownSa, document_of
from analyzer.report.ladder.notation import render
from analyzer.report.ladder.values import write_numbers
from analyzer.rules.model import Finding, Severity, Verdict
from analyzer.timestamp import duration, utc

WIDTH = 110
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
    return "\n".join(_parts(document_of(analysis, max_sas=max_sas)))


def parts(analysis: Analysis) -> Iterator[str]:
    """The same, for :mod:`analyzer.report.outputs`."""
    yield as_text(analysis)


def _parts(document: Document) -> Iterator[str]:
    yield _header(document.header)
    yield _verdict(document)
    if document.decisive is not None and not document.is_healthy:
        yield from _why(document.decisive)
    yield from map(_sa, document.sas)
    if document.not_shown.count:
        yield _not_shown(document.not_shown)
    if document.also_found:
        yield "ALSO FOUND\n"
    yield from map(_also_found, document.also_found)
    if document.unassessed:
        yield _section("NOT ASSESSED", [f"{', '.join(one.rules)}: {one.because}" for one in document.unassessed])
    if document.notes:
        yield _section("ABOUT THE CAPTURE", [f"{note.id}: {note.detail}" for note in document.notes])
    if document.cannot_tell:
        yield "How to take a trace that can tell: ike-analyzer guide\n"


def _header(header: Header) -> str:
    has_time = header.packets and header.first >= 0
    when = f", {utc(header.first)}, {duration(header.last - header.first)}" if has_time else ""
    counts = (
        _count(header.packets, "packet"),
        _count(header.ike_messages, "IKE message"),
        _count(header.sas, "IKE SA"),
    )
    return f"{header.name}: {', '.join(counts)}{when}\n"


def _count(number: int, what: str) -> str:
    """
    >>> _count(1, "packet"), _count(2500, "packet")
    ('1 packet', '2,500 packets')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _verdict(document: Document) -> str:
    verdict = document.verdict
    whose = f"  IKE SA {document.sa}" if document.sa is not None else ""
    lines = [f"{_LABEL[verdict.severity]}{_named(verdict)}{whose}", wrapped(verdict.text, "  ")]
    if document.decisive is not None and document.is_healthy:
        lines += _evidence(document.decisive)
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


def _why(decisive: Finding) -> Iterator[str]:
    """What a failure rests on, and what to do about it."""
    lines = _evidence(decisive)
    if lines:
        yield "\n".join(["WHY", *lines]) + "\n"
    if decisive.remedies:
        yield "\n".join(["WHAT TO DO", *map(_remedy, decisive.remedies)]) + "\n"


def _evidence(finding: Finding) -> list[str]:
    """What was seen, and where to look at it."""
    lines = [wrapped(finding.detail, "  ")] if finding.detail.strip() else []
    return [*lines, f"  Wireshark: {finding.filter}"] if finding.frames else lines


def _sa(sa: ShownSa) -> str:
    spi_r = f"{sa.spi_r:016x}" if sa.spi_r else "not chosen"
    head = (
        f"IKE SA {sa.number}  {sa.spi_i:016x} / {spi_r}  IKEv{sa.version}  {utc(sa.start)}\n"
        f"  {sa.initiator} > {sa.responder}   reached: {sa.reached}\n"
    )
    if sa.says_verdict:
        head += f"  verdict: {_named(sa.verdict)}\n"
    known = "".join(wrapped(fact, "  ", "    ") + "\n" for fact in sa.facts)
    more = f"  ... and {_count(sa.left_out, 'more step')}\n" if sa.left_out else ""
    return head + known + "\n" + textwrap.indent(render(sa.ladder, brief=True), "  ") + more


def _not_shown(rest: NotShown) -> str:
    verb = "is" if rest.count == 1 else "are"
    which = f" ({', '.join(f'{count} {name}' for name, count in rest.verdicts)})" if rest.verdicts else ""
    told = f"{_count(rest.count, 'more IKE SA')}{which} {verb} not shown"
    return wrapped(f"{told}: --json lists them (up to 10,000).", "") + "\n"


def _also_found(also: AlsoFound) -> str:
    """A failure with all that is known of it; in a line or two a remark, and what stands in the verdict already."""
    found = also.finding
    whose = f"  IKE SA {', '.join(map(str, also.sas))}" if also.sas else ""
    lines = [f"{found.rule}  {found.severity.value}, {found.confidence.value}  {found.id}{whose}"]
    if also.depth == "as the verdict":
        lines.append(wrapped(f"The same as in the verdict.{_in_frames(also.frames)}", "  "))
    elif also.depth == "brief":
        lines.append(wrapped(found.title + _in_frames(also.frames), "  "))
    else:
        lines += [wrapped(found.title, "  "), *_evidence(found)]
    return "\n".join([*lines, *map(_remedy, also.remedies)]) + "\n"


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


def _section(heading: str, paragraphs: Sequence[str]) -> str:
    return "\n".join([heading, *(wrapped(paragraph, "  ", "    ") for paragraph in paragraphs)]) + "\n"


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
