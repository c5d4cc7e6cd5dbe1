"""Two captures side by side, as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from analyzer.comparison.cause import Leg
from analyzer.comparison.clock import ClockOffset
from analyzer.comparison.compare import ComparedSa, Comparison
from analyzer.ike.registry import name
from analyzer.printable import encodable
from analyzer.relate.sa import IkeSa
from analyzer.remedies import topics
from analyzer.report.advice import Advice, advice_among
from analyzer.report.document.ike_sas import gravest
from analyzer.report.layout import PLAIN, Layout
from analyzer.report.pointers import is_counted_otherwise, pointer_to
from analyzer.report.text import GUIDE, advice_lines
from analyzer.rules.engine import all_rules
from analyzer.rules.model import Verdict
from analyzer.rules.shared.advice import advise
from analyzer.rules.shared.wording import frames as in_order
from analyzer.rules.shared.wording import times
from analyzer.timestamp import iso, utc

SCHEMA = "ike-analyzer/comparison/1"
#: IKE SAs shown, those that failed first where there are more.
MAX_SAS = 20


def as_text(comparison: Comparison, *, layout: Layout = PLAIN) -> str:
    """Verdict, clocks, for each IKE SA what became of every message; at the end why, what to do, and where to look.

    Examples
    --------
    >>> import analyzer
    >>> one = analyzer.read("sample_pcaps/809-fixed.pcapng")
    >>> print(as_text(analyzer.compare(one, one)).splitlines()[1])
    Both files are the same capture: take one at each end in the same minutes (ike-analyzer guide).
    """
    c = comparison
    lines = [f"client {c.client.name}, server {c.server.name}"]
    if c.is_same:
        how = f"take one at each end in the same minutes ({GUIDE})"
        lines.append(layout.wrapped(f"Both files are the same capture: {how}.", ""))
    if c.swapped:
        lines.append("(given the other way round: by their packets the first was taken at the server)")
    lines += [layout.wrapped(_clock(c.clock), ""), ""]
    lines += [f"VERDICT  {c.verdict.id}   ({_sure(c.verdict)})", layout.wrapped(c.verdict.text, "  "), ""]
    shown = gravest(len(c.sas), MAX_SAS, lambda index: (c.sas[index].verdict.severity.rank,))
    for index in shown:
        lines += [*_sa(c.sas[index], c, layout), ""]
    if len(c.sas) > len(shown):
        lines += [f"{len(c.sas) - len(shown):,} more IKE SAs are not shown: --json has all of them.", ""]
    for sas, where, other in ((c.only_client, "client", "server"), (c.only_server, "server", "client")):
        if sas:
            spis = ", ".join(f"{sa.spi_i:016x}" for sa in sas[:5]) + (" ..." if len(sas) > 5 else "")
            count = f"{len(sas):,} IKE {'SA' if len(sas) == 1 else 'SAs'}"
            lines += [f"Only in the {where}'s capture, nothing of it in the {other}'s: {count} ({spis})", ""]
    if c.verdict.exit_status != 0:
        lines += _why_and_what_to_do(c, layout)
    text = "\n".join(lines).rstrip() + "\n"
    return layout.fitted(text) if layout.folds else text


def _why_and_what_to_do(c: Comparison, layout: Layout) -> list[str]:
    """What the decisive IKE SA rests on, what to do about it, and filters for both files."""
    one = next((one for one in c.sas if one.client.number == c.verdict.sa), None)
    why = [layout.wrapped(_lost(leg), "  ") for leg in one.legs if leg.lost] if one is not None else []
    why += _filters(c, one)
    sa = one.client if one is not None else c.client.sa(c.verdict.sa) if c.verdict.sa is not None else None
    advice = advice_lines(layout, _advice(c, one, sa))
    return [*(["WHY", *why, ""] if why else []), *(["WHAT TO DO", *advice] if advice else [])]


def _lost(leg: Leg) -> str:
    sent, came = ("client", "server") if leg.sender == "initiator" else ("server", "client")
    what = f"{name('exchange', leg.exchange)} {'response' if leg.is_response else 'request'}"
    count, whole = len(leg.journeys), sum(j.fate == "arrived" for j in leg.journeys)
    if any(j.sent.skf_total for j in leg.journeys):
        return f"Of {count} SKF fragments of the {what} that left the {sent}, {whole} arrived whole at the {came}."
    arrived = f"arrived whole at the {came} {times(whole)}" if whole else f"never arrived whole at the {came}"
    return f"The {what} left the {sent} {times(count)} and {arrived}."


def _filters(c: Comparison, one: ComparedSa | None) -> list[str]:
    """Where to look in each file: what was sent and lost there, and what arrived of it here."""
    if one is None:
        own = pointer_to(c.client, c.verdict.frames, c.verdict.sa)
        return [f"  {c.client.name}: {own}"] if own else []
    frames: dict[str, list[int]] = {"client": [], "server": []}
    for leg in one.legs:
        sent, came = ("client", "server") if leg.sender == "initiator" else ("server", "client")
        for journey in leg.lost:
            frames[sent] += journey.frames
            frames[came] += journey.arrived.frames if journey.arrived is not None else ()
    if not any(frames.values()):
        frames = {"client": list(one.client.exchanges[-1].frames) if one.client.exchanges else [], "server": []}
    return [
        f"  {analysis.name}: {found}"
        for where, analysis, sa in (("client", c.client, one.client), ("server", c.server, one.server))
        if (found := pointer_to(analysis, in_order(frames[where]), sa.number))
    ]


def _advice(c: Comparison, one: ComparedSa | None, sa: IkeSa | None) -> tuple[Advice, ...]:
    """That of the finding with the verdict's name in one of the captures, else what its rule advises in general."""
    rule = next((rule for rule in all_rules() if rule.id == c.verdict.id), None)
    if rule is None:
        return ()
    if one is not None and not c.is_same and _stops_at_server(one):
        return advice_among(("read-server-log",), rule.code, sa)
    for analysis, seen in ((c.client, one.client), (c.server, one.server)) if one is not None else ((c.client, sa),):
        found = analysis.judgement.assess(seen)[0] if seen is not None else analysis.judgement.of_capture
        keys = [key for finding in found if finding.id == c.verdict.id for key in finding.remedy_ids]
        if keys:
            return advice_among(list(dict.fromkeys(keys)), rule.code, sa)
    keys = [*rule.remedies, *(key for topic in rule.topics for key in _of_topic(topic, sa))]
    return advice_among(list(dict.fromkeys(keys)), rule.code, sa)


