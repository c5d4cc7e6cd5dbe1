"""The JSON report: schema ``ike-analyzer/report/2`` (a contract: docs/json-report.md, docs/report-2.schema.json).

It is written part by part: as one dictionary, the report of a capture with very many IKE SAs takes ten times the memory
of its text. What is listed is the choice of :mod:`analyzer.report.listing`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from analyzer import remedies
from analyzer.analysis import Analysis
from analyzer.ike.registry import name
from analyzer.printable import encodable
from analyzer.relate.inferred.fragment_plan import plan_text
from analyzer.relate.inferred.mtu.path_mtu import Bounds
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.report.listing import ListedSa, Listing, Sent, listing_of
from analyzer.report.pointers import display_filter, is_counted_otherwise
from analyzer.rules.model import Finding, NotAssessed, Verdict
from analyzer.rules.overview.values import Counted
from analyzer.rules.shared.wording import MAX_FRAMES
from analyzer.timestamp import iso
from analyzer.version import __version__

SCHEMA = "ike-analyzer/report/2"
#: Exchanges of one IKE SA that are listed: a session of months has tens of thousands of liveness checks.
MAX_EXCHANGES = 500
#: The parts of the report that are lists of any length.
_LISTS = ("sas", "findings", "not_assessed")


def as_json(analysis: Analysis) -> str:
    """The report as one line of JSON (ASCII only: nothing in it can steer a terminal)."""
    return "".join(json_parts(analysis))


def parts(analysis: Analysis) -> Iterator[str]:
    """The line, with its end, for :mod:`analyzer.report.outputs`."""
    yield from json_parts(analysis)
    yield "\n"


def json_parts(analysis: Analysis) -> Iterator[str]:
    """What :func:`as_json` gives, in parts to be written one after another. All is known before the first one."""
    report = _report(analysis, _text)
    between = "{"
    for key, value in report.items():
        yield f'{between}"{key}": '
        between = ", "
        if key not in _LISTS:
            yield _text(value)
            continue
        opening = "["
        for entry in value:
            # Entries that are kept as texts are not made once more.
            yield opening + (entry if isinstance(entry, str) else _text(entry))
            opening = ", "
        yield "]" if opening != "[" else "[]"
    yield "}"


def as_dict(analysis: Analysis) -> dict[str, Any]:
    """The report as plain dictionaries, lists, texts and numbers."""
    report = _report(analysis, lambda sa: sa)
    return {key: list(value) if key in _LISTS else value for key, value in report.items()}


def _text(value: Any) -> str:
    return json.dumps(value, separators=(", ", ": "))


def _report(analysis: Analysis, keep: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The report, its long lists as iterables; ``keep`` makes of each IKE SA what is kept of it."""
    listing = listing_of(analysis, lambda one: keep(_sa(one)))
    header = listing.header
    spi = {number: f"{spi_i:016x}" for number, spi_i in listing.spi_i.items()}
    return {
        **_beginning(header.path),
        "sha256": header.sha256,
        "capture": _capture(listing),
        "verdict": _verdict(listing.verdict),
        "sas_total": listing.sas_total,
        "tally": [_counted(one, spi_i) for one, spi_i in listing.tally],
        "sas": listing.sas,
        "findings": (_finding(f, spi, _filter(analysis, f)) for f in listing.findings),
        "not_assessed": (_not_assessed(n, spi) for n in listing.not_assessed),
    }


def error_line(path: str, error: str) -> str:
    """The line that stands for an input that cannot be read."""
    return _text({**_beginning(path), "error": encodable(error)}) + "\n"


def _beginning(path: str) -> dict[str, Any]:
    return {"schema": SCHEMA, "tool": f"ike-analyzer {__version__}", "file": encodable(path)}


def _counted(one: Counted, example: int) -> dict[str, Any]:
    return {
        "id": one.id,
        "severity": one.severity.value,
        "confidence": one.confidence.value,
        "sas": one.sas,
        "clients": one.clients,
        "example": f"{example:016x}",
    }


def _capture(listing: Listing[object]) -> dict[str, Any]:
    header = listing.header
    return {
        "format": header.format,
        "packets": header.packets,
        "ike_messages": header.ike_messages,
        "first": iso(header.first),
        "last": iso(header.last),
        "side": listing.side,
        "quality": list(listing.quality),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": verdict.id,
        "severity": verdict.severity.value,
        "confidence": verdict.confidence.value,
        "text": verdict.text,
        "reason": verdict.reason,
        "sa": verdict.sa,
        "rule": verdict.rule or None,
        "exit_status": verdict.exit_status,
    }


