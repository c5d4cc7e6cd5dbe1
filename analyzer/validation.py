"""The check after the fix: does this trace show that IKE fragmentation is on and the connection stands?

A capture in, a list of checks out; each passes, fails, or cannot be told from this trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from analyzer.analysis import Analysis
from analyzer.ike.registry import numbers
from analyzer.relate.build import client_of
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt, Exchange
from analyzer.relate.seen.host_pair import Client
from analyzer.rules.model import Severity, Verdict
from analyzer.rules.shared.evidence import init_request_payloads, init_response_payloads
from analyzer.rules.shared.wording import exchange_name, octets, pieces

Result = Literal["pass", "fail", "cannot-tell"]
#: What a check is about: what the client does, what the server does, or what they reach together.
Subject = Literal["client", "server", "both"]

#: Exchanges whose messages grow beyond one packet.
_LARGE = (numbers.IKE_INTERMEDIATE, numbers.IKE_AUTH)

#: Exit status of a verdict that the trace cannot give.
_CANNOT_TELL = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One question to a trace and its answer. ``because`` is a clause; ``frames`` are those that show it."""

    id: str
    subject: Subject
    title: str
    result: Result
    because: str
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedSa:
    """The checks of one IKE SA."""

    sa: IkeSa
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Validation:
    """The checks of a capture: of each IKE SA that stands (``superseded`` failed ones were followed by a success)."""

    checked: tuple[CheckedSa, ...]
    superseded: int

    @property
    def checks(self) -> tuple[Check, ...]:
        return tuple(check for one in self.checked for check in one.checks)

    @property
    def exit_status(self) -> int:
        """0 all pass, 1 one fails, 3 none fails and one cannot be told (or there is nothing to check)."""
        results = {check.result for check in self.checks}
        return 1 if "fail" in results else 3 if "cannot-tell" in results or not results else 0


def validate(analysis: Analysis, subject: Subject = "both") -> Validation:
    """Check a trace that was taken after the fix: what the client does, what the server does, or everything."""
    candidates = [sa for sa in analysis.sas if sa.version == 2 and not sa.rekeyed]
    standing = _standing(analysis, candidates)
    checked = []
    for sa in standing:
        checks = _checks(analysis, sa)
        wanted = [c for c in checks if subject == "both" or c.subject in (subject, "both")]
        checked.append(CheckedSa(sa, tuple(wanted)))
    return Validation(tuple(checked), len(candidates) - len(standing))


def _standing(analysis: Analysis, sas: Sequence[IkeSa]) -> list[IkeSa]:
    """All but those that did not succeed before a success of the same client."""
    status = {sa.number: analysis.judgement.of_sa.of(sa).exit_status for sa in sas}
    last_success: dict[Client, int] = {}
    for sa in sas:
        if status[sa.number] == 0:
            last_success[client_of(sa)] = sa.start
    return [sa for sa in sas if status[sa.number] == 0 or sa.start >= last_success.get(client_of(sa), sa.start)]


def _checks(analysis: Analysis, sa: IkeSa) -> tuple[Check, ...]:
    verdict = analysis.judgement.of_sa.of(sa)
    return (
        _client_offers(sa),
        _server_accepts(sa),
        _in_one_piece(sa, "client", [e.request for e in sa.of(*_LARGE) if e.sender == "initiator"]),
        _in_one_piece(sa, "server", [e.response for e in sa.of(*_LARGE) if e.sender == "initiator"]),
        _answered(sa, verdict),
        _established(sa, verdict),
    )


#: What shows that it was offered where the offer itself is not in the trace.
_USED = "IKE fragments are used, which both sides must have offered; the offer itself is not in this trace"


def _client_offers(sa: IkeSa) -> Check:
    because = {
        "yes": "notify 16430 is in its IKE_SA_INIT request" if sa.offers_seen["initiator"] else _USED,
        "no": "its IKE_SA_INIT request has no notify 16430",
        "unknown": init_request_payloads(sa) or "not in this trace",
    }[sa.fragmentation_i]
    frames = _init_frames(sa.init.requests if sa.init is not None else ())
    return Check(
        "client-offers-fragmentation",
        "client",
        "the client offers IKE fragmentation",
        _as_result(sa.fragmentation_i),
        because,
        frames,
    )


