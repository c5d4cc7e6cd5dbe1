"""The text report: one sentence, why, and what to do; then each IKE SA with its ladder; then, if asked, all else.

A failure, or a trace that cannot tell, has WHY and WHAT TO DO; a connection that stands needs neither heading. What is
told, and in which order, is the document's choice (:mod:`analyzer.report.document`). What nobody needs who only wants
to mend the connection (other findings, what could not be assessed, facts about the IKE SAs, long remedies) is told with
``--verbose``, and a last line says so.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from analyzer.analysis import Analysis
from analyzer.report.advice import Advice
from analyzer.report.document.choose import MAX_SAS, document_of
from analyzer.report.document.values import AlsoFound, Document, Header, Others, ShownSa
from analyzer.report.ladder.notation import render
from analyzer.report.ladder.values import write_numbers
from analyzer.report.layout import PLAIN, Layout
from analyzer.rules.model import Severity, Verdict
from analyzer.timestamp import duration, utc

#: Where it is told how to take a trace, and what does it.
GUIDE = "ike-analyzer guide"
#: No trace of IKEv1 would tell more.
_NOT_JUDGED = "wrong-ike-version"
#: Runs of frame numbers named with a remark.
_RUNS_TOLD = 6


def as_text(analysis: Analysis, *, max_sas: int = MAX_SAS, layout: Layout = PLAIN) -> str:
    """The report of one capture, as lines for a terminal.

    Parameters
    ----------
    analysis : Analysis
        Of the capture.
    max_sas : int
        IKE SAs shown, the gravest first.
    layout : Layout
        Its width, and how much is told.

    Returns
    -------
    str
        Ends with a newline. Text from the capture in it is escaped.
    """
    text = "\n".join(_Printed(document_of(analysis, max_sas=max_sas), layout).parts())
    return layout.fitted(text) if layout.folds else text


def parts(analysis: Analysis, layout: Layout = PLAIN) -> Iterator[str]:
    """The same, for :mod:`analyzer.report.outputs`."""
    yield as_text(analysis, layout=layout)


class _Printed:
    """A document on its way to a terminal."""

    def __init__(self, document: Document, layout: Layout) -> None:
        self._document = document
        self._layout = layout
        self._wrapped = layout.wrapped

    def parts(self) -> Iterator[str]:
        """The blocks of the report; a blank line stands between them."""
        document = self._document
        yield self._header(document.header)
        yield self._verdict()
        if document.limits:
            yield self._wrapped(f"Mind the limits of this trace: {'; '.join(document.limits)}.", "  ") + "\n"
        yield from self._why_and_what_to_do()
        yield from map(self._sa, document.sas)
        if document.not_shown:
            yield "".join(f"{self._wrapped(_listed(others), '', '  ')}\n" for others in document.not_shown)
        if self._layout.verbose:
            yield from self._all_else()
        else:
            more = _more(document)
            if more:
                yield self._wrapped(f"More with --verbose: {more}.", "", "  ") + "\n"
        if document.header.told > len(document.sas):
            yield self._wrapped(_ONE_BY_ONE, "", "  ") + "\n"
        if document.counting:
            yield self._wrapped(document.counting, "") + "\n"

    def _header(self, header: Header) -> str:
        has_time = header.packets and header.first >= 0
        when = f", {utc(header.first)}, {duration(header.last - header.first)}" if has_time else ""
        counts = (
            _count(header.packets, "packet"),
            _count(header.ike_messages, "IKE message"),
            _count(header.sas, "IKE SA"),
        )
        some = f" (of which {header.told:,} {'is' if header.told == 1 else 'are'} told)"
        return f"{header.name}: {', '.join(counts)}{some if header.told < header.sas else ''}{when}\n"

    def _verdict(self) -> str:
        document, verdict = self._document, self._document.verdict
        lines = [f"VERDICT  {named(verdict)}", *(self._wrapped(sentence, "  ") for sentence in document.headline)]
        example = f"IKE SA {document.sa}: " if document.sa is not None else ""
        lines.append(self._wrapped(f"{example}{document.said}", "  "))
        if document.is_healthy or not document.why:
            lines += self._evidence(document.why, document.pointer)
        return "\n".join(lines) + "\n"

    def _why_and_what_to_do(self) -> Iterator[str]:
        """What a failure rests on, and what to do about it."""
        document = self._document
        if document.is_healthy:
            return
        if document.why:
            yield "\n".join(["WHY", *self._evidence(document.why, document.pointer)]) + "\n"
        advice = advice_lines(self._layout, document.advice)
        next_time = [self._wrapped(each, "  - ", "    ") for each in document.next_time]
        # Of a trace that cannot tell, what it lacks comes before how to take a better one.
        to_do = [*next_time, *advice] if document.cannot_tell else [*advice, *next_time]
        can_help = document.cannot_tell and document.verdict.id != _NOT_JUDGED
        if can_help and not any(GUIDE in line for line in to_do):
            to_do.append(self._wrapped(f"How to take a trace that can tell: {GUIDE}.", "  - ", "    "))
        if to_do:
            yield "\n".join(["WHAT TO DO", *to_do]) + "\n"

    def _evidence(self, told: Sequence[str], pointer: str) -> list[str]:
        """What was seen, and where to look at it."""
        return [*(self._wrapped(each, "  ") for each in told), *([f"  {pointer}"] if pointer else [])]

    def _sa(self, sa: ShownSa) -> str:
        # How far IKEv1 came is not judged.
        reached = f", {_REACHED.get(sa.reached, sa.reached)}" if sa.version == 2 else ""
        lines = [f"IKE SA {sa.number}  IKEv{sa.version}{reached}"]
        if sa.says_verdict:
            lines.append(f"  {named(sa.verdict)}")
            lines.append(self._wrapped(sa.verdict.text, "  "))
            lines += advice_lines(self._layout, sa.advice)
        if self._layout.verbose:
            lines += [self._wrapped(fact, "  ", "    ") for fact in sa.facts]
        if sa.weak:
            lines.append(self._wrapped(f"Algorithms: {sa.weak}", "  ", "    "))
        width = self._layout.width - 2 if self._layout.folds else None
        drawn = textwrap.indent(render(sa.ladder, brief=True, width=width), "  ")
        more = f"  ... and {_count(sa.left_out, 'more step')}\n" if sa.left_out else ""
        like = self._wrapped(f"  {_like_it(sa.others)}", "  ", "    ") + "\n" if sa.others.count else ""
        return "\n".join(lines) + "\n" + drawn + more + like

    def _all_else(self) -> Iterator[str]:
        document = self._document
        explained = [also for also in document.also_found if also.depth == "explained"]
        others = [also for also in document.also_found if also.depth != "explained"]
        if others or explained:
            yield "ALSO FOUND\n"
        yield from map(self._also_found, others)
        if explained:
            said = ", ".join(f"{also.finding.rule} {also.finding.id}{_whose(also)}" for also in explained)
            yield self._wrapped(f"Explained by the verdict: {said}", "", "  ") + "\n"
        if document.unassessed:
            yield self._section(
                "NOT ASSESSED", [f"{', '.join(one.rules)}: {one.because}" for one in document.unassessed]
            )
        if document.notes:
            yield self._section("ABOUT THE CAPTURE", [f"{note.id}: {note.detail}" for note in document.notes])

    def _also_found(self, also: AlsoFound) -> str:
        """A failure with all that is known of it; in a line or two a remark, and what stands in the verdict already."""
        found = also.finding
        lines = [f"{found.rule}  {found.severity.value}, {found.confidence.value}  {found.id}{_whose(also)}"]
        frames = "" if self._document.counting else _in_frames(also.frames)
        if also.depth == "as the verdict":
            lines.append(self._wrapped(f"The same as in the verdict.{frames}", "  "))
        elif also.depth == "brief":
            lines.append(self._wrapped(found.title + frames, "  "))
        else:
            lines.append(self._wrapped(found.title, "  "))
            lines += self._evidence([found.detail] if found.detail.strip() else [], also.pointer)
        return "\n".join([*lines, *advice_lines(self._layout, also.advice)]) + "\n"

    def _section(self, heading: str, paragraphs: Sequence[str]) -> str:
        return "\n".join([heading, *(self._wrapped(paragraph, "  ", "    ") for paragraph in paragraphs)]) + "\n"


def advice_lines(layout: Layout, advice: Sequence[Advice]) -> list[str]:
    """What to do: all of it, or what is told at once, each as an item of a list."""
    if layout.verbose:
        return [_item(layout, one.text + (f"\nVerify: {one.verify}" if one.verify else "")) for one in advice]
    lines: list[str] = []
    for one in advice:
        if one.brief:
            lines.append(_item(layout, one.brief))
            # One thing at a time: the first is to be verified before the next is tried.
            if one.verify and len(lines) == 1:
                lines.append(layout.wrapped(f"Verify: {one.verify}", "    "))
    return lines


def _item(layout: Layout, text: str) -> str:
    """A remedy: prose wrapped, commands (indented) left as they are so that they can be copied."""
    lines = []
    for i, line in enumerate(text.split("\n")):
        if line.startswith("  "):
            lines.append("    " + line)
        else:
            lines.append(layout.wrapped(line, "  - " if i == 0 else "    ", "    "))
    return "\n".join(lines)


#: How far an IKE SA came, as somebody says it.
_REACHED = {
    "init-sent": "came as far as its first request",
    "init-answered": "came as far as the answer to IKE_SA_INIT",
    "auth-sent": "came as far as its IKE_AUTH request",
    "auth-answered": "came as far as an answer to IKE_AUTH",
    "established": "established",
    "closed": "ended with a Delete",
    "unknown": "how far it came is not in this trace",
}

_LABEL = {Severity.BLOCKING: "failed: ", Severity.DEGRADING: "degraded: ", Severity.INFORMATION: ""}


def named(verdict: Verdict) -> str:
    """``failed: udp-4500-blocked (probable)``."""
    return f"{_LABEL[verdict.severity]}{_with_confidence(verdict)}"


def _with_confidence(verdict: Verdict) -> str:
    """``udp-4500-blocked (probable)``; what only says that it cannot tell says so once."""
    sure = verdict.confidence.value
    return verdict.id if verdict.id == sure else f"{verdict.id} ({sure})"


def _count(number: int, what: str) -> str:
    """
    >>> _count(1, "packet"), _count(2500, "packet")
    ('1 packet', '2,500 packets')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _more(document: Document) -> str:
    """What ``--verbose`` would add, as a clause; empty where that is nothing."""
    others = [also.finding for also in document.also_found if also.depth != "explained"]
    grave = [finding for finding in others if finding.severity is not Severity.INFORMATION]
    codes = dict.fromkeys(f"{finding.rule} {finding.id}" for finding in grave)
    which = f" ({', '.join(codes)})" if codes else ""
    longer = [one for one in document.advice if one.brief != one.text]
    told = [
        f"{_count(len(others), 'more finding')}{which}" if others else "",
        "what to do in full" if longer else "",
        "who the two sides are, NAT and MTU" if any(sa.facts for sa in document.sas) else "",
        "what could not be assessed" if document.unassessed else "",
        _count(len(document.notes), "note") + " on the file" if document.notes else "",
    ]
    return ", ".join(each for each in told if each)