def _sa(one: ListedSa) -> dict[str, Any]:
    sa = one.sa
    return {
        "number": sa.number,
        "chain": one.chain,
        "attempt_of": one.attempt_of,
        "spi_i": f"{sa.spi_i:016x}",
        "spi_r": f"{sa.spi_r:016x}" if sa.spi_r else None,
        "initiator": sa.initiator,
        "responder": sa.responder,
        "ike_version": sa.version,
        "start": iso(sa.start),
        "end": iso(sa.end),
        "reached": sa.reached,
        "fragmentation": {"initiator": sa.fragmentation_i, "responder": sa.fragmentation_r},
        "nat": {"initiator": sa.nat_i, "responder": sa.nat_r},
        "ike_auth": {"request": _sent(one.auth_request), "response": _sent(one.auth_response)},
        "retransmits": sa.retransmits,
        "unanswered_exchanges": len(sa.unanswered),
        "path_mtu": {
            "initiator_to_responder": _bounds(sa.path_mtu["initiator"]),
            "responder_to_initiator": _bounds(sa.path_mtu["responder"]),
        },
        "verdict": _verdict(one.verdict),
        "side": sa.side,
        "peers": {
            role: [{"product": g.product, "strength": g.strength, "evidence": g.evidence} for g in sa.products[role]]
            for role in ("initiator", "responder")
        },
        "what_if": [
            {
                "exchange": name("exchange", plan.exchange),
                "is_response": plan.is_response,
                "length": plan.length,
                "mtu": plan.mtu,
                "fragments": plan.fragments,
                "largest_packet": plan.largest_packet,
                "helps": plan.helps,
                "text": plan_text(plan),
            }
            for plan in sa.fragment_plans
        ],
        "exchanges_total": len(sa.exchanges),
        "exchanges": [_exchange(exchange) for exchange in sa.exchanges[:MAX_EXCHANGES]],
    }


def _exchange(exchange: Exchange) -> dict[str, Any]:
    rtt = exchange.rtt
    return {
        "exchange": name("exchange", exchange.exchange),
        "message_id": exchange.message_id,
        "sender": exchange.sender,
        "outcome": exchange.outcome.replace(" ", "-"),
        "retry": exchange.retry,
        "retry_reason": exchange.retry_reason or None,
        "rtt": None if rtt is None else round(rtt, 9),
        "requests": [_sending(sent) for sent in exchange.requests],
        "responses": [_sending(sent) for sent in exchange.responses],
    }


def _sending(sent: Attempt) -> dict[str, Any]:
    return {
        "time": iso(sent.time),
        "length": sent.length,
        "ip_fragments": sent.ip_fragments,
        "largest_ip_packet": sent.largest_ip_packet,
        "skf_total": sent.skf_total,
        "complete": sent.complete,
        "frames": list(sent.frames[:MAX_FRAMES]),
    }


def _sent(sent: Sent | None) -> dict[str, Any] | None:
    return None if sent is None else asdict(sent)


def _bounds(bounds: Bounds) -> dict[str, int | None]:
    return {"lower": bounds.lower, "upper": bounds.upper}


def _filter(analysis: Analysis, finding: Finding) -> str:
    if is_counted_otherwise(analysis):
        return display_filter(analysis, finding.frames, finding.sa)
    return finding.filter


def _finding(finding: Finding, spi: Mapping[int, str], shown_by: str) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "id": finding.id,
        "sa": None if finding.sa is None else spi[finding.sa],
        "sa_number": finding.sa,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "title": finding.title,
        "detail": finding.detail.strip(),
        "frames": list(finding.frames),
        "filter": shown_by,
        "remedies": [_remedy(key) for key in finding.remedy_ids],
    }


@cache
def _remedy(key: str) -> dict[str, Any]:
    """A remedy as its parts; the same object wherever it is told."""
    entry = remedies.catalogue()[key]
    return {
        "id": entry.id,
        "topic": entry.topic,
        "product": entry.product,
        "side": entry.side,
        "text": entry.what,
        "commands": [
            {"where": step.heading or None, "lines": list(step.lines), "confirmed": step.confirmed}
            for step in entry.steps
        ],
        "changes": entry.changes or None,
        "versions": entry.versions or None,
        "verify": entry.verify or None,
        "source": list(entry.sources),
        "confirmed": entry.confirmed,
        "helps": entry.helps,
    }


def _not_assessed(lacking: NotAssessed, spi: Mapping[int, str]) -> dict[str, Any]:
    return {
        "rule": lacking.rule,
        "sa": None if lacking.sa is None else spi[lacking.sa],
        "sa_number": lacking.sa,
        "because": lacking.because,
    }