def _server_accepts(sa: IkeSa) -> Check:
    result = _as_result(sa.fragmentation_r)
    because = {
        "yes": "notify 16430 is in its IKE_SA_INIT response" if sa.offers_seen["responder"] else _USED,
        "no": "its IKE_SA_INIT response has no notify 16430 although the client offered it",
        "unknown": init_response_payloads(sa) or "not in this trace",
    }[sa.fragmentation_r]
    if sa.fragmentation_r == "no" and sa.fragmentation_i != "yes":
        # A responder announces it only where the initiator did (RFC 7383 section 2.3).
        result = "cannot-tell"
        because = "a server accepts it only from a client that offers it, and that is not seen here"
    frames = _init_frames(sa.init.responses if sa.init is not None else ())
    return Check(
        "server-accepts-fragmentation", "server", "the server accepts IKE fragmentation", result, because, frames
    )


def _as_result(answer: str) -> Result:
    results: dict[str, Result] = {"yes": "pass", "no": "fail"}
    return results.get(answer, "cannot-tell")


def _init_frames(attempts: Iterable[Attempt]) -> tuple[int, ...]:
    return tuple(frame for attempt in list(attempts)[-1:] for frame in attempt.frames)


def _in_one_piece(sa: IkeSa, subject: Literal["client", "server"], seen: Sequence[Attempt | None]) -> Check:
    attempts = [attempt for attempt in seen if attempt is not None]
    what = "requests" if subject == "client" else "responses"
    cut = [attempt for attempt in attempts if attempt.is_ip_fragmented]
    result: Result = "fail" if cut else "pass" if attempts else "cannot-tell"
    if cut:
        largest = max(cut, key=lambda a: a.length)
        because = f"the {octets(largest.length)} message went as {pieces(largest)}"
    elif attempts:
        largest = max(attempts, key=lambda a: a.length)
        because = f"the largest, {largest.length:,} bytes, went as {pieces(largest)}"
    else:
        because = f"no IKE_AUTH {what[:-1]} is in this trace"
    return Check(
        "request-in-one-piece" if subject == "client" else "response-in-one-piece",
        subject,
        f"no IKE_AUTH {what[:-1]} of the {subject} goes in IP fragments",
        result,
        because,
        tuple(frame for attempt in (cut or attempts)[-1:] for frame in attempt.frames),
    )


def _answered(sa: IkeSa, verdict: Verdict) -> Check:
    setup = [e for e in sa.of(*_LARGE) if e.sender == "initiator"]
    silent = [e for e in setup if e.outcome == "unanswered"]
    result: Result = "cannot-tell"
    frames: tuple[int, ...] = ()
    if silent:
        result, because, frames = "fail", f"{_name(silent[0])} got no complete answer", silent[0].frames
    elif setup and all(e.outcome == "answered" for e in setup):
        result, because, frames = "pass", f"the last is {_name(setup[-1])}", setup[-1].frames
    elif setup:
        because = f"{_name(setup[-1])} is open at the end of the trace"
        frames = setup[-1].frames
    elif sa.init is not None and sa.init.outcome == "unanswered":
        result, because, frames = "fail", "IKE_SA_INIT itself got no answer", sa.init.frames
    else:
        because = "no IKE_AUTH is in this trace"
    if result == "fail" and verdict.exit_status == _CANNOT_TELL:
        # Where the analysis does not take the silence for a failure, the answer may be what the trace lacks.
        result, because = "cannot-tell", f"{because}, and this trace cannot show whether there was one"
    return Check("ike-auth-answered", "both", "IKE_AUTH is answered", result, because, frames)


def _name(exchange: Exchange) -> str:
    return f"{exchange_name(exchange)} (message ID {exchange.message_id})"


def _established(sa: IkeSa, verdict: Verdict) -> Check:
    result: Result = "cannot-tell"
    if verdict.severity is Severity.BLOCKING:
        result = "fail"
    elif sa.reached in ("established", "closed") and verdict.exit_status != _CANNOT_TELL:
        result = "pass"
    return Check(
        "established",
        "both",
        "the connection is established",
        result,
        f"verdict {verdict.id} ({verdict.confidence.value.replace('-', ' ')})",
    )
