"""What a fix has changed: the attempt of before beside that of after, aspect by aspect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analyzer.analysis import Analysis
from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Attempt
from analyzer.rules.model import Verdict
from analyzer.rules.shared.wording import pieces
from analyzer.validation import Validation, validate

#: Clients told of; a trace after a fix seldom holds more.
MAX_CLIENTS = 5


@dataclass(frozen=True, slots=True)
class Change:
    """One aspect of a client's attempt: what it was then, and what it is now."""

    what: str
    then: str
    now: str


@dataclass(frozen=True, slots=True)
class ChangedSa:
    """The attempts of then and now that belong together; ``changes`` is empty where nothing has changed."""

    then: IkeSa
    now: IkeSa
    changes: tuple[Change, ...]


def changed(before: Analysis, after: Analysis, validation: Validation) -> tuple[ChangedSa, ...]:
    """Each client's last attempt that stands, beside that of before the fix.

    Attempts belong together where client and server have the addresses of then; where none has, and there is one on
    each side, they are taken for the same (people test from elsewhere).

    Examples
    --------
    >>> import analyzer
    >>> then = analyzer.read("sample_pcaps/809-fragments-lost.pcapng").analysis
    >>> now = analyzer.read("sample_pcaps/809-fixed.pcapng")
    >>> (one,) = changed(then, now.analysis, analyzer.validate(now))
    >>> [f"{change.what}: {change.then} then, {change.now} now" for change in one.changes][1:3]
    ['IKE_AUTH request: 3 IP fragments then, 7 SKF fragments now', 'IKE_AUTH response: none then, 4 SKF fragments now']
    """
    old = _by_client([one.sa for one in validate(before).checked])
    new = _by_client([one.sa for one in validation.checked])
    pairs = [(old[key], sa) for key, sa in new.items() if key in old]
    if not pairs and len(old) == len(new) == 1:
        pairs = list(zip(old.values(), new.values(), strict=True))
    return tuple([ChangedSa(then, now, tuple(_changes(before, then, after, now))) for then, now in pairs[:MAX_CLIENTS]])


def _by_client(sas: list[IkeSa]) -> dict[tuple[str, str], IkeSa]:
    """The last one counts."""
    return {(sa.initiator, sa.responder): sa for sa in sas}


def _changes(before: Analysis, then: IkeSa, after: Analysis, now: IkeSa) -> Iterator[Change]:
    old, new = dict(_aspects(before, then)), dict(_aspects(after, now))
    for what, text in new.items():
        if old[what] != text:
            yield Change(what, old[what], text)


def _aspects(analysis: Analysis, sa: IkeSa) -> Iterator[tuple[str, str]]:
    yield "IKE fragmentation", f"client {sa.fragmentation_i}, server {sa.fragmentation_r}"
    auth = sa.auth
    yield "IKE_AUTH request", _pieces(auth.request if auth is not None else None)
    yield "IKE_AUTH response", _pieces(auth.response if auth is not None else None)
    yield "verdict", _verdict(analysis.judgement.of_sa.of(sa))


def _pieces(attempt: Attempt | None) -> str:
    if attempt is None:
        return "none"
    # Sizes of single packets differ from one login to the next.
    return "one IP packet" if pieces(attempt).startswith("one IP packet") else pieces(attempt)


def _verdict(verdict: Verdict) -> str:
    return "connected" if verdict.id == "connected-ok" else verdict.id