#: How to see the IKE SAs that are not shown.
_ONE_BY_ONE = "One at a time: --sa N, --client ADDRESS, --between 10:40 10:45. All of them: --json."


def _like_it(others: Others) -> str:
    """``19 more like it, of 19 other clients: 10.1.0.2, 10.1.0.3 and 17 more``."""
    if not others.clients:
        return f"{others.count:,} more like it, of the same client"
    return f"{others.count:,} more like it, of {_count(others.clients, 'other client')}: {_names(others)}"


def _listed(others: Others) -> str:
    """``10 connected: 10.3.0.1, 10.3.0.2 and 8 more``."""
    return f"{others.said}: {_names(others)}."


def _names(others: Others) -> str:
    more = others.clients - len(others.named)
    return ", ".join(others.named) + (f" and {more:,} more" if more > 0 else "")


def _whose(also: AlsoFound) -> str:
    return f"  IKE SA {', '.join(map(str, also.sas))}" if also.sas else ""


def _in_frames(frames: Sequence[int]) -> str:
    """Where to look, shortened where it would be long.

    >>> _in_frames((3, 4, 5, 9)), _in_frames((1,)), _in_frames(())
    (' (frames 3-5, 9)', ' (frame 1)', '')
    """
    runs = write_numbers(frames).split(",")
    some = ", ".join(runs[:_RUNS_TOLD]) + (" ..." if len(runs) > _RUNS_TOLD else "")
    return f" (frame{'' if len(frames) == 1 else 's'} {some})" if frames else ""
