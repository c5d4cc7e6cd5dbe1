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
from analyzer.report.document import gravest
from analyzer.report.layout import PLAIN
from analyzer.report.timestamp import iso, utc
from analyzer.rules.model import Verdict
from analyzer.rules.shared.wording import frames as in_order

SCHEMA = "ike-analyzer/comparison/1"
#: IKE SAs shown, those that failed first where there are more.
MAX_SAS = 20


def as_text(comparison: Comparison) -> str:
    """Verdict, clocks, and for each IKE SA what became of every message.

    Examples
    --------
    >>> import analyzer
    >>> one = analyzer.read("sample_pcaps/809-fixed.pcapng")
    >>> print(as_text(analyzer.compare(one, one)).splitlines()[0])
    client 809-fixed.pcapng, server 809-fixed.pcapng
    """
    c = comparison
    lines = [f"client {c.client.name}, server {c.server.name}"]
    if c.swapped:
        lines.append("(given the other way round: by their packets the first was taken at the server)")
    lines += [_clock(c.clock), ""]
    lines += [f"VERDICT  {c.verdict.id}   ({_sure(c.verdict)})", PLAIN.wrapped(c.verdict.text, "  "), ""]
    shown = gravest(len(c.sas), MAX_SAS, lambda index: (c.sas[index].verdict.severity.rank,))
    for index in shown:
        lines += [*_sa(c.sas[index]), ""]
    if len(c.sas) > len(shown):
        lines += [f"{len(c.sas) - len(shown):,} more IKE SAs are not shown: --json has all of them.", ""]
    for sas, where, other in ((c.only_client, "client", "server"), (c.only_server, "server", "client")):
        if sas:
            spis = ", ".join(f"{sa.spi_i:016x}" for sa in sas[:5]) + (" ..." if len(sas) > 5 else "")
            count = f"{len(sas):,} IKE {'SA' if len(sas) == 1 else 'SAs'}"
            lines += [f"Only in the {where}'s capture, nothing of it in the {other}'s: {count} ({spis})", ""]
    return "\n".join(lines).rstrip() + "\n"


def _clock(clock: ClockOffset | None) -> str:
    if clock is None:
        return "No message was seen on both sides: the clocks cannot be compared."
    ahead = "ahead of" if clock.offset >= 0 else "behind"
    apart = f"{abs(clock.offset) / 1e9:.3f} s"
    sure = f"give or take {clock.uncertainty / 1e6:.1f} ms" if clock.is_bracketed else "at most: seen in one direction"
    return f"The server's clock is {apart} {ahead} the client's ({sure})."


def _sure(verdict: Verdict) -> str:
    return f"{verdict.severity.value}, {verdict.confidence.value.replace('-', ' ')}"


def _sa(one: ComparedSa) -> list[str]:
    a, b = one.client, one.server
    seen = f"{b.initiator} > {b.responder}"
    through = f", seen at the server as {seen}" if (a.initiator, a.responder) != (b.initiator, b.responder) else ""
    lines = [f"{a.initiator} > {a.responder}{through}, {utc(a.start)}, SPI {a.spi_i:016x}"]
    lines += [PLAIN.wrapped(_leg(leg), "  ", "      ") for leg in one.legs]
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
    what = f"{name('exchange', leg.exchange)} {'response' if leg.is_response else 'request'} {leg.message_id}"
    kinds = Counter(j.fate for j in leg.journeys)
    total = max((j.sent.skf_total for j in leg.journeys), default=0)
    unit = f"SKF fragments (of {total})" if total else "sendings" if len(leg.journeys) > 1 else "sending"
    fates = ", ".join(f"{count} {_FATES[fate]}" for fate, count in kinds.items())
    gone = sorted({n for j in leg.journeys if j.fate == "in part" for n in j.lost_fragments})
    most = max(j.fragments for j in leg.journeys)
    pieces = f"; IP fragments {', '.join(map(str, gone))} of {most} lost" if gone else ""
    if total:
        lost = sorted({j.sent.skf_number for j in leg.journeys if j.fate == "lost"})
        pieces += f"; lost numbers {', '.join(map(str, lost[:10]))}" if lost else ""
    return f"{arrow}  {what}: {len(leg.journeys)} {unit}: {fates}{pieces} (sent in {_frames(leg)})"


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