def _of_topic(topic: str, sa: IkeSa | None) -> tuple[str, ...]:
    """What helps for a topic; a rule also lists ids of what does not help."""
    if topic not in topics():
        return (topic,)
    return advise(topic, sa) if sa is not None else (topic,)


def _stops_at_server(one: ComparedSa) -> bool:
    """Its last request arrived whole, and no answer left the server."""
    last = one.client.exchanges[-1] if one.client.exchanges else None
    if last is None or last.outcome != "unanswered" or last.sender != "initiator":
        return False
    legs = {(leg.sender, leg.is_response) for leg in one.legs if leg.message_id == last.message_id and leg.came_whole}
    answers = [leg for leg in one.legs if leg.message_id == last.message_id and leg.is_response]
    return ("initiator", False) in legs and not answers


def _clock(clock: ClockOffset | None) -> str:
    if clock is None:
        return "No message was seen on both sides: the clocks cannot be compared."
    ahead = "ahead of" if clock.offset >= 0 else "behind"
    apart = f"{abs(clock.offset) / 1e9:.3f} s"
    sure = f"give or take {clock.uncertainty / 1e6:.1f} ms" if clock.is_bracketed else "at most: seen in one direction"
    return f"The server's clock is {apart} {ahead} the client's ({sure})."


def _sure(verdict: Verdict) -> str:
    return f"{verdict.severity.value}, {verdict.confidence.value.replace('-', ' ')}"


