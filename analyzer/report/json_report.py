"""The JSON report: schema ``ike-analyzer/report/1`` (names and meanings are a contract; see docs in the README).

It is written part by part: as one dictionary, the report of a capture with very many IKE SAs takes ten times the memory
of its text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from analyzer.analysis import Analysis
from analyzer.ike.registry import name
from analyzer.printable import encodable
from analyzer.relate.build import KEPT
from analyzer.relate.exchange import Attempt, Exchange
from analyzer.relate.facts import Bounds, CaptureFacts
from analyzer.relate.sa import IkeSa
from analyzer.relate.what_if import plan_text
from analyzer.report.timestamp import iso
from analyzer.rules.engine import gravest_first
from analyzer.rules.model import Finding, NotAssessed, Verdict

SCHEMA = "ike-analyzer/report/1"
#: IKE SAs looked at to say from which side the capture was taken.
_ENOUGH_FOR_SIDE = 50
#: The parts of the report that are lists of any length.
_LISTS = ("sas", "findings", "not_assessed")
#: IKE SAs that are listed: each takes some 5 KB of the report. Of more, the first ones are, and that of the verdict.
MAX_SAS = 10_000


def as_json(analysis: Analysis) -> str:
    """The report as one line of JSON (ASCII only: nothing in it can steer a terminal)."""
    return "".join(json_parts(analysis))


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
    judgement = analysis.judgement
    findings = list(judgement.of_capture)
    not_assessed: list[NotAssessed] = []
    sas, spi = list[object](), dict[int, str]()
    # One look at each IKE SA: the views of a capture with very many are not kept.
    few = len(analysis.sas) <= KEPT
    for sa in _listed(analysis):
        found, lacking = judgement.assess(sa)
        spi[sa.number] = f"{sa.spi_i:016x}"
        sas.append(keep(_sa(sa, judgement.verdict_among(sa, found)) | (_guesses(sa) if few else _NO_GUESSES)))
        findings += found
        not_assessed += lacking
    return {
        "schema": SCHEMA,
        "file": encodable(analysis.path),
        "sha256": analysis.sha256,
        "capture": _capture(analysis, findings),
        "verdict": _verdict(analysis.verdict),
        "sas": sas,
        "findings": (_finding(f, spi) for f in gravest_first(findings)),
        "not_assessed": (_not_assessed(n, spi) for n in not_assessed),
    }


def _listed(analysis: Analysis) -> Iterable[IkeSa]:
    """The IKE SAs that the report holds."""
    yield from islice(analysis.sas, MAX_SAS)
    number = analysis.verdict.sa
    if number is not None and number > MAX_SAS:
        yield analysis.sa(number)


def _capture(analysis: Analysis, findings: Iterable[Finding]) -> dict[str, Any]:
    facts = analysis.related.capture
    return {
        "format": analysis.format,
        "packets": facts.packets,
        "ike_messages": facts.ike_messages,
        "first": iso(facts.first),
        "last": iso(facts.last),
        "side": side(analysis),
        "quality": quality(analysis, facts, findings),
    }


def side(analysis: Analysis) -> str:
    """From which side the capture was taken, as far as its IKE SAs agree."""
    sides = {sa.side for sa in analysis.sas[:_ENOUGH_FOR_SIDE]} - {"unknown"}
    return sides.pop() if len(sides) == 1 else "unknown"


def quality(analysis: Analysis, facts: CaptureFacts, findings: Iterable[Finding]) -> list[str]:
    """Ids of what limits the capture, each once."""
    ids = [note.id for note in analysis.notes]
    ids += ["analysis-limit"] if len(analysis.sas) > MAX_SAS else []
    ids += [f.id for f in findings if f.rule.startswith("CAP") and f.id != "no-ike-in-capture"]
    if facts.snapped:
        ids.append("capture-truncated")
    if facts.duplicates:
        ids.append("duplicate-capture-artifact")
    return list(dict.fromkeys(ids))


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": verdict.id,
        "severity": verdict.severity.value,
        "confidence": verdict.confidence.value,
        "text": verdict.text,
    }


def _sa(sa: IkeSa, verdict: Verdict) -> dict[str, Any]:
    auth = sa.auth
    return {
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
        "ike_auth": {
            "request": _message(auth, auth.request if auth else None, len(auth.requests) if auth else 0),
            "response": _message(auth, auth.response if auth else None, len(auth.responses) if auth else 0),
        },
        "retransmits": sa.retransmits,
        "unanswered_exchanges": len(sa.unanswered),
        "path_mtu": {
            "initiator_to_responder": _bounds(sa.path_mtu["initiator"]),
            "responder_to_initiator": _bounds(sa.path_mtu["responder"]),
        },
        "verdict": _verdict(verdict),
    }


#: Guesses and plans are worked out only where there are not too many IKE SAs to do so for each.
_NO_GUESSES = {"side": None, "peers": None, "what_if": None}


def _guesses(sa: IkeSa) -> dict[str, Any]:
    return {
        "side": sa.side,
        "peers": {
            role: [{"product": g.product, "strength": g.strength, "evidence": g.evidence} for g in sa.peers[role]]
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
            for plan in sa.plans
        ],
    }


def _message(exchange: Exchange | None, attempt: Attempt | None, attempts: int) -> dict[str, Any] | None:
    if exchange is None or attempt is None:
        return None
    return {
        "length": attempt.length,
        "ip_fragments": attempt.ip_fragments,
        "largest_ip_packet": attempt.largest_ip_packet,
        "skf_total": attempt.skf_total,
        "attempts": attempts,
        "complete": attempt.complete,
    }


def _bounds(bounds: Bounds) -> dict[str, int | None]:
    return {"lower": bounds.lower, "upper": bounds.upper}


def _finding(finding: Finding, spi: dict[int, str]) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "id": finding.id,
        "sa": None if finding.sa is None else spi[finding.sa],
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "title": finding.title,
        "detail": finding.detail.strip(),
        "frames": list(finding.frames),
        "filter": finding.filter,
        "remedies": list(finding.remedies),
    }


def _not_assessed(lacking: NotAssessed, spi: dict[int, str]) -> dict[str, Any]:
    return {"rule": lacking.rule, "sa": None if lacking.sa is None else spi[lacking.sa], "because": lacking.because}
