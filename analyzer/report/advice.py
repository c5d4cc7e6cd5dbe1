"""Which of a finding's remedies are told at once, and in how many words.

Somebody who wants to mend the connection needs the two or three things that fit what is known of the two sides. What is
for another product than the one that a vendor ID names, and what goes on longer than a few lines, waits for
``--verbose`` or ``ike-analyzer explain CODE``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from analyzer.relate.sa import IkeSa
from analyzer.relate.seen.exchange import Role
from analyzer.remedies import UNCONFIRMED, Remedy, catalogue, steps_text
from analyzer.rules.model import Finding

#: Remedies told at once, beside what does not help.
AT_ONCE = 3
#: Lines to copy that are told at once.
_FEW_LINES = 3

_ROLES: dict[str, Role] = {"client": "initiator", "server": "responder"}


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do.

    Attributes
    ----------
    text : str
        All of it: words, lines to copy (indented by two), effect, versions; without the way to verify it.
    brief : str
        The same in a line or two; empty: not told at once.
    verify : str
        How a new capture shows that it worked; empty where that was said before.
    """

    text: str
    brief: str
    verify: str


def advice_of(finding: Finding, sa: IkeSa | None, told: Sequence[str] = ()) -> tuple[Advice, ...]:
    """The remedies of a finding that were not ``told`` before, in their order.

    Examples
    --------
    >>> from analyzer.analysis import analyse
    >>> analysis = analyse("sample_pcaps/udp-4500-blocked.pcapng")
    >>> [bool(one.brief) for one in advice_of(analysis.findings[0], analysis.sas[0])]
    [True, True]
    """
    return advice_among([key for key in finding.remedy_ids if key not in told], finding.rule, sa)


def advice_among(ids: Sequence[str], rule: str, sa: IkeSa | None) -> tuple[Advice, ...]:
    """The same of remedies by their ids; ``rule`` is whose page tells more."""
    entries = [catalogue()[key] for key in ids]
    at_once = {entry.id for entry in _at_once(entries, sa)}
    verified = set[str]()
    found = []

    guessed = {key for role in _ROLES.values() for key in sa.product_keys(role)} if sa is not None else set()
    for entry in entries:
        # That a trace is better is seen by its report.
        verify = "" if entry.verify in verified or entry.side == "trace" else entry.verify
        verified.add(entry.verify)
        brief = _brief(entry, rule, guessed) if entry.id in at_once else ""
        found.append(Advice(_vouched(entry, entry.text_without_verify), _vouched(entry, brief), verify))
    return tuple(found)


def _at_once(entries: Sequence[Remedy], sa: IkeSa | None) -> Iterator[Remedy]:
    known = _known_products(sa) if sa is not None else {}
    helping = [entry for entry in entries if entry.helps]
    fitting = [entry for entry in helping if _fits(entry, known) and not _is_outdone(entry, helping, known)]
    yield from fitting[:AT_ONCE] or helping[:AT_ONCE]
    yield from [entry for entry in entries if not entry.helps][:1]


def _known_products(sa: IkeSa) -> dict[str, str]:
    """The product of each side that names itself."""
    return {
        side: guess.product
        for side, role in _ROLES.items()
        for guess in reversed(sa.products[role])
        if guess.strength == "vendor-id"
    }


def _fits(entry: Remedy, known: dict[str, str]) -> bool:
    """It is for no product in particular, or for the one that is known, or nothing is known."""
    sides = _ROLES if entry.side == "either" else (entry.side,)
    products = [known.get(side) for side in sides]
    return entry.is_for_any or any(product is None or _is_same(entry.product, product) for product in products)


def _is_outdone(entry: Remedy, entries: Sequence[Remedy], known: dict[str, str]) -> bool:
    """It speaks of products in general where the known one has a remedy of its own for the same."""
    return entry.is_for_any and any(
        other is not entry
        and other.topic == entry.topic
        and not other.is_for_any
        and other.product == known.get(other.side)
        and entry.side in (other.side, "either")
        for other in entries
    )


def _vouched(entry: Remedy, text: str) -> str:
    return f"{text}\n{UNCONFIRMED}" if text and not entry.confirmed else text


#: A vendor ID that several products send.
_SAME = {"windows-rras": ("windows-rras", "azure")}


def _is_same(product: str, known: str) -> bool:
    return product in _SAME.get(known, (known,))


def _brief(entry: Remedy, code: str, guessed: Collection[str]) -> str:
    label = entry.label
    if entry.helps and not entry.is_for_any and not any(_is_same(entry.product, product) for product in guessed):
        # Nothing in the trace says that it is one.
        label = f"If it is {_article(label)}{label}"
    if entry.brief:
        return f"{label}: {entry.brief}"
    if sum(len(step.lines) for step in entry.steps) <= _FEW_LINES:
        return f"{label}{steps_text(entry).removeprefix(entry.label)}"
    return f"{label}: {entry.what.rstrip(':.')} (what to type: --verbose, or ike-analyzer explain {code})."


def _article(label: str) -> str:
    """Of a thing, not of a name.

    >>> _article("Windows client"), _article("Azure VPN gateway"), _article("strongSwan"), _article("Google Cloud VPN")
    ('a ', 'an ', '', '')
    """
    if not label.split()[-1].islower():
        return ""
    return "an " if label[0] in "AEIO" else "a "