def _sa(one: ComparedSa, c: Comparison, layout: Layout) -> list[str]:
    a, b = one.client, one.server
    seen = f"{b.initiator} > {b.responder}"
    through = f", seen at the server as {seen}" if (a.initiator, a.responder) != (b.initiator, b.responder) else ""
    lines = [f"{a.initiator} > {a.responder}{through}, {utc(a.start)}, SPI {a.spi_i:016x}"]
    for leg in one.legs:
        analysis = c.client if leg.sender == "initiator" else c.server
        where = "" if is_counted_otherwise(analysis) else f" (sent in {_frames(leg)})"
        lines.append(layout.wrapped(f"{_leg(leg)}{where}", "  ", "      "))
    lines.append(f"  verdict: {one.verdict.id} ({_sure(one.verdict)})")
    return lines


_FATES = {
    "arrived": "arrived whole",
    "in part": "arrived in part",
    "lost": "never arrived",
    "not covered": "outside the other trace",
    "hidden": "hidden by the other trace's filter",
}


def _leg(leg: Leg) -> str:
    arrow = "client > server" if leg.sender == "initiator" else "server > client"
    what = (
        f"{name('exchange', leg.exchange)} {'response' if leg.is_response else 'request'} (message ID {leg.message_id})"
    )
    kinds = Counter(j.fate for j in leg.journeys)
    total = max((j.sent.skf_total for j in leg.journeys), default=0)
    count = len(leg.journeys)
    sent = f"{count} SKF fragments (of {total})" if total else f"sent {times(count)}"
    fates = ", ".join(
        _FATES[fate] if number == count == 1 else f"{number} {_FATES[fate]}" for fate, number in kinds.items()
    )
    gone = sorted({n for j in leg.journeys if j.fate == "in part" for n in j.lost_fragments})
    most = max(j.fragments for j in leg.journeys)
    pieces = f"; IP fragments {', '.join(map(str, gone))} of {most} lost" if gone else ""
    if total:
        lost = sorted({j.sent.skf_number for j in leg.journeys if j.fate == "lost"})
        pieces += f"; lost numbers {', '.join(map(str, lost[:10]))}" if lost else ""
    return f"{arrow}  {what}: {sent}, {fates}{pieces}"


def _frames(leg: Leg) -> str:
    every = in_order(*(j.frames for j in leg.journeys))
    return f"frame {every[0]}" if len(every) == 1 else f"frames {every[0]} to {every[-1]}"


def as_json(comparison: Comparison) -> str:
    """The same as one line of JSON (schema ``ike-analyzer/comparison/1``)."""
    c = comparison
    clock = c.clock
    return json.dumps(
        {
            "schema": SCHEMA,
            "client": encodable(c.client.path),
            "server": encodable(c.server.path),
            "swapped": c.swapped,
            "same_capture": c.is_same,
            "clock_offset": None
            if clock is None
            else {
                "seconds": clock.offset / 1e9,
                "uncertainty": clock.uncertainty / 1e9 if clock.is_bracketed else None,
            },
            "verdict": _verdict(c.verdict),
            "sas": [
                {
                    "spi_i": f"{one.client.spi_i:016x}",
                    "start": iso(one.client.start),
                    "verdict": _verdict(one.verdict),
                    "messages": [_message(leg) for leg in one.legs],
                }
                for one in c.sas
            ],
            "only_client": _spis(c.only_client),
            "only_server": _spis(c.only_server),
        }
    )


def _spis(sas: Sequence[Any]) -> list[str]:
    return [f"{sa.spi_i:016x}" for sa in sas]


def _verdict(verdict: Verdict) -> dict[str, str]:
    return {
        "id": verdict.id,
        "severity": verdict.severity.value,
        "confidence": verdict.confidence.value,
        "text": verdict.text,
    }


def _message(leg: Leg) -> dict[str, Any]:
    return {
        "sender": leg.sender,
        "exchange": name("exchange", leg.exchange),
        "message_id": leg.message_id,
        "is_response": leg.is_response,
        "sendings": [
            {
                "frames": list(j.frames),
                "arrived_in": list(j.arrived.frames) if j.arrived is not None else [],
                "fate": j.fate,
                "skf_number": j.sent.skf_number,
                "ip_fragments": j.fragments,
                "lost_fragments": list(j.lost_fragments),
            }
            for j in leg.journeys
        ],
    }
