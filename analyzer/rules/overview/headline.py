"""What is said first of several IKE SAs: how many failed by what, what sets these apart, what changed in time."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.relate.build import Related
from analyzer.rules.catalogue import counted
from analyzer.rules.model import CANNOT_TELL, FAILED, Confidence
from analyzer.rules.overview.contrast import MOST_CLIENTS, contrast
from analyzer.rules.overview.outage import outage, outage_text
from analyzer.rules.overview.turn import turn
from analyzer.rules.overview.values import Counted, Overview


def headline(related: Related, overview: Overview) -> tuple[str, ...]:
    """Sentences: the counts in the order of their weight, then what explains them; none of a single IKE SA.

    Examples
    --------
    >>> from analyzer.rules.overview.values import Overview
    >>> headline(None, Overview((), 1, 1, 1, {}, 0, (), (0,), (), None, 0))
    ()
    """
    if overview.sas < 2:
        return ()
    said = [
        _counts(related, overview),
        _apart(related, overview),
        _silence(related, overview),
        _turn(related, overview),
    ]
    return tuple(sentence for sentence in said if sentence)


def _counts(related: Related, overview: Overview) -> str:
    """What failed comes first, or what cannot be decided where that is more; what connected last."""
    clients = "" if overview.clients == overview.sas else f" of {_clients(overview.clients)}"
    if overview.connections == 1:
        links = ", ".join(dict.fromkeys(link for _, link in related.chains.before.values()))
        return f"{_number(overview.sas, 'IKE SA')}, one connection ({links})."
    failed, undecided = (sum(of.sas for of in overview.tally if of.exit_status == s) for s in (FAILED, CANNOT_TELL))
    first = CANNOT_TELL if undecided > failed else FAILED
    ordered = sorted(overview.tally, key=lambda of: (of.exit_status == 0, of.exit_status != first, -of.sas))
    counts = [_counted(of, overview) for of in ordered]
    causes = [place for place, of in enumerate(ordered) if of.exit_status == FAILED and of.past < of.sas]
    if first == CANNOT_TELL and len(causes) == 1:
        counts[causes[0]] += " (the only cause that this trace shows)"
    return f"{_number(overview.sas, 'IKE SA')}{clients}: {', '.join(counts)}."


def _counted(of: Counted, overview: Overview) -> str:
    said = counted(of.id, of.sas, possibly=of.confidence is Confidence.POSSIBLE)
    if of.sas == overview.sas:
        return said.replace(f"{of.sas:,}", "both" if of.sas == 2 else "all", 1)
    if of.exit_status == FAILED and of.past == of.sas:
        return f"{said} ({'their clients' if of.clients > 1 else 'the client'} connected later)"
    return f"{said} ({_clients(of.clients)})" if overview.clients > 1 and of.clients < of.sas else said


def _apart(related: Related, overview: Overview) -> str:
    failing, what = overview.failing, "failing"
    if not failing:
        failing, what = overview.undecided, "undecided"
    clauses = contrast(related, failing, overview.healthy)
    if not clauses:
        return ""
    looked = max(len(failing), len(overview.healthy)) > MOST_CLIENTS
    some = f" ({MOST_CLIENTS} or fewer of each were looked at)" if looked else ""
    if len(failing) == 1:
        return f"Unlike those that connect{some}, the {what} client {_listed([_singular(c) for c in clauses])}."
    return f"Unlike those that connect{some}, all {len(failing):,} {what} clients {_listed(clauses)}."


def _listed(clauses: Sequence[str]) -> str:
    """
    >>> _listed(["send less", "come late", "ask T"]), _listed(["ask T"])
    ('send less, come late and ask T', 'ask T')
    """
    *others, last = clauses
    return f"{', '.join(others)} and {last}" if others else last


#: The verbs that traits begin with.
_SINGULAR = {"do": "does", "are": "is"}


def _singular(clause: str) -> str:
    """
    >>> _singular("are behind a NAT"), _singular("come from 10.0.0.0/8")
    ('is behind a NAT', 'comes from 10.0.0.0/8')
    """
    verb, rest = clause.split(" ", 1)
    return f"{_SINGULAR.get(verb, f'{verb}s')} {rest}"


def _silence(related: Related, overview: Overview) -> str:
    found = outage(related, overview)
    return "" if found is None else outage_text(found)


def _turn(related: Related, overview: Overview) -> str:
    if overview.turn is None:
        return ""
    before, after = overview.turn
    said = turn(related, before, after, healthy=not overview.failing)
    others = overview.turned - 1
    if others < 1:
        return said
    how = "connected first and failed later" if overview.failing else "failed first and connected later"
    return f"{said} {others:,} other client{'' if others == 1 else 's'} {how}, too."


def _clients(count: int) -> str:
    return "one client" if count == 1 else f"{count:,} clients"


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
